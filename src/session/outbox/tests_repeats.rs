//! The queue of a session whose events have numbers, and of one that tells what was missed.

use tokio_util::task::TaskTracker;

use super::tests::{texts, unsent};
use super::*;
use crate::config::Delivery;
use crate::session::delivery::Remains;

/// With the application `a`, announced, and a connection.
fn outbox(max_messages: usize, overflow: Overflow) -> Outbox {
    let limits = QueueLimits {
        max_bytes: usize::MAX,
        max_messages,
        overflow,
    };
    let outbox = Outbox::new(limits, Members::default(), Arc::default(), Arc::new(Account::new(usize::MAX)));
    outbox.set_delivery(Delivery::AtLeastOnce);
    outbox.announce("a", String::new());
    connect(&outbox);
    outbox
}

fn connect(outbox: &Outbox) {
    outbox.connected(String::new(), true, None, |_| "registered".into());
}

fn offer(outbox: &Outbox, text: &str) -> Offer {
    outbox.offer("a".into(), format!("{{\"{text}\":0}}"), None).offer
}

/// The kernel takes what waits, from the given place on among the messages of the connection. Gives the names and the numbers
/// of events, and other messages as they are.
fn send(outbox: &Outbox, first: u64) -> Vec<String> {
    let burst = outbox.burst();
    let told = burst.messages.iter().map(told).collect();
    keep_from(outbox, first, burst);
    told
}

/// Keeps those of a burst that have numbers, the first of which has the given place.
fn keep_from(outbox: &Outbox, first: u64, mut burst: Load) {
    let places = (first..).zip(&burst.messages).filter(|(_, message)| message.is_numbered());
    let places = places.map(|(place, _)| place).collect();
    outbox.keep(places, burst.split_off(Message::is_numbered));
}

fn told(message: &Message) -> String {
    let text = message.text.replace("\":0,\"ariws_sequence\":", " ");
    text.trim_matches(['{', '}', '"']).to_owned()
}

fn lose(outbox: &Outbox) -> connection::Gone {
    outbox.disconnected(None, Remains::default())
}

fn totals(outbox: &Outbox) -> (u64, u64) {
    let totals = outbox.counters.totals();
    (totals.events_dropped(), totals.messages_unconfirmed)
}

#[test]
fn numbers_are_those_of_the_application_from_one_on() {
    let outbox = outbox(10, Overflow::DropOldest);
    offer(&outbox, "x");
    outbox.offer("b".into(), "{\"z\":0}".into(), None);
    offer(&outbox, "y");
    assert_eq!(send(&outbox, 1), ["registered", "x 1", "z 1", "y 2"]);
    let expected = [("a".to_owned(), 2), ("b".to_owned(), 1)];
    assert_eq!(outbox.view().highest_numbers, expected);
}

#[test]
fn what_is_not_proven_is_sent_again_behind_the_notice_and_before_newer_events() {
    let outbox = outbox(10, Overflow::DropOldest);
    for text in ["1", "2", "3"] {
        offer(&outbox, text);
    }
    send(&outbox, 1);
    // The notice and the first event.
    outbox.proven(2);
    assert_eq!(outbox.view().unproven_events, 2);
    offer(&outbox, "4");
    let gone = lose(&outbox);
    assert_eq!((gone.dropped, gone.unconfirmed, gone.repeats), (0, 0, 2));
    connect(&outbox);
    assert_eq!(send(&outbox, 1), ["registered", "2 2", "3 3", "4 4"]);
}

#[test]
fn a_repeat_that_is_not_proven_is_sent_a_third_time() {
    let outbox = outbox(10, Overflow::DropOldest);
    offer(&outbox, "1");
    send(&outbox, 1);
    for _ in 0..3 {
        lose(&outbox);
        connect(&outbox);
        assert_eq!(send(&outbox, 1), ["registered", "1 1"]);
    }
    outbox.proven(2);
    lose(&outbox);
    connect(&outbox);
    assert_eq!(send(&outbox, 1), ["registered"]);
}

#[test]
fn what_the_kernel_never_had_follows_what_is_not_proven() {
    let outbox = outbox(10, Overflow::DropOldest);
    offer(&outbox, "1");
    send(&outbox, 1);
    offer(&outbox, "2");
    let burst = outbox.burst();
    offer(&outbox, "3");
    outbox.disconnected(None, unsent(burst));
    connect(&outbox);
    assert_eq!(send(&outbox, 1), ["registered", "1 1", "2 2", "3 3"]);
}

#[test]
fn what_was_sent_counts_as_what_waits_and_goes_first() {
    for overflow in [Overflow::DropOldest, Overflow::DropNewest] {
        let outbox = outbox(3, overflow);
        for text in ["1", "2"] {
            offer(&outbox, text);
        }
        send(&outbox, 1);
        for text in ["3", "4"] {
            assert_eq!(offer(&outbox, text), Offer::Queued);
        }
        let view = outbox.view();
        assert_eq!((view.unproven_events, view.queued_messages), (1, 2));
        lose(&outbox);
        // Without a connection it is known that it will not come.
        assert_eq!(totals(&outbox), (0, 0));
        assert_eq!(offer(&outbox, "5"), Offer::Queued);
        assert_eq!(totals(&outbox), (0, 1));
        connect(&outbox);
        assert_eq!(send(&outbox, 1), ["registered", "3 3", "4 4", "5 5"]);
    }
}

#[test]
fn a_repeat_that_goes_for_a_newer_event_behind_a_reconnect_is_unconfirmed() {
    let outbox = outbox(2, Overflow::DropOldest);
    for text in ["1", "2"] {
        offer(&outbox, text);
    }
    send(&outbox, 1);
    lose(&outbox);
    connect(&outbox);
    assert_eq!(offer(&outbox, "3"), Offer::Queued);
    assert_eq!(totals(&outbox), (0, 1));
    assert_eq!(send(&outbox, 1), ["registered", "2 2", "3 3"]);
}

#[test]
fn a_dropped_event_is_a_number_that_is_missing() {
    let oldest = outbox(2, Overflow::DropOldest);
    let newest = outbox(2, Overflow::DropNewest);
    for (outbox, expected) in [(oldest, ["2 2", "3 3"]), (newest, ["1 1", "2 2"])] {
        for text in ["1", "2", "3"] {
            offer(&outbox, text);
        }
        assert_eq!(send(&outbox, 1)[1..], expected);
        offer(&outbox, "4");
        assert_eq!(send(&outbox, 4), ["4 4"]);
        assert_eq!(totals(&outbox), (1, 0));
    }
}

#[test]
fn more_than_may_wait_is_not_kept() {
    let outbox = outbox(2, Overflow::DropOldest);
    offer(&outbox, "1");
    let first = outbox.burst();
    for text in ["2", "3"] {
        offer(&outbox, text);
    }
    keep_from(&outbox, 1, first);
    assert_eq!(outbox.view().unproven_events, 0);
}

#[test]
fn the_room_of_all_queues_is_had_until_there_is_proof() {
    let account = Arc::new(Account::new(usize::MAX));
    let outbox = Outbox {
        account: Arc::clone(&account),
        ..outbox(10, Overflow::DropOldest)
    };
    outbox.state().room = Room::none(&account);
    offer(&outbox, "1");
    send(&outbox, 1);
    assert!(account.balance().used > 0);
    lose(&outbox);
    assert!(account.balance().used > 0);
    connect(&outbox);
    send(&outbox, 1);
    outbox.proven(2);
    assert_eq!(account.balance().used, 0);
}

#[test]
fn an_application_that_goes_takes_its_repeats_along_as_unconfirmed() {
    let outbox = outbox(10, Overflow::DropOldest);
    offer(&outbox, "1");
    send(&outbox, 1);
    lose(&outbox);
    offer(&outbox, "2");
    assert_eq!(outbox.withdraw("a", String::new()), 1);
    assert_eq!(totals(&outbox), (1, 1));
    assert!(!outbox.has_unproven());
}

#[test]
fn a_session_that_ends_counts_repeats_as_unconfirmed() {
    let outbox = outbox(10, Overflow::DropOldest);
    offer(&outbox, "1");
    send(&outbox, 1);
    offer(&outbox, "2");
    lose(&outbox);
    assert_eq!(outbox.clear(), (1, 1));
    assert_eq!(totals(&outbox), (1, 1));
}

#[test]
fn repeats_of_an_application_that_is_registered_again_follow_its_notice() {
    let outbox = outbox(10, Overflow::DropOldest);
    offer(&outbox, "1");
    send(&outbox, 1);
    outbox.suspend("a", "unregistered".into());
    send(&outbox, 3);
    lose(&outbox);
    connect(&outbox);
    assert_eq!(send(&outbox, 1), Vec::<String>::new());
    outbox.announce("a", "registered".into());
    assert_eq!(send(&outbox, 1), ["registered", "1 1"]);
}

#[test]
fn another_way_of_delivery_counts_from_the_next_connection_on() {
    let outbox = outbox(10, Overflow::DropOldest);
    outbox.set_delivery(Delivery::AtMostOnce);
    offer(&outbox, "1");
    assert_eq!(send(&outbox, 1), ["registered", "1 1"]);
    lose(&outbox);
    offer(&outbox, "2");
    connect(&outbox);
    assert_eq!(send(&outbox, 1), ["registered", "1 1", "2\":0"]);
    lose(&outbox);
    connect(&outbox);
    // It was not proven; the other one had no number.
    assert_eq!(send(&outbox, 1), ["registered", "1 1"]);
}

/// The applications that are told, and what of.
fn expect_resume(outbox: &Outbox) -> Vec<String> {
    outbox.expect_resume(|application, missed| {
        let Missed {
            queued,
            dropped,
            unconfirmed,
            ..
        } = missed;
        format!("{{\"{application}\":[{queued},{dropped},{unconfirmed}]}}")
    })
}

#[test]
fn events_wait_for_application_resumed() {
    let outbox = outbox(10, Overflow::DropOldest);
    send(&outbox, 1);
    lose(&outbox);
    offer(&outbox, "1");
    connect(&outbox);
    assert_eq!(expect_resume(&outbox), ["a"]);
    assert_eq!(send(&outbox, 1), ["registered"]);
    assert_eq!(outbox.next(), Next::Wait);
    outbox.resume(&[("a".into(), "\"channels\":[]".into())]);
    assert_eq!(texts(&outbox.burst())[0], "{\"a\":[1,0,0],\"channels\":[]}");
    assert_eq!(outbox.counters.totals().applications_resumed, 1);
}

#[test]
fn answers_do_not_wait_for_application_resumed() {
    let outbox = outbox(10, Overflow::DropOldest);
    lose(&outbox);
    offer(&outbox, "1");
    let (connection, _) = outbox.connected(String::new(), true, None, |_| "registered".into());
    expect_resume(&outbox);
    let respond = |text: &str| outbox.respond(connection, text.into(), TaskTracker::new().token(), true);
    respond("first");
    assert_eq!(send(&outbox, 1), ["registered", "first"]);
    respond("second");
    respond("third");
    assert_eq!(send(&outbox, 3), ["second", "third"]);
    outbox.resume(&[]);
    respond("behind");
    assert_eq!(send(&outbox, 5), ["a\":[1,0,0]", "1 1", "behind"]);
}

#[test]
fn application_resumed_follows_application_registered_also_where_that_still_waits() {
    let outbox = outbox(10, Overflow::DropOldest);
    lose(&outbox);
    offer(&outbox, "1");
    connect(&outbox);
    expect_resume(&outbox);
    outbox.resume(&[]);
    let sent = send(&outbox, 1);
    assert_eq!([&sent[0], &sent[2]], ["registered", "1 1"]);
}

#[test]
fn a_closing_session_says_what_it_can_of_what_was_missed() {
    let outbox = outbox(10, Overflow::DropOldest);
    send(&outbox, 1);
    lose(&outbox);
    offer(&outbox, "1");
    connect(&outbox);
    expect_resume(&outbox);
    send(&outbox, 1);
    outbox.close();
    assert_eq!(send(&outbox, 2), ["a\":[1,0,0]", "1 1"]);
    outbox.resume(&[]);
    assert_eq!(send(&outbox, 4), Vec::<String>::new());
}

#[test]
fn what_was_missed_is_counted_until_somebody_is_told() {
    let outbox = outbox(3, Overflow::DropOldest);
    for text in ["1", "2", "3"] {
        offer(&outbox, text);
    }
    send(&outbox, 1);
    lose(&outbox);
    offer(&outbox, "4");
    connect(&outbox);
    expect_resume(&outbox);
    // Nobody was told: this connection ends before.
    lose(&outbox);
    for text in ["5", "6", "7"] {
        offer(&outbox, text);
    }
    connect(&outbox);
    expect_resume(&outbox);
    outbox.resume(&[]);
    assert_eq!(send(&outbox, 1), ["registered", "a\":[3,1,3]", "5 5", "6 6", "7 7"]);
    lose(&outbox);
    connect(&outbox);
    expect_resume(&outbox);
    outbox.resume(&[]);
    assert_eq!(send(&outbox, 1)[1], "a\":[0,0,3]");
}
