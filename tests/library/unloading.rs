//! Unloading: everything is closed, unregistered and joined.

use std::fs;
use std::time::{Duration, Instant};

use ariws::ffi::*;
use ariws_testkit::{Call, Connection, Pbx, request};

const GRACE: Duration = Duration::from_secs(5);

#[test]
fn every_connection_gets_its_close_after_what_was_queued() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.event("app1", r#"{"type":"Last"}"#);
    let reading = std::thread::spawn(move || (connection.summaries(2), connection.wait_for_close()));
    assert_eq!(pbx.unload(GRACE), ARIWS_OK);
    let (summaries, code) = reading.join().expect("the other thread");
    assert_eq!(summaries, ["Last app1", "ApplicationUnregistered app1"]);
    assert_eq!(code, 1000);
}

#[test]
fn applications_and_contexts_are_gone_and_finalize_is_the_last_call() {
    let pbx = Pbx::persistent("app1").load();
    pbx.host.forget();
    pbx.unload(Duration::ZERO);
    assert_eq!(
        pbx.host.calls(),
        [
            Call::Unregister("app1".into()),
            Call::DestroyContext("stasis-app1".into()),
            Call::Finalize
        ]
    );
}

#[test]
fn a_request_that_was_never_answered_does_not_hold_it_up() {
    let pbx = Pbx::persistent("app1").load();
    let mut connection = pbx.accept();
    connection.send(&request("1", "GET", "forgotten"));
    let forgotten = pbx.wait_for_request("forgotten");
    let handle = pbx.handle();
    assert_eq!(pbx.unload(Duration::ZERO), ARIWS_OK);
    assert_eq!(handle.complete(forgotten.id, 200, None), ARIWS_ERROR_UNLOADED);
}

#[test]
fn a_start_that_is_under_way_is_cancelled() {
    let pbx = Pbx::per_call("app1").load();
    let starting = pbx.stasis_start_async("app1", "1", "Local/1");
    let _silent = pbx.server.accept_tcp();
    assert_eq!(pbx.unload(Duration::ZERO), ARIWS_OK);
    let outcome = starting.try_recv().expect("an outcome before the end");
    assert_eq!(outcome.map_err(|(code, _)| code), Err(ARIWS_ERROR_CANCELLED));
}

#[test]
fn no_thread_and_no_socket_stays() {
    let pbx = Pbx::persistent("app1").load();
    let connection = pbx.accept();
    let port = connection.websocket.get_ref().peer_addr().expect("an address").port();
    pbx.unload(Duration::ZERO);
    assert!(!has_socket(port), "port {port} is still open");
}

/// A connection whose peer reads nothing of what waits for it.
fn overfull() -> (Pbx, Connection) {
    let lines = "queue_max_bytes = 1048576\nqueue_overflow = drop_newest";
    let (pbx, connection) = Pbx::persistent("app1").set("connection1", lines).up();
    let event = format!(r#"{{"type":"Large","text":"{}"}}"#, "x".repeat(100_000));
    // More than the kernel takes for a peer that reads nothing.
    while pbx.metric("events_dropped_total") == 0 {
        pbx.event("app1", &event);
    }
    (pbx, connection)
}

/// Whether an unload ends a session that was shut down a moment before earlier than another one ends by itself that was shut
/// down even before.
fn is_hurried() -> bool {
    const SHUT_DOWN: &str = "ari shutdown websocket session connection1";
    let ((unhurried, _peer), (pbx, _its_peer)) = (overfull(), overfull());
    unhurried.command(SHUT_DOWN);
    pbx.command(SHUT_DOWN);
    let unloading = std::thread::spawn(move || {
        assert_eq!(pbx.unload(Duration::ZERO), ARIWS_OK);
        Instant::now()
    });
    // It has a second to send what waits, which the other one has no more.
    unhurried.wait_for_log("closed with 1000, which was not answered");
    let ended = Instant::now();
    unloading.join().expect("the other thread") < ended
}

#[test]
fn it_hurries_what_an_operator_had_shut_down_a_moment_before() {
    // A busy machine may hold up an unload for longer than that second.
    assert!((0..10).any(|_| is_hurried()));
}

/// Whether a TCP socket of this machine has the local port and is in use (proc(5), /proc/net/tcp; 01 is ESTABLISHED).
fn has_socket(port: u16) -> bool {
    let table = fs::read_to_string("/proc/net/tcp").expect("the table of sockets");
    table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next().unwrap_or_default();
        let state = fields.nth(1).unwrap_or_default();
        local.ends_with(&format!(":{port:04X}")) && state == "01"
    })
}
