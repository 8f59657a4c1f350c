//! What peers send: frames of a server (RFC 6455 section 5.2), made by hand so that they can be wrong, answers, requests.

use serde_json::json;

pub const FINAL: u8 = 0x80;
pub const CONTINUATION: u8 = 0;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A frame with the shortest length that there is.
pub fn frame(first: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = header(first, payload.len() as u64);
    bytes.extend(payload);
    bytes
}

/// The beginning of a frame, with a length that need not be true.
pub fn header(first: u8, length: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    if length < 126 {
        bytes.push(length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        bytes.push(126);
        bytes.extend(length.to_be_bytes());
    } else {
        bytes.push(127);
        bytes.extend(length.to_be_bytes());
    }
    bytes
}

pub fn text(payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(FINAL | TEXT, payload)
}

pub fn close(code: u16, reason: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = [&code.to_be_bytes(), reason.as_ref()].concat();
    frame(FINAL | CLOSE, payload)
}

/// A text in frames of so many bytes of payload.
pub fn fragments(payload: impl AsRef<[u8]>, size: usize) -> Vec<u8> {
    let payload = payload.as_ref();
    let count = payload.len().div_ceil(size);
    let parts = payload.chunks(size).enumerate().map(|(index, part)| {
        let opcode = if index == 0 { TEXT } else { CONTINUATION };
        let last = if index + 1 == count { FINAL } else { 0 };
        frame(opcode | last, part)
    });
    parts.collect::<Vec<_>>().concat()
}

/// The text of a request.
pub fn request(method: &str, uri: &str) -> String {
    json!({"type": "RESTRequest", "request_id": "r", "method": method, "uri": uri}).to_string()
}

/// A request that the host answers with 204.
pub fn ask() -> Vec<u8> {
    text(request("GET", "channels"))
}

/// A text message with this member in a request that is sound otherwise.
pub fn with(member: &str) -> Vec<u8> {
    text(format!(
        r#"{{"type":"RESTRequest","request_id":"r","method":"GET","uri":"channels",{member}}}"#
    ))
}

/// The right answer to an upgrade request, with further lines.
pub fn switching(more: impl AsRef<[u8]>) -> Vec<u8> {
    let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                  Sec-WebSocket-Accept: {accept}\r\n";
    [answer.as_bytes(), more.as_ref(), b"\r\n"].concat()
}

/// The same, changed.
pub fn switching_but(right: &str, wrong: &str) -> Vec<u8> {
    let answer = String::from_utf8_lossy(&switching("")).into_owned();
    assert!(answer.contains(right), "the answer has no {right}");
    answer.replace(right, wrong).into()
}

/// The right answer, with frames in the same segment.
pub fn switching_with(frames: impl AsRef<[u8]>) -> Vec<u8> {
    [&switching(""), frames.as_ref()].concat()
}

/// Another answer, without a body.
pub fn status(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\n\r\n").into()
}
