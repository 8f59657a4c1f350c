//! Floods: as fast as the network takes it.

use crate::bytes::*;
use crate::peer::LAST;
use crate::row::Step::*;
use crate::row::{Group, Row, Seen, closed, made_again, row, rows, stays_up};

pub fn group() -> Group {
    Group {
        name: "floods",
        about: "All of these at once, each as fast as the network takes it. Where the peer reads, an event of the host arrives \
                meanwhile, and a request behind the flood is answered; where it does not, it is left after `write_timeout` (a \
                second here).",
        settings: &["write_timeout = 1000"],
        before: vec![],
        rows: [read(), unread()].concat(),
    }
}

fn ping() -> Vec<u8> {
    frame(FINAL | PING, [7; 125])
}

fn pong() -> Vec<u8> {
    frame(FINAL | PONG, [7; 125])
}

fn read() -> Vec<Row> {
    let last = || Seen::AnswerTo(LAST, 204);
    let all = |what: &str, bytes: Vec<u8>| {
        let script = [Up, Flood(bytes.repeat(100), 5), Events(1, 10), Expect(Seen::Event)];
        row(&format!("sends 500 {what}"), script, stays_up().sees([last()]).within(5000))
    };
    let endless = |what: &str, bytes: Vec<u8>| {
        let script = [
            Up,
            Flood(bytes.repeat(100), usize::MAX),
            Events(1, 10),
            Expect(Seen::Event),
            Close,
        ];
        row(
            &format!("sends {what} until an event arrives"),
            script,
            made_again().within(5000),
        )
    };
    let mut rows = rows! {
        all("pings and reads the pongs", ping());
        all("binary messages", frame(FINAL | BINARY, [0; 500]));
        all("requests and reads the answers", ask());
        all("messages that are no JSON", text("{"));
        all("messages of ten fragments", fragments(request("GET", "channels"), 7));
        endless("pings", ping());
        endless("pongs", pong());
        endless("requests", ask());
    };
    rows.extend(rows! {
        "sends empty fragments until an event arrives",
            [Up, Send(frame(TEXT, "")), Flood(frame(CONTINUATION, "").repeat(10_000), usize::MAX), Events(1, 10),
                Expect(Seen::Event), Close] => made_again().within(5000);
        "sends fragments of 100 bytes until the message is too long",
            [Up, Send(frame(TEXT, "")), Flood(frame(CONTINUATION, [b' '; 100]).repeat(100), 150)] => closed(1009).within(5000);
        "sends 5 binary messages of 1 MB", [Up, Flood(frame(FINAL | BINARY, vec![0; 1 << 20]), 5)]
            => stays_up().sees([last()]).within(5000);
        "asks 10 times for 64 kB and reads the answers", [Up, Flood(text(request("GET", "large")), 10)]
            => stays_up().sees([last()]).within(5000);
    });
    rows
}

fn unread() -> Vec<Row> {
    let unread = |peer: &str, bytes: Vec<u8>| {
        let promise = made_again().logs("(write_timeout").takes_time(8000);
        row(
            &format!("sends {peer} and reads nothing"),
            [Up, Unread(bytes.repeat(100))],
            promise,
        )
    };
    rows! {
        unread("pings", ping());
        unread("pings and pongs", [ping(), pong()].concat());
        unread("messages that are no JSON", text("{"));
        unread("requests for 64 kB", text(request("GET", "large")));
    }
}
