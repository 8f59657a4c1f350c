//! What a session does next. It is decided here, without input or output, clock or lock; the session's task does it, and
//! tells what came of it.

use std::time::Duration;

use super::backoff::steady;
use super::endings::{End, Ending, Failure};
use super::health::Choice;
use crate::config::Client;
use crate::net::Lack;

/// What the task does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// The servers of a round of attempts are chosen, with the settings that are in effect then.
    Choose,
    /// An attempt at one of them, at once.
    Attempt(usize),
    /// A pause, as a round has failed.
    Pause {
        /// What the round before that ended with, if it was not the first.
        before: Option<Failure>,
    },
    /// A pause, as every server asks to be left alone for so long.
    LeaveAlone(Duration),
    /// No attempt, as every server is known to be down: one that answers others is waited for, but no longer.
    Await(Duration),
    /// Nothing more.
    End(Ending),
}

/// What came of a step.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The servers are chosen.
    Chosen(Choice),
    /// The attempt failed.
    Failed(Failure),
    /// The attempt was given up before it failed, as it became known that the server is down and the next one is not.
    GivenUp,
    /// The connection that came of the attempt has ended.
    Ended {
        how: End,
        lasted: Duration,
        /// A per-call session ends with it.
        is_over: bool,
        /// It had been on standby, and nothing proves that the peer was still there.
        in_doubt: bool,
    },
    /// The pause is over, or a server that was waited for answers.
    Paused,
    /// None did.
    Unanswered,
    /// Meanwhile the session was told to end.
    Stopped,
    /// Meanwhile the session was told to make its connection anew.
    Renewed,
    /// Meanwhile a per-call session has lost its last channel.
    Over,
}

/// A session, as far as that decides what it does next.
#[derive(Debug, Default)]
pub(super) struct Life {
    is_per_call: bool,
    /// The server of the attempt, or of the connection that came of it.
    server: Option<usize>,
    /// The servers that come after it in this round.
    round: std::vec::IntoIter<usize>,
    /// Servers that would not have this call: they hardly will before somebody changes something.
    without: Vec<usize>,
    /// How many servers there are.
    count: usize,
    rounds: u32,
    failures: u32,
    last: Option<Failure>,
    /// What the last round ended with.
    last_round: Option<Failure>,
    /// Why every server is down, where one that answers is waited for, or has been.
    awaited: Option<String>,
}

impl Life {
    /// The first step is to choose.
    pub(super) fn new(is_per_call: bool) -> Self {
        Self {
            is_per_call,
            ..Self::default()
        }
    }

    /// The server of the attempt, or of the connection that came of it.
    pub(super) fn server(&self) -> Option<usize> {
        self.server
    }

    /// The server that comes after it in this round.
    pub(super) fn next_server(&self) -> Option<usize> {
        self.round.as_slice().first().copied()
    }

    /// The server that a call returns to, as whoever controls it is there.
    pub(super) fn own(&self) -> Option<usize> {
        self.server.filter(|_| self.is_per_call)
    }

    /// The servers that would not have this call.
    pub(super) fn without(&self) -> &[usize] {
        &self.without
    }

    /// Attempts that have failed since the last connection that lasted.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Rounds of attempts, each at every server, that have.
    pub(super) fn rounds(&self) -> u32 {
        self.rounds
    }

    /// The last failure.
    pub(super) fn last(&self) -> Option<&Failure> {
        self.last.as_ref()
    }

    /// How long a connection must be up before anybody is told of it: none if it is told of at once, as it does not follow one
    /// that was lost as soon as it was made.
    pub(super) fn quiet(&self, client: &Client) -> Option<Duration> {
        let last = self.last.as_ref()?;
        last.connected.then(|| steady(client, self.rounds))
    }

    /// The next step. `client` is what the step before was taken with.
    pub(super) fn next(&mut self, outcome: Outcome, client: &Client) -> Step {
        match outcome {
            Outcome::Stopped => Step::End(Ending::Stopped),
            Outcome::Over | Outcome::Ended { is_over: true, .. } => Step::End(Ending::Over),
            Outcome::Paused => Step::Choose,
            Outcome::Unanswered => self.out_of_attempts(),
            Outcome::Renewed => {
                // There may be other servers.
                self.server = None;
                self.anew()
            }
            Outcome::Chosen(choice) => self.chosen(choice, client),
            // It was no attempt of the session's, and says nothing of the server as it is now.
            Outcome::Ended { in_doubt: true, .. } => self.anew(),
            Outcome::Failed(failure) => self.failed(failure, client),
            Outcome::GivenUp => self.next_of_round().unwrap_or(Step::Choose),
            Outcome::Ended { how, lasted, .. } => {
                match (how, lasted < steady(client, self.rounds)) {
                    // A peer that accepts and drops is no better than one that refuses.
                    (End::ClosedByPeer(code, cause), true) => self.failed(Failure::dropped(cause, code), client),
                    (End::Lost(cause), true) => self.failed(Failure::dropped(cause, None), client),
                    // It was closed to be made anew, or had lasted.
                    _ => self.anew(),
                }
            }
        }
    }

    /// A connection to the server is open.
    pub(super) fn connected(&mut self, server: usize) {
        self.server = Some(server);
    }

    /// A connection to a server that is preferred has taken the place of the one that was open.
    pub(super) fn moved(&mut self, server: usize) {
        self.reset(Some(server));
    }

    fn anew(&mut self) -> Step {
        self.reset(self.server);
        Step::Choose
    }

    fn reset(&mut self, server: Option<usize>) {
        *self = Self {
            server,
            ..Self::new(self.is_per_call)
        };
    }

    fn chosen(&mut self, choice: Choice, client: &Client) -> Step {
        self.count = choice.count;
        let is_new_call = self.is_per_call && self.failures == 0;
        if let (Some(down), Some(longest), true) = (&choice.down, client.fail_fast, is_new_call) {
            return match self.awaited.replace(down.clone()) {
                None => Step::Await(longest),
                Some(_) => self.out_of_attempts(),
            };
        }
        if let Some(first) = choice.first {
            self.server = Some(first);
            self.round = choice.rest.into_iter();
            return Step::Attempt(first);
        }
        // A caller is not held for longer than by the attempts that are left.
        let left = client.attempts().saturating_sub(self.rounds);
        if self.is_per_call && choice.ready_in > steady(client, self.rounds).saturating_mul(left) {
            self.awaited = choice.down;
            return self.out_of_attempts();
        }
        Step::LeaveAlone(choice.ready_in)
    }

    fn failed(&mut self, failure: Failure, client: &Client) -> Step {
        self.failures += 1;
        if failure.refused && self.is_per_call && client.gives_up_refused() {
            self.without.extend(self.server);
        }
        self.last = Some(failure.clone());
        if let Some(step) = self.next_of_round() {
            return step;
        }
        self.rounds += 1;
        let has_nobody = !self.without.is_empty() && self.without.len() >= self.count;
        if self.is_per_call && (has_nobody || self.rounds >= client.attempts()) {
            return self.out_of_attempts();
        }
        let before = self.last_round.replace(failure);
        Step::Pause { before }
    }

    fn next_of_round(&mut self) -> Option<Step> {
        let next = self.round.next()?;
        self.server = Some(next);
        Some(Step::Attempt(next))
    }

    fn out_of_attempts(&mut self) -> Step {
        let last = self.last.as_ref().map(|last| (last.lack, last.cause.clone()));
        let awaited = || (Lack::Server, self.awaited.take().unwrap_or_default());
        let (lack, cause) = last.unwrap_or_else(awaited);
        Step::End(Ending::OutOfAttempts(lack, cause))
    }
}

#[cfg(test)]
#[path = "tests_life.rs"]
mod tests;
