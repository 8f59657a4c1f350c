//! Answers to requests: each goes over the connection that asked, also when another one has taken its place.

use std::sync::Arc;

use super::Outbox;
use crate::session::members::Members;
use crate::session::message::{Kind, Load, Message, Place};
use crate::session::view::count;

/// What became of an answer.
#[derive(Debug)]
pub(in crate::session) enum Responded {
    /// It will be sent.
    Queued,
    /// There is no room for it, here or over all sessions; its place is free for a shorter one.
    NoRoom(Place),
    /// It is not for the connection that is open.
    NotHere(String, Place),
}

impl Outbox {
    /// The answer to a request of the given connection. It `must` go, or is not taken if there is no room for it.
    pub(in crate::session) fn respond(&self, connection: u64, text: String, place: Place, must: bool) -> Responded {
        let mut state = self.state();
        if state.status.connection() != Some(connection) {
            return Responded::NotHere(text, place);
        }
        let cost = Message::cost(text.len());
        if must {
            state.room.grow_in_any_case(cost);
        } else if !state.has_room_for_answer(cost) {
            count(&self.counters.responses_replaced_queue_full);
            return Responded::NoRoom(place);
        } else if !state.room.grow(cost) {
            count(&self.counters.responses_replaced_all_queues_full);
            return Responded::NoRoom(place);
        }
        let answer = Message {
            text,
            kind: Kind::Response { _place: place },
        };
        if state.resume.is_due() {
            // The host may take its time for what events wait for.
            let ahead = state.ahead_of_events();
            state.queue.insert(ahead, answer);
        } else {
            state.queue.push_back(answer);
        }
        drop(state);
        self.filled.notify_one();
        Responded::Queued
    }

    /// Answers that wait, and nothing else.
    pub(in crate::session) fn answers(&self) -> Load {
        self.state().answers()
    }

    /// Where the answers go of a connection whose place another one has taken.
    pub(in crate::session) fn of_answers(&self, connection: u64) -> Self {
        let limits = self.state().limits;
        let outbox = Self::new(
            limits,
            Members::default(),
            Arc::clone(&self.counters),
            Arc::clone(&self.account),
        );
        outbox.state().status.resumed(connection);
        outbox
    }

    /// Takes answers from another one.
    pub(in crate::session) fn take_in(&self, answers: Load) {
        let mut state = self.state();
        state.queue.extend(answers.messages);
        state.room.absorb(answers.room);
        drop(state);
        self.filled.notify_one();
    }
}
