//! Where a session's connection stands, as commands, metrics and logs show it.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::service::Turns;
use crate::session::clock::now;
use crate::session::view::{Phase, View};

/// Why a connection is down that nobody else has ended.
const CLOSED: &str = "closed by this side";

/// Where the connection stands, and what has come of it so far.
#[derive(Debug, Default)]
pub(in crate::session) struct Status {
    stand: Stand,
    since: Option<Instant>,
    service: Service,
    /// None as long as nobody wants them.
    turns: Option<Turns>,
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

/// Whether applications are served. A connection that follows one which was lost as soon as it was made has to last before it
/// serves: a server that accepts and drops is none.
#[derive(Debug, Clone, Copy)]
struct Service {
    is_up: bool,
    since: Instant,
    /// The same by the clock on the wall.
    time: Timestamp,
}

impl Service {
    fn new(is_up: bool) -> Self {
        Self {
            is_up,
            since: now(),
            time: Timestamp::now(),
        }
    }
}

/// Down from its beginning on.
impl Default for Service {
    fn default() -> Self {
        Self::new(false)
    }
}

impl Status {
    /// Since when nobody has served the applications.
    pub(super) fn down_since(&self) -> Option<Instant> {
        (!self.service.is_up).then_some(self.service.since)
    }

    /// The turns for the host, kept from now on.
    pub(super) fn turns(&mut self) -> &mut Turns {
        self.turns.get_or_insert_default()
    }

    /// The connection is open, and has lasted.
    pub(super) fn settled(&mut self) {
        if self.connection().is_some() {
            self.serve(true, "");
        }
    }

    /// The number of the open connection.
    pub(super) fn connection(&self) -> Option<u64> {
        match self.stand {
            Stand::Open(number) => Some(number),
            Stand::Connecting | Stand::Waiting(_) => None,
        }
    }

    /// A connection is open; gives its number, from 1 up. It serves at once if it need not last first.
    pub(super) fn opened(&mut self, remote: String, serves: bool) -> u64 {
        self.connections += 1;
        self.enter(Stand::Open(self.connections));
        self.remote_address = Some(remote);
        self.failed_attempts = 0;
        self.round_trip = None;
        if serves {
            self.serve(true, "");
        }
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

    /// There is no connection any more: for this cause, or by a wish of this side.
    pub(super) fn closed(&mut self, cause: Option<&str>) {
        self.enter(Stand::Connecting);
        if let Some(cause) = cause {
            self.last_error = Some(cause.to_owned());
        }
        if self.service.is_up {
            self.serve(false, cause.unwrap_or(CLOSED));
        }
    }

    /// Another session takes its place.
    pub(super) fn retire(&mut self) {
        if self.service.is_up {
            self.serve(false, CLOSED);
        }
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
        // The first one of all is what tells that it is down.
        if let Some(turns) = &mut self.turns {
            turns.note(Err(error.to_owned()));
        }
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
            is_up: self.service.is_up,
            turned: self.service.time,
            ..View::default()
        }
    }

    fn serve(&mut self, is_up: bool, reason: &str) {
        if self.service.is_up != is_up {
            self.service = Service::new(is_up);
        }
        if let Some(turns) = &mut self.turns {
            turns.note(match is_up {
                true => Ok(self.remote_address.clone().unwrap_or_default()),
                false => Err(reason.to_owned()),
            });
        }
    }

    fn enter(&mut self, stand: Stand) {
        self.stand = stand;
        self.since = Some(now());
    }
}
