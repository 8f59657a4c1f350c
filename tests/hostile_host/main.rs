//! Hosts that use the library in every way that the header allows, and in those that it forbids: what is refused is refused
//! with a code, and nothing is left behind.
//!
//! `ARIWS_HOSTILE_ROUNDS` is how often what is repeated is; `make test-hostile` sets it to 100.

#[allow(dead_code)] // Other tests use the rest.
#[path = "../support/mod.rs"]
mod support;

mod child;
mod everything;
mod forks;
mod garbage;
mod inside_callbacks;
mod lifetimes;
mod memory;
mod panics;
mod races;
mod refused;
mod signals;
mod starved;

use std::env;
use std::sync::{Mutex, MutexGuard, PoisonError};

use support::census::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often to repeat.
fn rounds() -> usize {
    match env::var("ARIWS_HOSTILE_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("ARIWS_HOSTILE_ROUNDS is a number"),
        Err(_) => 2,
    }
}

/// One test at a time: some count what the whole process has.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
