//! What goes out over a session.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::Arc;

use tokio_util::task::task_tracker::TaskTrackerToken;

use super::account::Room;

/// The right of a request to be waited with, run, and answered; kept until the answer is sent.
pub(super) type Place = TaskTrackerToken;

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// Messages with the room of all queues that they have together.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) messages: VecDeque<Message>,
    /// What each of them costs; nothing if there never was one.
    pub(super) room: Option<Room>,
}

impl Load {
    /// Puts others behind them.
    pub(super) fn append(&mut self, mut others: Self) {
        self.messages.append(&mut others.messages);
        match &mut self.room {
            Some(room) => room.absorb(others.room),
            None => self.room = others.room,
        }
    }

    /// The first of them.
    pub(super) fn take_first(&mut self, count: usize) -> Self {
        let messages: VecDeque<_> = self.messages.drain(..count.min(self.messages.len())).collect();
        let cost = messages.iter().map(Message::costs).sum();
        let room = self.room.as_mut().map(|room| room.split(cost));
        Self { messages, room }
    }

    /// Keeps those that are wanted.
    pub(super) fn retain(&mut self, wanted: impl FnMut(&Message) -> bool) {
        let count = self.messages.len();
        self.messages.retain(wanted);
        if self.messages.len() < count {
            let cost = self.messages.iter().map(Message::costs).sum();
            // What is left of it is given back.
            self.room = self.room.take().map(|mut room| room.split(cost));
        }
    }

    /// Takes those out that are wanted.
    pub(super) fn split_off(&mut self, wanted: fn(&Message) -> bool) -> Self {
        if !self.messages.iter().any(wanted) {
            return Self::default();
        }
        let (messages, others) = take(&mut self.messages).into_iter().partition(wanted);
        self.messages = others;
        let messages: VecDeque<Message> = messages;
        let cost = messages.iter().map(Message::costs).sum();
        let room = self.room.as_mut().map(|room| room.split(cost));
        Self { messages, room }
    }
}

#[derive(Debug)]
pub(super) enum Kind {
    /// An event of the host's.
    Event {
        application: Arc<str>,
        /// What it means for a per-call session.
        channel: Option<Box<ChannelEvent>>,
        number: Number,
    },
    /// ApplicationRegistered or ApplicationUnregistered: means something on this connection only.
    Notice,
    /// The answer to a request: means something on the connection that asked only. It keeps the request's place
    /// until it is sent.
    Response { _place: Place },
}

/// Whether an event has a number, by which its application knows it again (`delivery`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// It has none: it is sent once.
    None,
    /// It has one, and was not sent.
    Given,
    /// It has one and was sent: it is a repeat, wherever it waits.
    Sent,
}

/// An event that moves a channel in a per-call session.
#[derive(Debug)]
pub(super) enum ChannelEvent {
    /// StasisStart.
    Started(Arrival),
    /// StasisEnd.
    Ended(String),
    /// ChannelDestroyed.
    Destroyed(String),
}

/// A channel that has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) channel: String,
    /// The channel whose place it has taken, by a transfer.
    pub(super) replaces: Option<String>,
}

impl Message {
    /// The bytes that a text of this length costs in a queue.
    pub(super) fn cost(length: usize) -> usize {
        length.saturating_add(size_of::<Self>())
    }

    /// The bytes that it costs.
    pub(super) fn costs(&self) -> usize {
        Self::cost(self.text.len())
    }

    pub(super) fn notice(text: impl Into<String>) -> Self {
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

    pub(super) fn is_answer(&self) -> bool {
        matches!(self.kind, Kind::Response { .. })
    }

    /// What it means for a per-call session, which is to count once.
    pub(super) fn take_channel(&mut self) -> Option<Box<ChannelEvent>> {
        match &mut self.kind {
            Kind::Event { channel, .. } => channel.take(),
            Kind::Notice | Kind::Response { .. } => None,
        }
    }

    pub(super) fn is_event(&self) -> bool {
        matches!(self.kind, Kind::Event { .. })
    }

    /// An event that is sent again unless it is proven to have arrived.
    pub(super) fn is_numbered(&self) -> bool {
        matches!(&self.kind, Kind::Event { number, .. } if *number != Number::None)
    }

    /// An event that was sent before, and is not proven to have arrived.
    pub(super) fn is_repeat(&self) -> bool {
        matches!(
            self.kind,
            Kind::Event {
                number: Number::Sent,
                ..
            }
        )
    }

    pub(super) fn is_event_of(&self, name: &str) -> bool {
        matches!(&self.kind, Kind::Event { application, .. } if **application == *name)
    }
}
