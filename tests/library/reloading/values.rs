//! Values that are used when they are next needed, and what they then do.

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Pbx, request};

#[test]
fn pretty_counts_from_the_next_message_on() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.event("app1", r#"{"type":"A"}"#);
    assert!(!connection.text().contains('\n'));
    pbx.configuration.replace("enabled = yes", "enabled = yes\npretty = yes");
    pbx.reload();
    pbx.event("app1", r#"{"type":"B"}"#);
    assert!(connection.text().starts_with("{\n  \"type\": \"B\","));
}

#[test]
fn another_password_of_the_user_is_used_at_the_next_request() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.configuration.replace("password = userpass", "password = another");
    pbx.reload();
    connection.send(&request("1", "GET", "x"));
    assert_eq!(pbx.wait_for_request("x").password, "another");
}

#[test]
fn intervals_count_from_the_next_attempt_on() {
    for (change, told) in [
        ("reconnect_interval = 30", "trying again every 30 ms"),
        ("max_reconnect_interval = 700", "trying again after 200 to 700 ms"),
    ] {
        let lines = "reconnect_interval = 200\nreconnect_attempts = 1";
        let mut pbx = Pbx::persistent("app1").set("connection1", lines).nobody_listens().load();
        pbx.wait_for_log("trying again every 200 ms");
        pbx.change("connection1", change);
        pbx.wait_for_log(told);
    }
}

#[test]
fn reconnect_attempts_count_from_the_next_attempt_on() {
    let mut pbx = Pbx::persistent("app1")
        .set("connection1", "reconnect_attempts = 1000000")
        .nobody_listens()
        .load();
    pbx.wait_for_log("at attempt 1 (");
    pbx.change("connection1", "reconnect_attempts = 1");
    pbx.host.forget();
    pbx.wait_for_log("no lasting connection");
}

#[test]
fn connection_timeout_counts_from_the_next_attempt_on() {
    let mut pbx = Pbx::persistent("app1")
        .set("connection1", "connection_timeout = 1500\nreconnect_attempts = 1")
        .load();
    let _first = pbx.server.attempt();
    pbx.change("connection1", "connection_timeout = 50");
    pbx.wait_for_log("within 1500 ms (connection_timeout)");
    let _second = pbx.server.attempt();
    pbx.wait_for_log("within 50 ms (connection_timeout)");
}

/// What a connection delivers of three events that waited for it under the bounds that a reload has set.
fn delivered(bounds: &str) -> Vec<String> {
    let mut pbx = Pbx::persistent("app1").nobody_listens().load();
    pbx.change("connection1", bounds);
    for kind in ["A", "B", "C"] {
        pbx.event("app1", &format!(r#"{{"type":"{kind}"}}"#));
    }
    pbx.server.listen();
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app1"]);
    connection.summaries(2)
}

#[test]
fn the_bounds_of_the_queue_count_for_the_next_event() {
    for (bounds, kept) in [
        ("queue_max_messages = 2", ["B app1", "C app1"]),
        // Each event is a little more than a hundred bytes with what the library adds.
        ("queue_max_bytes = 300", ["B app1", "C app1"]),
        ("queue_overflow = drop_newest\nqueue_max_messages = 2", ["A app1", "B app1"]),
    ] {
        assert_eq!(delivered(bounds), kept, "{bounds}");
    }
}

#[test]
fn request_concurrency_counts_for_the_next_request() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.change("connection1", "request_concurrency = 2");
    connection.send(&request("1", "GET", "slow"));
    connection.send(&request("2", "GET", "fast"));
    let slow = pbx.wait_for_request("slow");
    let fast = pbx.wait_for_request("fast");
    pbx.complete(fast.id, 204, None);
    assert_eq!(connection.json()["request_id"], "2");
    pbx.complete(slow.id, 204, None);
    assert_eq!(connection.json()["request_id"], "1");
}

#[test]
fn websocket_write_timeout_counts_from_the_next_connection_on() {
    let (mut pbx, connection) = Pbx::persistent("app1").up();
    pbx.change("general", "websocket_write_timeout = 300");
    connection.reset();
    let _stalled = pbx.accept();
    let filling = format!(r#"{{"type":"Event","filling":"{}"}}"#, "x".repeat(100_000));
    // More than the buffers of both kernels take.
    for _ in 0..200 {
        assert_eq!(pbx.event("app1", &filling), ARIWS_OK);
    }
    // The kernel may be the first to give up.
    pbx.wait_for_log("(write_timeout");
}
