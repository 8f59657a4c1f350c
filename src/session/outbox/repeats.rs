//! Events that have numbers (`delivery = at_least_once`): who gives them, and what is kept of an event until a pong proves that
//! it has arrived.

use std::collections::{HashMap, VecDeque};
use std::mem::{replace, take};
use std::ops::{AddAssign, SubAssign};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::{Outbox, State};
use crate::config::Delivery;
use crate::memory;
use crate::protocol;
use crate::session::message::{Kind, Load, Message, Number};
use crate::session::view::count;

/// Events, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) events: usize,
    pub(super) bytes: usize,
    /// Those among the events that were sent before.
    pub(super) repeats: usize,
    pub(super) repeated_bytes: usize,
}

impl Waiting {
    pub(super) fn add(&mut self, message: &Message) {
        if message.is_event() {
            self.events += 1;
            self.bytes += message.text.len();
            if message.is_repeat() {
                self.repeats += 1;
                self.repeated_bytes += message.text.len();
            }
        }
    }

    pub(super) fn remove(&mut self, message: &Message) {
        let mut one = Self::default();
        one.add(message);
        *self -= one;
    }

    /// Those that were not sent before.
    pub(super) fn unsent(&self) -> (usize, usize) {
        (self.events - self.repeats, self.bytes - self.repeated_bytes)
    }
}

impl AddAssign for Waiting {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.bytes += other.bytes;
        self.repeats += other.repeats;
        self.repeated_bytes += other.repeated_bytes;
    }
}

impl SubAssign for Waiting {
    fn sub_assign(&mut self, other: Self) {
        self.events -= other.events;
        self.bytes -= other.bytes;
        self.repeats -= other.repeats;
        self.repeated_bytes -= other.repeated_bytes;
    }
}

/// Events with numbers that were sent over the connection and are not proven to have arrived, each with its place among the
/// messages of the connection. They count as what waits.
#[derive(Debug, Default)]
pub(super) struct Copies {
    messages: VecDeque<(u64, Message)>,
    bytes: usize,
}

impl Copies {
    pub(super) fn events(&self) -> usize {
        self.messages.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn take_oldest(&mut self) -> Option<Message> {
        let (_, message) = self.messages.pop_front()?;
        self.bytes -= message.text.len();
        Some(message)
    }

    fn add(&mut self, place: u64, mut message: Message) {
        if let Kind::Event { number, .. } = &mut message.kind {
            *number = Number::Sent;
        }
        self.bytes += message.text.len();
        self.messages.push_back((place, message));
    }

    /// Gives what need not be kept any more.
    fn proven(&mut self, messages: u64) -> VecDeque<(u64, Message)> {
        let proven = self.messages.partition_point(|(place, _)| *place <= messages);
        let rest = self.messages.split_off(proven);
        let proven = replace(&mut self.messages, rest);
        self.bytes -= proven.iter().map(|(_, message)| message.text.len()).sum::<usize>();
        proven
    }

    /// All of them: the connection is gone.
    pub(super) fn take_all(&mut self) -> impl ExactSizeIterator<Item = Message> + use<> {
        let copies = take(self);
        copies.messages.into_iter().map(|(_, message)| message)
    }
}

/// Who gives events their numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// Whether events that come now are given one.
    are_given: bool,
    /// Whether that is so when there is no connection.
    wanted: bool,
    /// The last ones.
    last: HashMap<Arc<str>, u64>,
}

impl Numbers {
    /// Gives the next event its number, if it is to have one.
    #[inline]
    pub(super) fn give(&mut self, application: &Arc<str>, text: &mut String) -> Number {
        if !self.are_given {
            return Number::None;
        }
        protocol::push_number(text, self.next(application));
        Number::Given
    }

    // Not where it is called: most events have none.
    #[inline(never)]
    fn next(&mut self, application: &Arc<str>) -> u64 {
        if let Some(last) = self.last.get_mut(application) {
            *last += 1;
            return *last;
        }
        self.last.insert(Arc::clone(application), 1);
        1
    }

    /// The last number of each application.
    pub(super) fn last(&self) -> Vec<(String, u64)> {
        let last = self.last.iter();
        let mut last: Vec<_> = last.map(|(application, number)| (application.to_string(), *number)).collect();
        last.sort_unstable();
        last
    }

    /// Without a connection, what is wanted comes into effect: one connection is told of its applications in one way only.
    pub(super) fn settle(&mut self, numbering: &Numbering) {
        self.are_given = self.wanted;
        numbering.is_on.store(self.wanted, Relaxed);
        numbering.was_on.fetch_or(self.wanted, Relaxed);
    }
}

/// Whether events are given numbers, for those who do not have the lock.
#[derive(Debug, Default)]
pub(super) struct Numbering {
    is_on: AtomicBool,
    /// Or were once: some of them may still wait.
    was_on: AtomicBool,
}

impl Outbox {
    /// How events are delivered: from now on, or while there is a connection from its end on.
    pub(in crate::session) fn set_delivery(&self, delivery: Delivery) {
        let mut state = self.state();
        state.numbers.wanted = delivery == Delivery::AtLeastOnce;
        if state.status.connection().is_none() {
            state.numbers.settle(&self.numbering);
        }
    }

    /// Whether events are given numbers. Whoever acts on it may be late; the number itself is given behind the lock.
    pub(in crate::session) fn gives_numbers(&self) -> bool {
        self.numbering.is_on.load(Relaxed)
    }

    /// Whether applications are to know which numbers belong together.
    pub(in crate::session) fn has_numbers(&self) -> bool {
        self.numbering.was_on.load(Relaxed)
    }

    /// An event is dropped before it could be offered: its number is missing.
    pub(in crate::session) fn skip_number(&self, application: &Arc<str>) {
        self.state().numbers.give(application, &mut String::new());
    }

    /// Events with numbers have been sent, each with its place among the messages of the connection. Those for which there is
    /// no room are not sent again.
    pub(in crate::session) fn keep(&self, places: Vec<u64>, sent: Load) {
        let mut state = self.state();
        state.room.absorb(sent.room);
        for (place, message) in places.into_iter().zip(sent.messages) {
            state.copies.add(place, message);
        }
        let mut cost = 0;
        while state.is_over_full()
            && let Some(copy) = state.copies.take_oldest()
        {
            cost += copy.costs();
        }
        state.left(cost);
    }

    /// The oldest event that was sent before, which is not sent again then.
    pub(super) fn take_oldest_sent(&self, state: &mut State) -> Option<Message> {
        if let Some(copy) = state.copies.take_oldest() {
            // The connection that it was sent over counts it when it ends.
            return Some(copy);
        }
        let repeat = state.take_oldest_repeat()?;
        count(&self.counters.messages_unconfirmed);
        state.resume.unconfirmed += 1;
        Some(repeat)
    }

    /// So many messages of the connection have arrived.
    pub(in crate::session) fn proven(&self, messages: u64) {
        let proven = {
            let mut state = self.state();
            // What proves an arrival is behind the last of what was sent.
            memory::give_all_back(&mut state.queue);
            let proven = state.copies.proven(messages);
            state.left(proven.iter().map(|(_, message)| message.costs()).sum());
            proven
        };
        // It may be much to free: not behind the lock.
        drop(proven);
    }

    /// Whether anything that was sent may have to be sent again.
    pub(in crate::session) fn has_unproven(&self) -> bool {
        let state = self.state();
        state.copies.events() + state.waiting.repeats > 0
    }
}

impl State {
    fn is_over_full(&self) -> bool {
        self.waiting.events + self.copies.events() > self.limits.max_messages
            || self.waiting.bytes + self.copies.bytes() > self.limits.max_bytes
    }
}
