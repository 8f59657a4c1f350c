//! What became of the messages of one connection: on their way into the kernel, handed to it, or known to have arrived.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::message::Message;

/// The messages of one connection in the order in which they were written.
///
/// TCP acknowledges bytes that a dead process never read, so what proves an arrival here is the pong to a ping that was
/// sent after the message (RFC 6455 section 5.5.3): whoever answers it has read all that came before.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// Written, and not yet wholly taken by the kernel.
    pending: VecDeque<Message>,
    written: u64,
    sent: u64,
    confirmed: u64,
    pings: u64,
    /// Pings that wait for their pongs, the oldest first.
    waiting: VecDeque<Ping>,
}

#[derive(Debug)]
struct Ping {
    number: u64,
    /// The messages written before it.
    covers: u64,
    sent: Instant,
}

impl Delivery {
    /// Of a connection over which so many messages have gone before.
    pub(super) fn after(messages: u64) -> Self {
        Self {
            written: messages,
            sent: messages,
            confirmed: messages,
            ..Self::default()
        }
    }

    /// Whether everything that was written is known to have arrived.
    pub(super) fn is_proven(&self) -> bool {
        self.written == self.confirmed
    }

    /// Messages go into the websocket's buffer.
    pub(super) fn wrote(&mut self, messages: Vec<Message>) {
        self.written += messages.len() as u64;
        self.pending.extend(messages);
    }

    /// The kernel has taken so many messages of this connection; gives the ones that are new among them.
    pub(super) fn sent(&mut self, total: u64) -> impl Iterator<Item = Message> + '_ {
        let new = usize::try_from(total.saturating_sub(self.sent)).unwrap_or(usize::MAX);
        self.sent = self.sent.max(total);
        self.pending.drain(..new.min(self.pending.len()))
    }

    /// Whether a ping would prove something that is not proven, and none is on its way.
    pub(super) fn wants_proof(&self) -> bool {
        self.waiting.is_empty() && self.written > self.confirmed
    }

    /// A ping goes out; gives its payload.
    pub(super) fn ping(&mut self, now: Instant) -> [u8; 8] {
        self.pings += 1;
        self.waiting.push_back(Ping {
            number: self.pings,
            covers: self.written,
            sent: now,
        });
        self.pings.to_be_bytes()
    }

    /// A pong came; gives the time that it took, if it answers a ping. It answers those before it as well (RFC 6455 section
    /// 5.5.3).
    pub(super) fn pong(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        let answered = self.waiting.iter().position(|ping| ping.number.to_be_bytes() == payload)?;
        let ping = self.waiting.drain(..=answered).next_back()?;
        self.confirmed = self.confirmed.max(ping.covers);
        Some(now.saturating_duration_since(ping.sent))
    }

    /// How long each ping has waited for its pong.
    pub(super) fn pings_waiting(&self, now: Instant) -> Vec<Duration> {
        self.waiting
            .iter()
            .map(|ping| now.saturating_duration_since(ping.sent))
            .collect()
    }

    /// The connection is over: how many messages may or may not have arrived, and those that certainly have not, because
    /// the kernel never had their last byte.
    pub(super) fn end(self) -> (u64, Vec<Message>) {
        (self.sent.saturating_sub(self.confirmed), self.pending.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_messages(count: usize) -> Delivery {
        let mut delivery = Delivery::default();
        let messages = (0..count).map(|number| Message::notice(number.to_string()));
        delivery.wrote(messages.collect());
        delivery
    }

    fn texts(messages: impl IntoIterator<Item = Message>) -> Vec<String> {
        messages.into_iter().map(|message| message.text.to_string()).collect()
    }

    #[test]
    fn what_went_over_a_connection_before_is_not_counted_again() {
        let mut delivery = Delivery::after(5);
        assert!(delivery.is_proven());
        delivery.wrote(vec![Message::notice("6")]);
        assert!(!delivery.is_proven());
        assert_eq!(texts(delivery.sent(5)), Vec::<String>::new());
        assert_eq!(texts(delivery.sent(6)), ["6"]);
        assert_eq!(delivery.end().0, 1);
    }

    #[test]
    fn what_the_kernel_took_is_given_once_and_in_order() {
        let mut delivery = with_messages(3);
        assert_eq!(texts(delivery.sent(2)), ["0", "1"]);
        assert_eq!(texts(delivery.sent(2)), Vec::<String>::new());
        assert_eq!(texts(delivery.sent(3)), ["2"]);
    }

    #[test]
    fn what_the_kernel_never_took_can_be_sent_again() {
        let mut delivery = with_messages(3);
        drop(delivery.sent(1));
        let (unconfirmed, unsent) = delivery.end();
        assert_eq!((unconfirmed, texts(unsent)), (1, vec!["1".into(), "2".into()]));
    }

    #[test]
    fn a_pong_proves_what_was_written_before_its_ping() {
        let mut delivery = with_messages(2);
        let payload = delivery.ping(Instant::now());
        delivery.wrote(vec![Message::notice("late")]);
        drop(delivery.sent(3));
        assert!(delivery.pong(&payload, Instant::now()).is_some());
        assert!(delivery.wants_proof());
        assert_eq!(delivery.end().0, 1);
    }

    #[test]
    fn a_late_pong_answers_its_ping_though_another_was_sent() {
        let mut delivery = with_messages(1);
        drop(delivery.sent(1));
        let first = delivery.ping(Instant::now());
        delivery.ping(Instant::now());
        assert!(delivery.pong(&first, Instant::now()).is_some());
        assert_eq!(delivery.pings_waiting(Instant::now()).len(), 1);
        assert_eq!(delivery.end().0, 0);
    }

    #[test]
    fn a_pong_that_nobody_asked_for_proves_nothing() {
        let mut delivery = with_messages(1);
        drop(delivery.sent(1));
        delivery.ping(Instant::now());
        assert_eq!(delivery.pong(b"unasked", Instant::now()), None);
        assert_eq!(delivery.end().0, 1);
    }
}
