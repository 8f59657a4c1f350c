//! The upgrade to a websocket: what is asked, which answers are taken.

use std::io::{Read, Write};

use ariws_testkit::{Pbx, Server};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// The head of an upgrade request, and the stream that it came over.
fn head(server: &Server) -> (String, std::net::TcpStream) {
    let mut stream = server.accept_tcp();
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a byte");
        bytes.push(byte[0]);
    }
    (String::from_utf8(bytes).expect("ASCII"), stream)
}

fn accept_of(head: &str) -> String {
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a key");
    derive_accept_key(key.as_bytes())
}

/// What the library makes of an answer, as its log says; `{accept}` stands for the right key.
fn verdict(answer: &str) -> String {
    let pbx = Pbx::persistent("app1").load();
    let (head, mut stream) = head(&pbx.server);
    let answer = answer.replace("{accept}", &accept_of(&head));
    stream.write_all(answer.as_bytes()).expect("room");
    pbx.wait_for_log("connect")
}

#[test]
fn the_request_has_the_fields_of_asterisk_in_their_order_and_a_user_agent() {
    let pbx = Pbx::persistent("app1").load();
    let (head, _stream) = head(&pbx.server);
    let (before, after) = head.split_once("Sec-WebSocket-Key: ").expect("a key");
    assert_eq!(
        before,
        format!(
            "GET /ari HTTP/1.1\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Host: {}\r\nAuthorization: Basic bXl1c2VyOm15cGFzcw==\r\nSec-WebSocket-Protocol: ari\r\n\
             User-Agent: TestHost/1.0 ariws/{}\r\n",
            pbx.server.address(),
            env!("CARGO_PKG_VERSION")
        )
    );
    assert_eq!(after.len(), 24 + 4, "16 bytes in base64 and the empty line");
}

#[test]
fn a_list_in_connection_is_fine() {
    let verdict = verdict(
        "HTTP/1.1 101 Switching\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n",
    );
    assert!(verdict.starts_with("connected to"), "{verdict}");
}

#[test]
fn an_interim_answer_before_the_101_is_passed_over() {
    let verdict = verdict(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n",
    );
    assert!(verdict.starts_with("connected to"), "{verdict}");
}

#[test]
fn a_subprotocol_that_was_not_offered_is_refused() {
    let verdict = verdict(
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: media\r\n\r\n",
    );
    assert!(
        verdict.contains("chose the subprotocol media, offered were: ari"),
        "{verdict}"
    );
}

#[test]
fn an_extension_that_was_not_offered_is_refused() {
    let verdict = verdict(
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
    );
    assert!(
        verdict.contains("wants the extension permessage-deflate"),
        "{verdict}"
    );
}

#[test]
fn a_wrong_accept_key_is_refused() {
    let verdict = verdict(
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
    );
    assert!(verdict.contains("Sec-WebSocket-Accept"), "{verdict}");
}

#[test]
fn a_refusal_is_logged_as_what_it_is_and_with_a_remedy() {
    let verdict = verdict("HTTP/1.1 401 Who are you\r\n\r\n");
    assert!(
        verdict.contains("the server answered 401 Who are you; check username and password"),
        "{verdict}"
    );
}

#[test]
fn redirects_are_not_followed() {
    let verdict = verdict("HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\n\r\n");
    assert!(
        verdict.contains("302 Found (Location: ws://elsewhere/)"),
        "{verdict}"
    );
}

#[test]
fn what_comes_in_the_same_segment_as_the_answer_is_seen() {
    let pbx = Pbx::persistent("app1").load();
    let (head, mut stream) = head(&pbx.server);
    let request = br#"{"type":"RESTRequest","method":"GET","uri":"early"}"#;
    let mut answer = format!(
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_of(&head)
    )
    .into_bytes();
    answer.extend([0x81, u8::try_from(request.len()).expect("short")]);
    answer.extend(request);
    stream.write_all(&answer).expect("room");
    pbx.wait_for_request("early");
}

#[test]
fn a_close_in_the_same_segment_as_the_answer_is_seen() {
    let pbx = Pbx::persistent("app1").load();
    let (head, mut stream) = head(&pbx.server);
    let mut answer = format!(
        "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        accept_of(&head)
    )
    .into_bytes();
    answer.extend([0x88, 2, 0x03, 0xe8]);
    stream.write_all(&answer).expect("room");
    pbx.accept().says(["ApplicationRegistered app1"]);
    pbx.wait_for_log("the application closed the connection (1000)");
}
