//! Whether a persistent session serves its applications, and what channels meet while it does not: in one step with each
//! other, so that a channel is either let in and counted among those inside, or turned away.

use std::time::Instant;

use tokio::sync::futures::Notified;

use super::Outbox;
use crate::config::Client;
use crate::session::Stay;
use crate::session::clock::now;
use crate::session::message::ChannelEvent;

/// A persistent connection has come up, to the server "address:port", or gone down for a reason.
pub type Turn = Result<String, String>;

/// Turns that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: Vec<Turn>,
    /// Nobody will take those that come.
    is_retired: bool,
}

impl Turns {
    pub(super) fn note(&mut self, turn: Turn) {
        if !self.is_retired {
            self.waiting.push(turn);
        }
    }
}

/// When the channels inside are to leave.
#[derive(Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Now, these.
    Now(Vec<Stay>),
    /// At this time, unless something changes.
    At(Instant),
    /// Not before something changes.
    Never,
}

impl Outbox {
    /// Puts settings into effect that count here.
    pub(in crate::session) fn set_client(&self, client: &Client) {
        let mut state = self.state();
        state.limits = client.queue;
        state.down = client.down;
        if !client.down.inside {
            state.inside.clear();
        }
        drop(state);
        self.turned.notify_waiters();
    }

    /// A channel enters an application; not if the connection has been down for too long.
    pub(in crate::session) fn enter(&self, application: &str, channel: &str) -> bool {
        let mut state = self.state();
        if state.fails_at().is_some_and(|time| time <= now()) {
            return false;
        }
        if state.down.inside {
            state.inside.entered(application, channel);
        }
        true
    }

    /// A channel has left an application.
    pub(in crate::session) fn leave(&self, application: &str, channel: &str) {
        self.state().inside.left(application, channel);
    }

    /// What an event tells of a channel.
    pub(in crate::session) fn told_of(&self, application: &str, event: &ChannelEvent) {
        let mut state = self.state();
        if !state.down.inside {
            return;
        }
        match event {
            ChannelEvent::Started(of) => state.inside.started(application, &of.channel, of.replaces.as_deref()),
            ChannelEvent::Ended(channel) => state.inside.ended(application, channel),
            ChannelEvent::Destroyed(_) => {}
        }
        drop(state);
        self.turned.notify_waiters();
    }

    /// Those that are to leave.
    pub(in crate::session) fn leaving(&self) -> Leaving {
        let mut state = self.state();
        match state.fails_at() {
            None => Leaving::Never,
            Some(time) if time > now() => Leaving::At(time),
            Some(_) if !state.inside.has_any() => Leaving::Never,
            Some(_) => Leaving::Now(state.inside.tell()),
        }
    }

    /// The next change of what this tells of. Made before a look, it misses none.
    pub(in crate::session) fn turned(&self) -> Notified<'_> {
        self.turned.notified()
    }

    /// The turns since the last time; from the first time on they are kept for it.
    pub(in crate::session) fn turns(&self) -> Vec<Turn> {
        std::mem::take(&mut self.state().status.turns().waiting)
    }

    /// The connection counts as down from now on, and nobody wants to hear of it any more.
    pub(in crate::session) fn retire(&self) {
        let mut state = self.state();
        state.status.retire();
        state.status.turns().is_retired = true;
        drop(state);
        self.turned.notify_waiters();
    }

    /// The connection has been up for long enough to be told of.
    pub(in crate::session) fn settled(&self) {
        self.state().status.settled();
        self.turned.notify_waiters();
    }
}
