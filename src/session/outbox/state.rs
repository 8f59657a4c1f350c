//! What is behind the lock, and its bookkeeping.

use std::collections::{HashMap, VecDeque};
use std::mem::take;
use std::sync::Arc;
use std::time::Instant;

use crate::config::{Down, QueueLimits};
use crate::session::account::Room;
use crate::session::clock::now;
use crate::session::inside::Inside;
use crate::session::members::Members;
use crate::session::message::{ChannelEvent, Kind, Load, Message, Number};
use crate::session::outbox::repeats::{Copies, Numbers, Waiting};
use crate::session::outbox::resume::Resume;
use crate::session::outbox::status::Status;
use crate::session::pace::Pace;

/// Bytes of messages that are written between two flushes.
pub(super) const BURST: usize = 256 << 10;
/// Messages of a burst that are taken at a time, so that no thread of the host sleeps until the lock is free: they lie in the
/// cache of another processor, from which each takes its time.
pub(super) const PORTION: usize = 32;

/// What a burst has so far.
#[derive(Debug, Default)]
pub(super) struct Taken {
    bytes: usize,
    events: usize,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) queue: VecDeque<Message>,
    /// Of all messages here: in the queue, held, and kept to be sent again.
    pub(super) room: Room,
    /// What waits in the queue, and what is held.
    pub(super) waiting: Waiting,
    /// What was sent and may have to be sent again.
    pub(super) copies: Copies,
    pub(super) numbers: Numbers,
    pub(super) resume: Resume,
    pub(super) limits: QueueLimits,
    /// The applications that a connection hears of when it opens.
    pub(super) announced: Vec<String>,
    /// Events of applications that are being registered: they follow their ApplicationRegistered.
    pub(super) held: HashMap<Arc<str>, Vec<Message>>,
    /// Whom and what the session lets in.
    pub(super) members: Members,
    /// What channels meet while a persistent connection is down.
    pub(super) down: Down,
    /// The channels that are to leave then.
    pub(super) inside: Inside,
    /// Where its connection stands.
    pub(super) status: Status,
    /// Since the last connection, or since the queue was empty.
    pub(super) dropped: u64,
    /// Events wait until then (`start_delay`), if the application is not heard before.
    pub(super) delayed: Option<Instant>,
    pub(super) pace: Pace,
    /// The writer comes back by itself in a moment.
    pub(super) gathering: bool,
}

impl State {
    /// From when on no channel is let in, unless the connection comes up.
    pub(super) fn fails_at(&self) -> Option<Instant> {
        Some(self.status.down_since()? + self.down.fails_after()?)
    }

    /// Whether events wait for the end of the delay; forgets it when that has come.
    pub(super) fn is_delayed(&mut self) -> bool {
        if self.delayed.is_some_and(|time| time <= now()) {
            self.delayed = None;
        }
        self.delayed.is_some()
    }

    /// Whether there is enough for a burst, or not much room for more.
    pub(super) fn is_pressing(&self) -> bool {
        let (limits, waiting) = (self.limits, &self.waiting);
        waiting.bytes >= BURST.min(limits.max_bytes / 2) || waiting.events >= limits.max_messages / 2
    }

    /// Whether one more event, of this length, is more than may wait.
    pub(super) fn is_full_for(&self, length: usize) -> bool {
        let limits = self.limits;
        self.waiting.events + self.copies.events() >= limits.max_messages
            || self.waiting.bytes + self.copies.bytes() + length > limits.max_bytes
    }

    /// Whether an answer may wait too: all of them together may take as much as events may, whatever of those waits, so that an
    /// application that asks and does not read takes no more from the others. One finds room in any case.
    pub(super) fn has_room_for_answer(&self, cost: usize) -> bool {
        let answers = self.room.bytes().saturating_sub(self.cost());
        answers == 0 || answers + cost <= self.limits.max_bytes.max(BURST)
    }

    pub(super) fn accept(&mut self, application: Arc<str>, text: String, number: Number, channel: Option<ChannelEvent>) {
        let held = self.held.get_mut(&application);
        let kind = Kind::Event {
            application,
            channel: channel.map(Box::new),
            number,
        };
        let message = Message { text, kind };
        self.waiting.add(&message);
        match held {
            Some(held) => held.push(message),
            None => self.queue.push_back(message),
        }
    }

    /// The next messages of a burst; fewer than a portion at its end.
    pub(super) fn portion(&mut self, burst: &mut Taken) -> Load {
        let delayed = self.is_delayed() || self.resume.is_due();
        let within = |message: &&Message| {
            let fits = burst.bytes < BURST && !(delayed && message.is_event());
            if fits {
                burst.bytes += message.text.len();
            }
            fits
        };
        let count = self.queue.iter().take(PORTION).take_while(within).count();
        let messages: VecDeque<_> = self.queue.drain(..count).collect();
        let mut taken = Waiting::default();
        for message in &messages {
            taken.add(message);
        }
        self.waiting -= taken;
        burst.events += taken.events;
        if count < PORTION {
            self.pace.took(burst.events, now());
        }
        if self.status.connection().is_some() && self.queue.is_empty() {
            // What is dropped from now on is another outage's.
            self.dropped = 0;
        }
        self.loaded(messages)
    }

    /// The place of what goes out before all events that wait.
    pub(super) fn ahead_of_events(&self) -> usize {
        let first_event = self.queue.iter().position(Message::is_event);
        first_event.unwrap_or(self.queue.len())
    }

    /// Answers that wait, and nothing else.
    pub(super) fn answers(&mut self) -> Load {
        if !self.queue.iter().any(Message::is_answer) {
            return Load::default();
        }
        let (answers, others): (VecDeque<_>, VecDeque<_>) = take(&mut self.queue).into_iter().partition(Message::is_answer);
        self.queue = others;
        self.loaded(answers)
    }

    /// Messages that were here, with their room.
    pub(super) fn loaded(&mut self, messages: VecDeque<Message>) -> Load {
        let cost = messages.iter().map(Message::costs).sum();
        let room = Some(self.room.split(cost));
        Load { messages, room }
    }

    /// The room of messages that are here no more is given back.
    pub(super) fn left(&mut self, cost: usize) {
        drop(self.room.split(cost));
    }

    /// A notice, which has room in any case: it is short, and there are few of its kind.
    pub(super) fn notice(&mut self, text: String) -> Message {
        let notice = Message::notice(text);
        self.room.grow_in_any_case(notice.costs());
        notice
    }

    pub(super) fn take_oldest_repeat(&mut self) -> Option<Message> {
        if self.waiting.repeats == 0 {
            return None;
        }
        self.take_oldest_of(Message::is_repeat)
    }

    pub(super) fn take_oldest(&mut self) -> Option<Message> {
        self.take_oldest_of(Message::is_event)
    }

    fn take_oldest_of(&mut self, wanted: fn(&Message) -> bool) -> Option<Message> {
        let oldest = self.queue.iter().position(wanted)?;
        let message = self.queue.remove(oldest)?;
        self.waiting.remove(&message);
        Some(message)
    }

    /// What the events cost that are here.
    pub(super) fn cost(&self) -> usize {
        let events = self.waiting.events + self.copies.events();
        self.waiting.bytes + self.copies.bytes() + events * Message::cost(0)
    }

    /// What waits of an application whose events are held is held as well, ahead of what is.
    pub(super) fn take_back(&mut self, application: &str) {
        let Some(held) = self.held.get_mut(application) else {
            return;
        };
        let (mut events, others): (VecDeque<_>, VecDeque<_>) = take(&mut self.queue)
            .into_iter()
            .partition(|message| message.is_event_of(application));
        self.queue = others;
        events.extend(take(held));
        *held = events.into();
    }

    /// Removes what `unwanted` picks; gives what was among it.
    pub(super) fn discard(&mut self, mut unwanted: impl FnMut(&Message) -> bool) -> Waiting {
        let mut discarded = Waiting::default();
        let mut cost = 0;
        self.queue.retain(|message| {
            let goes = unwanted(message);
            if goes {
                discarded.add(message);
                cost += message.costs();
            }
            !goes
        });
        self.waiting -= discarded;
        self.left(cost);
        discarded
    }

    /// What was held of an application is held no longer.
    pub(super) fn release(&mut self, application: &str) -> Vec<Message> {
        let held = self.held.remove(application).unwrap_or_default();
        if self.held.is_empty() {
            self.held.shrink_to_fit();
        }
        held
    }

    /// Gives up what was held; gives what that was.
    pub(super) fn give_up(&mut self, held: Vec<Message>) -> Waiting {
        let mut given_up = Waiting::default();
        for message in &held {
            given_up.add(message);
        }
        self.waiting -= given_up;
        self.left(held.iter().map(Message::costs).sum());
        given_up
    }
}
