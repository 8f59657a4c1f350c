// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events out.

use super::table::Unit;
use super::{Bench, Row, Rows};
use crate::Result;
use crate::probes::{Bare, Task};

pub fn rates(bench: &mut Bench) -> Result<String> {
    let mut rows = Rows::new("bare, in bursts");
    for (connections, bytes) in [(1, 200), (1, 1024), (100, 200), (100, 1024)] {
        let count = bench.pick(200_000, 1_000_000);
        let (library, bare) = bench.pair(&Task::Events {
            connections,
            bytes,
            count,
            bare: Bare::InBursts,
        })?;
        let what = format!("events of {bytes} bytes, connections: {connections}");
        let values = (library["rate"], bare["rate"]);
        rows.push(Row::at_least(what, values, &Unit::THOUSANDS, 0.7));
    }
    let mut text = rows.render(bench);
    let mut rows = Rows::new("bare, in turn, each flushed");
    for (connections, bytes) in [(100, 200), (100, 1024), (1000, 200)] {
        let (library, bare) = bench.pair(&Task::Events {
            connections,
            bytes,
            count: bench.pick(100_000, 500_000),
            bare: Bare::InTurn,
        })?;
        let what = format!("events of {bytes} bytes, connections: {connections}");
        let values = (library["rate"], bare["rate"]);
        rows.push(Row::at_least(what, values, &Unit::THOUSANDS, 0.7));
    }
    text.push('\n');
    text.push_str(&rows.render(bench));
    Ok(text)
}

pub fn calls(bench: &mut Bench) -> Result<String> {
    let mut rows = Rows::new("bare hand-over to a task");
    for per_second in [1_000, 100_000] {
        for stalled in [false, true] {
            let count = bench.pick(per_second, per_second * 3);
            let (library, bare) = bench.pair(&Task::EventCalls {
                count,
                per_second,
                stalled,
            })?;
            let peer = if stalled { "stalled" } else { "reading" };
            let what = format!("`ariws_event`, {per_second}/s, {peer} peer");
            for (figure, most) in [("p50", 1e3), ("p99", 5e3)] {
                rows.push(Row::limited_beside(
                    format!("{what}, {figure}"),
                    (library[figure], bare[figure]),
                    &Unit::MICROSECONDS,
                    most,
                ));
            }
            let values = (library["max"], bare["max"]);
            rows.push(Row::beside(format!("{what}, max"), values, &Unit::MICROSECONDS));
        }
    }
    Ok(rows.render(bench))
}
