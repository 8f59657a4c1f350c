//! Queues of several sessions, and the bytes that they have together.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::account::Account;
use super::delivery::Remains;
use super::members::Members;
use super::message::Message;
use super::outbox::{Bound, Offer, Offered, Outbox, Responded};
use super::view::Counters;
use crate::config::{Overflow, QueueLimits};

/// So long is each event here.
const LENGTH: usize = 100;

/// Room for so many events over all queues.
fn account(events: usize) -> Arc<Account> {
    Arc::new(Account::new(events * Message::cost(LENGTH)))
}

/// Without bounds of its own.
fn unbounded(overflow: Overflow) -> QueueLimits {
    QueueLimits {
        max_bytes: usize::MAX,
        max_messages: usize::MAX,
        overflow,
    }
}

fn outbox(account: &Arc<Account>, overflow: Overflow) -> Outbox {
    counted(account, unbounded(overflow)).0
}

/// With what it counts.
fn counted(account: &Arc<Account>, limits: QueueLimits) -> (Outbox, Arc<Counters>) {
    let counters = Arc::<Counters>::default();
    let outbox = Outbox::new(limits, Members::default(), Arc::clone(&counters), Arc::clone(account));
    (outbox, counters)
}

/// Events that were dropped, because of its own bounds and because of those of all.
fn dropped(counters: &Counters) -> (u64, u64) {
    let totals = counters.totals();
    (totals.events_dropped_queue_full, totals.events_dropped_all_queues_full)
}

/// Answers that were replaced, likewise.
fn replaced(counters: &Counters) -> (u64, u64) {
    let totals = counters.totals();
    (
        totals.responses_replaced_queue_full,
        totals.responses_replaced_all_queues_full,
    )
}

fn offer_long(outbox: &Outbox, name: &str, length: usize) -> Offered {
    let text = format!("{name:length$}");
    outbox.offer("a".into(), text, None)
}

fn offer(outbox: &Outbox, name: &str) -> Offered {
    offer_long(outbox, name, LENGTH)
}

/// The names of the events that wait, which do so no more.
fn taken(outbox: &Outbox) -> Vec<String> {
    let burst = outbox.burst();
    let names = burst.messages.iter().map(|message| message.text.trim().to_owned());
    names.collect()
}

fn used(account: &Arc<Account>) -> usize {
    account.balance().used / Message::cost(LENGTH)
}

#[test]
fn the_session_that_gets_an_event_gives_its_oldest_for_it_and_no_other_does() {
    let account = account(4);
    let (one, counters) = counted(&account, unbounded(Overflow::DropOldest));
    let other = outbox(&account, Overflow::DropOldest);
    for name in ["1", "2"] {
        offer(&one, name);
        offer(&other, name);
    }
    let offered = offer(&one, "3");
    assert_eq!(offered.offer, Offer::DroppedOldest);
    assert_eq!(offered.first_drop, Some(Bound::AllQueues));
    assert_eq!((used(&account), dropped(&counters)), (4, (0, 1)));
    assert_eq!(taken(&one), ["2", "3"]);
    assert_eq!(taken(&other), ["1", "2"]);
}

#[test]
fn a_session_that_has_no_event_to_give_loses_the_new_one() {
    let account = account(2);
    let [one, other] = [Overflow::DropOldest; 2].map(|overflow| outbox(&account, overflow));
    offer(&one, "1");
    offer(&one, "2");
    let offered = offer(&other, "1");
    assert_eq!(offered.offer, Offer::DroppedNewest);
    assert_eq!(offered.first_drop, Some(Bound::AllQueues));
    assert_eq!(taken(&one), ["1", "2"]);
    assert_eq!(offer(&other, "2").offer, Offer::Queued);
}

#[test]
fn no_event_goes_if_that_is_in_vain() {
    let account = account(4);
    let (one, counters) = counted(&account, unbounded(Overflow::DropOldest));
    let other = outbox(&account, Overflow::DropOldest);
    offer(&one, "1");
    offer_long(&other, "long", 3 * Message::cost(LENGTH) - Message::cost(0));
    let offered = offer_long(&one, "2", 2 * LENGTH);
    assert_eq!(offered.offer, Offer::DroppedNewest);
    assert_eq!(dropped(&counters), (0, 1));
    assert_eq!(taken(&one), ["1"]);
}

#[test]
fn an_event_that_is_larger_than_all_queues_may_be_is_no_drop_of_a_full_one() {
    let account = account(4);
    let (one, counters) = counted(&account, unbounded(Overflow::DropOldest));
    offer(&one, "1");
    let offered = offer_long(&one, "2", 4 * Message::cost(LENGTH));
    assert_eq!(offered.offer, Offer::TooLarge(Bound::AllQueues));
    assert_eq!(offered.first_drop, None);
    assert_eq!(dropped(&counters), (0, 1));
    assert_eq!(taken(&one), ["1"]);
}

#[test]
fn where_the_newest_is_dropped_the_others_stay() {
    let account = account(2);
    let one = outbox(&account, Overflow::DropNewest);
    for (name, expected) in [("1", Offer::Queued), ("2", Offer::Queued), ("3", Offer::DroppedNewest)] {
        assert_eq!(offer(&one, name).offer, expected);
    }
    assert_eq!(taken(&one), ["1", "2"]);
}

#[test]
fn the_bound_of_the_session_itself_is_told_from_that_of_all() {
    let account = account(10);
    let limits = QueueLimits {
        max_messages: 1,
        ..unbounded(Overflow::DropOldest)
    };
    let (one, counters) = counted(&account, limits);
    offer(&one, "1");
    assert_eq!(offer(&one, "2").first_drop, Some(Bound::Queue));
    assert_eq!((used(&account), dropped(&counters)), (1, (1, 0)));
}

#[test]
fn events_count_until_the_kernel_has_them() {
    let account = account(2);
    let one = outbox(&account, Overflow::DropNewest);
    offer(&one, "1");
    offer(&one, "2");
    let under_way = one.burst();
    assert_eq!(offer(&one, "3").offer, Offer::DroppedNewest);
    drop(under_way);
    assert_eq!(offer(&one, "4").offer, Offer::Queued);
}

#[test]
fn whatever_becomes_of_events_their_room_comes_back() {
    let account = account(100);
    let ends: [fn(Outbox); 6] = [
        drop,
        |outbox| drop(outbox.burst()),
        |outbox| assert_eq!(outbox.clear(), (2, 0)),
        |outbox| assert_eq!(outbox.withdraw("a", String::new()), 2),
        |outbox| {
            outbox.hold("a");
            offer(&outbox, "held");
            outbox.withdraw("a", String::new());
        },
        |outbox| {
            outbox.connected(String::new(), true, None, |_| String::new());
            let burst = outbox.burst();
            offer(&outbox, "late");
            // Nobody has registered the application.
            outbox.disconnected(
                None,
                Remains {
                    unsent: burst,
                    ..Remains::default()
                },
            );
        },
    ];
    for end in ends {
        let one = outbox(&account, Overflow::DropOldest);
        offer(&one, "1");
        offer(&one, "2");
        assert_eq!(used(&account), 2);
        end(one);
        assert_eq!(account.balance().used, 0);
    }
}

#[test]
fn an_answer_that_finds_no_room_gives_its_place_back_unless_it_must_go() {
    let account = account(1);
    let (one, counters) = counted(&account, unbounded(Overflow::DropOldest));
    let places = TaskTracker::new();
    let place = places.token();
    let (connection, _) = one.connected(String::new(), true, None, |_| String::new());
    offer(&one, "1");
    let answer = "x".repeat(LENGTH);
    let Responded::NoRoom(place) = one.respond(connection, answer.clone(), place, false) else {
        panic!("there is room");
    };
    assert_eq!(replaced(&counters), (0, 1));
    let responded = one.respond(connection, answer.clone(), place, true);
    assert!(matches!(responded, Responded::Queued));
    assert_eq!(used(&account), 2);
    assert_eq!(taken(&one), ["1", answer.as_str()]);
    assert_eq!((account.balance().used, places.len()), (0, 0));
}

#[test]
fn answers_take_no_more_than_events_may_whatever_of_those_waits() {
    let account = Arc::new(Account::new(usize::MAX));
    let limits = QueueLimits {
        max_bytes: 1 << 20,
        ..unbounded(Overflow::DropOldest)
    };
    let (one, counters) = counted(&account, limits);
    let places = TaskTracker::new();
    let (connection, _) = one.connected(String::new(), true, None, |_| String::new());
    let answer = |length| one.respond(connection, "x".repeat(length), places.token(), false);
    offer_long(&one, "event", 60_000);
    assert!(matches!(answer(2 << 20), Responded::Queued), "one finds room in any case");
    assert!(matches!(answer(1), Responded::NoRoom(_)));
    assert_eq!(replaced(&counters), (1, 0));
    drop(one.burst());
    offer_long(&one, "event", 60_000);
    for _ in 0..2 {
        assert!(matches!(answer(500 << 10), Responded::Queued));
    }
    assert!(matches!(answer(500 << 10), Responded::NoRoom(_)));
}
