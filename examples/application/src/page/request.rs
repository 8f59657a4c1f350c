// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a browser asks for, and whether it may: bytes in, a decision out, no socket.
//!
//! The page has buttons that control calls. So a request must be made to a name of this machine (a name of somebody else
//! that was pointed at it, DNS rebinding, is refused), and a websocket must come from the page itself (websockets are not
//! bound to the same origin by browsers).

use std::net::IpAddr;

use http::StatusCode;
use http::uri::Authority;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Bytes that a request may have.
pub(crate) const LONGEST: usize = 8192;
const HEADERS: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Page,
    /// The websocket that shows and takes all that happens; its Sec-WebSocket-Accept.
    Live(String),
    Refused(StatusCode, &'static str),
    /// The request is not complete.
    More,
}

/// What the bytes that have come so far ask for, and how many of them are the request.
pub(crate) fn asked(bytes: &[u8]) -> (Asked, usize) {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() < LONGEST => return (Asked::More, 0),
        Ok(httparse::Status::Partial) => {
            return (
                Asked::Refused(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "too long"),
                bytes.len(),
            );
        }
        Err(_) => return (Asked::Refused(StatusCode::BAD_REQUEST, "not HTTP"), bytes.len()),
    };
    (decided(&request), length)
}

fn decided(request: &httparse::Request) -> Asked {
    let Some(host) = only(request, "Host").filter(|host| is_local(host)) else {
        return Asked::Refused(
            StatusCode::MISDIRECTED_REQUEST,
            "ask for it by a name of this machine, such as 127.0.0.1",
        );
    };
    if request.method != Some("GET") {
        return Asked::Refused(StatusCode::METHOD_NOT_ALLOWED, "only GET");
    }
    match request.path {
        Some("/") => Asked::Page,
        Some("/live") => live(request, host),
        _ => Asked::Refused(StatusCode::NOT_FOUND, "the page is at /"),
    }
}

fn live(request: &httparse::Request, host: &str) -> Asked {
    if only(request, "Origin").and_then(|origin| origin.strip_prefix("http://")) != Some(host) {
        return Asked::Refused(StatusCode::FORBIDDEN, "only the page itself may");
    }
    let is_websocket = only(request, "Upgrade").is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
        && only(request, "Sec-WebSocket-Version") == Some("13");
    match only(request, "Sec-WebSocket-Key") {
        Some(key) if is_websocket => Asked::Live(derive_accept_key(key.as_bytes())),
        _ => Asked::Refused(StatusCode::UPGRADE_REQUIRED, "this is a websocket"),
    }
}

/// The value of a header that is there once.
fn only<'a>(request: &httparse::Request<'_, 'a>, name: &str) -> Option<&'a str> {
    let mut values = request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    std::str::from_utf8(value.value).ok().map(str::trim)
}

/// Whether a Host header names this machine. The port may be any: there may be a tunnel.
fn is_local(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let name = authority.host();
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    !host.contains('@') && (name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(head: &str) -> Option<u16> {
        match asked(head.as_bytes()).0 {
            Asked::Refused(status, _) => Some(status.as_u16()),
            _ => None,
        }
    }

    fn websocket(host: &str, origin: &str) -> Asked {
        let head = format!(
            "GET /live HTTP/1.1\r\nHost: {host}\r\n{origin}Connection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        asked(head.as_bytes()).0
    }

    #[test]
    fn names_of_this_machine_get_the_page() {
        for host in ["127.0.0.1:8090", "localhost:8090", "LOCALHOST", "[::1]:8090", "127.8.8.8"] {
            let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
            assert_eq!(asked(head.as_bytes()), (Asked::Page, head.len()), "{host}");
        }
    }

    #[test]
    fn a_name_that_was_pointed_here_is_refused() {
        for host in [
            "evil.example:8090",
            "localhost.evil.example",
            "10.0.0.1",
            "127.0.0.1@evil.example",
            "a@localhost",
            "",
        ] {
            assert_eq!(
                status(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")),
                Some(421),
                "{host}"
            );
        }
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), Some(421));
        assert_eq!(
            status("GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"),
            Some(421)
        );
    }

    #[test]
    fn the_page_gets_its_websocket() {
        let accepted = Asked::Live("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned());
        assert_eq!(websocket("127.0.0.1:8090", "Origin: http://127.0.0.1:8090\r\n"), accepted);
    }

    #[test]
    fn websockets_of_other_pages_are_refused() {
        for origin in [
            "",
            "Origin: null\r\n",
            "Origin: http://evil.example\r\n",
            "Origin: https://127.0.0.1:8090\r\n",
            "Origin: http://127.0.0.1:8091\r\n",
            "Origin: http://localhost:8090\r\n",
            "Origin: http://127.0.0.1:8090\r\nOrigin: http://evil.example\r\n",
        ] {
            let refused = Asked::Refused(StatusCode::FORBIDDEN, "only the page itself may");
            assert_eq!(websocket("127.0.0.1:8090", origin), refused, "{origin}");
        }
    }

    #[test]
    fn other_requests_are_refused() {
        assert_eq!(status("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n"), Some(405));
        assert_eq!(status("GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n"), Some(404));
        assert_eq!(
            status("GET /live HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\n\r\n"),
            Some(426)
        );
        assert_eq!(status("\u{1}\u{2}\r\n\r\n"), Some(400));
    }

    #[test]
    fn a_request_may_come_in_pieces_but_not_without_end() {
        assert_eq!(asked(b"GET / HTTP/1.1\r\nHost: local").0, Asked::More);
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(LONGEST));
        assert_eq!(status(&long), Some(431));
    }
}
