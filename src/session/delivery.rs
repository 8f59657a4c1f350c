//! What became of the messages of one connection: on their way into the kernel, handed to it, or known to have arrived.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::Load;
use crate::memory;

/// The messages of one connection in the order in which they were written.
///
/// TCP acknowledges bytes that a dead process never read, so what proves an arrival here is the pong to a ping that was
/// sent after the message (RFC 6455 section 5.5.3): whoever answers it has read all that came before. Libraries that read
/// ahead answer before the application has what they read: events that are sent again if they did not arrive are kept for one
/// more ping.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// Written, and not yet wholly taken by the kernel.
    pending: Load,
    written: u64,
    /// Those that the kernel has taken, and those of them that were given as such.
    taken: u64,
    /// The events among them.
    events_written: u64,
    /// The place of the last one among them that is sent again if it does not arrive.
    last_numbered: u64,
    sent: u64,
    /// The connection had been on standby, and nothing proves yet that the peer is still there: nothing counts as sent.
    in_doubt: bool,
    confirmed: u64,
    events_confirmed: u64,
    /// What was confirmed before the last pong.
    settled: u64,
    pings: u64,
    /// Pings that wait for their pongs, the oldest first.
    waiting: VecDeque<Ping>,
}

#[derive(Debug)]
struct Ping {
    number: u64,
    /// The messages written before it, and the events among them.
    covers: u64,
    covers_events: u64,
    sent: Instant,
}

/// What a pong proves.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proof {
    /// So many messages of the connection need not be kept any more, from the first on.
    pub(super) settled: u64,
    /// From the ping to its pong.
    pub(super) time: Duration,
}

/// What an end leaves.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// Messages that may or may not have arrived, and the events among them.
    pub(super) unconfirmed: u64,
    pub(super) unconfirmed_events: u64,
    /// Those that certainly have not, because the kernel never had their last byte.
    pub(super) unsent: Load,
}

impl Delivery {
    /// Of a connection over which so many messages have gone before.
    pub(super) fn after(messages: u64) -> Self {
        Self {
            written: messages,
            sent: messages,
            confirmed: messages,
            settled: messages,
            ..Self::default()
        }
    }

    /// Whether everything that was written is known to have arrived, and none of it is kept any more.
    pub(super) fn is_proven(&self) -> bool {
        self.written == self.confirmed && self.last_numbered <= self.settled
    }

    /// Messages go into the websocket's buffer.
    pub(super) fn wrote(&mut self, burst: Load) {
        for message in &burst.messages {
            self.written += 1;
            if message.is_event() {
                self.events_written += 1;
            }
            if message.is_numbered() {
                self.last_numbered = self.written;
            }
        }
        self.pending.append(burst);
    }

    /// Of a connection that had been on standby.
    pub(super) fn in_doubt() -> Self {
        Self {
            in_doubt: true,
            ..Self::default()
        }
    }

    /// Whether nothing proves yet that the peer of a connection that had been on standby is still there.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// The peer is there, or it does not matter any more.
    pub(super) fn believe(&mut self) {
        self.in_doubt = false;
    }

    /// The kernel has taken so many messages of this connection; gives the ones that are new among them, and the place of the
    /// first among all.
    pub(super) fn sent(&mut self, total: u64) -> (u64, Load) {
        self.taken = self.taken.max(total);
        let sent = if self.in_doubt { self.sent } else { self.taken };
        let first = self.sent + 1;
        let new = usize::try_from(sent - self.sent).unwrap_or(usize::MAX);
        self.sent = sent;
        (first, self.pending.take_first(new))
    }

    /// Whether a ping would prove something that is not proven, and none is on its way.
    pub(super) fn wants_proof(&self) -> bool {
        self.waiting.is_empty() && (self.written > self.confirmed || self.last_numbered > self.settled)
    }

    /// A ping goes out; gives its payload.
    pub(super) fn ping(&mut self, now: Instant) -> [u8; 8] {
        self.pings += 1;
        self.waiting.push_back(Ping {
            number: self.pings,
            covers: self.written,
            covers_events: self.events_written,
            sent: now,
        });
        self.pings.to_be_bytes()
    }

    /// A pong came; gives what it proves, if it answers a ping. It answers those before it as well (RFC 6455 section 5.5.3).
    pub(super) fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Proof> {
        let answered = self.waiting.iter().position(|ping| ping.number.to_be_bytes() == payload)?;
        let ping = self.waiting.drain(..=answered).next_back()?;
        self.settled = self.confirmed;
        self.confirmed = self.confirmed.max(ping.covers);
        self.in_doubt = false;
        memory::give_all_back(&mut self.pending.messages);
        memory::give_all_back(&mut self.waiting);
        self.events_confirmed = self.events_confirmed.max(ping.covers_events);
        Some(Proof {
            settled: self.settled,
            time: now.saturating_duration_since(ping.sent),
        })
    }

    /// How long each ping has waited for its pong.
    pub(super) fn pings_waiting(&self, now: Instant) -> Vec<Duration> {
        self.waiting
            .iter()
            .map(|ping| now.saturating_duration_since(ping.sent))
            .collect()
    }

    /// The connection is over.
    pub(super) fn end(self) -> Remains {
        let events_pending = self.pending.messages.iter().filter(|message| message.is_event()).count();
        let events_sent = self.events_written.saturating_sub(events_pending as u64);
        Remains {
            unconfirmed: self.sent.saturating_sub(self.confirmed),
            unconfirmed_events: events_sent.saturating_sub(self.events_confirmed),
            unsent: self.pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{Kind, Message, Number};
    use super::*;

    fn with_messages(count: usize) -> Delivery {
        let mut delivery = Delivery::default();
        delivery.wrote(load((0..count).map(|number| Message::notice(number.to_string()))));
        delivery
    }

    fn load(messages: impl IntoIterator<Item = Message>) -> Load {
        Load {
            messages: messages.into_iter().collect(),
            room: None,
        }
    }

    fn texts(load: Load) -> Vec<String> {
        load.messages.into_iter().map(|message| message.text).collect()
    }

    fn sent(delivery: &mut Delivery, total: u64) -> Vec<(u64, String)> {
        let (first, sent) = delivery.sent(total);
        (first..).zip(texts(sent)).collect()
    }

    fn event(text: &'static str, number: Number) -> Message {
        Message {
            text: text.into(),
            kind: Kind::Event {
                application: "a".into(),
                channel: None,
                number,
            },
        }
    }

    #[test]
    fn what_went_over_a_connection_before_is_not_counted_again() {
        let mut delivery = Delivery::after(5);
        assert!(delivery.is_proven());
        delivery.wrote(load([Message::notice("6")]));
        assert!(!delivery.is_proven());
        assert_eq!(sent(&mut delivery, 5), []);
        assert_eq!(sent(&mut delivery, 6), [(6, "6".to_owned())]);
        assert_eq!(delivery.end().unconfirmed, 1);
    }

    #[test]
    fn what_the_kernel_took_is_given_once_and_in_order() {
        let mut delivery = with_messages(3);
        assert_eq!(sent(&mut delivery, 2), [(1, "0".into()), (2, "1".into())]);
        assert_eq!(sent(&mut delivery, 2), []);
        assert_eq!(sent(&mut delivery, 3), [(3, "2".into())]);
    }

    #[test]
    fn what_the_kernel_never_took_can_be_sent_again() {
        let mut delivery = with_messages(3);
        drop(delivery.sent(1));
        let remains = delivery.end();
        assert_eq!(
            (remains.unconfirmed, texts(remains.unsent)),
            (1, vec!["1".into(), "2".into()])
        );
    }

    #[test]
    fn events_that_may_have_arrived_are_counted_apart_from_other_messages() {
        let mut delivery = with_messages(1);
        delivery.wrote(load([event("proven", Number::None)]));
        drop(delivery.sent(2));
        let payload = delivery.ping(Instant::now());
        delivery.wrote(load([
            event("sent", Number::None),
            Message::notice("sent"),
            event("unsent", Number::None),
        ]));
        drop(delivery.sent(4));
        delivery.pong(&payload, Instant::now());
        let remains = delivery.end();
        assert_eq!((remains.unconfirmed, remains.unconfirmed_events), (2, 1));
    }

    #[test]
    fn while_the_peer_is_in_doubt_nothing_counts_as_sent() {
        let mut delivery = Delivery::in_doubt();
        delivery.wrote(load([Message::notice("0"), Message::notice("1")]));
        assert_eq!(sent(&mut delivery, 2), []);
        let remains = delivery.end();
        assert_eq!(
            (remains.unconfirmed, texts(remains.unsent)),
            (0, vec!["0".into(), "1".into()])
        );
    }

    #[test]
    fn what_was_sent_while_the_peer_was_in_doubt_counts_when_it_answers() {
        let mut delivery = Delivery::in_doubt();
        delivery.wrote(load([Message::notice("0")]));
        let payload = delivery.ping(Instant::now());
        assert_eq!(sent(&mut delivery, 1), []);
        delivery.pong(&payload, Instant::now());
        assert!(!delivery.is_in_doubt());
        assert_eq!(sent(&mut delivery, 1), [(1, "0".into())]);
        assert_eq!(delivery.end().unconfirmed, 0);
    }

    #[test]
    fn a_pong_proves_what_was_written_before_its_ping() {
        let mut delivery = with_messages(2);
        let payload = delivery.ping(Instant::now());
        delivery.wrote(load([Message::notice("late")]));
        drop(delivery.sent(3));
        assert!(delivery.pong(&payload, Instant::now()).is_some());
        assert!(delivery.wants_proof());
        assert_eq!(delivery.end().unconfirmed, 1);
    }

    #[test]
    fn what_may_be_sent_again_is_kept_for_one_more_ping() {
        let mut delivery = Delivery::default();
        delivery.wrote(load([event("1", Number::Given), event("2", Number::Given)]));
        drop(delivery.sent(2));
        for (settled, wants_more) in [(0, true), (2, false)] {
            assert!(delivery.wants_proof());
            let payload = delivery.ping(Instant::now());
            let proof = delivery.pong(&payload, Instant::now());
            assert_eq!(proof.map(|proof| proof.settled), Some(settled));
            assert_eq!(delivery.wants_proof(), wants_more);
        }
    }

    #[test]
    fn a_late_pong_answers_its_ping_though_another_was_sent() {
        let mut delivery = with_messages(1);
        drop(delivery.sent(1));
        let first = delivery.ping(Instant::now());
        delivery.ping(Instant::now());
        assert!(delivery.pong(&first, Instant::now()).is_some());
        assert_eq!(delivery.pings_waiting(Instant::now()).len(), 1);
        assert_eq!(delivery.end().unconfirmed, 0);
    }

    #[test]
    fn a_pong_that_nobody_asked_for_proves_nothing() {
        let mut delivery = with_messages(1);
        drop(delivery.sent(1));
        delivery.ping(Instant::now());
        assert_eq!(delivery.pong(b"unasked", Instant::now()), None);
        assert_eq!(delivery.end().unconfirmed, 1);
    }
}
