//! Events through connections and servers that are killed at random, and past a peer that reads nothing: every event is
//! accounted for, whatever happens.
//!
//! `ARIWS_HOSTILE_ROUNDS` is how often a connection is killed, each after ten thousand events on average; `make test-hostile`
//! sets it to 100.

#[allow(dead_code)] // Other tests use the rest.
#[path = "../support/mod.rs"]
mod support;

mod killed;
mod peer;
mod stalled;

use std::env;
use std::sync::{Mutex, MutexGuard, PoisonError};

use support::census::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often a connection is killed.
fn rounds() -> usize {
    match env::var("ARIWS_HOSTILE_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("ARIWS_HOSTILE_ROUNDS is a number"),
        Err(_) => 5,
    }
}

/// One test at a time: some count what the whole process has.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of a metric without labels.
fn metric(metrics: &str, name: &str) -> u64 {
    let value = metrics.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == name).then(|| value.parse())
    });
    value.expect("the metric").expect("a number")
}
