//! Ways to close.

use crate::bytes::*;
use crate::row::Step::*;
use crate::row::{Group, Outcome, Promise, Row, Seen, Step, closed, comes_to, dropped, made_again, row, rows};

pub fn group() -> Group {
    Group {
        name: "closes",
        about: "Any Close is a loss, whatever its code, and the connection is made again: at once if it had been up for \
                `reconnect_interval`, else after it. A Close of the library waits a second for its answer, and no longer.",
        settings: &[],
        before: vec![],
        rows: [codes(), odd(), unanswered()].concat(),
    }
}

fn closes(peer: &str, frame: Vec<u8>, promise: Promise) -> Row {
    row(
        &format!("closes {peer}"),
        [Up, Expect(Seen::Registered), Send(frame)],
        promise,
    )
}

fn codes() -> Vec<Row> {
    let with = |code, what, answer| closes(&format!("with {code}{what}"), close(code, ""), closed(answer));
    rows! {
        with(1000, " (normal)", 1000);
        with(1001, " (going away)", 1001);
        with(1008, " (policy violation)", 1008);
        with(1005, ", which must not be sent", 1002);
        with(1016, ", which nobody has defined", 1002);
    }
}

fn odd() -> Vec<Row> {
    let mut rows = rows! {
        closes("without a code", frame(FINAL | CLOSE, ""), made_again().sees([Seen::CloseWithoutCode]).logs("without a code"));
        closes("with a reason that is not UTF-8", close(1000, b"\xff"), closed(1007));
        closes("with a reason that tries to forge a line of the log",
            close(1000, "\r\nERROR all is lost\x1b[2J"), closed(1000).logs(r"\r\nERROR all is lost\x1b[2J"));
        closes("between the fragments of a message", [frame(TEXT, "{"), close(1001, "")].concat(), closed(1001));
        closes("and goes on with nonsense", [close(1001, ""), vec![0xff; 1000]].concat(), closed(1001));
    };
    rows.extend(rows! {
        "closes and goes on with binary messages for as long as it can", [Up, Send(close(1001, "")), Unread(frame(FINAL | BINARY, "").repeat(100))]
            => made_again().takes_time(3000);
        "closes and keeps the TCP connection open", [Up, Send(close(1001, "")), Expect(Seen::Close(1001)), Stall]
            => made_again().logs("the application closed the connection (1001)").takes_time(3000);
        "ends the connection without a Close", [Up, Expect(Seen::Registered), Close]
            => made_again().logs("the peer closed the connection");
        "ends its own direction and goes on reading", [Up, Expect(Seen::Registered), HalfClose]
            => dropped().logs("the peer closed the connection");
        "closes while the host offers a thousand events", [Up, Events(1000, 100), Send(close(1001, ""))] => closed(1001);
    });
    rows
}

/// What becomes of a Close of the library: the operator shuts the connection down.
fn unanswered() -> Vec<Row> {
    let answers = |how: &str, more: &[Step]| {
        let up = [Up, Expect(Seen::Registered), ShutDown, Expect(Seen::Close(1000))];
        let script = [&up[..], more].concat();
        let promise = comes_to(Outcome::ShutDown).logs("closed with 1000");
        row(
            &format!("{how} when the operator shuts the session down"),
            script,
            promise.within(3000),
        )
    };
    let mut rows = rows! {
        answers("never answers the library's Close", &[Stall]);
        answers("answers the library's Close with binary messages for as long as it can",
            &[Unread(frame(FINAL | BINARY, "").repeat(100))]);
        answers("answers the library's Close with fragments for as long as it can",
            &[Send(frame(TEXT, "")), Unread(frame(CONTINUATION, "").repeat(100))]);
        answers("answers the library's Close and keeps TCP open", &[Send(close(1000, "")), Stall]);
    };
    rows.iter_mut().for_each(|row| row.promise.takes_time = true);
    rows.extend(rows! {
        answers("answers the library's Close with nonsense", &[Send(vec![0xff; 100]), Stall]);
        answers("answers the library's Close with a reset", &[Reset]);
    });
    rows
}
