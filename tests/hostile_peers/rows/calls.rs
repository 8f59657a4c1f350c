//! Connections of calls.

use crate::bytes::*;
use crate::row::Outcome::*;
use crate::row::Step::*;
use crate::row::{Group, Row, Seen, comes_to, rows};

pub fn group() -> Group {
    Group {
        name: "calls",
        about: "Each round is a call with a connection of its own (`per_call_config`), and three attempts \
                (`reconnect_attempts`). What ends a connection in the middle of a call costs the call a connection, not its life; \
                when the call is over, its session is.",
        settings: &[],
        before: vec![],
        rows: [starts(), running(), ends()].concat(),
    }
}

fn starts() -> Vec<Row> {
    let fails = |log| comes_to(StartFails).logs(log);
    rows! {
        "closes after it accepted", [Close] => fails("upgrade: ");
        "refuses with 503", [Head, Send(status("503 Busy"))] => fails("the server answered 503 Busy");
        "sends garbage instead of an answer", [Head, Send(vec![0xde; 99])] => fails("the answer is not HTTP/1");
        "says nothing", [Head]
            => fails("(connection_timeout)").sees([Seen::End]).with(&["connection_timeout = 1000"]).takes_time(8000);
        "says nothing, and the caller hangs up", [Head, HangUp] => comes_to(StartCancelled).sees([Seen::End]);
        "answers half, and the caller hangs up", [Head, Send(b"HTTP/1.1 101 ".into()), HangUp]
            => comes_to(StartCancelled).sees([Seen::End]);
    }
}

fn running() -> Vec<Row> {
    let anew = || comes_to(CallGoesOnAnew);
    let up = || [Up, Expect(Seen::Registered)];
    let rows = rows! {
        "closes with 1011 once", [Send(close(1011, ""))] => anew().sees([Seen::Close(1011)]);
        "resets once", [Reset] => anew();
        "breaks the protocol once", [Send(frame(FINAL | 3, ""))] => anew().sees([Seen::Close(1002)]);
        "resets every time", [Reset] => comes_to(StasisFails);
        "sends what is no JSON", [Send(text("{"))] => comes_to(CallGoesOn).sees([Seen::Answer(400)]);
    };
    let begun = rows.into_iter().map(|mut row| {
        row.script.splice(0..0, up());
        row
    });
    begun.collect()
}

fn ends() -> Vec<Row> {
    rows! {
        "closes when the channel has left", [Up, Expect(Seen::Registered), Leave, Expect(Seen::StasisEnd), Send(close(1000, ""))] => comes_to(CallEnds);
        "resets when the channel has left", [Up, Expect(Seen::Registered), Leave, Expect(Seen::StasisEnd), Reset] => comes_to(CallEnds);
        "never answers the Close after the call", [Up, Expect(Seen::Registered), Leave, Expect(Seen::StasisEnd), Expect(Seen::Close(1000)), Stall]
            => comes_to(CallEnds).takes_time(4000);
        "sends pings for as long as it can when the channel has left",
            [Up, Expect(Seen::Registered), Leave, Expect(Seen::StasisEnd), Flood(frame(FINAL | PING, [7; 125]).repeat(100), usize::MAX)]
            => comes_to(CallEnds).sees([Seen::Close(1000)]).within(4000);
        "sends a request when the channel has left", [Up, Expect(Seen::Registered), Leave, Expect(Seen::StasisEnd), Send(ask())]
            => comes_to(CallEnds).sees([Seen::Close(1000)]);
    }
}
