//! The queue by itself.

use std::time::Duration;

use futures_util::FutureExt;

use super::super::delivery::Remains;
use super::super::message::Arrival;
use super::super::pace::{Pace, WINDOW};
use super::*;
use crate::config::Client;
use crate::memory::SPARE;

fn outbox(max_messages: usize) -> Outbox {
    let limits = QueueLimits {
        max_bytes: usize::MAX,
        max_messages,
        overflow: Overflow::DropOldest,
    };
    Outbox::new(limits, Members::new("1"), Arc::default(), Arc::new(Account::new(usize::MAX)))
}

fn offer(outbox: &Outbox, application: &str, text: &str) -> Offer {
    outbox.offer(application.into(), text.to_owned(), None).offer
}

pub(super) fn unsent(unsent: Load) -> Remains {
    Remains {
        unsent,
        ..Remains::default()
    }
}

pub(super) fn texts(load: &Load) -> Vec<&str> {
    load.messages.iter().map(|message| message.text.as_str()).collect()
}

#[test]
fn a_connection_hears_of_its_applications_ahead_of_what_waited() {
    let outbox = outbox(10);
    outbox.announce("a", String::new());
    outbox.announce("b", String::new());
    offer(&outbox, "a", "event");
    outbox.connected(String::new(), true, None, |application| format!("registered {application}"));
    assert_eq!(texts(&outbox.burst()), ["registered a", "registered b", "event"]);
}

#[test]
fn events_of_an_application_that_is_being_registered_follow_its_notice() {
    let outbox = outbox(10);
    outbox.connected(String::new(), true, None, |_| String::new());
    outbox.hold("a");
    offer(&outbox, "a", "early");
    offer(&outbox, "b", "other");
    outbox.announce("a", "registered a".into());
    assert_eq!(texts(&outbox.burst()), ["other", "registered a", "early"]);
}

#[test]
fn what_the_kernel_never_had_comes_back_in_order_and_notices_do_not() {
    let outbox = outbox(10);
    outbox.announce("a", String::new());
    outbox.connected(String::new(), true, None, |_| "registered a".into());
    for text in ["1", "2", "3"] {
        offer(&outbox, "a", text);
    }
    let burst = outbox.burst();
    offer(&outbox, "a", "4");
    outbox.disconnected(None, unsent(burst));
    assert_eq!(outbox.depth(), (4, 4));
    outbox.connected(String::new(), true, None, |_| "registered a".into());
    assert_eq!(texts(&outbox.burst()), ["registered a", "1", "2", "3", "4"]);
    assert_eq!(outbox.depth(), (0, 0));
}

#[test]
fn an_application_that_went_before_its_connection_did_is_not_heard_of_again() {
    let outbox = outbox(10);
    outbox.announce("a", String::new());
    outbox.announce("b", String::new());
    outbox.connected(String::new(), true, None, |application| format!("registered {application}"));
    outbox.burst();
    offer(&outbox, "b", "1");
    outbox.withdraw("b", "unregistered b".into());
    assert_eq!(outbox.disconnected(None, unsent(Load::default())).dropped, 1);
    outbox.connected(String::new(), true, None, |application| format!("registered {application}"));
    assert_eq!(texts(&outbox.burst()), ["registered a"]);
}

#[test]
fn events_that_are_held_do_not_grow_without_bound() {
    let outbox = outbox(1);
    outbox.hold("a");
    assert_eq!(offer(&outbox, "a", "1"), Offer::Queued);
    assert_eq!(offer(&outbox, "a", "2"), Offer::DroppedNewest);
}

#[test]
fn an_application_that_goes_while_nobody_listens_takes_its_events_along() {
    let outbox = outbox(10);
    outbox.announce("a", String::new());
    outbox.announce("b", String::new());
    offer(&outbox, "a", "1");
    offer(&outbox, "b", "2");
    assert_eq!(outbox.withdraw("a", String::new()), 1);
    outbox.connected(String::new(), true, None, |application| format!("registered {application}"));
    assert_eq!(texts(&outbox.burst()), ["registered b", "2"]);
}

#[test]
fn the_oldest_event_makes_room_and_answers_never_do() {
    let outbox = outbox(2);
    for text in ["1", "2"] {
        assert_eq!(offer(&outbox, "a", text), Offer::Queued);
    }
    assert_eq!(offer(&outbox, "a", "3"), Offer::DroppedOldest);
    assert_eq!(offer(&outbox, "a", "4"), Offer::DroppedOldest);
    assert_eq!(texts(&outbox.burst()), ["3", "4"]);
}

#[test]
fn a_sealed_queue_takes_no_event() {
    let outbox = outbox(2);
    outbox.close();
    assert_eq!(offer(&outbox, "a", "1"), Offer::Ending);
}

/// Offers StasisStart of a channel.
fn offer_start(outbox: &Outbox, channel: &str) -> Offer {
    let event = ChannelEvent::Started(Arrival {
        channel: channel.into(),
        replaces: None,
    });
    outbox.offer("a".into(), "start".into(), Some(event)).offer
}

#[test]
fn a_channel_that_comes_while_the_session_closes_opens_it_again() {
    let outbox = outbox(10);
    outbox.close();
    assert_eq!(offer_start(&outbox, "1"), Offer::Queued);
    offer(&outbox, "a", "behind");
    assert_eq!(texts(&outbox.burst()), ["start", "behind"]);
    assert!(outbox.with_members(|members| members.entered("2")));
}

#[test]
fn a_channel_counts_as_inside_though_its_event_has_no_room() {
    let full = outbox(0);
    full.set_client(&Client {
        queue: QueueLimits {
            max_bytes: usize::MAX,
            max_messages: 0,
            overflow: Overflow::DropNewest,
        },
        ..Client::default()
    });
    assert_eq!(offer_start(&full, "1"), Offer::DroppedNewest);
    assert_eq!(full.with_members(Members::end), ["1"]);
}

#[test]
fn whoever_waits_for_the_last_channel_hears_of_a_stasis_end_that_made_room_for_another_event() {
    let outbox = outbox(1);
    offer_start(&outbox, "1");
    let ended = ChannelEvent::Ended("1".into());
    outbox.offer("a".into(), "its StasisEnd".into(), Some(ended));
    let changed = outbox.members_changed();
    assert_eq!(outbox.members(Members::closing_time), None);
    assert_eq!(offer(&outbox, "a", "another"), Offer::DroppedOldest);
    assert!(changed.now_or_never().is_some());
    assert!(outbox.members(Members::closing_time).is_some());
}

#[test]
fn of_a_channel_that_comes_when_the_session_has_ended_somebody_hears() {
    let outbox = outbox(10);
    offer(&outbox, "a", "waits");
    offer_start(&outbox, "1");
    assert_eq!(outbox.with_members(Members::end), ["1"]);
    assert_eq!(offer(&outbox, "a", "late"), Offer::Ending);
    assert_eq!(offer_start(&outbox, "2"), Offer::Ending);
    assert_eq!(outbox.with_members(Members::end), ["2"]);
    // What waited before may still be sent.
    assert_eq!(texts(&outbox.burst()), ["waits", "start"]);
}

#[test]
fn events_of_an_application_that_is_registered_anew_follow_its_notice() {
    let outbox = outbox(10);
    outbox.announce("a", String::new());
    outbox.connected(String::new(), true, None, |_| "registered a".into());
    offer(&outbox, "a", "before");
    outbox.suspend("a", "unregistered a".into());
    offer(&outbox, "a", "after");
    outbox.announce("a", "registered a".into());
    assert_eq!(
        texts(&outbox.burst()),
        ["registered a", "before", "unregistered a", "registered a", "after"]
    );
}

#[test]
fn a_connection_that_opens_while_an_application_is_registered_anew_hears_of_it_before_its_events() {
    let outbox = outbox(10);
    outbox.announce("a", String::new());
    offer(&outbox, "a", "1");
    outbox.suspend("a", String::new());
    offer(&outbox, "a", "2");
    outbox.connected(String::new(), true, None, |_| "registered a".into());
    assert_eq!(texts(&outbox.burst()), [""; 0]);
    outbox.announce("a", "registered a".into());
    assert_eq!(texts(&outbox.burst()), ["registered a", "1", "2"]);
}

#[test]
fn a_connection_that_ends_while_an_application_is_registered_anew_loses_none_of_its_events() {
    let outbox = outbox(10);
    outbox.announce("a", String::new());
    outbox.connected(String::new(), true, None, |_| "registered a".into());
    offer(&outbox, "a", "1");
    offer(&outbox, "a", "2");
    let mut burst = outbox.burst();
    outbox.suspend("a", "unregistered a".into());
    offer(&outbox, "a", "3");
    drop(burst.take_first(2));
    assert_eq!(outbox.disconnected(None, unsent(burst)).dropped, 0);
    outbox.announce("a", String::new());
    outbox.connected(String::new(), true, None, |_| "registered a".into());
    assert_eq!(texts(&outbox.burst()), ["registered a", "2", "3"]);
}

/// Events come fast enough to be gathered, and the writer has taken those that came.
async fn gathering() -> Outbox {
    let outbox = outbox(1000);
    for _ in 0..2 {
        for _ in 0..100 {
            offer(&outbox, "a", "event");
        }
        outbox.burst();
        tokio::time::advance(WINDOW).await;
    }
    assert_eq!(outbox.next(), Next::Gather);
    is_woken(&outbox);
    outbox
}

/// Whether the writer has been woken since this was asked last.
fn is_woken(outbox: &Outbox) -> bool {
    outbox.filled().now_or_never().is_some()
}

#[test]
fn an_event_wakes_the_writer() {
    let outbox = outbox(10);
    assert_eq!(outbox.next(), Next::Wait);
    offer(&outbox, "a", "event");
    assert!(is_woken(&outbox));
    assert_eq!(outbox.next(), Next::Write);
}

#[tokio::test(start_paused = true)]
async fn one_of_many_events_wakes_nobody() {
    let outbox = gathering().await;
    offer(&outbox, "a", "event");
    assert!(!is_woken(&outbox));
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_wakes_the_writer_of_many_events() {
    let outbox = gathering().await;
    outbox.announce("b", String::new());
    assert!(is_woken(&outbox));
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_fills_wakes_the_writer_of_many_events() {
    let outbox = gathering().await;
    for _ in 0..499 {
        offer(&outbox, "a", "event");
    }
    assert!(!is_woken(&outbox));
    offer(&outbox, "a", "event");
    assert!(is_woken(&outbox));
    assert_eq!(outbox.next(), Next::Write);
}

#[tokio::test(start_paused = true)]
async fn a_moment_without_events_ends_the_gathering() {
    let outbox = gathering().await;
    tokio::time::advance(WINDOW).await;
    outbox.burst();
    assert_eq!(outbox.next(), Next::Wait);
    offer(&outbox, "a", "event");
    assert!(is_woken(&outbox));
}

#[tokio::test(start_paused = true)]
async fn the_first_events_of_a_call_follow_after_the_delay() {
    let delay = Duration::from_millis(20);
    let outbox = outbox(10);
    outbox.announce("a", "registered a".into());
    outbox.connected(String::new(), true, Some(delay), |_| "registered a".into());
    offer(&outbox, "a", "1");
    assert_eq!(texts(&outbox.burst()), ["registered a"]);
    let Next::Until(time) = outbox.next() else {
        panic!("nothing waits");
    };
    assert_eq!(time, now() + delay);
    tokio::time::advance(delay).await;
    offer(&outbox, "a", "2");
    assert_eq!(texts(&outbox.burst()), ["1", "2"]);
    assert_eq!(outbox.next(), Next::Wait);
}

#[tokio::test(start_paused = true)]
async fn the_delay_ends_when_the_application_is_heard_or_the_session_closes() {
    let ends: [fn(&Outbox); 2] = [Outbox::heard, Outbox::close];
    for end in ends {
        let outbox = outbox(10);
        outbox.announce("a", "registered a".into());
        outbox.connected(String::new(), true, Some(Duration::from_millis(20)), |_| {
            "registered a".into()
        });
        offer(&outbox, "a", "1");
        end(&outbox);
        assert_eq!(texts(&outbox.burst()), ["registered a", "1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_delay_ends_with_its_connection() {
    let outbox = outbox(10);
    let delay = Some(Duration::from_millis(20));
    outbox.announce("a", "registered a".into());
    outbox.connected(String::new(), true, delay, |_| "registered a".into());
    offer(&outbox, "a", "1");
    outbox.disconnected(None, unsent(outbox.burst()));
    outbox.connected(String::new(), true, None, |_| "registered a".into());
    assert_eq!(texts(&outbox.burst()), ["registered a", "1"]);
}

#[test]
fn a_queue_at_rest_gives_back_what_a_flood_has_made_it() {
    let outbox = outbox(10 * SPARE);
    for _ in 0..10 * SPARE {
        offer(&outbox, "a", "event");
    }
    outbox.burst();
    assert!(outbox.state().queue.capacity() > SPARE);
    // The flood is over, so that nothing more is gathered.
    outbox.state().pace = Pace::default();
    assert_eq!(outbox.next(), Next::Wait);
    assert_eq!(outbox.state().queue.capacity(), 0);
}

#[test]
fn a_burst_is_whole_though_the_lock_is_free_between_its_portions() {
    let outbox = outbox(3 * PORTION);
    for number in 0..3 * PORTION {
        offer(&outbox, "a", &number.to_string());
    }
    let burst = outbox.burst();
    assert_eq!(
        texts(&burst),
        (0..3 * PORTION).map(|number| number.to_string()).collect::<Vec<_>>()
    );
    assert_eq!(
        outbox.account.balance().used,
        burst.messages.iter().map(Message::costs).sum::<usize>()
    );
    drop(burst);
    assert_eq!(outbox.account.balance().used, 0);
}

#[tokio::test(start_paused = true)]
async fn after_a_flood_the_writer_comes_back_until_the_memory_of_what_was_sent_is_free() {
    let outbox = outbox(10);
    outbox.state().pace = fast();
    for text in ["1", "2"] {
        offer(&outbox, "a", text);
        outbox.is_done_with(outbox.burst());
    }
    outbox.state().pace = Pace::default();
    assert!(matches!(outbox.next(), Next::Until(_)));
    assert_eq!(outbox.next(), Next::Wait);
    assert_eq!(outbox.memory(1).capacity(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_frees_the_memory_of_what_was_sent() {
    let outbox = outbox(10);
    outbox.state().pace = fast();
    offer(&outbox, "a", "1");
    outbox.is_done_with(outbox.burst());
    outbox.disconnected(None, Remains::default());
    assert_eq!(outbox.memory(1).capacity(), 0);
}

/// The pace of a flood.
fn fast() -> Pace {
    let mut pace = Pace::default();
    let begin = now();
    pace.took(1, begin);
    pace.took(1000, begin + WINDOW);
    pace
}
