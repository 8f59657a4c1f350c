//! Resets at each point.

use crate::bytes::*;
use crate::row::Step::*;
use crate::row::{Group, Seen, made_again, rows};

pub fn group() -> Group {
    let lost = || made_again().logs("sent without proof of arrival");
    Group {
        name: "resets",
        about: "Wherever a connection breaks, it is made again, what the kernel had not taken is sent on the next one, and what \
                may be lost is counted in the line of the log.",
        settings: &[],
        before: vec![],
        rows: rows! {
            "resets when the websocket is up", [Up, Expect(Seen::Registered), Reset] => lost();
            "resets within a frame", [Up, Send(ask()[..30].into()), Reset] => lost();
            "resets between fragments", [Up, Send(frame(TEXT, "{")), Send(frame(CONTINUATION, " ")), Reset] => lost();
            "sends a ping and resets", [Up, Send(frame(FINAL | PING, "x")), Reset] => lost();
            "sends 500 requests and resets", [Up, Send(ask().repeat(500)), Reset] => lost();
            "resets within an answer of 64 kB", [Up, Send(text(request("GET", "large"))), Read(1, 4096, 0), Reset] => lost();
            "asks ten times for 64 kB, reads one answer, and ends the connection",
                [Up, Send(text(request("GET", "large")).repeat(10)), Expect(Seen::Answer(200)), Close] => lost();
            "resets within an event of 64 kB", [Up, Events(1, 64 << 10), Read(1, 4096, 0), Reset] => lost();
            "reads some of a thousand events and resets", [Up, Events(1000, 100), Read(5, 4096, 0), Reset] => lost();
            "sends 100 requests while the host offers a thousand events, and resets",
                [Up, Events(1000, 100), Send(ask().repeat(100)), Reset] => lost();
            "closes, waits for the answer, and resets", [Up, Send(close(1000, "")), Expect(Seen::Close(1000)), Reset]
                => made_again().logs("the application closed the connection (1000)");
        },
    }
}
