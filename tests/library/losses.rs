//! Connections that break while messages are on their way.

use std::time::Duration;

use ariws::ffi::ARIWS_OK;
use ariws_testkit::tls::{Stream, UNVERIFIED, accept};
use ariws_testkit::{Pbx, metric};
use serde_json::Value;
use socket2::SockRef;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

/// The number of the next event; those of the library itself have none.
fn number(websocket: &mut WebSocket<Box<dyn Stream>>) -> u64 {
    loop {
        if let Message::Text(text) = websocket.read().expect("a message in time") {
            let event: Value = serde_json::from_str(&text).expect("JSON");
            if let Some(number) = event["number"].as_u64() {
                return number;
            }
        }
    }
}

/// More events wait than the kernels take; the peer reads some and resets, five times.
fn nothing_comes_twice(tls: bool) {
    let mut setup = Pbx::persistent("app1");
    if tls {
        setup = setup.replacing("ws://", "wss://").set("connection1", UNVERIFIED);
    }
    setup.server().set_segment_size(200);
    let pbx = setup.load();
    let filling = "x".repeat(1000);
    for number in 1..=20_000 {
        let event = format!(r#"{{"type":"Event","number":{number},"filling":"{filling}"}}"#);
        assert_eq!(pbx.event("app1", &event), ARIWS_OK);
    }
    let (mut last, mut lost) = (0, 0);
    for _ in 0..5 {
        let mut websocket = accept(pbx.server.accept_tcp(), tls).expect("an upgrade");
        for _ in 0..20 {
            let number = number(&mut websocket);
            assert!(number > last, "{number} after {last}");
            lost += number - last - 1;
            last = number;
        }
        let tcp = SockRef::from(websocket.get_ref().tcp());
        tcp.set_linger(Some(Duration::ZERO)).expect("a linger time");
        drop(websocket);
    }
    pbx.wait_for_metrics(|metrics| metric(metrics, "messages_unconfirmed_total") >= lost);
}

/// An event is sent and the connection shut down. Whether the server `reads`; gives what has no proof of arrival.
fn unconfirmed_after_a_close(reads: bool) -> u64 {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    assert_eq!(pbx.event("app1", r#"{"type":"Event"}"#), ARIWS_OK);
    let (code, _) = pbx.command("ari shutdown websocket session connection1");
    assert_eq!(code, ARIWS_OK);
    if reads {
        connection.wait_for_close();
    }
    pbx.wait_for_log("closed with 1000");
    metric(&pbx.wait_for_metrics(|_| true), "messages_unconfirmed_total")
}

#[test]
fn what_a_peer_has_read_that_answers_a_close_is_proven_and_what_another_one_has_is_counted() {
    assert_eq!(unconfirmed_after_a_close(true), 0);
    assert!(unconfirmed_after_a_close(false) >= 1);
}

#[test]
fn what_a_peer_has_read_is_not_sent_again() {
    nothing_comes_twice(false);
}

#[test]
fn what_a_peer_has_read_is_not_sent_again_over_tls() {
    nothing_comes_twice(true);
}
