//! What the host's threads and a session's task share, behind one lock, so that it cannot disagree: what waits to be sent,
//! bounded; whom and what the session lets in; where its connection stands.
//!
//! The lock is held for a few moves of pointers and at most one copy of a small text, never over input or output.

mod answers;
mod connection;
mod repeats;
mod resume;
mod service;
mod shared;
mod state;
mod status;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_repeats;

use std::collections::hash_map::Entry;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;

use crate::config::{Overflow, QueueLimits};
use crate::memory;
use crate::session::account::{Account, Room};
use crate::session::clock::now;
use crate::session::members::Members;
use crate::session::message::{ChannelEvent, Load, Message};
use crate::session::pace::WINDOW;
use crate::session::spare::Spare;
use crate::session::view::{Counters, count};
pub(in crate::session) use answers::Responded;
pub(in crate::session) use connection::Gone;
use repeats::{Numbering, Waiting};
pub(in crate::session) use resume::Missed;
pub use service::{Leaving, Turn};
use state::{PORTION, State, Taken};
pub(in crate::session) use status::Status;

/// What became of an event that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Offer {
    /// It will be sent.
    Queued,
    /// It will be sent, older ones will not.
    DroppedOldest,
    /// It will not be sent.
    DroppedNewest,
    /// It will not be sent: by itself it is larger than what may wait.
    TooLarge(Bound),
    /// It will not be sent: the session is ending.
    Ending,
}

/// What became of an event, and which bound dropped one for it, if it is the first time since the queue was empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Offered {
    pub(in crate::session) offer: Offer,
    pub(in crate::session) first_drop: Option<Bound>,
}

/// Why an event is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Bound {
    /// What may wait for this session.
    Queue,
    /// What may wait for all sessions together.
    AllQueues,
}

impl Offered {
    fn of(offer: Offer) -> Self {
        Self { offer, first_drop: None }
    }
}

/// What a writer does after a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) enum Next {
    /// There is more.
    Write,
    /// Sleep until something comes.
    Wait,
    /// Sleep until the first events may be sent, or more memory be freed, unless something comes before.
    Until(Instant),
    /// Sleep for a moment in which more will come, unless something comes that cannot wait: events do not wake the writer
    /// until then.
    Gather,
}

/// What one session is given, and where it stands.
#[derive(Debug)]
pub(in crate::session) struct Outbox {
    state: Mutex<State>,
    filled: Notify,
    members_changed: Notify,
    /// What `service` tells of has changed.
    turned: Notify,
    counters: Arc<Counters>,
    account: Arc<Account>,
    numbering: Numbering,
    spare: Spare,
}

impl Outbox {
    pub(in crate::session) fn new(
        limits: QueueLimits,
        members: Members,
        counters: Arc<Counters>,
        account: Arc<Account>,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                limits,
                members,
                room: Room::none(&account),
                ..State::default()
            }),
            filled: Notify::new(),
            members_changed: Notify::new(),
            turned: Notify::new(),
            counters,
            spare: Spare::new(&account),
            account,
            numbering: Numbering::default(),
        }
    }

    /// An event of the host's. What it means for the channels of a per-call session counts in one step with the queue, whatever
    /// becomes of the event.
    pub(in crate::session) fn offer(&self, application: Arc<str>, text: String, channel: Option<ChannelEvent>) -> Offered {
        let concerns_channel = channel.is_some();
        let (offered, wakes) = self.offer_locked(application, text, channel);
        if concerns_channel {
            self.members_changed.notify_waiters();
        }
        if wakes {
            self.filled.notify_one();
        }
        offered
    }

    /// Gives besides whether the writer is to be woken.
    fn offer_locked(&self, application: Arc<str>, mut text: String, channel: Option<ChannelEvent>) -> (Offered, bool) {
        let mut state = self.state();
        let is_start = matches!(channel, Some(ChannelEvent::Started(_)));
        if !state.members.admits(is_start) {
            state.members.refused(channel.as_ref(), now);
            return (Offered::of(Offer::Ending), false);
        }
        count(&self.counters.events_offered);
        // In one step with the queue, so that they are sent in the order of their numbers, and dropped ones are missing.
        let number = state.numbers.give(&application, &mut text);
        if let Some(bound) = self.too_small_for(&state, text.len()) {
            // No outage and no slow application is to blame for it, so that it is no drop of theirs.
            self.dropped_for(bound);
            state.members.refused(channel.as_ref(), now);
            return (Offered::of(Offer::TooLarge(bound)), false);
        }
        let nothing_dropped_before = state.dropped == 0;
        let (has_room, dropped) = self.make_room(&mut state, text.len());
        let offered = Offered {
            offer: match (has_room, dropped) {
                (false, _) => Offer::DroppedNewest,
                (true, Some(_)) => Offer::DroppedOldest,
                (true, None) => Offer::Queued,
            },
            first_drop: dropped.filter(|_| nothing_dropped_before),
        };
        if !has_room {
            state.members.refused(channel.as_ref(), now);
            return (offered, false);
        }
        state.members.accepted(channel.as_ref());
        state.accept(application, text, number, channel);
        (offered, !state.gathering || state.is_pressing())
    }

    /// The bound that no event of this length meets, though nothing else waited.
    fn too_small_for(&self, state: &State, length: usize) -> Option<Bound> {
        if length > state.limits.max_bytes {
            Some(Bound::Queue)
        } else if !self.account.could_have(Message::cost(length), usize::MAX) {
            Some(Bound::AllQueues)
        } else {
            None
        }
    }

    /// An event is dropped.
    fn dropped_for(&self, bound: Bound) {
        count(match bound {
            Bound::Queue => &self.counters.events_dropped_queue_full,
            Bound::AllQueues => &self.counters.events_dropped_all_queues_full,
        });
    }

    /// Makes room for an event; gives whether there is, and which bound dropped one for that, if any did. Where there is none,
    /// this session's oldest events make it, or else there is none for the new one. Those of other sessions are left alone:
    /// they have locks of their own.
    fn make_room(&self, state: &mut State, length: usize) -> (bool, Option<Bound>) {
        let overflow = state.limits.overflow;
        // Of those that were taken for it, which nobody else can get meanwhile.
        let mut freed = 0;
        let mut dropped = None;
        loop {
            let full = state.is_full_for(length);
            let size = (state.room.bytes() - freed).saturating_add(Message::cost(length));
            if !full && state.room.resize(size) {
                return (true, dropped);
            }
            let could_have = self.account.could_have(Message::cost(length), state.cost() + freed);
            // What was sent before goes first, whatever the policy: it may have arrived.
            if could_have && let Some(sent) = self.take_oldest_sent(state) {
                freed += sent.costs();
                continue;
            }
            let bound = if full { Bound::Queue } else { Bound::AllQueues };
            dropped = Some(bound);
            state.dropped += 1;
            self.dropped_for(bound);
            let mut oldest = None;
            if overflow == Overflow::DropOldest && could_have {
                oldest = state.take_oldest();
            }
            let Some(oldest) = oldest else {
                state.left(freed);
                return (false, dropped);
            };
            if let Some(event) = oldest.channel() {
                state.members.dropped(Some(event), now);
                self.members_changed.notify_waiters();
            }
            freed += oldest.costs();
        }
    }

    /// Events of the application wait from now on until it is announced or withdrawn; false if they do already.
    pub(in crate::session) fn hold(&self, application: &str) -> bool {
        match self.state().held.entry(application.into()) {
            Entry::Occupied(_) => false,
            Entry::Vacant(vacant) => {
                vacant.insert(Vec::new());
                true
            }
        }
    }

    /// The application is registered. An open connection hears of it now, ahead of the events that were held; a later one
    /// when it opens.
    pub(in crate::session) fn announce(&self, application: &str, notice: String) {
        let mut state = self.state();
        if state.status.connection().is_some() {
            let notice = state.notice(notice);
            state.queue.push_back(notice);
        }
        let held = state.release(application);
        state.queue.extend(held);
        if !state.announced.iter().any(|name| name == application) {
            state.announced.reserve_exact(1);
            state.announced.push(application.to_owned());
        }
        drop(state);
        self.filled.notify_one();
    }

    /// The application is no longer registered. An open connection that has heard of it hears so after its last event.
    /// Otherwise nobody will ask for its events any more: they are dropped, and their number is given.
    pub(in crate::session) fn withdraw(&self, application: &str, notice: String) -> u64 {
        let mut state = self.state();
        let announced = state.announced.iter().any(|name| name == application);
        state.announced.retain(|name| name != application);
        state.inside.forget(application);
        let held = state.release(application);
        let mut lost = Waiting::default();
        if announced && state.status.connection().is_some() {
            state.queue.append(&mut held.into());
            let notice = state.notice(notice);
            state.queue.push_back(notice);
        } else {
            lost += state.give_up(held);
            lost += state.discard(|message| message.is_event_of(application));
        }
        let dropped = self.lost(&mut state, lost);
        drop(state);
        self.filled.notify_one();
        dropped
    }

    /// Events will not be sent any more, of which some may have arrived; gives the number of the others.
    fn lost(&self, state: &mut State, lost: Waiting) -> u64 {
        let (dropped, _) = lost.unsent();
        let (counters, repeats) = (&self.counters, lost.repeats as u64);
        counters.events_dropped_ended.fetch_add(dropped as u64, Relaxed);
        counters.messages_unconfirmed.fetch_add(repeats, Relaxed);
        state.resume.unconfirmed += repeats;
        dropped as u64
    }

    /// The application is not registered, but about to be again. An open connection that has heard of it hears so after its
    /// last event; without one its events are held, so that they follow the ApplicationRegistered.
    pub(in crate::session) fn suspend(&self, application: &str, notice: String) {
        let mut state = self.state();
        let announced = state.announced.iter().any(|name| name == application);
        state.announced.retain(|name| name != application);
        state.held.entry(application.into()).or_default();
        if state.status.connection().is_none() {
            state.take_back(application);
        } else if announced {
            let notice = state.notice(notice);
            state.queue.push_back(notice);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Whether connections hear of the application when they open.
    pub(in crate::session) fn is_announced(&self, application: &str) -> bool {
        self.state().announced.iter().any(|name| name == application)
    }

    /// The applications in the order in which connections hear of them; `order` becomes that order.
    pub(in crate::session) fn reorder(&self, order: &[String]) {
        self.state()
            .announced
            .sort_by_key(|name| order.iter().position(|app| app == name));
    }

    /// Lets nothing in any more, unless a channel comes: the session ends as soon as what is here was sent.
    pub(in crate::session) fn close(&self) {
        let mut state = self.state();
        state.members.close();
        state.delayed = None;
        self.resume_locked(&mut state, &[]);
    }

    /// The application was heard: it listens, so that nothing has to wait for it any more.
    pub(in crate::session) fn heard(&self) {
        if self.state().delayed.take().is_some() {
            self.filled.notify_one();
        }
    }

    /// The next messages to write before a flush; empty if there are none.
    pub(in crate::session) fn burst(&self) -> Load {
        let mut burst = Load::default();
        let mut taken = Taken::default();
        loop {
            let portion = self.state().portion(&mut taken);
            let is_last = portion.messages.len() < PORTION;
            burst.append(portion);
            if is_last {
                return burst;
            }
        }
    }

    /// The kernel has these events, and nobody needs them any more.
    pub(in crate::session) fn is_done_with(&self, events: Load) {
        let (keeps, room) = {
            let state = self.state();
            (
                state.pace.is_fast(),
                state.limits.max_bytes.saturating_sub(state.waiting.bytes),
            )
        };
        if keeps {
            self.spare.keep(events, room);
        }
    }

    /// Memory for the text of an event, of about this length: none, or that of one that was sent.
    pub(in crate::session) fn memory(&self, length: usize) -> String {
        self.spare.memory(length)
    }

    /// What the writer does next.
    pub(in crate::session) fn next(&self) -> Next {
        let mut state = self.state();
        if let Some(time) = state.delayed {
            return Next::Until(time);
        }
        if state.resume.is_due() {
            return Next::Wait;
        }
        state.gathering = state.pace.is_fast() && !state.is_pressing();
        if state.gathering {
            return Next::Gather;
        }
        if !state.queue.is_empty() {
            return Next::Write;
        }
        memory::give_back(&mut state.queue);
        drop(state);
        match self.spare.give_back() {
            true => Next::Until(now() + WINDOW),
            false => Next::Wait,
        }
    }

    /// Waits until something may have been put in.
    pub(in crate::session) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Lets [`Outbox::filled`] return.
    pub(in crate::session) fn wake(&self) {
        self.filled.notify_one();
    }

    /// Events that wait to be sent for the first time, and their bytes.
    pub(in crate::session) fn depth(&self) -> (usize, usize) {
        self.state().waiting.unsent()
    }

    /// The session has ended, and so has its connection: drops every event; gives the number of those that were never sent, and
    /// of those that were.
    pub(in crate::session) fn clear(&self) -> (u64, u64) {
        let mut state = self.state();
        let held: Vec<_> = state.held.drain().flat_map(|(_, held)| held).collect();
        let mut lost = state.give_up(held);
        lost += state.discard(Message::is_event);
        (self.lost(&mut state, lost), lost.repeats as u64)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
