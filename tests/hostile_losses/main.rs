//! Events through connections and servers that are killed at random, and past a peer that reads nothing: every event is
//! accounted for, whatever happens.
//!
//! `ARIWS_HOSTILE_ROUNDS` is how often a connection is killed, each after ten thousand events on average; `make test-hostile`
//! sets it to 100.

mod failback;
mod killed;
mod peer;
mod stalled;

use ariws_testkit::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
