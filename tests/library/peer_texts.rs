//! What a peer writes and operators read: it can neither forge a line nor fill the log.

use ariws::ffi::*;
use ariws_testkit::Pbx;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::per_call::NAME;

/// Longer than what is shown of a text.
const LONG: usize = 10_000;
/// More than what the library itself says in one line.
const LINE: usize = 600;

#[test]
fn a_request_id_is_escaped_and_shortened() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    let id = format!("a\r\nERROR forged \u{202e}{}", "x".repeat(LONG));
    connection.send(&json!({"type": "RESTRequest", "request_id": id, "method": "GET", "uri": ""}));
    let line = pbx.wait_for_log("bad request");
    assert!(line.contains(r"(request_id 'a\r\nERROR forged \u{202e}xxx"), "{line}");
    assert!(line.len() < LINE, "{line}");
    assert_eq!(connection.json()["request_id"], id);
}

#[test]
fn the_reason_of_a_close_is_escaped() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    let frame = CloseFrame {
        code: 4000.into(),
        reason: "a\nERROR\u{9b}2J".into(),
    };
    connection.websocket.close(Some(frame)).expect("room");
    let line = pbx.wait_for_log("closed the connection");
    assert!(line.contains(r"(4000: a\nERROR\x9b2J)"), "{line}");
}

#[test]
fn the_answer_to_an_upgrade_is_escaped_where_the_start_of_a_call_tells_of_it() {
    let pbx = Pbx::per_call("app1").load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    for _ in 0..3 {
        let answer = "HTTP/1.1 302 Over\u{85}there\r\nLocation: /\u{2028}x\r\n\r\n";
        pbx.server.attempt().answer(answer);
    }
    let (code, message) = starting.recv().expect("an outcome").expect_err("no server");
    assert_eq!(code, ARIWS_ERROR_REFUSED);
    assert!(message.contains(r"Location: /\u{2028}x"), "{message}");
    assert!(!message.contains(char::is_control), "{message}");
}

#[test]
fn an_answer_to_an_upgrade_is_shortened() {
    let pbx = Pbx::persistent("app1").load();
    let long = "x".repeat(LONG);
    pbx.server.attempt().answer(&format!("HTTP/1.1 503 {long}\r\n\r\n"));
    let line = pbx.wait_for_log("503 xxx");
    assert!(line.len() < LINE, "{line}");
    let page = pbx.wait_for_output("ari show outbound-websocket connection1 detail", |page| {
        page.contains("503 xxx")
    });
    assert!(page.lines().all(|line| line.len() < LINE), "{page}");
}
