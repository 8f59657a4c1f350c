//! Events through connections and servers that are killed at random, and past a peer that reads nothing: every event is
//! accounted for, whatever happens.
//!
//! `ARIWS_HOSTILE_ROUNDS` is how often a connection is killed, each after ten thousand events on average; `make test-hostile`
//! sets it to 100.

mod killed;
mod peer;
mod stalled;

use ariws_testkit::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The value of a metric without labels.
fn metric(metrics: &str, name: &str) -> u64 {
    let value = metrics.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == name).then(|| value.parse())
    });
    value.expect("the metric").expect("a number")
}
