//! What lies behind the lock beside the queue: the channels of a session, and where its connection stands.

use tokio::sync::futures::Notified;

use super::Outbox;
use super::status::Status;
use crate::session::clock::now;
use crate::session::members::Members;
use crate::session::message::ChannelEvent;
use crate::session::view::{Phase, View};

impl Outbox {
    /// Changes the channels.
    pub(in crate::session) fn with_members<R>(&self, change: impl FnOnce(&mut Members) -> R) -> R {
        let outcome = change(&mut self.state().members);
        self.members_changed.notify_waiters();
        outcome
    }

    /// Looks at the channels.
    pub(in crate::session) fn members<R>(&self, look: impl FnOnce(&Members) -> R) -> R {
        look(&self.state().members)
    }

    /// The next change of the channels. Made before a look at them, it misses none.
    pub(in crate::session) fn members_changed(&self) -> Notified<'_> {
        self.members_changed.notified()
    }

    /// An event is on the wire.
    pub(in crate::session) fn sent(&self, event: &ChannelEvent) {
        self.with_members(|members| members.sent(event, now()));
    }

    /// An event that had been taken will not be sent.
    pub(in crate::session) fn dropped(&self, event: &ChannelEvent) {
        self.with_members(|members| members.dropped(Some(event), now));
    }

    /// What an event tells of has happened, though it cannot be taken.
    pub(in crate::session) fn refused(&self, event: &ChannelEvent) {
        self.with_members(|members| members.refused(Some(event), now));
    }

    /// Notes where the connection stands.
    pub(in crate::session) fn note(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.state().status);
        self.turned.notify_waiters();
    }

    /// The session at this moment, as far as it is known here.
    pub(in crate::session) fn view(&self) -> View {
        let state = self.state();
        let mut view = state.status.view();
        if state.members.have_ended() {
            view.phase = Phase::Closing;
        }
        (view.queued_messages, view.queued_bytes) = state.waiting.unsent();
        view.unproven_events = state.copies.events() + state.waiting.repeats;
        view.unproven_bytes = state.copies.bytes() + state.waiting.repeated_bytes;
        view.highest_numbers = state.numbers.last();
        view
    }

    /// Keeps the lock.
    #[cfg(test)]
    pub(in crate::session) fn locked(&self) -> impl Sized + '_ {
        self.state()
    }
}
