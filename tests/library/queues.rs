//! What waits to be sent over all connections together.

use ariws::ffi::*;
use ariws_testkit::{Pbx, Setup, request};
use serde_json::json;

const MEBIBYTE: &str = "queue_max_total_bytes = 1048576";
const DROPPED: &str = r#"events_dropped_total{reason="all_queues_full"}"#;

/// An event of a hundred kilobytes: ten of them fit.
fn event() -> String {
    json!({"type": "Large", "padding": "x".repeat(100_000)}).to_string()
}

/// `connection1` to the server, and `connection2` to nowhere.
fn setup() -> Setup {
    let nowhere = ([127, 0, 0, 1], 1).into();
    Pbx::persistent("app1")
        .connection_to(nowhere, "connection2", "persistent", "app2", "")
        .set("general", MEBIBYTE)
}

#[test]
fn all_queues_together_are_bounded() {
    let (mut pbx, mut connection) = setup().up();
    for _ in 0..15 {
        assert_eq!(pbx.event("app2", &event()), ARIWS_OK);
    }
    pbx.wait_for_log("the queues of all connections together are full (queue_max_total_bytes)");
    assert_eq!(pbx.metric("queued_limit_bytes"), 1 << 20);
    let queued = pbx.metric("queued_bytes");
    assert!((1_000_000..=1 << 20).contains(&queued), "{queued}");
    assert_eq!(pbx.metric(DROPPED), 5);
    assert_eq!(pbx.metric("events_dropped_total"), 5);
    // Nothing of another connection goes for it.
    assert_eq!(pbx.event("app1", &event()), ARIWS_ERROR_FULL);
    assert_eq!(pbx.metric(DROPPED), 6);
    pbx.configuration.replace(MEBIBYTE, "queue_max_total_bytes = 2097152");
    pbx.reload();
    assert_eq!(pbx.event("app1", &event()), ARIWS_OK);
    connection.says(["Large app1"]);
    pbx.configuration.remove("connection2");
    pbx.reload();
    pbx.wait_for_output("ari show sessions", |_| pbx.metric("queued_bytes") == 0);
}

#[test]
fn an_answer_that_finds_no_room_is_replaced_by_a_short_one() {
    let (pbx, mut connection) = setup().up();
    for _ in 0..10 {
        assert_eq!(pbx.event("app2", &event()), ARIWS_OK);
    }
    connection.send(&request("r1", "GET", "recordings/stored"));
    let id = pbx.wait_for_request("recordings/stored").id;
    assert_eq!(pbx.complete(id, 200, Some(&event())), ARIWS_OK);
    let answer = connection.json();
    assert_eq!(answer["status_code"], 507, "{answer}");
    assert_eq!(answer["request_id"], "r1");
    let message = answer["message_body"].as_str().expect("a body");
    assert!(message.contains("queue_max_total_bytes"), "{message}");
    assert_eq!(pbx.metric(r#"responses_replaced_total{reason="all_queues_full"}"#), 1);
    connection.send(&request("r2", "GET", "channels"));
    let id = pbx.wait_for_request("channels").id;
    assert_eq!(pbx.complete(id, 200, Some("[]")), ARIWS_OK);
    assert_eq!(connection.json()["status_code"], 200);
}

#[test]
fn what_a_peer_does_not_read_counts() {
    let (pbx, mut connection) = setup().up();
    // More than the kernel takes for a peer that reads nothing.
    let mut offered = 0;
    while pbx.metric(DROPPED) == 0 {
        assert!(offered < 1000, "{}", pbx.metrics());
        pbx.event("app1", &event());
        offered += 1;
    }
    assert!(pbx.metric("queued_bytes") <= 1 << 20);
    for _ in 0..offered - 1 {
        connection.says(["Large app1"]);
    }
    pbx.wait_for_output("ari show sessions", |_| pbx.metric("queued_bytes") == 0);
}
