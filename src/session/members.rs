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
    /// StasisEnd is on the wire, but Stasis has not returned: it will in a moment, or the channel was moved to another
    /// application and may come back.
    Away,
    /// Stasis has returned; StasisEnd is still to come.
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
    /// ChannelDestroyed is on the wire.
    destroyed: bool,
}

impl Member {
    /// Whether the session must stay for it.
    fn holds(self) -> bool {
        matches!(self.place, Place::Expected | Place::Inside | Place::Away)
    }
}

/// The channels of a per-call session.
#[derive(Debug)]
pub(super) struct Members {
    members: BTreeMap<String, Member>,
    /// When the last channel left; none while one holds the session.
    vacant: Option<Instant>,
}

impl Members {
    /// With the channel that the connection is made for.
    pub(super) fn new(channel: &str) -> Self {
        let mut members = Self {
            members: BTreeMap::new(),
            vacant: None,
        };
        members.entered(channel);
        members
    }

    /// `stasis_start` succeeded for the channel.
    pub(super) fn entered(&mut self, channel: &str) {
        let member = self.member(channel);
        member.place = Place::Expected;
        member.called = true;
        self.vacant = None;
    }

    /// `stasis_end` was called.
    pub(super) fn left(&mut self, channel: &str, now: Instant) {
        let member = self.member(channel);
        member.called = false;
        member.place = match member.place {
            Place::Away | Place::Gone => Place::Gone,
            Place::Expected | Place::Inside | Place::Returned => Place::Returned,
        };
        self.settle(now);
    }

    /// StasisStart was offered.
    pub(super) fn started(&mut self, channel: &str) {
        self.member(channel).place = Place::Inside;
        self.vacant = None;
    }

    /// StasisEnd is on the wire.
    pub(super) fn ended(&mut self, channel: &str, now: Instant) {
        let member = self.member(channel);
        member.place = if member.called {
            Place::Away
        } else {
            Place::Gone
        };
        // The trailing events are counted from here, also where `stasis_end` came first.
        self.vacant = None;
        self.settle(now);
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
        members.ended("1", later);
        assert_eq!(members.closing_time(), Some(later + LINGER));
    }

    #[test]
    fn channel_destroyed_ends_the_wait() {
        let (mut members, time) = (Members::new("1"), now());
        members.started("1");
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
        members.ended("1", time);
        members.left("1", time);
        assert_eq!(members.closing_time(), None);
        members.ended("2", time);
        assert_eq!(members.closing_time(), Some(time + LINGER));
    }

    #[test]
    fn a_channel_that_was_moved_away_may_come_back_until_stasis_returns() {
        let (mut members, time) = (Members::new("1"), now());
        members.started("1");
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
        members.ended("1", time);
        members.left("1", time);
        members.entered("1");
        assert_eq!(members.closing_time(), None);
    }

    #[test]
    fn a_stasis_end_that_never_comes_does_not_hold_the_session() {
        let (mut members, time) = (Members::new("1"), now());
        members.started("1");
        members.left("1", time);
        assert_eq!(members.closing_time(), Some(time + LINGER));
    }
}
