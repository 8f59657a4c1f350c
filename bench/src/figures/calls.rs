// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls: their start, their first event, their end.

use super::table::Unit;
use super::{Bench, Row, Rows};
use crate::Result;
use crate::probes::Task;

pub fn starts(bench: &mut Bench) -> Result<String> {
    let mut rows = Rows::new("bare connect and upgrade");
    for (threads, most) in [(1, 1.6), (10, 1.5), (100, 1.5)] {
        let count = bench.pick(500, 3000);
        let (library, bare) = bench.pair(&Task::Starts { threads, count })?;
        let what = format!("`ariws_stasis_start`, {threads} at once, p50");
        let values = (library["p50"], bare["p50"]);
        rows.push(Row::at_most(what, values, &Unit::MICROSECONDS, most));
        let what = format!("… {threads} at once, p99");
        let values = (library["p99"], bare["p99"]);
        rows.push(Row::beside(what, values, &Unit::MICROSECONDS));
    }
    let count = 9000;
    let (library, bare) = bench.once(&Task::StartsAtOnce { count })?;
    let what = format!("{count} starts at the same moment, until the last is over");
    let values = (library["seconds"], bare["seconds"]);
    rows.push(Row::at_most(what, values, &Unit::SECONDS, 2.0));
    Ok(rows.render(bench))
}

pub fn first_event(bench: &mut Bench) -> Result<String> {
    let count = bench.pick(300, 1000);
    let (library, bare) = bench.pair(&Task::FirstEvents { count })?;
    let mut rows = Rows::new("bare websocket");
    rows.push(Row::limited_beside(
        "websocket open → first event at the application, p50",
        (library["first"], bare["first"]),
        &Unit::MICROSECONDS,
        200e3,
    ));
    rows.push(Row::limited_beside(
        "StasisEnd → `ariws_stasis_end` has returned, p50",
        (library["end"], bare["end"]),
        &Unit::MICROSECONDS,
        10e3,
    ));
    Ok(rows.render(bench))
}
