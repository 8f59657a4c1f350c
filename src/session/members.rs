//! Which channels keep a per-call session open, and when it may close.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long trailing events (ChannelVarset, ChannelDestroyed) may take after the last StasisEnd.
pub(super) const LINGER: Duration = Duration::from_secs(3);

/// Where a channel is, as the host's `stasis_start` and `stasis_end` and its own events tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
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
}

/// The channels of a per-call session.
#[derive(Debug)]
pub(super) struct Members {
    members: BTreeMap<String, Member>,
    /// When the last channel left; none while one holds the session.
    vacant: Option<Instant>,
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
        members.entered(channel);
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
            Place::Expected | Place::Inside | Place::Returned => Place::Returned,
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

    /// Lets no channel in any more; gives those that are in Stasis.
    pub(super) fn close(&mut self) -> Vec<String> {
        self.closed = true;
        let inside = self.in_stasis();
        self.members.clear();
        inside
    }

    /// ChannelDestroyed is on the wire.
    pub(super) fn destroyed(&mut self, channel: &str) {
        if let Some(member) = self.members.get_mut(channel) {
            member.destroyed = true;
        }
    }

    /// Whether every StasisEnd is on the wire: a peer that goes now has heard all.
    pub(super) fn all_ended(&self) -> bool {
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

    /// The channels that are in Stasis now.
    pub(super) fn in_stasis(&self) -> Vec<String> {
        self.members
            .iter()
            .filter(|(_, member)| member.holds())
            .map(|(channel, _)| channel.clone())
            .collect()
    }

    fn member(&mut self, channel: &str) -> &mut Member {
        self.members.entry(channel.to_owned()).or_insert(Member {
            place: Place::Expected,
            called: false,
            ends: 0,
            destroyed: false,
        })
    }

    fn settle(&mut self, now: Instant) {
        if self.vacant.is_none() && !self.members.values().any(|member| member.holds()) {
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

    #[test]
    fn the_session_stays_while_its_channel_is_in_stasis() {
        let mut members = Members::new("1");
        members.started("1");
        assert_eq!(members.closing_time(), None);
        assert_eq!(members.in_stasis(), ["1"]);
    }

    #[test]
    fn trailing_events_have_three_seconds_after_stasis_end() {
        let (mut members, time) = (Members::new("1"), now());
        members.started("1");
        members.left("1", time);
        let later = time + Duration::from_secs(1);
        members.ending("1");
        members.ended("1", later);
        assert_eq!(members.closing_time(), Some(later + LINGER));
    }

    #[test]
    fn channel_destroyed_ends_the_wait() {
        let (mut members, time) = (Members::new("1"), now());
        members.started("1");
        members.ending("1");
        members.ended("1", time);
        members.left("1", time);
        members.destroyed("1");
        assert_eq!(members.closing_time(), Some(time));
    }

    #[test]
    fn a_second_channel_keeps_the_session() {
        let (mut members, time) = (Members::new("1"), now());
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
        let (mut members, time) = (Members::new("1"), now());
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
        assert!(!Members::new("1").all_ended());
    }

    #[test]
    fn a_channel_that_enters_again_opens_the_session_again() {
        let (mut members, time) = (Members::new("1"), now());
        members.ending("1");
        members.ended("1", time);
        members.left("1", time);
        members.entered("1");
        assert_eq!(members.closing_time(), None);
    }

    #[test]
    fn a_stasis_end_that_waits_for_a_connection_holds_the_session() {
        let (mut members, time) = (Members::new("1"), now());
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
        let (mut members, time) = (Members::new("1"), now());
        members.started("2");
        members.ending("2");
        members.started("2");
        members.left("1", time);
        members.ended("2", time);
        assert_eq!(members.in_stasis(), ["2"]);
    }

    #[test]
    fn a_closed_session_lets_no_channel_in() {
        let mut members = Members::new("1");
        assert_eq!(members.close(), ["1"]);
        assert!(!members.entered("2"));
        assert_eq!(members.close(), Vec::<String>::new());
    }

    #[test]
    fn a_stasis_end_that_never_comes_does_not_hold_the_session() {
        let (mut members, time) = (Members::new("1"), now());
        members.started("1");
        members.left("1", time);
        assert_eq!(members.closing_time(), Some(time + LINGER));
    }
}
