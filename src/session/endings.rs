//! How connections and sessions end: by a wish of this side, by the peer, by a failure.

use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use super::clock::now;
use crate::net::{AttemptError, Lack};
use crate::text::brief;

/// How long one that has to go may take to send what waits.
pub const LAST_WORDS: Duration = Duration::from_secs(1);

/// How to end it; of two the lesser one is the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

/// What this side wants of an open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// That it ends.
    Stop(Stop),
    /// That another one takes its place: it is left when all that was sent is known to have arrived, at the latest at the given
    /// time, so that nothing overtakes it. From now on only answers go over it.
    HandOver(Instant),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// By a Close of this side.
    Closed,
    /// It has not: another one has taken its place.
    HandedOver,
    /// By a Close of the peer, with its code if it has one, in words.
    ClosedByPeer(Option<u16>, String),
    /// Otherwise.
    Lost(String),
}

impl End {
    /// Why, unless it was a wish of this side.
    pub(super) fn cause(&self) -> Option<&str> {
        match self {
            Self::Closed | Self::HandedOver => None,
            Self::ClosedByPeer(_, cause) | Self::Lost(cause) => Some(cause),
        }
    }
}

/// "Policy violation" (RFC 6455 section 7.4.1): what applications close with that would not have a client.
const POLICY_VIOLATION: u16 = 1008;
/// "Service Restart" and "Try Again Later" (the registry of RFC 6455 section 11.7): everybody is sent away, and may come again.
const SENT_AWAY: [u16; 2] = [1012, 1013];

impl End {
    /// What it means for attempts at the server, if that sends everybody away.
    pub(super) fn sent_away(&self) -> Option<Failure> {
        match self {
            Self::ClosedByPeer(code @ Some(number), cause) if SENT_AWAY.contains(number) => {
                Some(Failure::dropped(cause.clone(), *code))
            }
            _ => None,
        }
    }
}

/// An attempt that failed, or whose connection was lost as soon as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) cause: String,
    /// The peer would not have it, and hardly will before somebody changes something: 401, 403, 404, a Close with 1008, or a
    /// certificate that is not to be trusted.
    pub(super) refused: bool,
    /// What was lacking.
    pub(super) lack: Lack,
    /// There was a connection for a moment.
    pub(super) connected: bool,
    /// The server is not to be asked at once.
    pub(super) not_now: Option<NotNow>,
}

/// For how long a server is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotNow {
    /// It said so itself.
    For(Duration),
    /// It sends everybody away at one moment: not all are to come back at one.
    Restarting,
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
            not_now: code.filter(|code| SENT_AWAY.contains(code)).map(|_| NotNow::Restarting),
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
            not_now: error.retry_after.map(NotNow::For),
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

/// A Close that came, in words.
pub(super) fn described(frame: Option<&CloseFrame>) -> String {
    match frame {
        None => "without a code".into(),
        Some(frame) if frame.reason.is_empty() => u16::from(frame.code).to_string(),
        Some(frame) => format!("{}: {}", u16::from(frame.code), brief(&frame.reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_stops_the_earlier_one_is_the_lesser() {
        let early = Stop::Drained(now());
        let late = Stop::soon();
        assert_eq!((early.min(late), late.min(early)), (early, early));
        assert_eq!((early.min(Stop::Now), Stop::Now.min(early)), (Stop::Now, Stop::Now));
    }
}
