// SPDX-License-Identifier: MIT OR Apache-2.0
//! What connections at rest cost.

use std::thread::sleep;
use std::time::Duration;

use super::{Configuration, Figures, Probe, Side, figures};
use crate::Result;
use crate::baseline;
use crate::process::{memory, threads};

/// After the last connection has opened: threads of the library that have nothing to do end, and what proves an arrival has
/// been sent.
const SETTLE: Duration = Duration::from_secs(11);
/// The bare side has neither.
const SETTLE_BARE: Duration = Duration::from_secs(1);

pub(super) fn run(probe: &Probe, connections: usize, tls: bool, seconds: u64) -> Result<Figures> {
    let mut control = probe.control()?;
    let addresses = &probe.addresses;
    match probe.side {
        Side::Library => {
            let configuration = if tls {
                Configuration::tls(addresses.tls, connections, &addresses.authority)?
            } else {
                Configuration::persistent(addresses.plain, connections, "")?
            };
            probe.connected(&mut control, connections, &configuration)?;
            rest(SETTLE, seconds)
        }
        Side::Bare => {
            let runtime = baseline::runtime()?;
            let connector = baseline::connector(&addresses.authority)?;
            let (mut plain, mut secured) = (Vec::new(), Vec::new());
            runtime.block_on(async {
                for _ in 0..connections {
                    if tls {
                        secured.push(baseline::connect_tls(addresses.tls, &connector).await?);
                    } else {
                        plain.push(baseline::connect(addresses.plain).await?);
                    }
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            })?;
            rest(SETTLE_BARE, seconds)
        }
    }
}

fn rest(settle: Duration, seconds: u64) -> Result<Figures> {
    sleep(settle);
    let (_, before) = threads()?;
    sleep(Duration::from_secs(seconds));
    let (threads, after) = threads()?;
    // This thread slept as well.
    let sleeps = after.saturating_sub(before).saturating_sub(1);
    Ok(figures([
        ("memory", memory()? as f64),
        ("threads", threads as f64),
        ("wakeups", sleeps as f64),
    ]))
}
