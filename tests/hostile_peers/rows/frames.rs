//! Frames that break the protocol, and those that only look as if they did.

use crate::bytes::*;
use crate::row::Step::*;
use crate::row::{Group, Promise, Row, Seen, answered, closed, made_again, row, rows, stays_up};

/// What a message may have in this group.
const LIMIT: usize = 64 << 10;

pub fn group() -> Group {
    Group {
        name: "frames",
        about: "A message, its fragments together, is bounded by `max_message_size` (1 MiB by default; 64 KiB here). What \
                breaks the protocol is answered with a Close, and the connection is made again; what is only slow, small or \
                cut in pieces harms nothing.",
        settings: &["max_message_size = 65536"],
        before: vec![],
        rows: [headers(), lengths(), fragmented(), control(), utf8(), unfinished()].concat(),
    }
}

/// Sends this when the websocket is up.
fn sends(peer: &str, bytes: impl Into<Vec<u8>>, promise: Promise) -> Row {
    row(&format!("sends {peer}"), [Up, Send(bytes.into())], promise)
}

/// A request of so many bytes.
fn padded(length: usize) -> Vec<u8> {
    let mut text = request("GET", "channels").into_bytes();
    text.resize(length, b' ');
    text
}

fn headers() -> Vec<Row> {
    let broken = || closed(1002).logs("connection lost (");
    let masked = [FINAL | TEXT, 0x80 | 2, 1, 2, 3, 4, b'{' ^ 1, b'}' ^ 2];
    rows! {
        sends("the reserved opcode 3", frame(FINAL | 3, "x"), broken());
        sends("a text with the reserved bit 1, as compression has it", frame(FINAL | 0x40 | TEXT, "{}"), broken());
        sends("a masked frame, as only clients do", masked, broken());
        sends("its answer to the upgrade once more", switching(""), broken());
    }
}

fn lengths() -> Vec<Row> {
    let too_big = || closed(1009).logs("(max_message_size)");
    let ask = ask();
    rows! {
        sends("a header that announces 2⁶⁴ − 1 bytes", header(FINAL | TEXT, u64::MAX), closed(1009));
        sends("a header that announces 1 GB", header(FINAL | TEXT, 1 << 30), too_big());
        sends("a length that is not minimal", [FINAL | TEXT, 126, 0, 2, b'{', b'}'], closed(1002));
        sends("a message as long as one may be", text(padded(LIMIT)), answered(204));
        sends("a message that is a byte too long", text(padded(LIMIT + 1)), too_big());
        sends("less than it announced, so that the next frame is taken for text",
            [&header(FINAL | TEXT, 200), &ask, &vec![b' '; 200 - ask.len()]].map(Vec::as_slice).concat(), closed(1007));
        sends("more than it announced, so that text is taken for a frame",
            [header(FINAL | TEXT, 2), b"{} and then more ".repeat(20)].concat(), closed(1002));
    }
}

fn fragmented() -> Vec<Row> {
    let question = request("GET", "channels");
    let broken = || closed(1002);
    let pings = [
        frame(TEXT, &question[..20]),
        frame(FINAL | PING, "12345"),
        frame(FINAL, &question[20..]),
    ];
    let both = [frame(TEXT, [b' '; 40_000]), frame(FINAL, [b' '; 40_000])];
    let mut rows = rows! {
        sends("a message of 20,000 bytes in as many fragments", fragments(padded(20_000), 1), answered(204));
        sends("a ping between fragments", pings.concat(), stays_up().sees([Seen::Pong(5), Seen::Answer(204)]));
        sends("the last fragment without a beginning", frame(FINAL, "{}"), broken());
        sends("a message within another", [frame(TEXT, "{"), text("{}")].concat(), broken());
        sends("fragments that are too long together", both.concat(), closed(1009).logs("(max_message_size)"));
    };
    rows.extend(rows! {
        "sends fragments and no last one, while the host offers an event",
            [Up, Send(frame(TEXT, "{")), Send(frame(CONTINUATION, " ").repeat(1000)), Events(1, 10), Expect(Seen::Event), Close]
            => made_again();
    });
    rows
}

fn control() -> Vec<Row> {
    let broken = || closed(1002);
    let mut rows = rows! {
        sends("a ping of 126 bytes", frame(FINAL | PING, [7; 126]), broken());
        sends("a fragment of a ping", frame(PING, "x"), broken());
        sends("a pong that nobody asked for", frame(FINAL | PONG, "x"), stays_up());
    };
    rows.extend(rows! {
        "answers the library's ping with another payload",
            [Up, Events(1, 10), Expect(Seen::Ping), Send(frame(FINAL | PONG, "something else"))] => stays_up();
    });
    rows
}

fn utf8() -> Vec<Row> {
    let invalid = || closed(1007);
    let split = |text: &[u8], place: usize| [frame(TEXT, &text[..place]), frame(FINAL, &text[place..])].concat();
    let umlaut = request("GET", "channels/ä");
    let place = umlaut.find('ä').unwrap_or_default() + 1;
    rows! {
        sends("a text that is not UTF-8", text(b"\xff\xfe"), invalid().logs("a message is not UTF-8"));
        sends("fragments that end within a character", split(b"{}\xe2\x82", 3), invalid());
        sends("a character split over two fragments", split(umlaut.as_bytes(), place), answered(204));
        sends("a binary message", frame(FINAL | BINARY, ask()), stays_up());
    }
}

fn unfinished() -> Vec<Row> {
    let meanwhile = |what: &str, bytes: &[u8]| {
        row(
            &format!("sends {what}, waits for an event, and closes"),
            [Up, Send(bytes.into()), Events(1, 10), Expect(Seen::Event), Close],
            made_again().logs("the peer closed the connection"),
        )
    };
    let mut rows = rows! {
        meanwhile("one byte of a frame", &[FINAL | TEXT]);
    };
    rows.extend(rows! {
        "sends a request byte by byte", [Up, Pieces(ask(), 1, 0)] => answered(204);
    });
    rows
}
