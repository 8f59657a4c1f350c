//! Attempts to connect that have not become connections.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::server::{Connection, Server, upgrade};
use crate::waiting::until;

/// The first byte of a TLS record that is part of a handshake (RFC 8446 section 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// An attempt to connect. The server is silent until the test lets it answer.
pub struct Attempt {
    stream: TcpStream,
    /// What the library has said first: the head of a request, or the beginning of a TLS handshake.
    pub head: String,
}

impl Server {
    /// The next attempt to connect.
    pub fn attempt(&self) -> Attempt {
        let stream = self.accept_tcp();
        let head = String::from_utf8_lossy(&head(&stream)).into_owned();
        Attempt { stream, head }
    }
}

impl Attempt {
    /// Answers as a server does, or as a proxy with the server behind it.
    pub fn upgrade(mut self) -> Connection {
        if self.head.starts_with("CONNECT ") {
            let mut request = vec![0; self.head.len()];
            self.stream.read_exact(&mut request).expect("the request");
            let answer = b"HTTP/1.1 200 Connection established\r\n\r\n";
            self.stream.write_all(answer).expect("room");
        }
        upgrade(self.stream)
    }

    /// Answers with these bytes, and ends.
    pub fn answer(mut self, answer: &str) {
        let mut request = vec![0; self.head.len()];
        self.stream.read_exact(&mut request).expect("the request");
        self.stream.write_all(answer.as_bytes()).expect("room");
    }

    /// Waits until the library gives it up.
    pub fn wait_for_end(mut self) {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest).expect("an end in time");
    }
}

/// What comes first, which is left where it is.
fn head(stream: &TcpStream) -> Vec<u8> {
    let mut bytes = [0; 4096];
    let begun = || {
        let length = stream.peek(&mut bytes).expect("the beginning of a request");
        assert!(length > 0, "the library gave up before it said anything");
        let seen = &bytes[..length];
        let is_whole = seen.ends_with(b"\r\n\r\n") || seen.first() == Some(&TLS_HANDSHAKE);
        is_whole.then(|| seen.to_vec())
    };
    until(begun, || "only half a request came".into())
}
