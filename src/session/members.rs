//! Whom and what a session lets in; which channels keep a per-call session open, and when it may close.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::message::ChannelEvent;

/// How long trailing events (ChannelVarset, ChannelDestroyed) may take after the last StasisEnd.
pub(super) const LINGER: Duration = Duration::from_secs(3);

/// Where a channel is, as the host's `stasis_start` and `stasis_end` and its own events tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The connection is being made for it: `stasis_start` has neither succeeded nor failed.
    Starting,
    /// `stasis_start` succeeded; StasisStart is still to come.
    Expected,
    /// StasisStart was offered.
    Inside,
    /// StasisEnd was offered and is not on the wire.
    Leaving,
    /// StasisEnd is on the wire, but Stasis has not returned: it will in a moment, or the channel was moved to another
    /// application and may come back.
    Away,
    /// Stasis has returned before StasisStart was offered: a host may send events later than what they tell of.
    Unheard,
    /// Stasis has returned; StasisEnd is still to come, if it ever does.
    Returned,
    /// Nothing is to come but trailing events.
    Gone,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    place: Place,
    /// `stasis_start` was called for it, so that `stasis_end` will be. Channels that an application moves here have only
    /// events.
    called: bool,
    /// StasisEnds that were offered and are not on the wire.
    ends: u32,
    /// ChannelDestroyed is on the wire.
    destroyed: bool,
}

impl Member {
    /// Whether the session must stay for it.
    fn holds(self) -> bool {
        !matches!(self.place, Place::Unheard | Place::Returned | Place::Gone)
    }

    /// Whether it is in the application for certain. One whose start may still fail is not, nor one whose StasisEnd was
    /// offered, wherever it is by now: in the dialplan, in another application, or on its way back.
    fn is_inside(self) -> bool {
        matches!(self.place, Place::Expected | Place::Inside)
    }

    /// Whether nothing will be heard of it any more.
    fn is_done(self) -> bool {
        self.place == Place::Gone && self.destroyed && !self.called && self.ends == 0
    }
}

/// Whom and what a session lets in. This alone says whether it is ending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Admission {
    /// Channels and events.
    #[default]
    Open,
    /// It ends when what waits was sent: no channel, and no event but a StasisStart, which opens it again.
    Closing,
    /// Nothing: which channels were inside when it ended does not change any more.
    Ended,
}

/// The channels of a session; a persistent one knows none.
#[derive(Debug, Default)]
pub(super) struct Members {
    admission: Admission,
    members: BTreeMap<String, Member>,
    /// When the last channel left; none while one holds the session.
    vacant: Option<Instant>,
    /// Those that [`Members::end`] gave.
    told: BTreeSet<String>,
}

impl Members {
    /// With the channel that the connection is made for, which has not entered yet.
    pub(super) fn new(channel: &str) -> Self {
        let mut members = Self::default();
        members.member(channel).place = Place::Starting;
        members
    }

    /// `stasis_start` succeeded for the channel; false if the session lets none in.
    pub(super) fn entered(&mut self, channel: &str) -> bool {
        if self.admission != Admission::Open {
            return false;
        }
        let member = self.member(channel);
        member.place = Place::Expected;
        member.called = true;
        self.vacant = None;
        true
    }

    /// `stasis_end` was called.
    pub(super) fn left(&mut self, channel: &str, now: Instant) {
        let Some(member) = self.members.get_mut(channel) else {
            return;
        };
        member.called = false;
        member.place = match member.place {
            Place::Starting => Place::Starting,
            Place::Away | Place::Gone => Place::Gone,
            Place::Leaving => Place::Leaving,
            Place::Expected | Place::Unheard => Place::Unheard,
            Place::Inside | Place::Returned => Place::Returned,
        };
        self.settle(channel, now);
    }

    /// StasisStart was offered. Where the channel has taken the place of another by a transfer, it names that one.
    pub(super) fn started(&mut self, channel: &str, replaced: Option<&str>) {
        let member = self.member(channel);
        member.place = match member.place {
            // Its own, late; one that has taken the place of another is there.
            Place::Unheard if replaced.is_none() => Place::Returned,
            _ => Place::Inside,
        };
        // Without a start of its own it goes on in the Stasis of the one that it replaces, which is there no more. Otherwise
        // that one leaves by itself.
        if !member.called
            && let Some(other) = replaced.and_then(|replaced| self.members.get_mut(replaced))
            && other.is_inside()
        {
            other.place = Place::Returned;
        }
        // Where Stasis has returned already nothing but its StasisEnd is to come, if it ever does.
        if self.are_held() {
            self.vacant = None;
        }
    }

    /// StasisEnd was offered.
    pub(super) fn ending(&mut self, channel: &str) {
        let member = self.member(channel);
        member.ends += 1;
        // One that is expected has been here before, and this is the end of that.
        if member.place != Place::Expected {
            member.place = Place::Leaving;
        }
        // The trailing events are counted from the moment when it is on the wire, also where `stasis_end` came first.
        self.vacant = None;
    }

    /// A StasisEnd is on the wire, or was dropped from a full queue.
    pub(super) fn ended(&mut self, channel: &str, now: Instant) {
        let member = self.member(channel);
        member.ends = member.ends.saturating_sub(1);
        // Unless the channel has come back behind it.
        if member.ends == 0 && member.place == Place::Leaving {
            member.place = if member.called { Place::Away } else { Place::Gone };
        }
        self.settle(channel, now);
    }

    /// Whether an event is let in. A channel that comes while the session closes is told of, on this connection or on the next.
    pub(super) fn admits(&mut self, is_start: bool) -> bool {
        if is_start && self.admission == Admission::Closing {
            self.admission = Admission::Open;
        }
        self.admission == Admission::Open
    }

    /// Lets nothing in any more, unless a channel comes.
    pub(super) fn close(&mut self) {
        self.admission = self.admission.max(Admission::Closing);
    }

    /// Ends the session; gives the channels that are inside, each once, also those of which events told later.
    pub(super) fn end(&mut self) -> Vec<String> {
        self.admission = Admission::Ended;
        let members = std::mem::take(&mut self.members).into_iter();
        members
            .filter(|(channel, member)| member.is_inside() && self.told.insert(channel.clone()))
            .map(|(channel, _)| channel)
            .collect()
    }

    /// Whether the session has ended.
    pub(super) fn have_ended(&self) -> bool {
        self.admission == Admission::Ended
    }

    /// Closes if the time for that has come; whether it has.
    pub(super) fn close_when_due(&mut self, now: Instant) -> bool {
        let due = self.closing_time().is_some_and(|time| time <= now);
        self.close_if(due)
    }

    /// Closes if every StasisEnd is on the wire: a peer that goes now has heard all. Whether it is so.
    pub(super) fn close_if_all_ended(&mut self) -> bool {
        let all = self.all_ended();
        self.close_if(all)
    }

    /// Closes unless a channel holds the session; whether none does.
    pub(super) fn close_unless_held(&mut self) -> bool {
        let unheld = !self.are_held();
        self.close_if(unheld)
    }

    /// A channel comes back that has left: it joins the others that hold the session, or else no other is let in any more
    /// either. Whether it has joined.
    pub(super) fn join_or_close(&mut self, channel: &str) -> bool {
        let joins = self.are_held_without(channel);
        if joins {
            self.entered(channel)
        } else {
            self.close();
            false
        }
    }

    /// The connection was closed, perhaps because the session's time had come. A channel may have entered by events meanwhile:
    /// then the session goes on. Whether it is over.
    pub(super) fn are_over(&mut self) -> bool {
        if self.admission == Admission::Closing && self.are_held() {
            self.admission = Admission::Open;
        }
        self.admission != Admission::Open
    }

    /// An event was taken: it will be sent.
    pub(super) fn accepted(&mut self, event: Option<&ChannelEvent>) {
        match event {
            Some(ChannelEvent::Started(of)) => self.started(&of.channel, of.replaces.as_deref()),
            Some(ChannelEvent::Ended(channel)) => self.ending(channel),
            Some(ChannelEvent::Destroyed(_)) | None => {}
        }
    }

    /// An event that had been taken will not be sent.
    pub(super) fn dropped(&mut self, event: Option<&ChannelEvent>, now: impl Fn() -> Instant) {
        if let Some(ChannelEvent::Ended(channel)) = event {
            self.ended(channel, now());
        }
    }

    /// An event was not taken. What it tells of has happened all the same.
    pub(super) fn refused(&mut self, event: Option<&ChannelEvent>, now: impl Fn() -> Instant) {
        self.accepted(event);
        self.dropped(event, now);
    }

    /// An event is on the wire.
    pub(super) fn sent(&mut self, event: &ChannelEvent, now: Instant) {
        match event {
            ChannelEvent::Started(_) => {}
            ChannelEvent::Ended(channel) => self.ended(channel, now),
            ChannelEvent::Destroyed(channel) => self.destroyed(channel, now),
        }
    }

    fn close_if(&mut self, condition: bool) -> bool {
        if condition {
            self.close();
        }
        condition
    }

    /// ChannelDestroyed is on the wire.
    pub(super) fn destroyed(&mut self, channel: &str, now: Instant) {
        if let Some(member) = self.members.get_mut(channel) {
            member.destroyed = true;
            self.settle(channel, now);
        }
    }

    fn all_ended(&self) -> bool {
        self.members
            .values()
            .all(|member| matches!(member.place, Place::Away | Place::Gone))
    }

    /// Whether the channel's Stasis is over, and its StasisEnd still to be offered or sent.
    pub(super) fn is_leaving(&self, channel: &str) -> bool {
        self.members.get(channel).is_some_and(|member| {
            use Place::{Leaving, Returned, Unheard};
            matches!(member.place, Leaving | Returned | Unheard)
        })
    }

    /// Whether the session must stay, for others than a channel that is leaving.
    pub(super) fn are_held_without(&self, leaving: &str) -> bool {
        let left = self.is_leaving(leaving);
        let mut others = self.members.iter().filter(|(channel, _)| !left || *channel != leaving);
        others.any(|(_, member)| member.holds())
    }

    /// When the session is to close: after the trailing events had their time, or as soon as nothing can trail any more.
    pub(super) fn closing_time(&self) -> Option<Instant> {
        let vacant = self.vacant?;
        if self
            .members
            .values()
            .all(|member| member.destroyed && member.place == Place::Gone)
        {
            return Some(vacant);
        }
        Some(vacant + LINGER)
    }

    fn are_held(&self) -> bool {
        self.members.values().any(|member| member.holds())
    }

    fn member(&mut self, channel: &str) -> &mut Member {
        self.members.entry(channel.to_owned()).or_insert(Member {
            place: Place::Gone,
            called: false,
            ends: 0,
            destroyed: false,
        })
    }

    /// A channel has changed: it may have been the last one that held the session. One that is done is forgotten.
    fn settle(&mut self, channel: &str, now: Instant) {
        if self.members.get(channel).is_some_and(|member| member.is_done()) {
            self.members.remove(channel);
        }
        if self.vacant.is_none() && !self.are_held() {
            self.vacant = Some(now);
        }
    }
}

#[cfg(test)]
#[path = "tests_members.rs"]
mod tests;
