// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections: at rest, lost, and the library itself.

use std::process::Command;

use super::table::Unit;
use super::{Bench, Row, Rows};
use crate::Result;
use crate::probes::Task;

/// As many as one server of the application takes here.
const MANY: usize = 9000;
/// As many as are made in a moment.
const MANY_TLS: usize = 2000;

pub fn at_rest(bench: &mut Bench) -> Result<String> {
    let mut rows = Rows::new("bare websocket");
    let seconds = bench.pick(2, 10);
    let kinds = [(false, MANY, 9.0), (true, MANY_TLS, 28.0)];
    let tasks: Vec<_> = kinds
        .iter()
        .flat_map(|(tls, many, _)| [(*tls, 1), (*tls, *many)])
        .map(|(tls, connections)| Task::Idle {
            connections,
            tls,
            seconds,
        })
        .collect();
    let measured = bench.together(&tasks)?;
    for ((tls, many, most), measured) in kinds.into_iter().zip(measured.chunks(2)) {
        let [(one, bare_one), (all, bare_all)] = measured else {
            return Err("a measurement is missing".into());
        };
        let each = |all: f64, one: f64| (all - one) / (many - 1) as f64;
        let kind = if tls { "TLS" } else { "plain" };
        rows.push(Row::limited_beside(
            format!("memory of one connection at rest, {kind}, of {many}"),
            (
                each(all["memory"], one["memory"]),
                each(bare_all["memory"], bare_one["memory"]),
            ),
            &Unit::KIBIBYTES,
            most * 1024.0,
        ));
        rows.push(Row::limited(
            format!("threads more with {many} {kind} connections than with one"),
            all["threads"] - one["threads"],
            &Unit::NUMBER,
            0.0,
        ));
        rows.push(Row::limited(
            format!("wake-ups in {seconds} s of the process with {many} {kind} connections"),
            all["wakeups"],
            &Unit::NUMBER,
            0.0,
        ));
    }
    Ok(rows.render(bench))
}

pub fn outage(bench: &mut Bench) -> Result<String> {
    let (library, bare) = bench.once(&Task::Return { connections: MANY })?;
    let mut rows = Rows::new("bare websockets");
    rows.push(Row::at_most(
        format!("{MANY} connections lost at once: all back after the server's return"),
        (library["seconds"], bare["seconds"]),
        &Unit::SECONDS,
        1.5,
    ));
    Ok(rows.render(bench))
}

pub fn lifetime(bench: &mut Bench) -> Result<String> {
    let count = bench.pick(20, 100);
    let library = bench.library(&Task::Lifetime { count })?;
    let mut rows = Rows::new("–");
    for (what, figure, most) in [
        ("`ariws_load`, first of a process, with `dlopen`", "first", 5e6),
        ("`ariws_load`, ten connections, p50", "load", 3e6),
        ("`ariws_unload`, p50", "unload", 2e6),
    ] {
        let value = library[figure];
        rows.push(Row::limited(what, value, &Unit::MILLISECONDS, most));
    }
    let size = stripped_size(bench)?;
    rows.push(Row::limited(
        "`libariws.so`, stripped",
        size as f64,
        &Unit::MEBIBYTES,
        5.0 * 1024.0 * 1024.0,
    ));
    Ok(rows.render(bench))
}

fn stripped_size(bench: &Bench) -> Result<u64> {
    let stripped = tempfile::NamedTempFile::new()?;
    let status = Command::new("strip")
        .arg("-o")
        .args([stripped.path(), bench.library_path()])
        .status()?;
    if !status.success() {
        return Err(format!("strip: {status}").into());
    }
    Ok(stripped.path().metadata()?.len())
}
