//! What a peer may send, and what it may not (RFC 6455 section 5).

use ariws_testkit::{Pbx, request};

const FINAL: u8 = 0x80;
const TEXT: u8 = 0x1;

/// A frame of a server, not masked.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short payload");
    assert!(length < 126);
    [&[first, length], payload].concat()
}

fn is_a_protocol_error(bytes: &[u8]) {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    connection.send_raw(bytes);
    assert_eq!(connection.wait_for_close(), 1002);
    pbx.accept().says(["ApplicationRegistered app1"]);
}

#[test]
fn a_length_with_more_bytes_than_it_needs_is_a_protocol_error() {
    is_a_protocol_error(&[FINAL | TEXT, 126, 0, 1, b'x']);
    is_a_protocol_error(&[FINAL | TEXT, 127, 0, 0, 0, 0, 0, 0, 0, 1, b'x']);
}

#[test]
fn what_came_before_a_length_with_more_bytes_than_it_needs_counts() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    let good = request("1", "GET", "good").to_string();
    let good = frame(FINAL | TEXT, good.as_bytes());
    connection.send_raw(&[&good[..], &[FINAL | TEXT, 126, 0, 1, b'x']].concat());
    pbx.wait_for_request("good");
    assert_eq!(connection.wait_for_close(), 1002);
    pbx.wait_for_log("the length of a frame has more bytes than it needs");
}

#[test]
fn a_message_over_the_limit_is_too_big() {
    let (pbx, mut connection) = Pbx::persistent("app1").set("connection1", "max_message_size = 200").up();
    connection.send_raw(&[&[FINAL | TEXT, 126, 0, 201][..], &[b' '; 201]].concat());
    assert_eq!(connection.wait_for_close(), 1009);
    pbx.accept().says(["ApplicationRegistered app1"]);
}
