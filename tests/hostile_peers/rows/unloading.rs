//! What a peer can do to an unloading.

use crate::bytes::*;
use crate::row::Outcome::Unloaded;
use crate::row::Step::*;
use crate::row::{Group, Row, Seen, Step, comes_to, row, rows};

pub fn group() -> Group {
    Group {
        name: "unloading",
        about: "Each round loads the library, lets the peer connect, and calls `ariws_unload` with a grace of 300 ms; the time is \
                the call's. It returns `ARIWS_OK`.",
        settings: &[],
        before: vec![],
        rows: all(),
    }
}

fn all() -> Vec<Row> {
    let unloads = |peer: &str, script: &[Step]| row(peer, script, comes_to(Unloaded).within(1000));
    let slowly = |peer: &str, script: &[Step]| row(peer, script, comes_to(Unloaded).takes_time(3000));
    let up = [Up, Expect(Seen::Registered)];
    let closing = [&up[..], &[Unload, Expect(Seen::Close(1000))]].concat();
    let then = |more: &[Step]| [&closing, more].concat();
    let mut tls = unloads("stops in the TLS handshake", &[Send(vec![22, 3])]);
    tls.promise.settings = &["tls_enabled = yes"];
    rows! {
        unloads("has accepted and says nothing", &[]);
        tls;
        unloads("answers the Close with a reset", &then(&[Reset]));
        unloads("answers the Close with nonsense", &then(&[Send(vec![0xff; 99])]));
        slowly("does not answer the Close", &up);
        slowly("reads nothing while 2.6 MB of events wait", &[Up, Events(80, 32 << 10)]);
        slowly("asks 100 times for 64 kB and reads nothing", &[Up, Send(text(request("GET", "large")).repeat(100))]);
        slowly("sends pings and reads nothing", &[Up, Unload, Unread(frame(FINAL | PING, [7; 125]).repeat(100))]);
        slowly("sends requests and reads the answers", &[Up, Flood(ask().repeat(100), usize::MAX), Unload]);
    }
}
