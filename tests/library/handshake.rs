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

/// An answer that is right but for these fields.
fn switching(fields: &str) -> String {
    format!("HTTP/1.1 101 Switching\r\nSec-WebSocket-Accept: {{accept}}\r\n{fields}\r\n")
}

#[test]
fn a_list_in_connection_is_fine() {
    let fields = "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n";
    let verdict = verdict(&switching(fields));
    assert!(verdict.starts_with("connected to"), "{verdict}");
}

#[test]
fn a_subprotocol_that_was_not_offered_is_refused() {
    let fields = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: media\r\n";
    let verdict = verdict(&switching(fields));
    let reason = "chose the subprotocol media, offered were: ari";
    assert!(verdict.contains(reason), "{verdict}");
}
