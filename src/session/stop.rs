//! How a session, or one connection of it, is ended from this side.

use std::time::{Duration, Instant};

use super::clock::now;

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
