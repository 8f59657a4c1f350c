// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events out.

use super::table::Unit;
use super::{Bench, Row, Rows};
use crate::Result;
use crate::probes::{Bare, EventCall, Task};

/// Both calls: as a row names them, and the part of the bare rate that is the goal.
const CALLS: [(EventCall, &str, f64); 2] = [
    (EventCall::Checked, "`ariws_event`", 0.5),
    (EventCall::Trusted, "`ariws_event_trusted`", 0.7),
];

pub fn rates(bench: &mut Bench) -> Result<String> {
    let mut rows = Rows::new("bare, in bursts");
    for bytes in [200, 1024] {
        for (call, name, least) in CALLS {
            let count = bench.pick(200_000, 1_000_000);
            let (library, bare) = bench.pair(&Task::Events {
                call,
                connections: 1,
                bytes,
                count,
                bare: Bare::InBursts,
            })?;
            let what = format!("{name}, {bytes} bytes, one connection");
            let values = (library["rate"], bare["rate"]);
            rows.push(Row::at_least(what, values, &Unit::THOUSANDS, least));
        }
    }
    let mut text = rows.render(bench);
    let mut rows = Rows::new("bare, in turn, each flushed");
    for (connections, bytes) in [(100, 200), (100, 1024), (1000, 200), (9000, 200)] {
        let (library, bare) = bench.pair(&Task::Events {
            call: EventCall::Checked,
            connections,
            bytes,
            count: bench.pick(100_000, 500_000),
            bare: Bare::InTurn,
        })?;
        let what = format!("events of {bytes} bytes, connections: {connections}");
        let values = (library["rate"], bare["rate"]);
        rows.push(Row::at_least(what, values, &Unit::THOUSANDS, 1.5));
    }
    text.push('\n');
    text.push_str(&rows.render(bench));
    Ok(text)
}

pub fn calls(bench: &mut Bench) -> Result<String> {
    let mut rows = Rows::new("bare hand-over to a task");
    for (per_second, stalled) in [(1_000, false), (100_000, false), (100_000, true)] {
        for (call, name, _) in CALLS {
            let count = bench.pick(per_second, per_second * 3);
            let (library, bare) = bench.pair(&Task::EventCalls {
                call,
                count,
                per_second,
                stalled,
            })?;
            let peer = if stalled { "stalled" } else { "reading" };
            let what = |figure| format!("{name}, {per_second}/s, {peer} peer, {figure}");
            let values = |figure| (library[figure], bare[figure]);
            if per_second == 1_000 {
                // The library sleeps, and to wake it is what both pay for.
                rows.push(Row::at_most(what("p50"), values("p50"), &Unit::MICROSECONDS, 1.2));
            } else {
                rows.push(Row::limited_beside(what("p50"), values("p50"), &Unit::MICROSECONDS, 0.5e3));
                rows.push(Row::limited_beside(what("p99"), values("p99"), &Unit::MICROSECONDS, 3e3));
            }
            rows.push(Row::beside(what("max"), values("max"), &Unit::MICROSECONDS));
        }
    }
    Ok(rows.render(bench))
}
