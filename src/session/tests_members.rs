//! The channels of a per-call session, by themselves.

use super::*;

fn now() -> Instant {
    Instant::now()
}

/// With a channel whose start has succeeded.
fn of(channel: &str) -> Members {
    let mut members = Members::new(channel);
    assert!(members.entered(channel));
    members
}

#[test]
fn the_session_stays_while_its_channel_is_in_stasis() {
    let mut members = of("1");
    members.started("1", None);
    assert_eq!(members.closing_time(), None);
    assert_eq!(members.end(), ["1"]);
}

#[test]
fn trailing_events_have_three_seconds_after_stasis_end() {
    let (mut members, time) = (of("1"), now());
    members.started("1", None);
    members.left("1", time);
    let later = time + Duration::from_secs(1);
    members.ending("1");
    members.ended("1", later);
    assert_eq!(members.closing_time(), Some(later + LINGER));
}

#[test]
fn channel_destroyed_ends_the_wait() {
    let (mut members, time) = (of("1"), now());
    members.started("1", None);
    members.ending("1");
    members.ended("1", time);
    members.left("1", time);
    members.destroyed("1", time);
    assert_eq!(members.closing_time(), Some(time));
}

#[test]
fn a_second_channel_keeps_the_session() {
    let (mut members, time) = (of("1"), now());
    members.started("1", None);
    members.started("2", None);
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
    let (mut members, time) = (of("1"), now());
    members.started("1", None);
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
    assert!(!of("1").all_ended());
}

#[test]
fn a_channel_that_enters_again_opens_the_session_again() {
    let (mut members, time) = (of("1"), now());
    members.ending("1");
    members.ended("1", time);
    members.left("1", time);
    members.entered("1");
    assert_eq!(members.closing_time(), None);
}

#[test]
fn a_stasis_end_that_waits_for_a_connection_holds_the_session() {
    let (mut members, time) = (of("1"), now());
    members.started("1", None);
    members.ending("1");
    members.left("1", time);
    assert_eq!(members.closing_time(), None);
    assert!(!members.all_ended());
    members.ended("1", time);
    assert_eq!(members.closing_time(), Some(time + LINGER));
}

#[test]
fn a_channel_that_came_back_before_its_stasis_end_was_sent_is_inside() {
    let (mut members, time) = (of("1"), now());
    members.started("2", None);
    members.ending("2");
    members.started("2", None);
    members.left("1", time);
    members.ended("2", time);
    assert_eq!(members.end(), ["2"]);
}

#[test]
fn a_closed_session_lets_no_channel_in() {
    let mut members = of("1");
    assert_eq!(members.end(), ["1"]);
    assert!(!members.entered("2"));
    assert_eq!(members.end(), Vec::<String>::new());
}

#[test]
fn only_channels_that_are_inside_for_certain_are_failed() {
    let time = now();
    let mut members = of("expected");
    for channel in ["inside", "leaving", "moved away", "gone", "came back"] {
        members.entered(channel);
        members.started(channel, None);
    }
    for channel in ["leaving", "moved away", "gone", "came back"] {
        members.ending(channel);
    }
    for channel in ["moved away", "gone", "came back"] {
        members.ended(channel, time);
    }
    members.left("gone", time);
    members.started("came back", None);
    members.entered("returned");
    members.started("returned", None);
    members.left("returned", time);
    assert_eq!(members.end(), ["came back", "expected", "inside"]);
}

#[test]
fn a_channel_that_took_anothers_place_is_failed_and_the_other_is_not() {
    // A transfer gives the channel that is in Stasis another id; no StasisEnd has come for the former one.
    let (mut members, time) = (of("old"), now());
    members.started("old", None);
    members.started("new", Some("old"));
    members.left("old", time);
    assert_eq!(members.closing_time(), None);
    assert_eq!(members.end(), ["new"]);
}

#[test]
fn a_channel_whose_place_was_taken_does_not_hold_the_session() {
    let (mut members, time) = (of("1"), now());
    members.started("moved here", None);
    members.started("new", Some("moved here"));
    members.ending("new");
    members.ended("new", time);
    members.ending("1");
    members.left("1", time);
    members.ended("1", time);
    assert_eq!(members.closing_time(), Some(time + LINGER));
}

#[test]
fn a_channel_that_enters_in_the_place_of_another_does_not_end_the_others_stasis() {
    // It is swapped with it in a bridge: both have a Stasis of their own.
    let mut members = of("old");
    members.started("old", None);
    members.entered("new");
    members.started("new", Some("old"));
    assert_eq!(members.end(), ["new", "old"]);
}

#[test]
fn a_channel_whose_start_may_still_fail_is_not_inside_and_holds_the_session() {
    let mut members = Members::new("1");
    assert_eq!(members.closing_time(), None);
    assert_eq!(members.end(), Vec::<String>::new());
    assert!(!members.entered("1"));
}

#[test]
fn a_channel_whose_stasis_returned_before_its_events_came_is_not_inside() {
    let (mut members, time) = (of("1"), now());
    members.left("1", time);
    members.started("1", None);
    // Its StasisEnd is awaited, but not for ever.
    assert_eq!(members.closing_time(), Some(time + LINGER));
    members.ending("1");
    assert_eq!(members.closing_time(), None);
    members.ended("1", time);
    assert_eq!(members.closing_time(), Some(time + LINGER));

    let mut members = of("1");
    members.left("1", time);
    members.started("1", None);
    assert_eq!(members.end(), Vec::<String>::new());
}

#[test]
fn a_channel_that_has_returned_is_inside_in_the_place_of_another() {
    let (mut members, time) = (of("1"), now());
    members.started("2", None);
    members.left("1", time);
    members.started("1", Some("2"));
    assert_eq!(members.end(), ["1"]);
}

#[test]
fn the_end_of_an_earlier_stay_does_not_end_the_next() {
    let (mut members, time) = (of("1"), now());
    members.started("1", None);
    members.left("1", time);
    members.entered("1");
    members.ending("1");
    members.ended("1", time);
    assert_eq!(members.closing_time(), None);
    assert_eq!(members.end(), ["1"]);
}

#[test]
fn a_stasis_end_of_an_unknown_channel_does_not_bring_it_in() {
    let (mut members, time) = (of("1"), now());
    members.started("1", None);
    members.ending("2");
    members.ended("2", time);
    members.left("3", time);
    assert_eq!(members.end(), ["1"]);
}

#[test]
fn nobody_is_failed_twice() {
    let mut members = of("1");
    assert_eq!(members.end(), ["1"]);
    // Its events come behind.
    members.started("1", None);
    members.started("2", None);
    assert_eq!(members.end(), ["2"]);
}

#[test]
fn a_channel_that_comes_too_late_for_the_end_is_found() {
    let mut members = of("1");
    members.started("2", None);
    assert!(!members.have_ended());
    assert_eq!(members.end(), ["1", "2"]);
    assert!(members.have_ended());
    members.started("3", None);
    assert_eq!(members.end(), ["3"]);
}

#[test]
fn channels_of_which_nothing_will_be_heard_are_forgotten() {
    let (mut members, time) = (of("1"), now());
    for number in 0..100 {
        let channel = number.to_string();
        members.started(&channel, None);
        members.ending(&channel);
        members.ended(&channel, time);
        members.destroyed(&channel, time);
    }
    assert_eq!(members.members.len(), 1);
}

#[test]
fn a_session_whose_time_has_come_lets_no_channel_in() {
    let (mut members, time) = (of("1"), now());
    members.left("1", time);
    assert!(!members.close_when_due(time));
    assert!(members.close_when_due(time + LINGER));
    assert!(!members.entered("2"));
    assert!(members.are_over());
}

#[test]
fn a_channel_that_enters_by_events_keeps_a_session_whose_time_had_come() {
    let (mut members, time) = (of("1"), now());
    members.left("1", time);
    members.close_when_due(time + LINGER);
    members.started("2", None);
    assert!(!members.are_over());
    assert!(members.entered("3"));
}

#[test]
fn a_session_that_is_left_by_a_peer_which_heard_all_lets_no_channel_in() {
    let (mut members, time) = (of("1"), now());
    assert!(!members.close_if_all_ended());
    members.started("1", None);
    members.ending("1");
    members.ended("1", time);
    assert!(members.close_if_all_ended());
    assert!(!members.entered("2"));
}

#[test]
fn a_channel_that_comes_back_joins_the_others_or_nobody_may_enter_any_more() {
    let (mut members, time) = (of("1"), now());
    members.left("1", time);
    members.started("2", None);
    assert!(members.join_or_close("1"));
    members.left("1", time);
    members.ending("2");
    members.ended("2", time);
    assert!(!members.join_or_close("1"));
    assert!(!members.entered("3"));
}

#[test]
fn a_stasis_end_that_never_comes_does_not_hold_the_session() {
    let (mut members, time) = (of("1"), now());
    members.started("1", None);
    members.left("1", time);
    assert_eq!(members.closing_time(), Some(time + LINGER));
}
