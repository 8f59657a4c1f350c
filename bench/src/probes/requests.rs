// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests in, through a host that answers at once.

use std::time::Duration;

use super::{Configuration, Figures, Probe, Side, figures};
use crate::Result;
use crate::baseline;
use crate::control::{Answer, Command, Control, Requests};
use crate::host::{SLOW, SLOWNESS};
use crate::statistics::Spread;

pub(super) fn run(probe: &Probe, connections: usize, pipelined: usize, count: usize) -> Result<Figures> {
    let mut control = probe.control()?;
    let address = probe.addresses.plain;
    let requests = Command::Request(Requests {
        count,
        pipelined,
        skip: 0,
    });
    let answer = match probe.side {
        Side::Library => {
            let configuration = Configuration::persistent(address, connections, "")?;
            probe.connected(&mut control, connections, &configuration)?;
            control.ask(&requests)
        }
        Side::Bare => {
            let runtime = baseline::runtime()?;
            for _ in 0..connections {
                runtime.spawn(async move {
                    if let Ok(websocket) = baseline::connect(address).await {
                        baseline::answer(websocket).await;
                    }
                });
            }
            control.ask(&Command::Connections(connections))?;
            control.ask(&requests)
        }
    }?;
    Ok(told(answer))
}

/// Requests of one connection, one after the other, while the host is busy with a request of another.
pub(super) fn beside_a_slow_one(probe: &Probe, count: usize) -> Result<Figures> {
    let mut control = probe.control()?;
    let configuration = Configuration::persistent(probe.addresses.plain, 2, "")?;
    probe.connected(&mut control, 2, &configuration)?;
    let requests = Command::Request(Requests {
        count,
        pipelined: 1,
        skip: 1,
    });
    let alone = Spread::of(control.ask(&requests)?.round_trips);
    control.ask(&Command::RequestOnce {
        connection: 0,
        path: SLOW.into(),
    })?;
    let beside = beside(&mut control, &requests)?;
    Ok(figures([
        ("alone", alone.p50),
        ("beside", beside.p50),
        ("alone_p99", alone.p99),
        ("beside_p99", beside.p99),
    ]))
}

fn beside(control: &mut Control, requests: &Command) -> Result<Spread> {
    let answer = control.ask(requests)?;
    if Duration::from_nanos(answer.elapsed) > SLOWNESS {
        return Err("the requests outlasted the slow one beside them".into());
    }
    Ok(Spread::of(answer.round_trips))
}

fn told(answer: Answer) -> Figures {
    let seconds = answer.elapsed as f64 / 1e9;
    let rate = answer.round_trips.len() as f64 / seconds;
    let spread = Spread::of(answer.round_trips);
    figures([
        ("rate", rate),
        ("p50", spread.p50),
        ("p99", spread.p99),
        ("request_bytes", answer.sizes.0 as f64),
        ("response_bytes", answer.sizes.1 as f64),
    ])
}
