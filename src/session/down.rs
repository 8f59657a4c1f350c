//! What a persistent session that is down means for channels: `when_down`, `down_grace` and `fail_inside`.

use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::futures::Notified;

use super::outbox::{Leaving, Turn};
use super::state::Session;
use crate::config::Client;
use crate::error::{Error, Result};

impl Session {
    /// Puts into effect what settings say of waiting events and of channels.
    pub(super) fn set_client(&self, client: &Client) {
        self.outbox().set_client(client);
        self.turns_away.store(client.down.fails_after().is_some(), Relaxed);
    }

    /// Whether channels may be turned away at all; without a lock.
    pub fn turns_away(&self) -> bool {
        self.turns_away.load(Relaxed)
    }

    /// A channel enters an application of a persistent session.
    ///
    /// # Errors
    /// It has been down for so long that channels do not wait for it.
    pub(super) fn enter(&self, application: &str, channel_id: &str) -> Result<()> {
        if !self.turns_away() || self.outbox().enter(application, channel_id) {
            return Ok(());
        }
        let view = self.outbox().view();
        let reason = view.last_error.as_deref().unwrap_or("not connected yet");
        Err(Error::Down(format!(
            "connection {} is down for longer than down_grace ({reason})",
            self.id()
        )))
    }

    /// A channel has left an application of a persistent session.
    pub(super) fn leave(&self, application: &str, channel_id: &str) {
        if self.turns_away() {
            self.outbox().leave(application, channel_id);
        }
    }

    /// Whether channels are to leave, which are taken for that.
    pub fn leaving(&self) -> Leaving {
        self.outbox().leaving()
    }

    /// Each time since this was asked last that the connection came up or went down; from the first time on they are kept.
    pub fn turns(&self) -> Vec<Turn> {
        self.outbox().turns()
    }

    /// Another session takes its place: it counts as down, and keeps no turns any more.
    pub fn retire(&self) {
        self.outbox().retire();
    }

    /// The next change of what [`Session::leaving`] and [`Session::turns`] give. Made before a look at them, it misses none.
    pub fn turned(&self) -> Notified<'_> {
        self.outbox().turned()
    }
}
