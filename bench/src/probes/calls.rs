// SPDX-License-Identifier: MIT OR Apache-2.0
//! The dead time of a call: before its first event, and after its last.

use std::ffi::CString;
use std::time::Instant;

use super::{Configuration, EventCall, Figures, Probe, Side, figures};
use crate::Result;
use crate::baseline;
use crate::control::Command;
use crate::statistics::Spread;

/// As large as Asterisk's StasisStart.
const EVENT: usize = 700;

pub(super) fn first_events(probe: &Probe, count: usize) -> Result<Figures> {
    let mut control = probe.control()?;
    let mut firsts = Vec::with_capacity(count);
    let ends = match probe.side {
        Side::Library => {
            let configuration = Configuration::per_call(probe.addresses.plain)?;
            let library = probe.load(&configuration)?;
            let mut ends = Vec::with_capacity(count);
            for number in 0..count {
                let name = format!("PJSIP/{number:08}");
                let channel = CString::new(name.as_str())?;
                let application = CString::new(format!("app0:{name}"))?;
                let started = baseline::event("StasisStart", &name, EVENT);
                let ended = baseline::event("StasisEnd", &name, EVENT);
                library.start(c"app0", &channel)?;
                library.event(EventCall::Checked, &application, started.as_bytes())?;
                // The application has heard of it; with ApplicationRegistered.
                let heard = control.ask(&Command::Texts(3 * number as u64 + 2))?;
                firsts.extend(heard.first_events);
                let began = Instant::now();
                library.event(EventCall::Checked, &application, ended.as_bytes())?;
                library.end(&application, &channel);
                ends.push(began.elapsed().as_nanos() as u64);
                control.ask(&Command::Texts(3 * number as u64 + 3))?;
            }
            ends
        }
        Side::Bare => baseline::runtime()?.block_on(async {
            let started = baseline::event("StasisStart", "PJSIP/1", EVENT).into();
            let mut ends = Vec::with_capacity(count);
            for number in 0..count {
                let mut websocket = baseline::connect(probe.addresses.plain).await?;
                baseline::send(&mut websocket, &started, 1).await?;
                let heard = control.ask(&Command::Texts(2 * number as u64 + 1))?;
                firsts.extend(heard.first_events);
                let began = Instant::now();
                baseline::send(&mut websocket, &started, 1).await?;
                ends.push(began.elapsed().as_nanos() as u64);
                control.ask(&Command::Texts(2 * number as u64 + 2))?;
                websocket.close(None).await?;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(ends)
        })?,
    };
    Ok(figures([("first", Spread::of(firsts).p50), ("end", Spread::of(ends).p50)]))
}
