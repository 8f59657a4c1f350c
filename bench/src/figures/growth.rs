// SPDX-License-Identifier: MIT OR Apache-2.0
//! The same figures with more and more connections.

use super::Bench;
use crate::Result;
use crate::plot::{Plot, Series};
use crate::probes::{Bare, EventCall, Figures, Task};

const CONNECTIONS: [usize; 5] = [1, 10, 100, 1000, 9000];
const EVENTS: usize = 500_000;
const REQUESTS: usize = 50_000;

/// What is plotted: a name for the file, what is on the axis, the task, and the figure with its unit's size.
type Grown = (&'static str, &'static str, fn(usize) -> Task, fn(&Figures) -> f64);

const GROWN: [Grown; 3] = [
    (
        "events",
        "events of 200 bytes a second, in thousands",
        |connections| Task::Events {
            call: EventCall::Checked,
            connections,
            bytes: 200,
            count: EVENTS,
            bare: Bare::InTurn,
        },
        |figures| figures["rate"] / 1e3,
    ),
    (
        "requests",
        "requests a second, in thousands",
        |connections| Task::Requests {
            connections,
            pipelined: 4,
            count: REQUESTS,
        },
        |figures| figures["rate"] / 1e3,
    ),
    (
        "memory",
        "memory of the process, in MiB",
        |connections| Task::Idle {
            connections,
            tls: false,
            seconds: 1,
        },
        |figures| figures["memory"] / f64::from(1 << 20),
    ),
];

pub fn plots(bench: &mut Bench) -> Result<String> {
    let mut text = String::new();
    for (name, axis, task, figure) in GROWN {
        let (mut library, mut bare) = (Vec::new(), Vec::new());
        for connections in CONNECTIONS {
            let measured = bench.once(&task(connections))?;
            library.push((connections as f64, figure(&measured.0)));
            bare.push((connections as f64, figure(&measured.1)));
        }
        text.push_str(&format!("| {axis} |"));
        for connections in CONNECTIONS {
            text.push_str(&format!(" {connections} |"));
        }
        text.push_str(&format!("\n|---|{}\n", "---:|".repeat(CONNECTIONS.len())));
        for (side, points) in [("ariws", &library), ("bare", &bare)] {
            text.push_str(&format!("| {side} |"));
            for (_, value) in points {
                text.push_str(&format!(" {value:.1} |"));
            }
            text.push('\n');
        }
        let file = bench.plots.join(format!("{name}.svg"));
        Plot {
            horizontal: "connections",
            vertical: axis,
            series: [Series::new("ariws", library), Series::new("bare", bare)],
        }
        .draw(&file)?;
        text.push_str(&format!("\n![{axis}](benchmarks/{name}.svg)\n\n"));
    }
    Ok(text)
}
