// SPDX-License-Identifier: MIT OR Apache-2.0
//! Loading and unloading the library, with the configuration of a few connections to a server that is up.

use std::time::Instant;

use super::{Configuration, Figures, Probe, figures};
use crate::Result;
use crate::statistics::Spread;

const CONNECTIONS: usize = 10;

pub(super) fn run(probe: &Probe, count: usize) -> Result<Figures> {
    let configuration = Configuration::persistent(probe.addresses.plain, CONNECTIONS, "")?;
    let (mut loads, mut unloads) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let began = Instant::now();
        let library = probe.load(&configuration)?;
        loads.push(began.elapsed().as_nanos() as u64);
        let began = Instant::now();
        library.unload(1000);
        unloads.push(began.elapsed().as_nanos() as u64);
    }
    Ok(figures([
        // The first one includes what the linker does.
        ("first", loads.first().copied().unwrap_or_default() as f64),
        ("load", Spread::of(loads).p50),
        ("unload", Spread::of(unloads).p50),
    ]))
}
