//! Cancels of channels that overtook their start: who may be cancelled before it has begun.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// Beyond so many the oldest goes: a host may cancel every channel that hangs up.
const MAXIMUM: usize = 4096;

/// A start comes as soon as its thread runs. What is older was meant for one that had ended, and must not meet another call
/// that is given the same id.
const LIFETIME: Duration = Duration::from_secs(10);

/// Channels whose next start is cancelled, by their ids.
#[derive(Default)]
pub(super) struct EarlyCancels {
    since: HashMap<String, Instant>,
    /// As they came. Those that were taken out or came again since stay in here until their time is over.
    order: VecDeque<(Instant, String)>,
}

impl EarlyCancels {
    /// The channel's next start is cancelled.
    pub(super) fn remember(&mut self, channel_id: &str, now: Instant) {
        self.since.insert(channel_id.to_owned(), now);
        self.order.push_back((now, channel_id.to_owned()));
        self.forget_old(now);
    }

    /// Whether the channel was to be cancelled; it is not any more.
    pub(super) fn take(&mut self, channel_id: &str, now: Instant) -> bool {
        self.forget_old(now);
        self.since.remove(channel_id).is_some()
    }

    fn forget_old(&mut self, now: Instant) {
        while let Some((since, channel_id)) = self.order.front()
            && (self.order.len() > MAXIMUM || now.duration_since(*since) >= LIFETIME)
        {
            if self.since.get(channel_id) == Some(since) {
                self.since.remove(channel_id);
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_is_taken_once() {
        let (mut cancels, now) = (EarlyCancels::default(), Instant::now());
        cancels.remember("1", now);
        assert!(!cancels.take("2", now));
        assert!(cancels.take("1", now));
        assert!(!cancels.take("1", now));
    }

    #[test]
    fn a_cancel_is_forgotten_after_its_lifetime() {
        let (mut cancels, now) = (EarlyCancels::default(), Instant::now());
        cancels.remember("1", now);
        cancels.remember("2", now + LIFETIME / 2);
        assert!(!cancels.take("1", now + LIFETIME));
        assert!(cancels.take("2", now + LIFETIME));
    }

    #[test]
    fn a_cancel_that_comes_again_lives_longer() {
        let (mut cancels, now) = (EarlyCancels::default(), Instant::now());
        cancels.remember("1", now);
        cancels.remember("1", now + LIFETIME / 2);
        assert!(cancels.take("1", now + LIFETIME));
    }

    #[test]
    fn beyond_the_maximum_the_oldest_is_forgotten() {
        let (mut cancels, now) = (EarlyCancels::default(), Instant::now());
        for number in 0..=MAXIMUM {
            cancels.remember(&number.to_string(), now);
        }
        assert_eq!(cancels.order.len(), MAXIMUM);
        assert!(!cancels.take("0", now));
        assert!(cancels.take("1", now));
        assert!(cancels.take(&MAXIMUM.to_string(), now));
    }
}
