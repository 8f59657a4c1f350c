//! JSON, and what only looks like it.

use crate::bytes::*;
use crate::row::{Group, Row, asked, rows};

pub fn group() -> Group {
    Group {
        name: "JSON",
        about: "Every text message is answered. What is no request is answered with 400, without the host, and the connection \
                stays up. JSON may nest 2,048 levels deep.",
        settings: &[],
        before: vec![],
        rows: [no_request(), odd(), bodies()].concat(),
    }
}

/// Sends this text, which is answered with the status.
fn says(peer: &str, message: impl AsRef<[u8]>, status: u16) -> Row {
    asked(&format!("sends {peer}"), text(message), status)
}

/// Sends a request with one more member, or with another one.
fn has(peer: &str, member: &str, status: u16) -> Row {
    asked(&format!("sends a request that has {peer}"), with(member), status)
}

fn no_request() -> Vec<Row> {
    let mut first = says("an empty text", "", 400);
    first.promise.log = "bad request (request_id ''): Failed to parse request message JSON";
    rows! {
        first;
        says("a byte order mark first", "\u{feff}{}", 400);
        says("an escaped NUL in its uri", r#"{"type":"RESTRequest","method":"GET","uri":"a\u0000b"}"#, 400);
        says("the second half of a surrogate pair", r#"{"type":"\udc00"}"#, 400);
        says("500,000 arrays without an end", "[".repeat(500_000), 400);
        says("an empty object", "{}", 400);
        says("an event of another application", r#"{"type":"StasisStart","application":"other"}"#, 400);
        has("a uri that is an object", r#""uri":{"a":1}"#, 400);
    }
}

fn odd() -> Vec<Row> {
    let nested = |levels| format!("\"x\":{}{}", "[".repeat(levels), "]".repeat(levels));
    let members: Vec<_> = (0..60_000).map(|number| format!("\"m{number}\":1")).collect();
    rows! {
        has("a number of 100,000 digits", &format!("\"x\":{}", "9".repeat(100_000)), 204);
        has("its uri twice; the last one counts", r#""uri":"events""#, 400);
        has("its method 20,000 times", &[r#""method":"GET""#; 20_000].join(","), 204);
        has("60,000 members that mean nothing", &members.join(","), 204);
        has("2,000 levels in a member that means nothing", &nested(2000), 204);
        has("one level more than there may be", &nested(2048), 400);
    }
}

fn bodies() -> Vec<Row> {
    let json = |body: &str| format!(r#""content_type":"application/json","message_body":"{body}""#);
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    rows! {
        has("a body with an escaped NUL", &json(r#"{\"a\":\"\\u0000\"}"#), 400);
        has("a body of 100,000 levels", &json(&deep), 400);
        has("a body of 900 kB", &json(&format!(r#"[\"{}\"]"#, "b".repeat(900_000))), 204);
        has("`query_strings` with a null", r#""query_strings":[null]"#, 400);
    }
}
