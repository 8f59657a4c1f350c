//! A peer that reads nothing while events are offered without end.

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Census, Pbx, alone, metric, rounds};

const MIB: usize = 1 << 20;
const BOUND: usize = 32 * MIB;
/// Ten megabytes for each round.
const EVENTS_A_ROUND: usize = 2500;
const LENGTH: usize = 4000;

fn stays_within_bounds(lines: &str) {
    let _alone = alone();
    let (pbx, _connection) = Pbx::persistent("app1")
        .set("connection1", lines)
        .set("connection1", "write_timeout = 86400000")
        .options(|options| options.queue_max_total_bytes = BOUND)
        .up();
    let event = format!(r#"{{"type":"Event","filling":"{}"}}"#, "x".repeat(LENGTH));
    Census::peak();
    let before = Census::now().bytes;
    let events = rounds(5) * EVENTS_A_ROUND + 2 * BOUND / LENGTH;
    for _ in 0..events {
        assert_eq!(pbx.event("app1", &event), ARIWS_OK);
    }
    let used = Census::peak() - before;
    assert!(used <= BOUND + BOUND / 10, "{used} bytes for a queue of {BOUND}");
    let metrics = pbx.metrics();
    let count = |name: &str| metric(&metrics, &format!("events_{name}_total"));
    let queued = metric(&metrics, "connection_queue_messages{connection=\"connection1\"}");
    // What was written and not yet taken by the kernel is neither queued nor sent.
    let counted = count("sent") + count("dropped") + queued;
    let written = count("offered") - counted;
    assert!(written * 4000 <= 1 << 20, "{written} events are missing:\n{metrics}");
    assert!(count("dropped") > 0 && used > BOUND / 2, "{used} bytes\n{metrics}");
    println!("{events} events of {LENGTH} bytes: {used} bytes used, bound {BOUND}");
}

#[test]
fn a_queue_stays_within_its_own_bound() {
    stays_within_bounds(&format!("queue_max_bytes = {}", BOUND - MIB));
}

#[test]
fn a_queue_stays_within_the_bound_of_all_queues() {
    stays_within_bounds("queue_max_messages = 1000000");
}
