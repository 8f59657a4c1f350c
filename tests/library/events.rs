//! Events from the host to the application.

use std::sync::mpsc::{TryRecvError, channel};

use ariws::ffi::*;
use ariws_testkit::{Connection, Pbx};
use serde_json::json;

fn event(number: u32) -> String {
    json!({"type": "Event", "number": number}).to_string()
}

#[test]
fn missing_members_are_added_behind_the_others() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.event("app1", r#"{"type":"Event","timestamp":"t"}"#);
    assert_eq!(
        connection.text(),
        r#"{"type":"Event","timestamp":"t","asterisk_id":"02:fc:00:00:00:01","application":"app1"}"#
    );
}

#[test]
fn order_is_kept() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    for number in 0..1000 {
        pbx.event("app1", &event(number));
    }
    for number in 0..1000 {
        assert_eq!(connection.json()["number"], number);
    }
}

#[test]
fn an_unknown_application_is_not_found() {
    let pbx = Pbx::persistent("app1").load();
    assert_eq!(pbx.event("other", &event(0)), ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn what_is_no_json_object_is_refused() {
    let pbx = Pbx::persistent("app1").load();
    for text in ["", "[]", "{", "{} {}", r#"{"type":}"#, "null"] {
        assert_eq!(pbx.event("app1", text), ARIWS_ERROR_JSON, "{text}");
    }
}

#[test]
fn a_full_queue_drops_the_oldest_and_says_so_once() {
    let mut pbx = Pbx::persistent("app1")
        .set("connection1", "queue_max_messages = 3")
        .nobody_listens()
        .load();
    for number in 0..10 {
        assert_eq!(pbx.event("app1", &event(number)), ARIWS_OK);
    }
    pbx.server.listen();
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app1"]);
    for number in 7..10 {
        assert_eq!(connection.json()["number"], number);
    }
    pbx.wait_for_log("7 events were dropped meanwhile");
    let log = pbx.host.log();
    let full = log.iter().filter(|line| line.contains("queue of events is full"));
    assert_eq!(full.count(), 1, "{log:#?}");
    assert!(pbx.metrics().contains("ariws_events_dropped_total 7"));
}

#[test]
fn a_full_queue_drops_the_newest_if_it_is_told_to() {
    let lines = "queue_max_messages = 1\nqueue_overflow = drop_newest";
    let pbx = Pbx::persistent("app1").set("connection1", lines).nobody_listens().load();
    assert_eq!(pbx.event("app1", &event(0)), ARIWS_OK);
    assert_eq!(pbx.event("app1", &event(1)), ARIWS_ERROR_FULL);
}

fn is_told_as_larger_than_the_queue_may_be(overflow: &str) {
    let lines = format!("queue_max_bytes = 65536\nqueue_overflow = {overflow}");
    let (pbx, mut connection) = Pbx::persistent("app1").set("connection1", &lines).up();
    let large = format!(r#"{{"type":"Large","text":"{}"}}"#, "x".repeat(100_000));
    assert_eq!(pbx.event("app1", &large), ARIWS_ERROR_TOO_LARGE);
    let text = "is larger than the queue of its connection may be (queue_max_bytes)";
    let line = pbx.wait_for_log(text);
    assert!(line.starts_with("an event of 1001"), "{line}");
    assert!(pbx.metrics().contains("ariws_events_dropped_total 1"));
    let log = pbx.host.log();
    assert!(!log.iter().any(|line| line.contains("is full")), "{log:#?}");
    assert_eq!(pbx.event("app1", &event(1)), ARIWS_OK);
    connection.says(["Event app1"]);
}

#[test]
fn an_event_that_is_larger_than_the_queue_may_be_is_told_as_that() {
    is_told_as_larger_than_the_queue_may_be("drop_oldest");
    is_told_as_larger_than_the_queue_may_be("drop_newest");
}

#[test]
fn pretty_indents_what_goes_out() {
    let (pbx, mut connection) = Pbx::persistent("app1")
        .replacing("enabled = yes", "enabled = yes\npretty = yes")
        .up();
    pbx.event("app1", r#"{"type":"Event","timestamp":"t"}"#);
    assert_eq!(
        connection.text(),
        "{\n  \"type\": \"Event\",\n  \"timestamp\": \"t\",\n  \"asterisk_id\": \"02:fc:00:00:00:01\",\n  \"application\": \"app1\"\n}"
    );
}

/// The application dies while events flow. Everything that it did not get is either sent to its successor or counted as
/// possibly lost; nothing is sent twice and the order stays.
#[test]
fn a_killed_application_costs_only_what_is_reported() {
    const EVENTS: u32 = 30_000;
    let pbx = Pbx::persistent("app1").load();
    let mut first = pbx.accept();
    first.summary();
    let handle = pbx.handle();
    let (killed, is_killed) = channel();
    let offering = std::thread::spawn(move || {
        for number in 0..EVENTS {
            assert_eq!(handle.event("app1", &event(number)), ARIWS_OK);
            if number == EVENTS / 2 {
                is_killed.recv().expect("the kill");
            }
        }
    });
    let mut received: Vec<u64> = (0..EVENTS / 3)
        .map(|_| first.json()["number"].as_u64().expect("a number"))
        .collect();
    first.reset();
    killed.send(()).expect("the other thread");
    let mut second = pbx.accept();
    second.says(["ApplicationRegistered app1"]);
    while received.last() != Some(&u64::from(EVENTS - 1)) {
        received.push(second.json()["number"].as_u64().expect("a number"));
    }
    offering.join().expect("the other thread");

    assert!(received.is_sorted_by(|one, next| one < next), "in order, none twice");
    let lost = u64::from(EVENTS) - received.len() as u64;
    let reported = pbx.host.wait_for_loss();
    assert!(lost <= reported, "{lost} lost, {reported} reported");
    let metrics = pbx.metrics();
    assert!(
        metrics.contains(&format!("ariws_messages_unconfirmed_total {reported}")),
        "{metrics}"
    );
}

#[test]
fn what_a_pong_has_confirmed_is_not_reported_as_possibly_lost() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.event("app1", &event(0));
    connection.json();
    // The pbx.server answers the library's ping while it waits for a message.
    let detail = "ari show outbound-websocket connection1 detail";
    let reading = std::thread::spawn(move || {
        let quiet = connection.is_quiet();
        (connection, quiet)
    });
    pbx.wait_for_output(detail, |output| {
        output
            .lines()
            .any(|line| line.starts_with("round_trip") && line.contains("ms"))
    });
    let (connection, quiet) = reading.join().expect("the other thread");
    assert!(quiet);
    connection.reset();
    pbx.wait_for_log("0 messages had been sent without proof of arrival");
}

/// Connections end again and again while another thread offers events as fast as it can.
fn race(end: impl Fn(Connection)) {
    let pbx = Pbx::persistent("app1").set("connection1", "reconnect_interval = 0").load();
    let handle = pbx.handle();
    let (stop, stopped) = channel::<()>();
    let offering = std::thread::spawn(move || {
        let mut number = 0;
        while stopped.try_recv() == Err(TryRecvError::Empty) {
            handle.event("app1", &event(number));
            number += 1;
        }
    });
    let mut last = None;
    for _ in 0..30 {
        let mut connection = pbx.accept();
        connection.says(["ApplicationRegistered app1"]);
        for _ in 0..5 {
            let number = connection.json()["number"].as_u64();
            assert!(last < number, "{last:?} before {number:?}");
            last = number;
        }
        end(connection);
    }
    drop(stop);
    offering.join().expect("the other thread");
}

#[test]
fn events_racing_with_resets_keep_their_order() {
    race(Connection::reset);
}

#[test]
fn events_racing_with_ends_keep_their_order() {
    race(Connection::finish);
}

#[test]
fn events_racing_with_closes_keep_their_order() {
    race(|connection| connection.close(1000));
}
