//! Hosts that use the library in every way that the header allows, and in those that it forbids: what is refused is refused
//! with a code, and nothing is left behind.
//!
//! `ARIWS_HOSTILE_ROUNDS` is how often what is repeated is; `make test-hostile` sets it to 100.

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

use ariws_testkit::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
