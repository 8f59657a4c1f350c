//! What applications missed while there was no connection, and the ApplicationResumed that tells them (`announce_resume`): it
//! follows the ApplicationRegistered of a connection that was made again, ahead of all events.

use std::mem::take;
use std::time::{Duration, Instant};

use super::{Outbox, State};
use crate::protocol;
use crate::session::clock::now;
use crate::session::view::count;

/// What was missed since the last connection that applications were told of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::session) struct Missed {
    /// For how long there was no connection.
    pub(in crate::session) down: Duration,
    /// Events that wait to be sent for the first time.
    pub(in crate::session) queued: usize,
    /// Events that were dropped.
    pub(in crate::session) dropped: u64,
    /// Events that were sent before it, and are not proven to have arrived.
    pub(in crate::session) unconfirmed: u64,
}

#[derive(Debug, Default)]
pub(super) struct Resume {
    /// The applications to be told, each with its ApplicationResumed, to which the host may add. Events wait for that.
    due: Vec<(String, String)>,
    down_since: Option<Instant>,
    dropped_before: u64,
    /// Events that were sent, are not proven to have arrived, and are not sent again.
    pub(super) unconfirmed: u64,
}

impl Resume {
    /// Whether events wait for an ApplicationResumed.
    pub(super) fn is_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.due.clear();
        self.down_since.get_or_insert_with(now);
    }
}

impl Outbox {
    /// The connection, which has just opened, is another one than before: its applications are to hear of that. Events wait
    /// until [`Outbox::resume`] is called. Gives the applications.
    pub(in crate::session) fn expect_resume(&self, text: impl Fn(&str, &Missed) -> String) -> Vec<String> {
        let mut state = self.state();
        let (queued, _) = state.waiting.unsent();
        let resume = &state.resume;
        let missed = Missed {
            down: resume
                .down_since
                .map_or(Duration::ZERO, |since| now().saturating_duration_since(since)),
            queued,
            dropped: self.dropped_so_far().saturating_sub(resume.dropped_before),
            unconfirmed: resume.unconfirmed + state.waiting.repeats as u64,
        };
        let due = state.announced.iter().map(|name| (name.clone(), text(name, &missed)));
        state.resume.due = due.collect();
        state.announced.clone()
    }

    /// ApplicationResumed goes out, for some applications with more members: what the host tells of them. From now on another
    /// outage counts.
    pub(in crate::session) fn resume(&self, told: &[(String, String)]) {
        let mut state = self.state();
        self.resume_locked(&mut state, told);
        self.nothing_missed_locked(&mut state);
        drop(state);
        self.wake();
    }

    /// Nobody is told of what was missed so far.
    pub(in crate::session) fn nothing_missed(&self) {
        self.nothing_missed_locked(&mut self.state());
    }

    pub(super) fn resume_locked(&self, state: &mut State, told: &[(String, String)]) {
        for (application, mut text) in take(&mut state.resume.due) {
            // It may have gone meanwhile.
            if !state.announced.contains(&application) {
                continue;
            }
            if let Some((_, members)) = told.iter().find(|(name, _)| *name == application) {
                protocol::push_members(&mut text, members);
            }
            let notice = state.notice(text);
            let place = state.ahead_of_events();
            state.queue.insert(place, notice);
            count(&self.counters.applications_resumed);
        }
    }

    fn nothing_missed_locked(&self, state: &mut State) {
        state.resume.down_since = None;
        state.resume.unconfirmed = 0;
        state.resume.dropped_before = self.dropped_so_far();
    }

    fn dropped_so_far(&self) -> u64 {
        self.counters.totals().events_dropped()
    }
}
