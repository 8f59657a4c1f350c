// SPDX-License-Identifier: MIT OR Apache-2.0
//! Events out: how many, and what each costs the host's thread.

use std::ffi::CString;
use std::thread;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::{Bare, Configuration, Figures, Probe, Side, figures};
use crate::Result;
use crate::application::STALL;
use crate::baseline;
use crate::control::{Command, now};
use crate::statistics::Spread;

/// How long a host waits that is told the queue is full. It has work for longer than that.
const FULL: Duration = Duration::from_micros(50);
/// What a host that has calls to serve sends in the measurement of a single call.
const EVENT: usize = 700;

/// One thread of the host for all connections, as fast as it can.
pub(super) fn at_full_rate(probe: &Probe, connections: usize, bytes: usize, count: usize, bare: Bare) -> Result<Figures> {
    let mut control = probe.control()?;
    let each = count.div_ceil(connections);
    let total = (each * connections) as u64;
    let address = probe.addresses.plain;
    let event = baseline::event("ChannelDtmfReceived", "1732000000.1", bytes);
    let (began, ended) = match probe.side {
        Side::Library => {
            let more = "queue_overflow = drop_newest\n";
            let configuration = Configuration::persistent(address, connections, more)?;
            let library = probe.connected(&mut control, connections, &configuration)?;
            let applications = (0..connections)
                .map(|number| CString::new(format!("app{number}")))
                .collect::<std::result::Result<Vec<_>, _>>()?;
            control.begin(&Command::Texts(total))?;
            let began = now();
            for _ in 0..each {
                for application in &applications {
                    while !library.event(application, event.as_bytes())? {
                        thread::sleep(FULL);
                    }
                }
            }
            (began, control.end()?.at)
        }
        Side::Bare => baseline::runtime()?.block_on(async {
            let text = Utf8Bytes::from(event);
            let mut websockets = Vec::with_capacity(connections);
            for _ in 0..connections {
                websockets.push(baseline::connect(address).await?);
            }
            control.begin(&Command::Texts(total))?;
            let began = now();
            // Kept open until the application has read them to the end.
            let _open = match bare {
                Bare::InBursts => in_bursts(websockets, text, each).await?,
                Bare::InTurn => in_turn(websockets, text, each).await?,
            };
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((began, control.end()?.at))
        })?,
    };
    let seconds = ended.saturating_sub(began) as f64 / 1e9;
    Ok(figures([("rate", total as f64 / seconds)]))
}

type Websocket = WebSocketStream<TcpStream>;

async fn in_bursts(websockets: Vec<Websocket>, text: Utf8Bytes, each: usize) -> Result<Vec<Websocket>> {
    let mut sending = Vec::with_capacity(websockets.len());
    for mut websocket in websockets {
        let text = text.clone();
        sending.push(tokio::spawn(async move {
            baseline::send(&mut websocket, &text, each).await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(websocket)
        }));
    }
    let mut sent = Vec::with_capacity(sending.len());
    for websocket in sending {
        sent.push(websocket.await??);
    }
    Ok(sent)
}

async fn in_turn(mut websockets: Vec<Websocket>, text: Utf8Bytes, each: usize) -> Result<Vec<Websocket>> {
    for _ in 0..each {
        for websocket in &mut websockets {
            baseline::send(websocket, &text, 1).await?;
        }
    }
    Ok(websockets)
}

/// One event at a time, at a pace. The bare side hands a copy to a task and no more.
pub(super) fn calls(probe: &Probe, count: usize, per_second: usize, stalled: bool) -> Result<Figures> {
    let mut control = probe.control()?;
    let event = baseline::event("ChannelDtmfReceived", "1732000000.1", EVENT);
    let times = match probe.side {
        Side::Library => {
            let path = if stalled { STALL } else { "/ari" };
            // The peer that reads nothing shall stay.
            let more = "write_timeout = 60000\n";
            let address = probe.addresses.plain;
            let configuration = Configuration::persistent_at(address, path, more)?;
            let library = probe.load(&configuration)?;
            control.ask(&Command::Connections(1))?;
            let times = at_pace(count, per_second, || library.event(c"app0", event.as_bytes()).map(drop))?;
            // A peer that reads nothing does not notice that this process ends.
            library.unload(0);
            control.ask(&Command::Fail)?;
            control.ask(&Command::Return)?;
            times
        }
        Side::Bare => {
            let runtime = baseline::runtime()?;
            let (sender, mut receiver) = mpsc::unbounded_channel::<String>();
            runtime.spawn(async move { while receiver.recv().await.is_some() {} });
            at_pace(count, per_second, || Ok(sender.send(event.clone())?))?
        }
    };
    let spread = Spread::of(times);
    Ok(figures([("p50", spread.p50), ("p99", spread.p99), ("max", spread.max)]))
}

fn at_pace(count: usize, per_second: usize, mut call: impl FnMut() -> Result<()>) -> Result<Vec<u64>> {
    let pause = Duration::from_secs(1) / u32::try_from(per_second)?;
    let mut times = Vec::with_capacity(count);
    let mut next = Instant::now();
    for _ in 0..count {
        // Without sleep: waking up is the kernel's part, and none of the call's.
        while Instant::now() < next {
            std::hint::spin_loop();
        }
        let began = Instant::now();
        call()?;
        times.push(began.elapsed().as_nanos() as u64);
        next = began + pause;
    }
    Ok(times)
}
