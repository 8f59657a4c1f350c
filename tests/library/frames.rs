//! What a peer may send, and what it may not (RFC 6455 section 5).

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Connection, Pbx, request};

const FINAL: u8 = 0x80;
const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const RESERVED: u8 = 0x3;

/// A persistent connection with `app1` that is up.
fn up() -> (Pbx, Connection) {
    Pbx::persistent("app1")
        .set("connection1", "max_message_size = 200")
        .up()
}

/// A frame of a server, not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short payload");
    assert!(length < 126);
    [&[first, length], payload].concat()
}

/// Sends what breaks the protocol; expects a Close with the code, and a new connection.
fn is_closed_with(code: u16, bytes: &[u8]) {
    let (pbx, mut connection) = up();
    connection.send_raw(bytes);
    assert_eq!(connection.wait_for_close(), code);
    pbx.accept().says(["ApplicationRegistered app1"]);
}

#[test]
fn a_reserved_opcode_is_a_protocol_error() {
    is_closed_with(1002, &frame(FINAL | RESERVED, b"x"));
}

#[test]
fn a_length_with_more_bytes_than_it_needs_is_a_protocol_error() {
    is_closed_with(1002, &[FINAL | TEXT, 126, 0, 1, b'x']);
    is_closed_with(1002, &[FINAL | TEXT, 127, 0, 0, 0, 0, 0, 0, 0, 1, b'x']);
}

#[test]
fn what_came_before_a_length_with_more_bytes_than_it_needs_counts() {
    let (pbx, mut connection) = up();
    let good = frame(
        FINAL | TEXT,
        request("1", "GET", "good").to_string().as_bytes(),
    );
    connection.send_raw(&[&good[..], &[FINAL | TEXT, 126, 0, 1, b'x']].concat());
    pbx.wait_for_request("good");
    assert_eq!(connection.wait_for_close(), 1002);
    pbx.wait_for_log("the length of a frame has more bytes than it needs");
}

#[test]
fn a_text_that_is_not_utf8_is_invalid() {
    is_closed_with(1007, &frame(FINAL | TEXT, b"\xff\xfe"));
}

#[test]
fn a_message_over_the_limit_is_too_big() {
    let bytes = [&[FINAL | TEXT, 126, 0, 201][..], &[b' '; 201]].concat();
    is_closed_with(1009, &bytes);
}

#[test]
fn a_length_that_lies_is_too_big_before_it_is_read() {
    is_closed_with(1009, &[&[FINAL | TEXT, 127, 0x7f][..], &[0xff; 7]].concat());
}

#[test]
fn fragments_are_joined_and_may_have_pings_between_them() {
    let (pbx, mut connection) = up();
    let text = request("1", "GET", "joined").to_string();
    let (one, two) = text.as_bytes().split_at(20);
    connection.send_raw(&frame(TEXT, one));
    connection.send_raw(&frame(FINAL | 0x9, b"ping"));
    connection.send_raw(&frame(FINAL | CONTINUATION, two));
    pbx.wait_for_request("joined");
}

#[test]
fn a_frame_may_come_byte_by_byte() {
    let (pbx, mut connection) = up();
    let text = request("1", "GET", "slowly").to_string();
    for byte in frame(FINAL | TEXT, text.as_bytes()) {
        connection.send_raw(&[byte]);
    }
    pbx.wait_for_request("slowly");
}

#[test]
fn half_a_frame_holds_nothing_up() {
    let (pbx, mut connection) = up();
    connection.send_raw(&frame(FINAL | TEXT, b"{\"type\":\"RESTRequest\"}")[..10]);
    assert_eq!(pbx.event("app1", r#"{"type":"Meanwhile"}"#), ARIWS_OK);
    connection.says(["Meanwhile app1"]);
    pbx.command("ari shutdown websocket session connection1");
    connection.says(["ApplicationUnregistered app1"]);
    assert_eq!(connection.wait_for_close(), 1000);
}

#[test]
fn binary_messages_are_ignored() {
    let (pbx, mut connection) = up();
    connection.send_raw(&frame(FINAL | 0x2, b"{}"));
    connection.send(&request("1", "GET", "next"));
    pbx.wait_for_request("next");
}
