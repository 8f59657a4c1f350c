//! What the parts of one run share: its chance, its trace, the servers, and what is known of it all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde_json::Value;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::dice::Dice;
use super::network::Wire;
use super::oracle::Oracle;
use super::schedule::{CHANNELS, HostManners, Manners, SERVERS, Schedule};
use crate::engine::Engine;

/// What the parts of one run share.
pub(super) struct Simulation {
    seed: u64,
    pub(super) host: HostManners,
    pub(super) runtime: Handle,
    began: Instant,
    is_told: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    counts: HashMap<String, u64>,
    hash: u64,
    lines: Vec<String>,
    servers: Vec<Manners>,
    wires: Vec<(usize, Wire)>,
    requests: u64,
    is_settled: bool,
    oracle: Oracle,
    pbx: Pbx,
}

/// The PBX around the host.
#[derive(Default)]
pub(super) struct Pbx {
    pub(super) engine: Weak<Engine>,
    /// Who is registered; whether that is the library.
    pub(super) apps: BTreeMap<String, bool>,
    pub(super) contexts: BTreeSet<String>,
    pub(super) channels: Vec<Channel>,
    pub(super) finalized: u32,
}

/// A channel of the PBX.
#[derive(Default, Clone)]
pub(super) struct Channel {
    /// How often it was destroyed.
    pub(super) life: u32,
    /// The application that its start gave, until Stasis returns.
    pub(super) stasis: Option<String>,
    /// The application that it is in.
    pub(super) place: Option<String>,
    /// Its StasisStart there was offered.
    pub(super) is_told: bool,
    pub(super) is_leaving: bool,
}

impl Simulation {
    pub(super) fn new(schedule: &Schedule, is_told: bool) -> Arc<Self> {
        Arc::new(Self {
            seed: schedule.seed,
            host: schedule.host,
            runtime: Handle::current(),
            began: Instant::now(),
            is_told,
            state: Mutex::new(State {
                servers: vec![schedule.servers; SERVERS.len()],
                pbx: Pbx {
                    channels: vec![Channel::default(); CHANNELS],
                    ..Pbx::default()
                },
                ..State::default()
            }),
        })
    }

    /// What chance has for one more of those.
    pub(super) fn dice(&self, name: &str) -> Dice {
        let mut state = self.state();
        let number = state.counts.entry(name.to_owned()).or_default();
        *number += 1;
        Dice::of(self.seed, name, *number)
    }

    /// Adds a line to the trace.
    pub(super) fn note(&self, what: impl Display) {
        let time = self.began.elapsed().as_millis();
        let line = format!("{time:>7} {what}");
        let mut state = self.state();
        for byte in line.bytes() {
            state.hash = (state.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        if self.is_told {
            state.lines.push(line);
        }
    }

    /// A line of the library's log. Its thread is none of those that have an order.
    pub(super) fn logged(&self, line: impl Display) {
        if self.is_told {
            self.state().lines.push(format!("        log: {line}"));
        }
    }

    pub(super) fn oracle<R>(&self, look: impl FnOnce(&mut Oracle) -> R) -> R {
        look(&mut self.state().oracle)
    }

    pub(super) fn pbx<R>(&self, look: impl FnOnce(&mut Pbx) -> R) -> R {
        look(&mut self.state().pbx)
    }

    pub(super) fn engine(&self) -> Option<Arc<Engine>> {
        self.pbx(|pbx| pbx.engine.upgrade())
    }

    pub(super) fn hash(&self) -> u64 {
        self.state().hash
    }

    pub(super) fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.state().lines)
    }

    pub(super) fn manners(&self, server: usize) -> Manners {
        let state = self.state();
        match state.is_settled {
            true => Manners::Good,
            false => state.servers[server],
        }
    }

    pub(super) fn set_manners(&self, server: usize, manners: Manners) {
        self.state().servers[server] = manners;
    }

    /// From now on nobody misbehaves any more.
    pub(super) fn settle(&self) {
        self.state().is_settled = true;
    }

    pub(super) fn is_settled(&self) -> bool {
        self.state().is_settled
    }

    pub(super) fn connected(&self, server: usize, wire: Wire) {
        self.state().wires.push((server, wire));
    }

    /// The streams of a server, or of all.
    pub(super) fn wires(&self, server: Option<usize>) -> Vec<Wire> {
        let state = self.state();
        let wires = state.wires.iter();
        wires
            .filter(|(of, _)| server.is_none_or(|server| *of == server))
            .map(|(_, wire)| wire.clone())
            .collect()
    }

    pub(super) fn opened(&self, server: &str, session: String, wire: Wire) -> usize {
        let number = self.oracle(|oracle| {
            let number = oracle.opened(session, wire);
            oracle.outages.opened(server, number);
            number
        });
        self.note(format_args!("websocket {number} to {server} is open"));
        number
    }

    pub(super) fn heard(&self, websocket: usize, kind: &str, app: &str, number: &Value) {
        self.note(format_args!("websocket {websocket}: {kind} {app} {number}"));
    }

    pub(super) fn next_request(&self) -> u64 {
        let mut state = self.state();
        state.requests += 1;
        state.requests
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
