// SPDX-License-Identifier: MIT OR Apache-2.0
//! A server that is lost with every connection, and returns.

use std::time::Duration;

use futures_util::StreamExt;

use super::{Configuration, Figures, Probe, Side, figures};
use crate::Result;
use crate::baseline;
use crate::control::{Command, Control};

/// As in the configuration (`reconnect_interval`).
const INTERVAL: Duration = Duration::from_secs(1);
/// How long the server stays away: some attempts of every connection fail.
const OUTAGE: Duration = Duration::from_secs(3);

pub(super) fn run(probe: &Probe, connections: usize) -> Result<Figures> {
    let mut control = probe.control()?;
    let address = probe.addresses.plain;
    match probe.side {
        Side::Library => {
            let configuration = Configuration::persistent(address, connections, "")?;
            probe.connected(&mut control, connections, &configuration)?;
            outage(&mut control, connections)
        }
        Side::Bare => {
            let runtime = baseline::runtime()?;
            for _ in 0..connections {
                runtime.spawn(async move {
                    loop {
                        if let Ok(mut websocket) = baseline::connect(address).await {
                            while let Some(Ok(_)) = websocket.next().await {}
                        } else {
                            tokio::time::sleep(INTERVAL).await;
                        }
                    }
                });
            }
            control.ask(&Command::Connections(connections))?;
            outage(&mut control, connections)
        }
    }
}

fn outage(control: &mut Control, connections: usize) -> Result<Figures> {
    control.ask(&Command::Fail)?;
    std::thread::sleep(OUTAGE);
    let returned = control.ask(&Command::Return)?.at;
    let back = control.ask(&Command::Connections(connections))?.at;
    let seconds = back.saturating_sub(returned) as f64 / 1e9;
    Ok(figures([("seconds", seconds)]))
}
