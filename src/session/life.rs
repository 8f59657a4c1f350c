//! What a session does next. It is decided here, without input or output, clock or lock; the session's task does it, and
//! tells what came of it.

use std::mem::take;
use std::time::Duration;

use super::backoff::steady;
use super::endings::{End, Ending, Failure};
use crate::config::Client;

/// What the task does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// An attempt, at once, with the settings that are in effect then.
    Attempt,
    /// A pause, as an attempt has failed.
    Pause {
        /// The failure before that, if it was not the first.
        before: Option<Failure>,
    },
    /// Nothing more.
    End(Ending),
}

/// What came of a step.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The attempt failed.
    Failed(Failure),
    /// The connection that came of the attempt has ended.
    Ended {
        how: End,
        lasted: Duration,
        /// A per-call session ends with it.
        is_over: bool,
        /// It had been on standby, and nothing proves that the peer was still there.
        in_doubt: bool,
    },
    /// The pause is over.
    Paused,
    /// Meanwhile the session was told to end.
    Stopped,
    /// Meanwhile the session was told to make its connection anew.
    Renewed,
    /// Meanwhile a per-call session has lost its last channel.
    Over,
}

/// A session, as far as that decides what it does next.
#[derive(Debug)]
pub(super) struct Life {
    is_per_call: bool,
    failures: u32,
    last: Option<Failure>,
}

impl Life {
    /// The first step is an attempt.
    pub(super) fn new(is_per_call: bool) -> Self {
        Self {
            is_per_call,
            failures: 0,
            last: None,
        }
    }

    /// Attempts that have failed since the last connection that lasted.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// The last of them.
    pub(super) fn last(&self) -> Option<&Failure> {
        self.last.as_ref()
    }

    /// How long a connection must be up before anybody is told of it: none if it is told of at once, as it does not follow one
    /// that was lost as soon as it was made.
    pub(super) fn quiet(&self, client: &Client) -> Option<Duration> {
        let last = self.last.as_ref()?;
        last.connected.then(|| steady(client, self.failures))
    }

    /// The next step. `client` is what the step before was taken with.
    pub(super) fn next(&mut self, outcome: Outcome, client: &Client) -> Step {
        match outcome {
            Outcome::Stopped => Step::End(Ending::Stopped),
            Outcome::Over | Outcome::Ended { is_over: true, .. } => Step::End(Ending::Over),
            Outcome::Paused => Step::Attempt,
            // It was no attempt of the session's, and says nothing of the server as it is now.
            Outcome::Ended { in_doubt: true, .. } => self.anew(),
            Outcome::Renewed => self.anew(),
            Outcome::Failed(failure) => self.failed(failure, client),
            Outcome::Ended { how, lasted, .. } => {
                match (how, lasted < steady(client, self.failures)) {
                    // A peer that accepts and drops is no better than one that refuses.
                    (End::ClosedByPeer(code, cause), true) => self.failed(Failure::dropped(cause, code), client),
                    (End::Lost(cause), true) => self.failed(Failure::dropped(cause, None), client),
                    // It was closed to be made anew, or had lasted.
                    _ => self.anew(),
                }
            }
        }
    }

    fn anew(&mut self) -> Step {
        *self = Self::new(self.is_per_call);
        Step::Attempt
    }

    fn failed(&mut self, failure: Failure, client: &Client) -> Step {
        self.failures += 1;
        let before = take(&mut self.last);
        let (lack, cause) = (failure.lack, failure.cause.clone());
        self.last = Some(failure);
        if self.is_per_call && self.failures >= client.attempts() {
            return Step::End(Ending::OutOfAttempts(lack, cause));
        }
        Step::Pause { before }
    }
}

#[cfg(test)]
#[path = "tests_life.rs"]
mod tests;
