// SPDX-License-Identifier: MIT OR Apache-2.0
//! One measurement in a process of its own: of the library, or of the bare websockets in its place.

mod calls;
mod configuration;
mod events;
mod idle;
mod lifetime;
mod outage;
mod requests;
mod starts;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::control::{Addresses, Command, Control};
use crate::host::Host;
use crate::library::Library;
use configuration::Configuration;

/// What to measure, and with what.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Probe {
    pub side: Side,
    pub library: PathBuf,
    pub addresses: Addresses,
    /// The library's threads for input and output; 0: as many as it takes by itself.
    pub io_threads: u32,
    pub task: Task,
}

/// Who is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Side {
    Library,
    Bare,
}

/// How bare websockets write events to many connections.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Bare {
    /// A burst at a time to one connection after the other: as fast as it goes.
    InBursts,
    /// One to each connection in turn, flushed at once, as those of a host come.
    InTurn,
}

/// What is measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// Starts of calls, so many in a row on so many threads.
    Starts { threads: usize, count: usize },
    /// Calls one after the other, each of which is over before the next one begins.
    Calls { count: usize },
    /// So many starts asked for at once.
    StartsAtOnce { count: usize },
    /// From an open websocket to its first event, and the end of a call.
    FirstEvents { count: usize },
    /// Events of so many bytes as fast as they go; how the bare side writes them.
    Events {
        connections: usize,
        bytes: usize,
        count: usize,
        bare: Bare,
    },
    /// What the host's thread pays for an event, at a pace.
    EventCalls { count: usize, per_second: usize, stalled: bool },
    /// Requests of the application.
    Requests {
        connections: usize,
        pipelined: usize,
        count: usize,
    },
    /// Requests on one connection while the host is busy with one of another.
    SlowRequest { count: usize },
    /// Connections at rest.
    Idle { connections: usize, tls: bool, seconds: u64 },
    /// Every connection lost at once.
    Return { connections: usize },
    /// Loading and unloading.
    Lifetime { count: usize },
}

/// What came of it, by name.
pub type Figures = BTreeMap<String, f64>;

/// Measures, and writes what came of it to the standard output.
pub fn run(probe: &Probe) -> Result<()> {
    crate::process::raise_file_limit()?;
    let figures = match &probe.task {
        Task::Starts { threads, count } => starts::in_a_row(probe, *threads, *count),
        Task::Calls { count } => starts::in_turn(probe, *count),
        Task::StartsAtOnce { count } => starts::at_once(probe, *count),
        Task::FirstEvents { count } => calls::first_events(probe, *count),
        Task::Events {
            connections,
            bytes,
            count,
            bare,
        } => events::at_full_rate(probe, *connections, *bytes, *count, *bare),
        Task::EventCalls {
            count,
            per_second,
            stalled,
        } => events::calls(probe, *count, *per_second, *stalled),
        Task::Requests {
            connections,
            pipelined,
            count,
        } => requests::run(probe, *connections, *pipelined, *count),
        Task::SlowRequest { count } => requests::beside_a_slow_one(probe, *count),
        Task::Idle {
            connections,
            tls,
            seconds,
        } => idle::run(probe, *connections, *tls, *seconds),
        Task::Return { connections } => outage::run(probe, *connections),
        Task::Lifetime { count } => lifetime::run(probe, *count),
    }?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

/// Figures by name.
fn figures<const N: usize>(figures: [(&str, f64); N]) -> Figures {
    figures.map(|(name, value)| (name.to_owned(), value)).into()
}

impl Probe {
    /// Loads the library for the time of the process.
    fn load(&self, configuration: &Configuration) -> Result<&'static Library> {
        let host: &'static Host = Box::leak(Box::default());
        let library = Library::load(&self.library, configuration.folder(), self.io_threads, host)?;
        let library: &'static Library = Box::leak(Box::new(library));
        host.attach(library);
        Ok(library)
    }

    fn control(&self) -> Result<Control> {
        let mut control = Control::open(self.addresses.control)?;
        // The connections of the probe before this one may be ending still.
        control.ask(&Command::Connections(0))?;
        control.ask(&Command::Reset)?;
        Ok(control)
    }

    /// Loads the library with so many persistent connections, and waits until they are open and have announced their
    /// applications.
    fn connected(&self, control: &mut Control, connections: usize, configuration: &Configuration) -> Result<&'static Library> {
        let library = self.load(configuration)?;
        control.ask(&Command::Connections(connections))?;
        control.ask(&Command::Texts(connections as u64))?;
        control.ask(&Command::Reset)?;
        Ok(library)
    }
}
