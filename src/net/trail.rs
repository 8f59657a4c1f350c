//! How far an attempt has come: what a deadline cut short, and for a test of a connection every stage with its time.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{AttemptError, Resources, Rotation, Stage};

/// One stage of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which one.
    pub stage: Stage,
    /// The address it was about; none before one is known.
    pub address: Option<SocketAddr>,
    /// How long it took.
    pub took: Duration,
    /// What it brought, or why it failed.
    pub outcome: Result<String, String>,
}

/// A line of a report for people.
impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.took.as_secs_f64() * 1000.0;
        write!(formatter, "{:<8} {milliseconds:>9.1} ms  ", self.stage.as_str())?;
        if let Some(address) = self.address {
            write!(formatter, "{address} ")?;
        }
        match &self.outcome {
            Ok(told) => formatter.write_str(told),
            Err(told) => write!(formatter, "FAILED: {told}"),
        }
    }
}

/// The stages of an attempt, as they begin and end.
pub(crate) struct Trail(Mutex<State>);

#[derive(Default)]
struct State {
    /// What has begun and not ended, oldest first.
    running: Vec<Running>,
    /// How much has begun.
    begun: u64,
    /// What has ended; none unless somebody wants to read it.
    steps: Option<Vec<Step>>,
    /// Where the times of stages that went well are counted.
    counted: Option<Arc<Resources>>,
}

struct Running {
    mark: Mark,
    stage: Stage,
    address: Option<SocketAddr>,
    since: Instant,
}

/// Stands for something that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Trail {
    /// Only where the attempt is.
    pub(super) fn position() -> Self {
        Self(Mutex::default())
    }

    /// Where the attempt is, and how long each stage took that went well.
    pub(super) fn timed(resources: Arc<Resources>) -> Self {
        Self(Mutex::new(State {
            counted: Some(resources),
            ..State::default()
        }))
    }

    /// Every stage.
    pub(super) fn complete() -> Self {
        Self(Mutex::new(State {
            steps: Some(Vec::new()),
            ..State::default()
        }))
    }

    /// A stage begins; several do at a time where addresses are raced.
    pub(crate) fn enter(&self, stage: Stage, address: Option<SocketAddr>) -> Mark {
        self.with(|state| {
            state.begun += 1;
            let mark = Mark(state.begun);
            state.running.push(Running {
                mark,
                stage,
                address,
                since: Instant::now(),
            });
            mark
        })
    }

    /// It went well; `detail` is asked for only if somebody wants to read it.
    pub(crate) fn passed(&self, mark: Mark, detail: impl FnOnce() -> String) {
        self.with(|state| {
            let ended = state.end(mark, || Ok(detail()));
            if let (Some((stage, took)), Some(counted)) = (ended, &state.counted) {
                counted.stage(stage).add(took);
            }
        });
    }

    /// It failed.
    pub(super) fn failed(&self, mark: Mark, cause: &str) {
        self.with(|state| {
            state.end(mark, || Err(cause.to_owned()));
        });
    }

    /// It does not matter any more.
    pub(super) fn forget(&self, mark: Mark) {
        self.with(|state| state.running.retain(|running| running.mark != mark));
    }

    /// Whatever was under way failed, and with it the attempt.
    pub(super) fn all_failed(&self, cause: &str) {
        self.with(|state| {
            while let Some(mark) = state.running.first().map(|running| running.mark) {
                state.end(mark, || Err(cause.to_owned()));
            }
        });
    }

    /// The stages that have ended.
    pub(super) fn steps(self) -> Vec<Step> {
        let state = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.steps.unwrap_or_default()
    }

    /// Says what the deadline of the attempt cut short.
    pub(super) fn timed_out(&self, after: Duration, rotation: &Rotation) -> AttemptError {
        let (stage, addresses) = self.with(|state| {
            let stage = state.running.last().map_or(Stage::Resolve, |running| running.stage);
            let addresses = state.running.iter().filter_map(|running| running.address);
            (stage, addresses.collect::<Vec<_>>())
        });
        let mut who = String::new();
        for address in addresses {
            rotation.failed(address);
            let separator = if who.is_empty() { "" } else { ", " };
            who.push_str(&format!("{separator}{address}"));
        }
        if !who.is_empty() {
            who.push_str(": ");
        }
        let what = match stage {
            Stage::Secrets => "the files with secrets were not read",
            Stage::Resolve => "no answer from the name servers",
            Stage::Tcp => "no answer to the connection request",
            Stage::Proxy => "no answer from the proxy",
            Stage::Tls => "the TLS handshake did not end",
            Stage::Upgrade => "no complete answer to the upgrade request",
        };
        let after = after.as_millis();
        AttemptError {
            timed_out: true,
            ..AttemptError::new(stage, format!("{who}{what} within {after} ms (connection_timeout)"))
        }
    }

    fn with<R>(&self, action: impl FnOnce(&mut State) -> R) -> R {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Gives which stage it was, and how long it took.
    fn end(&mut self, mark: Mark, outcome: impl FnOnce() -> Result<String, String>) -> Option<(Stage, Duration)> {
        let place = self.running.iter().position(|running| running.mark == mark)?;
        let ended = self.running.remove(place);
        let took = ended.since.elapsed();
        if let Some(steps) = &mut self.steps {
            steps.push(Step {
                stage: ended.stage,
                address: ended.address,
                took,
                outcome: outcome(),
            });
        }
        Some((ended.stage, took))
    }
}
