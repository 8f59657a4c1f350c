//! How connections and sessions end: by a wish of this side, by the peer, by a failure.

use std::time::{Duration, Instant};

use super::clock::now;
use crate::net::{AttemptError, Lack};

/// How long one that has to go may take to send what waits.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// How to end it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// At once: a connection still gets its Close.
    Now,
    /// A connection is closed after what waits was sent, at the latest at the given time.
    Drained(Instant),
}

impl Stop {
    /// After what waits was sent, but not for long.
    pub fn soon() -> Self {
        Self::Drained(now() + LAST_WORDS)
    }
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// By a Close of this side.
    Closed,
    /// By a Close of the peer, with its code if it has one, in words.
    ClosedByPeer(Option<u16>, String),
    /// Otherwise.
    Lost(String),
}

impl End {
    /// Why, unless it was a wish of this side.
    pub(super) fn cause(&self) -> Option<&str> {
        match self {
            Self::Closed => None,
            Self::ClosedByPeer(_, cause) | Self::Lost(cause) => Some(cause),
        }
    }
}

/// "Policy violation" (RFC 6455 section 7.4.1): what applications close with that would not have a client.
const POLICY_VIOLATION: u16 = 1008;

/// An attempt that failed, or whose connection was lost as soon as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) cause: String,
    /// The peer would not have it, and hardly will before somebody changes something: 401, 403, 404, or a Close with 1008.
    pub(super) refused: bool,
    /// What was lacking.
    pub(super) lack: Lack,
    /// There was a connection for a moment.
    pub(super) connected: bool,
}

impl Failure {
    /// A connection was lost as soon as it was made.
    pub(super) fn dropped(cause: String, code: Option<u16>) -> Self {
        let refused = code == Some(POLICY_VIOLATION);
        Self {
            cause,
            refused,
            lack: if refused { Lack::Consent } else { Lack::Server },
            connected: true,
        }
    }
}

impl From<AttemptError> for Failure {
    fn from(error: AttemptError) -> Self {
        Self {
            cause: error.to_string(),
            refused: error.refused,
            lack: error.lack(),
            connected: false,
        }
    }
}

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was told to.
    Stopped,
    /// A per-call session has nothing left to do.
    Over,
    /// A per-call session had no attempt left; what was lacking at the last one, and its failure in words.
    OutOfAttempts(Lack, String),
}
