//! Which channels keep a per-call session open, and when it may close.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

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
        !matches!(self.place, Place::Returned | Place::Gone)
    }

    /// Whether it is in the application for certain. One whose start may still fail is not, nor one whose StasisEnd was
    /// offered, wherever it is by now: in the dialplan, in another application, or on its way back.
    fn is_inside(self) -> bool {
        matches!(self.place, Place::Expected | Place::Inside)
    }
}

/// The channels of a per-call session.
#[derive(Debug)]
pub(super) struct Members {
    members: BTreeMap<String, Member>,
    /// When the last channel left; none while one holds the session.
    vacant: Option<Instant>,
    /// No start lets a channel in any more.
    closed: bool,
}

impl Members {
    /// With the channel that the connection is made for.
    pub(super) fn new(channel: &str) -> Self {
        let mut members = Self {
            members: BTreeMap::new(),
            vacant: None,
            closed: false,
        };
        members.member(channel);
        members
    }

    /// `stasis_start` succeeded for the channel; false if the session is closed to channels.
    pub(super) fn entered(&mut self, channel: &str) -> bool {
        if self.closed {
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
        let member = self.member(channel);
        member.called = false;
        member.place = match member.place {
            Place::Away | Place::Gone => Place::Gone,
            Place::Leaving => Place::Leaving,
            Place::Starting | Place::Expected | Place::Inside | Place::Returned => Place::Returned,
        };
        self.settle(now);
    }

    /// StasisStart was offered.
    pub(super) fn started(&mut self, channel: &str) {
        self.member(channel).place = Place::Inside;
        self.vacant = None;
    }

    /// StasisEnd was offered.
    pub(super) fn ending(&mut self, channel: &str) {
        let member = self.member(channel);
        member.ends += 1;
        member.place = Place::Leaving;
        // The trailing events are counted from the moment when it is on the wire, also where `stasis_end` came first.
        self.vacant = None;
    }

    /// A StasisEnd is on the wire, or was dropped from a full queue.
    pub(super) fn ended(&mut self, channel: &str, now: Instant) {
        let member = self.member(channel);
        member.ends = member.ends.saturating_sub(1);
        // Unless the channel has come back behind it.
        if member.ends == 0 && member.place == Place::Leaving {
            member.place = if member.called {
                Place::Away
            } else {
                Place::Gone
            };
            self.settle(now);
        }
    }

    /// Lets no channel in any more; gives those that are inside, each once.
    pub(super) fn close(&mut self) -> Vec<String> {
        self.closed = true;
        let members = std::mem::take(&mut self.members).into_iter();
        members
            .filter(|(_, member)| member.is_inside())
            .map(|(channel, _)| channel)
            .collect()
    }

    /// Lets no channel in any more if the time to close has come; whether it has.
    pub(super) fn close_when_due(&mut self, now: Instant) -> bool {
        let due = self.closing_time().is_some_and(|time| time <= now);
        self.closed |= due;
        due
    }

    /// Lets no channel in any more if every StasisEnd is on the wire: a peer that goes now has heard all. Whether it is so.
    pub(super) fn close_if_all_ended(&mut self) -> bool {
        let all = self.all_ended();
        self.closed |= all;
        all
    }

    /// Lets no channel in any more unless one holds the session; whether none does.
    pub(super) fn close_unless_held(&mut self) -> bool {
        let unheld = !self.are_held();
        self.closed |= unheld;
        unheld
    }

    /// A channel comes back that has left: it joins the others that hold the session, or else no other is let in any more
    /// either. Whether it has joined.
    pub(super) fn join_or_close(&mut self, channel: &str) -> bool {
        if self.are_held_without(channel) {
            self.entered(channel)
        } else {
            self.closed = true;
            false
        }
    }

    /// The connection was closed because its time had come. A channel may have entered by events meanwhile: then the session
    /// goes on. Whether it is over.
    pub(super) fn is_over(&mut self) -> bool {
        self.closed &= !self.are_held();
        self.closed
    }

    /// ChannelDestroyed is on the wire.
    pub(super) fn destroyed(&mut self, channel: &str) {
        if let Some(member) = self.members.get_mut(channel) {
            member.destroyed = true;
        }
    }

    fn all_ended(&self) -> bool {
        self.members
            .values()
            .all(|member| matches!(member.place, Place::Away | Place::Gone))
    }

    /// Whether the channel's Stasis is over, and its StasisEnd still to be offered or sent.
    pub(super) fn is_leaving(&self, channel: &str) -> bool {
        self.members
            .get(channel)
            .is_some_and(|member| matches!(member.place, Place::Returned | Place::Leaving))
    }

    /// Whether the session must stay, for others than a channel that is leaving.
    pub(super) fn are_held_without(&self, leaving: &str) -> bool {
        let left = self.is_leaving(leaving);
        let mut others = self
            .members
            .iter()
            .filter(|(channel, _)| !left || *channel != leaving);
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
            place: Place::Starting,
            called: false,
            ends: 0,
            destroyed: false,
        })
    }

    fn settle(&mut self, now: Instant) {
        if self.vacant.is_none() && !self.are_held() {
            self.vacant = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Instant {
        Instant::now()
    }

    /// With a channel whose start has succeeded.
    fn with(channel: &str) -> Members {
        let mut members = Members::new(channel);
        members.entered(channel);
        members
    }

    #[test]
    fn a_channel_is_inside_when_its_start_has_succeeded_and_not_before() {
        let mut members = Members::new("1");
        assert_eq!(members.closing_time(), None);
        assert_eq!(members.close(), Vec::<String>::new());
        assert!(!members.entered("1"));
        assert_eq!(with("1").close(), ["1"]);
    }

    #[test]
    fn the_session_stays_while_its_channel_is_in_stasis() {
        let mut members = with("1");
        members.started("1");
        assert_eq!(members.closing_time(), None);
        assert_eq!(members.close(), ["1"]);
    }

    #[test]
    fn trailing_events_have_three_seconds_after_stasis_end() {
        let (mut members, time) = (with("1"), now());
        members.started("1");
        members.left("1", time);
        let later = time + Duration::from_secs(1);
        members.ending("1");
        members.ended("1", later);
        assert_eq!(members.closing_time(), Some(later + LINGER));
    }

    #[test]
    fn channel_destroyed_ends_the_wait() {
        let (mut members, time) = (with("1"), now());
        members.started("1");
        members.ending("1");
        members.ended("1", time);
        members.left("1", time);
        members.destroyed("1");
        assert_eq!(members.closing_time(), Some(time));
    }

    #[test]
    fn a_second_channel_keeps_the_session() {
        let (mut members, time) = (with("1"), now());
        members.started("1");
        members.started("2");
        members.ending("1");
        members.ended("1", time);
        members.left("1", time);
        assert_eq!(members.closing_time(), None);
        members.ending("2");
        members.ended("2", time);
        assert_eq!(members.closing_time(), Some(time + LINGER));
    }

    #[test]
    fn a_channel_that_was_moved_away_may_come_back_until_stasis_returns() {
        let (mut members, time) = (with("1"), now());
        members.started("1");
        members.ending("1");
        members.ended("1", time);
        assert!(members.all_ended());
        assert_eq!(members.closing_time(), None);
        members.left("1", time);
        assert_eq!(members.closing_time(), Some(time + LINGER));
    }

    #[test]
    fn a_peer_that_goes_before_stasis_start_has_not_heard_all() {
        assert!(!with("1").all_ended());
    }

    #[test]
    fn a_channel_that_enters_again_opens_the_session_again() {
        let (mut members, time) = (with("1"), now());
        members.ending("1");
        members.ended("1", time);
        members.left("1", time);
        members.entered("1");
        assert_eq!(members.closing_time(), None);
    }

    #[test]
    fn a_stasis_end_that_waits_for_a_connection_holds_the_session() {
        let (mut members, time) = (with("1"), now());
        members.started("1");
        members.ending("1");
        members.left("1", time);
        assert_eq!(members.closing_time(), None);
        assert!(!members.all_ended());
        members.ended("1", time);
        assert_eq!(members.closing_time(), Some(time + LINGER));
    }

    #[test]
    fn a_channel_that_came_back_before_its_stasis_end_was_sent_is_inside() {
        let (mut members, time) = (with("1"), now());
        members.started("2");
        members.ending("2");
        members.started("2");
        members.left("1", time);
        members.ended("2", time);
        assert_eq!(members.close(), ["2"]);
    }

    #[test]
    fn a_closed_session_lets_no_channel_in() {
        let mut members = with("1");
        assert_eq!(members.close(), ["1"]);
        assert!(!members.entered("2"));
        assert_eq!(members.close(), Vec::<String>::new());
    }

    #[test]
    fn only_channels_that_are_inside_for_certain_are_failed() {
        let time = now();
        let mut members = with("expected");
        for channel in ["inside", "leaving", "moved away", "gone", "came back"] {
            members.entered(channel);
            members.started(channel);
        }
        for channel in ["leaving", "moved away", "gone", "came back"] {
            members.ending(channel);
        }
        for channel in ["moved away", "gone", "came back"] {
            members.ended(channel, time);
        }
        members.left("gone", time);
        members.started("came back");
        members.entered("returned");
        members.started("returned");
        members.left("returned", time);
        assert_eq!(members.close(), ["came back", "expected", "inside"]);
    }

    #[test]
    fn a_channel_that_took_anothers_place_is_failed_and_the_other_is_not() {
        // An attended transfer: StasisStart of the new channel, then StasisEnd of the old one, whose Stasis has not returned.
        let (mut members, time) = (with("old"), now());
        members.started("old");
        members.started("new");
        members.ending("old");
        members.ended("old", time);
        assert_eq!(members.closing_time(), None);
        assert_eq!(members.close(), ["new"]);
    }

    #[test]
    fn a_session_whose_time_has_come_lets_no_channel_in() {
        let (mut members, time) = (with("1"), now());
        members.left("1", time);
        assert!(!members.close_when_due(time));
        assert!(members.close_when_due(time + LINGER));
        assert!(!members.entered("2"));
        assert!(members.is_over());
    }

    #[test]
    fn a_channel_that_enters_by_events_keeps_a_session_whose_time_had_come() {
        let (mut members, time) = (with("1"), now());
        members.left("1", time);
        members.close_when_due(time + LINGER);
        members.started("2");
        assert!(!members.is_over());
        assert!(members.entered("3"));
    }

    #[test]
    fn a_session_that_is_left_by_a_peer_which_heard_all_lets_no_channel_in() {
        let (mut members, time) = (with("1"), now());
        assert!(!members.close_if_all_ended());
        members.ending("1");
        members.ended("1", time);
        assert!(members.close_if_all_ended());
        assert!(!members.entered("2"));
    }

    #[test]
    fn a_channel_that_comes_back_joins_the_others_or_nobody_may_enter_any_more() {
        let (mut members, time) = (with("1"), now());
        members.left("1", time);
        members.started("2");
        assert!(members.join_or_close("1"));
        members.left("1", time);
        members.ending("2");
        members.ended("2", time);
        assert!(!members.join_or_close("1"));
        assert!(!members.entered("3"));
    }

    #[test]
    fn a_stasis_end_that_never_comes_does_not_hold_the_session() {
        let (mut members, time) = (with("1"), now());
        members.started("1");
        members.left("1", time);
        assert_eq!(members.closing_time(), Some(time + LINGER));
    }
}
