// SPDX-License-Identifier: MIT OR Apache-2.0
//! From a channel that enters Stasis to an open per-call connection.

use std::ffi::CString;
use std::sync::mpsc;
use std::time::Instant;

use super::{Configuration, Figures, Probe, Side, figures};
use crate::Result;
use crate::baseline;
use crate::control::Command;
use crate::statistics::Spread;

/// How long the events of a call are.
const EVENT: usize = 200;

/// Starts one after the other on each of so many threads.
pub(super) fn in_a_row(probe: &Probe, threads: usize, count: usize) -> Result<Figures> {
    let _control = probe.control()?;
    let each = count.div_ceil(threads);
    let times = match probe.side {
        Side::Library => of_library(probe, threads, each),
        Side::Bare => of_bare(probe, threads, each),
    }?;
    let spread = Spread::of(times);
    Ok(figures([("p50", spread.p50), ("p99", spread.p99)]))
}

fn of_library(probe: &Probe, threads: usize, each: usize) -> Result<Vec<u64>> {
    let configuration = Configuration::per_call(probe.addresses.plain)?;
    let library = probe.load(&configuration)?;
    let calls = |thread: usize| -> Result<Vec<u64>> {
        let mut times = Vec::with_capacity(each);
        for number in 0..each {
            let channel = CString::new(format!("PJSIP/{thread}-{number:08}"))?;
            let began = Instant::now();
            library.start(c"app0", &channel)?;
            times.push(began.elapsed().as_nanos() as u64);
            let application = CString::new(format!("app0:{}", channel.to_str()?))?;
            library.end(&application, &channel);
        }
        Ok(times)
    };
    // What the first connection of a process costs is no call's.
    calls(threads)?;
    std::thread::scope(|scope| {
        let calls = &calls;
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || calls(thread))).collect();
        let mut times = Vec::new();
        for thread in running {
            times.extend(thread.join().map_err(|_| "a thread panicked")??);
        }
        Ok(times)
    })
}

fn of_bare(probe: &Probe, tasks: usize, each: usize) -> Result<Vec<u64>> {
    let address = probe.addresses.plain;
    let connects = move || async move {
        let mut times = Vec::with_capacity(each);
        for _ in 0..each {
            let began = Instant::now();
            let mut websocket = baseline::connect(address).await?;
            times.push(began.elapsed().as_nanos() as u64);
            // As the library closes behind the call's back.
            tokio::spawn(async move { websocket.close(None).await });
        }
        Ok::<_, Box<dyn std::error::Error + Send + Sync>>(times)
    };
    baseline::runtime()?.block_on(async {
        tokio::spawn(connects()).await??;
        let running: Vec<_> = (0..tasks).map(|_| tokio::spawn(connects())).collect();
        let mut times = Vec::new();
        for task in running {
            times.extend(task.await??);
        }
        Ok(times)
    })
}

/// Calls one after the other, each of which is over before the next one begins: there is no time in it, it is to be counted.
pub(super) fn in_turn(probe: &Probe, count: usize) -> Result<Figures> {
    let mut control = probe.control()?;
    let configuration = Configuration::per_call(probe.addresses.plain)?;
    let library = probe.load(&configuration)?;
    for number in 0..count {
        let name = format!("PJSIP/{number:08}");
        let channel = CString::new(name.as_str())?;
        let application = CString::new(format!("app0:{name}"))?;
        let tell = |kind| library.event(&application, baseline::event(kind, &name, EVENT).as_bytes());
        library.start(c"app0", &channel)?;
        tell("StasisStart")?;
        // With ApplicationRegistered; there are four texts in all.
        control.ask(&Command::Texts(4 * number as u64 + 2))?;
        tell("StasisEnd")?;
        library.end(&application, &channel);
        // Without it the connection stays for seconds, as more may come, and how many have ended would be up to the machine.
        tell("ChannelDestroyed")?;
        control.ask(&Command::Connections(0))?;
    }
    Ok(Figures::new())
}

/// Every start at the same moment.
pub(super) fn at_once(probe: &Probe, count: usize) -> Result<Figures> {
    let _control = probe.control()?;
    let address = probe.addresses.plain;
    let seconds = match probe.side {
        Side::Library => {
            let configuration = Configuration::per_call(address)?;
            let library = probe.load(&configuration)?;
            let channels = (0..count)
                .map(|number| CString::new(format!("PJSIP/{number:08}")))
                .collect::<std::result::Result<Vec<_>, _>>()?;
            let (sender, outcomes) = mpsc::channel();
            let began = Instant::now();
            for channel in &channels {
                library.start_async(c"app0", channel, sender.clone())?;
            }
            for _ in 0..count {
                if let Err((code, message)) = outcomes.recv()? {
                    return Err(format!("a start failed with {code}: {message}").into());
                }
            }
            began.elapsed()
        }
        Side::Bare => baseline::runtime()?.block_on(async {
            let began = Instant::now();
            let connecting: Vec<_> = (0..count).map(|_| tokio::spawn(baseline::connect(address))).collect();
            let mut open = Vec::with_capacity(count);
            for websocket in connecting {
                open.push(websocket.await??);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(began.elapsed())
        })?,
    };
    Ok(figures([("seconds", seconds.as_secs_f64())]))
}
