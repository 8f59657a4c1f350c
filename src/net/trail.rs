//! How far an attempt has come: what a deadline cut short, and for a test of a connection every stage with its time.

use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{AttemptError, Rotation, Stage};

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

/// The stages of an attempt, as they begin and end.
pub(super) struct Trail(Mutex<State>);

struct State {
    /// The stage that has begun.
    current: Option<(Stage, Option<SocketAddr>, Instant)>,
    /// Those that have ended; none unless somebody wants to read them.
    steps: Option<Vec<Step>>,
}

impl Trail {
    /// Only where the attempt is.
    pub(super) fn position() -> Self {
        Self::new(None)
    }

    /// Every stage.
    pub(super) fn complete() -> Self {
        Self::new(Some(Vec::new()))
    }

    fn new(steps: Option<Vec<Step>>) -> Self {
        Self(Mutex::new(State {
            current: None,
            steps,
        }))
    }

    pub(super) fn enter(&self, stage: Stage, address: Option<SocketAddr>) {
        self.with(|state| state.current = Some((stage, address, Instant::now())));
    }

    /// The stage went well; `detail` is asked for only if somebody wants to read it.
    pub(super) fn passed(&self, detail: impl FnOnce() -> String) {
        self.with(|state| {
            if state.steps.is_some() {
                state.end(Ok(detail()));
            }
        });
    }

    /// The stage failed.
    pub(super) fn failed(&self, cause: &str) {
        self.with(|state| state.end(Err(cause.to_owned())));
    }

    /// The stages that have ended.
    pub(super) fn steps(self) -> Vec<Step> {
        let state = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        state.steps.unwrap_or_default()
    }

    /// Says what the deadline of the attempt cut short.
    pub(super) fn timed_out(&self, after: Duration, rotation: &Rotation) -> AttemptError {
        let (stage, address) = self.with(|state| match state.current {
            Some((stage, address, _)) => (stage, address),
            None => (Stage::Resolve, None),
        });
        if let Some(address) = address {
            rotation.failed(address);
        }
        let who = address.map_or_else(String::new, |address| format!("{address}: "));
        let what = match stage {
            Stage::Resolve => "no answer from the name servers",
            Stage::Tcp => "no answer to the connection request",
            Stage::Proxy => "no answer from the proxy",
            Stage::Tls => "the TLS handshake did not end",
            Stage::Upgrade => "no complete answer to the upgrade request",
        };
        let after = after.as_millis();
        AttemptError::new(
            stage,
            format!("{who}{what} within {after} ms (connection_timeout)"),
        )
    }

    fn with<R>(&self, action: impl FnOnce(&mut State) -> R) -> R {
        action(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn end(&mut self, outcome: Result<String, String>) {
        if let (Some(steps), Some((stage, address, began))) = (&mut self.steps, self.current.take())
        {
            steps.push(Step {
                stage,
                address,
                took: began.elapsed(),
                outcome,
            });
        }
    }
}
