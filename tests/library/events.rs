//! Events from the host to the application.

use ariws::ffi::*;
use ariws_testkit::Pbx;
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
