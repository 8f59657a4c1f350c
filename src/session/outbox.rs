//! What waits to be sent over one session, bounded.
//!
//! The host's threads put events in, the session's task takes them out; the lock is held for a few moves of pointers,
//! never over input or output.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::mem::take;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::view::{Counters, count};
use crate::config::{Overflow, QueueLimits};

/// Bytes of messages that are written between two flushes.
const BURST: usize = 256 << 10;

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: Utf8Bytes,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// An event of the host's.
    Event {
        application: Arc<str>,
        /// What it means for a per-call session.
        channel: Option<Box<ChannelEvent>>,
    },
    /// ApplicationRegistered or ApplicationUnregistered: means something on this connection only.
    Notice,
    /// The answer to a request: means something on the connection that asked only. It keeps the request's place in the
    /// intake until it is sent.
    Response { _place: OwnedSemaphorePermit },
}

/// An event that moves a channel in a per-call session.
#[derive(Debug)]
pub(super) enum ChannelEvent {
    /// StasisStart.
    Started(String),
    /// StasisEnd.
    Ended(String),
    /// ChannelDestroyed.
    Destroyed(String),
}

impl Message {
    pub(super) fn notice(text: impl Into<Utf8Bytes>) -> Self {
        Self {
            text: text.into(),
            kind: Kind::Notice,
        }
    }

    pub(super) fn channel(&self) -> Option<&ChannelEvent> {
        match &self.kind {
            Kind::Event { channel, .. } => channel.as_deref(),
            Kind::Notice | Kind::Response { .. } => None,
        }
    }

    fn is_event(&self) -> bool {
        matches!(self.kind, Kind::Event { .. })
    }

    fn is_event_of(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Event { application, .. } if **application == *name)
    }
}

/// What became of an event that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offer {
    /// It will be sent.
    Queued,
    /// It will be sent, older ones will not.
    DroppedOldest,
    /// It will not be sent.
    DroppedNewest,
    /// It will not be sent: the session is closing.
    Sealed,
}

/// What became of an event, and whether it is the first time since the queue was empty that one was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) offer: Offer,
    pub(super) first_drop: bool,
}

impl Offered {
    fn new(offer: Offer, nothing_dropped_before: bool) -> Self {
        let dropped = matches!(offer, Offer::DroppedOldest | Offer::DroppedNewest);
        Self {
            offer,
            first_drop: dropped && nothing_dropped_before,
        }
    }
}

/// What happens to an event in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Accepted,
    Dropped,
}

/// The queue of one session.
#[derive(Debug)]
pub(super) struct Outbox {
    state: Mutex<State>,
    filled: Notify,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Message>,
    events: usize,
    bytes: usize,
    limits: QueueLimits,
    /// The applications that a connection hears of when it opens.
    announced: Vec<String>,
    /// Events of applications that are being registered: they follow their ApplicationRegistered.
    held: HashMap<Arc<str>, Vec<Message>>,
    /// The number of the open connection; 0 while there is none.
    connection: u64,
    connections: u64,
    dropped: u64,
    /// The session closes as soon as what is here was sent.
    sealed: bool,
}

impl Outbox {
    pub(super) fn new(limits: QueueLimits, counters: Arc<Counters>) -> Self {
        Self {
            state: Mutex::new(State {
                limits,
                ..State::default()
            }),
            filled: Notify::new(),
            counters,
        }
    }

    pub(super) fn set_limits(&self, limits: QueueLimits) {
        self.state().limits = limits;
    }

    /// An event of the host's. `changed` is told of what it means for a per-call session if it is accepted, and then of
    /// what was dropped for it, in one step with the queue.
    pub(super) fn offer(
        &self,
        application: &Arc<str>,
        text: String,
        channel: Option<ChannelEvent>,
        changed: impl Fn(&ChannelEvent, Change),
    ) -> Offered {
        let length = text.len();
        let mut state = self.state();
        if state.sealed {
            return Offered::new(Offer::Sealed, false);
        }
        count(&self.counters.events_offered);
        let first = state.dropped == 0;
        let limits = state.limits;
        let full = |state: &State| {
            state.events >= limits.max_messages || state.bytes + length > limits.max_bytes
        };
        let mut offer = Offer::Queued;
        if limits.overflow == Overflow::DropOldest && length <= limits.max_bytes {
            while full(&state) {
                let Some(oldest) = state.drop_oldest() else {
                    break;
                };
                count(&self.counters.events_dropped);
                offer = Offer::DroppedOldest;
                if let Some(event) = oldest.channel() {
                    changed(event, Change::Dropped);
                }
            }
        }
        if full(&state) {
            state.dropped += 1;
            count(&self.counters.events_dropped);
            return Offered::new(Offer::DroppedNewest, first);
        }
        if let Some(event) = &channel {
            changed(event, Change::Accepted);
        }
        let message = Message {
            text: text.into(),
            kind: Kind::Event {
                application: Arc::clone(application),
                channel: channel.map(Box::new),
            },
        };
        state.events += 1;
        state.bytes += length;
        match state.held.get_mut(application) {
            Some(held) => held.push(message),
            None => state.queue.push_back(message),
        }
        drop(state);
        self.filled.notify_one();
        Offered::new(offer, first)
    }

    /// The answer to a request of the given connection; it goes nowhere if that connection has ended.
    pub(super) fn respond(&self, connection: u64, text: String, place: OwnedSemaphorePermit) {
        let mut state = self.state();
        if state.connection != connection {
            count(&self.counters.responses_undelivered);
            return;
        }
        state.queue.push_back(Message {
            text: text.into(),
            kind: Kind::Response { _place: place },
        });
        drop(state);
        self.filled.notify_one();
    }

    /// Events of the application wait from now on until it is announced or withdrawn; false if they do already.
    pub(super) fn hold(&self, application: &str) -> bool {
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
    pub(super) fn announce(&self, application: &str, notice: String) {
        let mut state = self.state();
        if state.connection != 0 {
            state.queue.push_back(Message::notice(notice));
        }
        let held = state.held.remove(application).unwrap_or_default();
        state.queue.extend(held);
        if !state.announced.iter().any(|name| name == application) {
            state.announced.push(application.to_owned());
        }
        drop(state);
        self.filled.notify_one();
    }

    /// The application is no longer registered. An open connection that has heard of it hears so after its last event.
    /// Otherwise nobody will ask for its events any more: they are dropped, and their number is given.
    pub(super) fn withdraw(&self, application: &str, notice: String) -> u64 {
        let mut state = self.state();
        let announced = state.announced.iter().any(|name| name == application);
        state.announced.retain(|name| name != application);
        let mut held = state.held.remove(application).unwrap_or_default();
        let mut dropped = 0;
        if announced && state.connection != 0 {
            state.queue.append(&mut held.into());
            state.queue.push_back(Message::notice(notice));
        } else {
            for message in &held {
                state.forget(message);
            }
            dropped = held.len() + state.discard(|message| message.is_event_of(application));
            held.clear();
        }
        drop(state);
        self.counters
            .events_dropped
            .fetch_add(dropped as u64, Relaxed);
        self.filled.notify_one();
        dropped as u64
    }

    /// Whether connections hear of the application when they open.
    pub(super) fn is_announced(&self, application: &str) -> bool {
        self.state()
            .announced
            .iter()
            .any(|name| name == application)
    }

    /// The applications in the order in which connections hear of them; `order` becomes that order.
    pub(super) fn reorder(&self, order: &[String]) {
        self.state()
            .announced
            .sort_by_key(|name| order.iter().position(|app| app == name));
    }

    /// A connection is open: every application is announced ahead of all else. Gives the connection's number and how many
    /// events were dropped since the last one.
    pub(super) fn connected(&self, notice: impl Fn(&str) -> String) -> (u64, u64) {
        let mut state = self.state();
        for application in state.announced.clone().iter().rev() {
            let message = Message::notice(notice(application));
            state.queue.push_front(message);
        }
        state.connections += 1;
        state.connection = state.connections;
        state.sealed = false;
        let outcome = (state.connection, take(&mut state.dropped));
        drop(state);
        self.filled.notify_one();
        outcome
    }

    /// The connection has ended. Events that had not reached the kernel come back to the front, in order; what meant
    /// something to that connection only is gone. Events of applications that are registered no more would reach a connection
    /// that has not heard of them: they are dropped, and their number is given.
    pub(super) fn disconnected(&self, unsent: Vec<Message>) -> u64 {
        let mut state = self.state();
        state.connection = 0;
        for message in unsent.into_iter().rev() {
            if message.is_event() {
                state.events += 1;
                state.bytes += message.text.len();
            }
            state.queue.push_front(message);
        }
        let announced = state.announced.clone();
        let mut undelivered = 0;
        let dropped = state.discard(|message| match &message.kind {
            Kind::Event { application, .. } => {
                !announced.iter().any(|name| **name == **application)
            }
            Kind::Notice => true,
            Kind::Response { .. } => {
                undelivered += 1;
                true
            }
        }) as u64;
        drop(state);
        let counters = &self.counters;
        counters
            .responses_undelivered
            .fetch_add(undelivered, Relaxed);
        counters.events_dropped.fetch_add(dropped, Relaxed);
        dropped
    }

    /// Takes no event any more: the session closes as soon as what is here was sent.
    pub(super) fn seal(&self) {
        self.state().sealed = true;
    }

    /// The next messages to write before a flush; empty if there are none.
    pub(super) fn burst(&self) -> Vec<Message> {
        let mut state = self.state();
        let mut bytes = 0;
        let within = |message: &&Message| {
            let fits = bytes < BURST;
            bytes += message.text.len();
            fits
        };
        let messages = state.queue.iter().take_while(within).count();
        let burst: Vec<_> = state.queue.drain(..messages).collect();
        for message in &burst {
            state.forget(message);
        }
        if state.connection != 0 && state.queue.is_empty() {
            // What is dropped from now on is another outage's.
            state.dropped = 0;
        }
        burst
    }

    /// Waits until something may have been put in.
    pub(super) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Lets [`Outbox::filled`] return.
    pub(super) fn wake(&self) {
        self.filled.notify_one();
    }

    /// Messages and bytes that wait.
    pub(super) fn depth(&self) -> (usize, usize) {
        let state = self.state();
        (state.events, state.bytes)
    }

    /// Drops every event and takes none any more; gives their number.
    pub(super) fn clear(&self) -> u64 {
        let mut state = self.state();
        state.sealed = true;
        let held: Vec<_> = state.held.drain().flat_map(|(_, held)| held).collect();
        for message in &held {
            state.forget(message);
        }
        let dropped = (held.len() + state.discard(Message::is_event)) as u64;
        self.counters.events_dropped.fetch_add(dropped, Relaxed);
        dropped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn drop_oldest(&mut self) -> Option<Message> {
        let oldest = self.queue.iter().position(Message::is_event)?;
        let message = self.queue.remove(oldest)?;
        self.forget(&message);
        self.dropped += 1;
        Some(message)
    }

    /// Removes what `unwanted` picks; gives how many events were among it.
    fn discard(&mut self, mut unwanted: impl FnMut(&Message) -> bool) -> usize {
        let before = self.events;
        let (mut events, mut bytes) = (self.events, self.bytes);
        self.queue.retain(|message| {
            let goes = unwanted(message);
            if goes && message.is_event() {
                events -= 1;
                bytes -= message.text.len();
            }
            !goes
        });
        (self.events, self.bytes) = (events, bytes);
        before - events
    }

    /// A message is no longer here.
    fn forget(&mut self, message: &Message) {
        if message.is_event() {
            self.events -= 1;
            self.bytes -= message.text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(max_messages: usize) -> Outbox {
        let limits = QueueLimits {
            max_messages,
            ..QueueLimits::default()
        };
        Outbox::new(limits, Arc::default())
    }

    fn offer(outbox: &Outbox, application: &str, text: &str) -> Offer {
        outbox
            .offer(&application.into(), text.to_owned(), None, |_, _| {})
            .offer
    }

    fn texts(messages: &[Message]) -> Vec<&str> {
        messages
            .iter()
            .map(|message| message.text.as_str())
            .collect()
    }

    #[test]
    fn a_connection_hears_of_its_applications_ahead_of_what_waited() {
        let outbox = outbox(10);
        outbox.announce("a", String::new());
        outbox.announce("b", String::new());
        offer(&outbox, "a", "event");
        outbox.connected(|application| format!("registered {application}"));
        assert_eq!(
            texts(&outbox.burst()),
            ["registered a", "registered b", "event"]
        );
    }

    #[test]
    fn events_of_an_application_that_is_being_registered_follow_its_notice() {
        let outbox = outbox(10);
        outbox.connected(|_| String::new());
        outbox.hold("a");
        offer(&outbox, "a", "early");
        offer(&outbox, "b", "other");
        outbox.announce("a", "registered a".into());
        assert_eq!(texts(&outbox.burst()), ["other", "registered a", "early"]);
    }

    #[test]
    fn what_the_kernel_never_had_comes_back_in_order_and_notices_do_not() {
        let outbox = outbox(10);
        outbox.announce("a", String::new());
        outbox.connected(|_| "registered a".into());
        for text in ["1", "2", "3"] {
            offer(&outbox, "a", text);
        }
        let burst = outbox.burst();
        offer(&outbox, "a", "4");
        outbox.disconnected(burst);
        assert_eq!(outbox.depth(), (4, 4));
        outbox.connected(|_| "registered a".into());
        assert_eq!(texts(&outbox.burst()), ["registered a", "1", "2", "3", "4"]);
        assert_eq!(outbox.depth(), (0, 0));
    }

    #[test]
    fn an_application_that_went_before_its_connection_did_is_not_heard_of_again() {
        let outbox = outbox(10);
        outbox.announce("a", String::new());
        outbox.announce("b", String::new());
        outbox.connected(|application| format!("registered {application}"));
        outbox.burst();
        offer(&outbox, "b", "1");
        outbox.withdraw("b", "unregistered b".into());
        assert_eq!(outbox.disconnected(Vec::new()), 1);
        outbox.connected(|application| format!("registered {application}"));
        assert_eq!(texts(&outbox.burst()), ["registered a"]);
    }

    #[test]
    fn events_that_are_held_do_not_grow_without_bound() {
        let outbox = outbox(1);
        outbox.hold("a");
        assert_eq!(offer(&outbox, "a", "1"), Offer::Queued);
        assert_eq!(offer(&outbox, "a", "2"), Offer::DroppedNewest);
    }

    #[test]
    fn an_application_that_goes_while_nobody_listens_takes_its_events_along() {
        let outbox = outbox(10);
        outbox.announce("a", String::new());
        outbox.announce("b", String::new());
        offer(&outbox, "a", "1");
        offer(&outbox, "b", "2");
        assert_eq!(outbox.withdraw("a", String::new()), 1);
        outbox.connected(|application| format!("registered {application}"));
        assert_eq!(texts(&outbox.burst()), ["registered b", "2"]);
    }

    #[test]
    fn the_oldest_event_makes_room_and_answers_never_do() {
        let outbox = outbox(2);
        for text in ["1", "2"] {
            assert_eq!(offer(&outbox, "a", text), Offer::Queued);
        }
        assert_eq!(offer(&outbox, "a", "3"), Offer::DroppedOldest);
        assert_eq!(offer(&outbox, "a", "4"), Offer::DroppedOldest);
        assert_eq!(texts(&outbox.burst()), ["3", "4"]);
    }

    #[test]
    fn a_sealed_queue_takes_no_event() {
        let outbox = outbox(2);
        outbox.seal();
        assert_eq!(offer(&outbox, "a", "1"), Offer::Sealed);
    }
}
