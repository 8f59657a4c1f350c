//! Connections that open and end: what one hears of first, and what of its messages the next one gets.

use std::mem::take;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Outbox;
use super::state::State;
use crate::session::clock::now;
use crate::session::delivery::Remains;
use crate::session::message::{Kind, Load};

/// What the end of a connection came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::session) struct Gone {
    /// Events of applications that are registered no more, which were dropped.
    pub(in crate::session) dropped: u64,
    /// Messages that may or may not have arrived, and are not sent again.
    pub(in crate::session) unconfirmed: u64,
    /// Events that may or may not have arrived, and are sent again.
    pub(in crate::session) repeats: u64,
}

impl Outbox {
    /// A connection is open: every application is announced ahead of all else, and events follow after the delay, if there is
    /// one. It serves the applications at once, or when it has lasted. Gives the connection's number and how many events were
    /// dropped since the last one.
    pub(in crate::session) fn connected(
        &self,
        remote: String,
        serves: bool,
        start_delay: Option<Duration>,
        notice: impl Fn(&str) -> String,
    ) -> (u64, u64) {
        let mut state = self.state();
        for application in state.announced.clone().iter().rev() {
            let message = state.notice(notice(application));
            state.queue.push_front(message);
        }
        let number = state.status.opened(remote, serves);
        state.delayed = start_delay.map(|delay| now() + delay);
        let outcome = (number, take(&mut state.dropped));
        drop(state);
        self.filled.notify_one();
        self.turned.notify_waiters();
        outcome
    }

    /// The connection has ended, for this cause or by a wish of this side. Events that had not reached the kernel come back to
    /// the front, in order, behind those that have numbers and are not proven to have arrived; what meant something to that
    /// connection only is gone. Events of applications that are registered no more would reach a connection that has not heard
    /// of them: they are dropped.
    pub(in crate::session) fn disconnected(&self, cause: Option<&str>, remains: Remains) -> Gone {
        let mut state = self.state();
        state.status.closed(cause);
        self.end_connection(state, remains)
    }

    /// Another connection takes the place of the open one, over which nothing is under way: applications are served all the
    /// time. Gives the answers that wait, which mean something to the one that is left only.
    pub(in crate::session) fn handed_over(&self, remains: Remains) -> (Load, Gone) {
        let mut state = self.state();
        let answers = state.answers();
        state.status.connecting();
        (answers, self.end_connection(state, remains))
    }

    fn end_connection(&self, mut state: MutexGuard<'_, State>, remains: Remains) -> Gone {
        let copies = state.copies.take_all();
        let repeats = copies.len() as u64;
        state.room.absorb(remains.unsent.room);
        let returned: Vec<_> = copies.chain(remains.unsent.messages).collect();
        for message in returned.into_iter().rev() {
            state.waiting.add(&message);
            state.queue.push_front(message);
        }
        state.resume.disconnected();
        state.resume.unconfirmed += remains.unconfirmed_events.saturating_sub(repeats);
        state.numbers.settle(&self.numbering);
        let held: Vec<_> = state.held.keys().cloned().collect();
        for application in held {
            state.take_back(&application);
        }
        let announced = state.announced.clone();
        let mut undelivered = 0;
        let lost = state.discard(|message| match &message.kind {
            Kind::Event { application, .. } => !announced.iter().any(|name| **name == **application),
            Kind::Notice => true,
            Kind::Response { .. } => {
                undelivered += 1;
                true
            }
        });
        let dropped = self.lost(&mut state, lost);
        let repeats_waiting = state.waiting.repeats as u64;
        drop(state);
        // Who would do it later is the writer of a connection.
        while self.spare.give_back() {}
        self.turned.notify_waiters();
        self.counters.responses_undelivered.fetch_add(undelivered, Relaxed);
        Gone {
            dropped,
            unconfirmed: remains.unconfirmed.saturating_sub(repeats),
            repeats: repeats_waiting,
        }
    }
}
