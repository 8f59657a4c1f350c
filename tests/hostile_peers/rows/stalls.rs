//! Peers that stop, or nearly.

use crate::bytes::*;
use crate::row::Step::*;
use crate::row::{Group, Outcome, Row, Seen, Step, answered, comes_to, made_again, row, rows, stays_up};

pub fn group() -> Group {
    Group {
        name: "stalls",
        about: "The host offers 2.6 MB of events here, more than the kernel takes for a peer that does not read. A peer that \
                takes no byte for `write_timeout` (a second here) is left, and what it has not taken waits for the next \
                connection; one that only is slow is waited for. The host never waits.",
        settings: &["write_timeout = 1000", "queue_max_bytes = 4000000"],
        before: vec![],
        rows: [unread(), slow(), silent()].concat(),
    }
}

/// More than the kernel keeps for a peer that does not read.
fn events() -> Step {
    Events(80, 32 << 10)
}

fn unread() -> Vec<Row> {
    let left = |peer: &str, steps: &[Step]| {
        let script = [&[Up], steps, &[Stall]].concat();
        row(peer, script, made_again().logs("(write_timeout").takes_time(5000))
    };
    let mut rows = rows! {
        left("reads nothing", &[events()]);
        left("reads half a megabyte and then nothing", &[events(), Read(32, 16 << 10, 0)]);
        left("sends ten requests and reads nothing", &[events(), Send(ask().repeat(10))]);
        left("reads a byte a second", &[events(), Read(3, 1, 1000)]);
        left("asks 100 times for 64 kB and reads nothing", &[Send(text(request("GET", "large")).repeat(100))]);
    };
    rows.extend(rows! {
        "reads nothing and resets", [Up, events(), Reset] => made_again().logs("events wait").within(3000);
        "reads nothing and ends its own direction", [Up, events(), HalfClose, Stall]
            => made_again().logs("the peer").within(3000);
        "reads nothing, and the operator shuts the session down", [Up, events(), ShutDown, Stall]
            => comes_to(Outcome::ShutDown).with(&["write_timeout = 10000"]).takes_time(4000);
    });
    rows
}

fn slow() -> Vec<Row> {
    rows! {
        // As much at a time as opens the kernel's window again: that needs the processor once, which others may have.
        "reads 64 kB every 160 ms for six seconds, and then the rest", [Up, events(), Read(38, 64 << 10, 160), Expect(Seen::Event)]
            => stays_up().with(&["write_timeout = 5000"]).takes_time(15_000);
        "sends a message of two seconds, 20 bytes every 20 ms, while the host offers an event",
            [Up, Send(frame(TEXT, "")), Pieces(frame(CONTINUATION, " ").repeat(700), 20, 20), Events(1, 10), Expect(Seen::Event),
            Send(frame(FINAL, ""))] => answered(400).takes_time(8000);
    }
}

/// What `enable_pingpongs` is for.
fn silent() -> Vec<Row> {
    let missed = || {
        made_again()
            .logs("the peer answered none of 1 pings (pingpong_probes)")
            .with(&["enable_pingpongs = yes", "pingpong_interval = 1", "pingpong_probes = 1"])
            .takes_time(4000)
    };
    rows! {
        "says nothing any more", [Up, Stall] => missed();
        "sends binary messages and no pong", [Up, Pieces(frame(FINAL | BINARY, [0; 18]).repeat(60), 20, 50), Stall] => missed();
    }
}
