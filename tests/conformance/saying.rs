//! What an application's server sent, made again from how it was recorded.

use std::time::Duration;

use super::case::Entry;
use super::frames::{self, FINAL};
use super::story::{Request, Saying, member};

/// What an entry stands for; `Ok(None)` if the server sends it by itself, as answers are.
pub fn saying(entry: &Entry) -> Result<Option<Saying>, String> {
    let kind = entry.kind.as_str();
    let payload =
        || frames::from_hexadecimal(&entry.raw).ok_or(format!("no hexadecimal payload: {kind}"));
    Ok(Some(match kind {
        "text" => asking(entry, frames::text),
        "ping" => Saying::Bytes(frames::frame(FINAL | frames::PING, &payload()?)),
        "pong, unsolicited" => Saying::Bytes(frames::frame(FINAL | frames::PONG, &payload()?)),
        "close" => Saying::Bytes(frames::frame(FINAL | frames::CLOSE, &payload()?)),
        "frame" => {
            let payload = payload().unwrap_or_else(|_| entry.raw.clone().into_bytes());
            Saying::Bytes(frames::frame(
                FINAL | entry.opcode.unwrap_or_default(),
                &payload,
            ))
        }
        "rest of the frame" => {
            let text = entry.raw_hex.as_deref().and_then(frames::from_hexadecimal);
            Saying::Rest(payload()?, text.as_deref().and_then(request))
        }
        "tcp-fin (no close frame)" => Saying::Finish,
        "tcp-rst (no close frame)" => Saying::Reset,
        "close-reply" | "nothing (never answers)" => return Ok(None),
        _ if kind.starts_with("http-response") => return Ok(None),
        _ if kind.starts_with("first ") => Saying::Half(payload()?),
        _ if kind.starts_with("raw frame") => Saying::Bytes(payload()?),
        _ if kind.starts_with("ping of ") => {
            let payload = repeated(&entry.raw).ok_or(format!("no payload: {kind}"))?;
            Saying::Bytes(frames::frame(FINAL | frames::PING, &payload))
        }
        _ if kind.contains("then a complete new text frame") => asking(entry, abandoned),
        _ if kind.starts_with("text in 2 fragments with a ping") => asking(entry, with_ping),
        // Together with what was sent before.
        _ if kind.starts_with("text (same ") => asking(entry, frames::text),
        _ if kind.starts_with("text in ") => {
            let count = numbers(kind).next().unwrap_or(1).max(1);
            asking(entry, |text| {
                frames::fragments(text, text.len().div_ceil(count)).concat()
            })
        }
        _ if kind.starts_with("text of ") => {
            let size = numbers(kind).nth(2).unwrap_or(1000);
            asking(entry, |text| frames::fragments(text, size).concat())
        }
        _ if kind.starts_with("text, written ") => {
            let (size, pause) = pieces(kind);
            match asking(entry, frames::text) {
                Saying::Request(bytes, request) => {
                    Saying::Pieces(bytes, size, pause, Some(request))
                }
                Saying::Bytes(bytes) => Saying::Pieces(bytes, size, pause, None),
                saying => saying,
            }
        }
        _ => {
            return Err(format!(
                "the runner does not know how a server sends \"{kind}\""
            ));
        }
    }))
}

/// A text, and the request that it may be.
fn asking(entry: &Entry, framed: impl Fn(&[u8]) -> Vec<u8>) -> Saying {
    let bytes = match entry.raw_hex.as_deref().and_then(frames::from_hexadecimal) {
        Some(bytes) => bytes,
        None => complete(entry).into_bytes(),
    };
    let framed = framed(&bytes);
    match request(&bytes) {
        Some(request) => Saying::Request(framed, request),
        None => Saying::Bytes(framed),
    }
}

/// What a request is about, as far as it is one.
pub fn request(bytes: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(bytes).ok()?;
    let member = |name: &str| member(text, name).unwrap_or_default();
    let uri = member("uri");
    let (path, _) = uri.split_once('?').unwrap_or((&uri, ""));
    Some(Request {
        method: member("method"),
        path: path.to_owned(),
        transaction_id: member("transaction_id"),
        request_id: member("request_id"),
        text: text.to_owned(),
        answer: None,
        ours: false,
    })
}

/// The whole of a text that was cut: what it ends in is repeated up to its length, and what is open is closed.
fn complete(entry: &Entry) -> String {
    let described = entry
        .raw
        .strip_suffix("-byte RESTRequest")
        .and_then(|length| length.parse().ok());
    let cut = entry
        .raw
        .strip_suffix("...")
        .or_else(|| entry.raw.strip_suffix('…'));
    let length = described
        .or(entry.raw_len)
        .or_else(|| numbers(&entry.kind).next());
    let start = match (described, cut) {
        (Some(_), _) => {
            r#"{"type": "RESTRequest", "request_id": "r", "method": "GET", "uri": "asterisk/ping", "pad": "x"#
        }
        (None, Some(start)) => start,
        (None, None) => return entry.raw.clone(),
    };
    let Some(length) = length else {
        return entry.raw.clone();
    };
    let repeated = start.chars().last().unwrap_or('x');
    if repeated == '[' {
        let before = start.trim_end_matches('[');
        let end = if before.contains("\"message_body\": \"{") {
            "}\"}"
        } else {
            "}"
        };
        let depth = length.saturating_sub(before.len() + end.len()) / 2;
        return format!("{before}{}{}{end}", "[".repeat(depth), "]".repeat(depth));
    }
    let end = if start.contains("\"method\"") {
        "\"}"
    } else {
        "\", \"method\": \"GET\", \"uri\": \"asterisk/ping\"}"
    };
    let fill = length.saturating_sub(start.len() + end.len());
    format!("{start}{}{end}", repeated.to_string().repeat(fill))
}

/// `x*200`.
fn repeated(text: &str) -> Option<Vec<u8>> {
    let (part, count) = text.split_once('*')?;
    Some(part.repeat(count.parse().ok()?).into_bytes())
}

/// The first fragment of a text that is never ended, then the whole text.
fn abandoned(text: &[u8]) -> Vec<u8> {
    let mut bytes = frames::frame(frames::TEXT, &text[..text.len() / 2]);
    bytes.extend(frames::text(text));
    bytes
}

fn with_ping(text: &[u8]) -> Vec<u8> {
    let mut fragments = frames::fragments(text, text.len().div_ceil(2));
    fragments.insert(1, frames::frame(FINAL | frames::PING, b"pp"));
    fragments.concat()
}

/// The size of pieces and the pause between them: "one byte every 20 ms", "in 1400-byte pieces 3 ms apart".
fn pieces(kind: &str) -> (usize, Duration) {
    let numbers: Vec<_> = numbers(kind).collect();
    match numbers.as_slice() {
        [size, pause, ..] => (*size, Duration::from_millis(*pause as u64)),
        [pause] => (1, Duration::from_millis(*pause as u64)),
        [] => (1, Duration::from_millis(1)),
    }
}

fn numbers(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.split(|character: char| !character.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
}
