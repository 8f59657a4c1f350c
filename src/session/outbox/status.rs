//! Where a session's connection stands, as commands, metrics and logs show it.

use std::time::{Duration, Instant};

use crate::session::clock::now;
use crate::session::view::{Phase, View};

/// Where the connection stands, and what has come of it so far.
#[derive(Debug, Default)]
pub(in crate::session) struct Status {
    stand: Stand,
    since: Option<Instant>,
    /// Connections that were opened.
    connections: u64,
    remote_address: Option<String>,
    server: Option<String>,
    last_error: Option<String>,
    failed_attempts: u32,
    round_trip: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default)]
enum Stand {
    /// An attempt is under way, or about to begin.
    #[default]
    Connecting,
    /// It is open; its number among those of the session.
    Open(u64),
    /// Until the next attempt.
    Waiting(Instant),
}

impl Status {
    /// The number of the open connection.
    pub(super) fn connection(&self) -> Option<u64> {
        match self.stand {
            Stand::Open(number) => Some(number),
            Stand::Connecting | Stand::Waiting(_) => None,
        }
    }

    /// A connection is open; gives its number, from 1 up.
    pub(super) fn opened(&mut self, remote: String) -> u64 {
        self.connections += 1;
        self.enter(Stand::Open(self.connections));
        self.remote_address = Some(remote);
        self.failed_attempts = 0;
        self.round_trip = None;
        self.connections
    }

    /// The connection of this number is still open.
    pub(super) fn resumed(&mut self, number: u64) {
        self.connections = number;
        self.enter(Stand::Open(number));
    }

    /// The connection is one to this server, of several.
    pub(in crate::session) fn at(&mut self, server: &str) {
        self.server = Some(server.to_owned());
    }

    /// There is no connection any more.
    pub(super) fn closed(&mut self) {
        self.enter(Stand::Connecting);
    }

    /// An attempt begins.
    pub(in crate::session) fn connecting(&mut self) {
        self.enter(Stand::Connecting);
    }

    /// The next attempt begins at this time.
    pub(in crate::session) fn waiting(&mut self, until: Instant) {
        self.enter(Stand::Waiting(until));
    }

    /// An attempt has failed, or the connection that it made was lost at once.
    pub(in crate::session) fn attempt_failed(&mut self, error: &str, failures: u32) {
        self.last_error = Some(error.to_owned());
        self.failed_attempts = failures;
    }

    /// The connection was lost.
    pub(in crate::session) fn lost(&mut self, error: &str) {
        self.last_error = Some(error.to_owned());
    }

    /// A ping has been answered after this time.
    pub(in crate::session) fn answered(&mut self, after: Duration) {
        self.round_trip = Some(after);
    }

    /// What can be seen of it; the rest is left as it is by default.
    pub(super) fn view(&self) -> View {
        let now = now();
        let (phase, next_attempt) = match self.stand {
            Stand::Connecting => (Phase::Connecting, None),
            Stand::Open(_) => (Phase::Up, None),
            Stand::Waiting(until) => (Phase::Waiting, Some(until.saturating_duration_since(now))),
        };
        View {
            phase,
            phase_age: self
                .since
                .map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
            remote_address: self.remote_address.clone(),
            server: self.server.clone(),
            last_error: self.last_error.clone(),
            failed_attempts: self.failed_attempts,
            next_attempt,
            round_trip: self.round_trip,
            ..View::default()
        }
    }

    fn enter(&mut self, stand: Stand) {
        self.stand = stand;
        self.since = Some(now());
    }
}
