//! Before the upgrade: silence, nonsense, refusals, answers that are not quite right.

use crate::bytes::*;
use crate::row::Step::*;
use crate::row::{Group, Promise, Row, answered, closed, fails, made_again, refused, row, rows, stays_up};

const NO_HTTP: &str = "the answer is not HTTP/1";
const TOO_LONG: &str = "the head of the answer is over 65536 bytes";
const NO_UPGRADE: &str = "the answer has no Upgrade: websocket";
const WRONG_KEY: &str = "the Sec-WebSocket-Accept of the answer does not fit";
const PROTOCOL: &str = "chose the subprotocol";

pub fn group() -> Group {
    Group {
        name: "before the upgrade",
        about: "An attempt is over when `connection_timeout` is, whatever the server does; the next one follows after \
                `reconnect_interval`, 20 ms here. What a server sends before the upgrade is bounded to 64 KiB and 128 fields.",
        settings: &[],
        before: vec![],
        rows: [silence(), no_http(), refusals(), wrong(), odd(), together()].concat(),
    }
}

fn silence() -> Vec<Row> {
    let timed_out = |promise: Promise| {
        promise
            .logs("no complete answer to the upgrade request within 1000 ms (connection_timeout)")
            .with(&["connection_timeout = 1000"])
            .takes_time(3000)
    };
    let right = switching("");
    let unfinished = right.strip_suffix(b"\r\n").unwrap_or_default();
    rows! {
        "accepts, and neither reads nor writes", [Stall] => timed_out(fails(""));
        "sends the right answer without the empty line at its end",
            [Head, Send(unfinished.into())] => timed_out(refused(""));
        "sends fields for ever, a byte every 5 ms",
            [Head, Send(b"HTTP/1.1 101 Up\r\n".into()), Pieces(b"X: y\r\n".repeat(1000), 1, 5)] => timed_out(fails(""));
        "accepts and closes", [Close] => fails("upgrade: ");
        "reads the request and closes", [Head, Close] => fails("the peer closed the connection without an answer");
        "ends its own direction and stays", [Head, HalfClose] => refused("the peer closed the connection without an answer");
        "resets within its answer", [Head, Send(switching("")[..40].into()), Reset] => fails("upgrade: ");
    }
}

fn no_http() -> Vec<Row> {
    let answers = |peer: &str, bytes: &[u8]| row(peer, [Head, Send(bytes.into())], refused(NO_HTTP));
    let mut rows = rows! {
        answers("sends bytes that are no text", &[0xde, 0xad, 0xbe, 0xef, 0xff, 0, 0x0a]);
        answers("answers with a TLS record", &[22, 3, 3, 0, 2, 2, 0, 0, 0]);
        answers("speaks HTTP/2", b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x64");
        answers("sends the right answer with 200 more fields", &switching("X: y\r\n".repeat(200)));
    };
    rows.extend(rows! {
        "sends fields without an end", [Head, Send(b"HTTP/1.1 101 Up\r\n".into()), Unread(b"X: yyyyyyyy\r\n".repeat(1000))]
            => fails("upgrade: ");
        "sends the right answer with a field of 100 kB", [Head, Send(switching(format!("X: {}\r\n", "y".repeat(100_000))))]
            => refused(TOO_LONG);
    });
    rows
}

fn refusals() -> Vec<Row> {
    let answers = |line: &str, log| row(&format!("answers {line}"), [Head, Send(status(line))], refused(log));
    let page = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n{}", "x".repeat(1_000_000));
    let mut rows = rows! {
        answers("401 Unauthorized", "check username and password");
        answers("404 Not Found", "check the path of the uri");
        answers("503 Busy", "the server answered 503 Busy");
    };
    rows.extend(rows! {
        "answers 200 with a page of 1 MB", [Head, Send(page.into())] => refused("the server answered 200 OK");
        "redirects with a Location that tries to forge a line of the log",
            [Head, Send(status("307 There\r\nLocation: \x1b[2K\x08evil"))] => refused("the server answered 307");
        "answers 429 and asks for a pause of a day", [Head, Send(status("429 Too Many\r\nRetry-After: 86400"))]
            => refused("the server answered 429 Too Many");
    });
    rows
}

fn wrong() -> Vec<Row> {
    let but = |right: &str, wrong: &str| Send(switching_but(right, wrong));
    let accept = "Sec-WebSocket-Accept: {accept}\r\n";
    rows! {
        "answers 101 with HTTP/1.0", [Head, but("HTTP/1.1", "HTTP/1.0")]
            => refused("the answer is HTTP/1.0; a websocket needs HTTP/1.1");
        "answers with another Sec-WebSocket-Accept", [Head, but("{accept}", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")] => refused(WRONG_KEY);
        "answers with two of Sec-WebSocket-Accept", [Head, but(accept, &accept.repeat(2))] => refused(WRONG_KEY);
        "answers before it has read the request", [Send(switching("")), Head] => refused(WRONG_KEY);
        "upgrades to h2c", [Head, but("Upgrade: websocket", "Upgrade: h2c")] => refused(NO_UPGRADE);
        "chooses a subprotocol that was not offered", [Head, Send(switching("Sec-WebSocket-Protocol: media\r\n"))]
            => refused(PROTOCOL);
        "wants permessage-deflate, which was not offered",
            [Head, Send(switching("Sec-WebSocket-Extensions: permessage-deflate\r\n"))]
            => refused("wants the extension permessage-deflate");
    }
}

/// What is odd and allowed.
fn odd() -> Vec<Row> {
    let but = |right: &str, wrong: &str| Send(switching_but(right, wrong));
    rows! {
        "answers with `Connection: keep-alive, Upgrade`", [Head, but("Connection: Upgrade", "Connection: keep-alive, Upgrade")]
            => stays_up();
        "sends `100 Continue` before the 101", [Head, Send([status("100 Continue"), switching("")].concat())] => stays_up();
        "sends a field of 60 kB", [Head, Send(switching(format!("X: {}\r\n", "y".repeat(60_000))))] => stays_up();
        "sends the right answer byte by byte", [Head, Pieces(switching(""), 1, 0)] => stays_up();
    }
}

/// What comes in the segment of the answer.
fn together() -> Vec<Row> {
    rows! {
        "sends half a request in the segment of the 101, and then the rest",
            [Head, Send(switching_with(&ask()[..10])), Send(ask()[10..].into())] => answered(204);
        "sends a Close in the segment of the 101", [Head, Send(switching_with(close(1001, "")))]
            => closed(1001).logs("the application closed the connection (1001)");
        "sends the right answer and closes", [Up, Close] => made_again().logs("the peer closed the connection");
    }
}
