// SPDX-License-Identifier: MIT OR Apache-2.0
//! A call, and how far it is.

use tokio::time::Instant;

/// A call that is in the application.
pub(crate) struct Call {
    /// Among those of its connection.
    pub(crate) number: usize,
    /// The channel's name.
    pub(crate) name: String,
    pub(crate) start: Instant,
    pub(crate) state: CallState,
}

#[derive(Clone, Copy)]
pub(crate) enum CallState {
    /// Nobody has answered.
    Ringing,
    /// An answer was asked for.
    Answering,
    /// So many playbacks were asked for and have not finished.
    Playing(usize),
    /// Waiting for a digit until then, or for ever.
    Waiting(Option<Instant>),
    /// It goes on in the dialplan, or is hung up.
    Leaving,
}

impl CallState {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Answering => "answering",
            Self::Playing(_) => "playing",
            Self::Waiting(_) => "waiting",
            Self::Leaving => "leaving",
        }
    }
}

impl Call {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            CallState::Waiting(until) => until,
            _ => None,
        }
    }
}
