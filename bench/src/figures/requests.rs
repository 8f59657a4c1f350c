// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests in.

use super::table::Unit;
use super::{Bench, Row, Rows};
use crate::Result;
use crate::probes::Task;

pub fn rates(bench: &mut Bench) -> Result<String> {
    let mut rows = Rows::new("bare echo of the same sizes");
    for (pipelined, least) in [(1, 0.9), (16, 0.7), (256, 0.7)] {
        let count = bench.pick(10_000, 50_000);
        let (library, bare) = bench.pair(&Task::Requests {
            connections: 1,
            pipelined,
            count,
        })?;
        let what = format!("requests, {pipelined} under way");
        let values = (library["rate"], bare["rate"]);
        rows.push(Row::at_least(what, values, &Unit::THOUSANDS, least));
        let what = format!("… round trip, {pipelined} under way, p50");
        let values = (library["p50"], bare["p50"]);
        rows.push(Row::beside(what, values, &Unit::MICROSECONDS));
    }
    Ok(rows.render(bench))
}

pub fn beside_a_slow_one(bench: &mut Bench) -> Result<String> {
    let count = bench.pick(2_000, 5_000);
    let library = bench.library(&Task::SlowRequest { count })?;
    let mut rows = Rows::new("without a slow one beside it");
    rows.push(Row::at_most(
        "round trip on one connection while another's request keeps the host, p50",
        (library["beside"], library["alone"]),
        &Unit::MICROSECONDS,
        1.1,
    ));
    rows.push(Row::beside(
        "… p99",
        (library["beside_p99"], library["alone_p99"]),
        &Unit::MICROSECONDS,
    ));
    Ok(rows.render(bench))
}
