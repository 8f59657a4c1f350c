//! Events from the host to the application.

use std::ptr;

use ariws::ffi::*;
use ariws_testkit::Pbx;
use ariws_testkit::handle::trusted;
use serde_json::json;

use crate::per_call::{APPLICATION, NAME, is_told};

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
    assert_eq!(pbx.metric(r#"events_dropped_total{reason="queue_full"}"#), 7);
    assert_eq!(pbx.metric("events_dropped_total"), 7);
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
    assert_eq!(pbx.metric(r#"events_dropped_total{reason="queue_full"}"#), 1);
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
    let (connection, quiet) = connection.reads_during(|| pbx.wait_for_round_trip());
    assert!(quiet);
    connection.reset();
    pbx.wait_for_log("0 messages had been sent without proof of arrival");
}

#[test]
fn a_trusted_event_gets_what_its_host_says_is_missing() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    let mut event = trusted(br#"{"type":"Event","timestamp":"t"}"#, c"Event");
    event.members = ARIWS_EVENT_HAS_TIMESTAMP;
    assert_eq!(pbx.event_trusted("app1", &event), ARIWS_OK);
    assert_eq!(
        connection.text(),
        r#"{"type":"Event","timestamp":"t","asterisk_id":"02:fc:00:00:00:01","application":"app1"}"#
    );
    let whole = r#"{"type":"Event","asterisk_id":"1","application":"app1","timestamp":"t"}"#;
    let mut event = trusted(whole.as_bytes(), c"Event");
    event.members = ARIWS_EVENT_HAS_TIMESTAMP | ARIWS_EVENT_HAS_ASTERISK_ID | ARIWS_EVENT_HAS_APPLICATION;
    assert_eq!(pbx.event_trusted("app1", &event), ARIWS_OK);
    assert_eq!(connection.text(), whole);
}

#[test]
fn a_trusted_event_that_is_no_text_or_has_no_braces_is_refused() {
    let pbx = Pbx::persistent("app1").load();
    let texts: [&[u8]; 6] = [b"", b"{", b"[]", b"{} ", b"null", b"{\"a\":\"\xff\"}"];
    for text in texts {
        let code = pbx.event_trusted("app1", &trusted(text, c"Event"));
        assert_eq!(code, ARIWS_ERROR_JSON, "{}", text.escape_ascii());
    }
    let event = trusted(b"{}", c"\xff");
    assert_eq!(pbx.event_trusted("app1", &event), ARIWS_ERROR_UTF8);
    let event = ariws_trusted_event {
        json: ptr::null(),
        ..trusted(b"{}", c"Event")
    };
    assert_eq!(pbx.event_trusted("app1", &event), ARIWS_ERROR_NULL);
}

#[test]
fn a_trusted_event_needs_no_more_than_its_text() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    let whole = ariws_trusted_event {
        r#type: ptr::dangling(),
        channel_id: ptr::dangling(),
        ..trusted(br#"{"type":"Event"}"#, c"")
    };
    let text_only = std::mem::offset_of!(ariws_trusted_event, r#type);
    for (size, expected) in [(text_only, ARIWS_OK), (text_only - 1, ARIWS_ERROR_ARGUMENT)] {
        let event = ariws_trusted_event {
            struct_size: size,
            ..whole
        };
        assert_eq!(pbx.event_trusted("app1", &event), expected, "{size}");
    }
    connection.says(["Event app1"]);
}

#[test]
fn a_trusted_event_that_is_no_json_harms_nothing_but_itself() {
    let delivery = "delivery = at_least_once";
    let (pbx, mut connection) = Pbx::persistent("app1").set("connection1", delivery).up();
    for text in ["{{,}", "{\"a}", "{\"a\\}", "{}}"] {
        let event = trusted(text.as_bytes(), c"StasisStart");
        assert_eq!(pbx.event_trusted("app1", &event), ARIWS_OK, "{text}");
        let sent = connection.text();
        assert!(sent.starts_with(&text[..text.len() - 1]), "{sent}");
    }
    assert_eq!(pbx.event("app1", &event(1)), ARIWS_OK);
    connection.says(["Event app1"]);
}

#[test]
fn trusted_events_move_channels_as_the_host_says() {
    let pbx = Pbx::per_call("app1").load();
    let starting = pbx.stasis_start_async("app1", "1.1", NAME);
    let mut connection = pbx.accept();
    starting.recv().expect("an outcome").expect("a start");
    is_told(&mut connection, ["ApplicationRegistered"]);
    for kind in [c"StasisStart", c"StasisEnd", c"ChannelDestroyed"] {
        let text = json!({"type": kind.to_str().expect("a type")}).to_string();
        let event = ariws_trusted_event {
            channel_id: c"1.1".as_ptr(),
            ..trusted(text.as_bytes(), kind)
        };
        assert_eq!(pbx.event_trusted(APPLICATION, &event), ARIWS_OK);
    }
    is_told(&mut connection, ["StasisStart", "StasisEnd", "ChannelDestroyed"]);
    pbx.stasis_end(APPLICATION, "1.1");
    assert_eq!(connection.wait_for_close(), 1000);
}
