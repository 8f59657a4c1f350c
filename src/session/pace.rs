//! How fast events come, and so whether each of them is written at once.
//!
//! A write for each event costs whoever sends it a wake-up of the writer, and the kernel a segment. That is right for the
//! few events of a call, which somebody waits for. Where tens of them come in a millisecond they share both.

use std::time::{Duration, Instant};

/// How long events are gathered, and the time over which their rate is taken.
pub(super) const WINDOW: Duration = Duration::from_millis(1);
/// Events in a millisecond from which on they are gathered. One call's events are fewer.
const FAST: u128 = 20;

/// The rate of what one writer takes.
#[derive(Debug, Default)]
pub(super) struct Pace {
    since: Option<Instant>,
    events: usize,
    fast: bool,
}

impl Pace {
    /// The writer took so many.
    pub(super) fn took(&mut self, events: usize, now: Instant) {
        self.events += events;
        let time = now.saturating_duration_since(*self.since.get_or_insert(now));
        if time >= WINDOW {
            self.fast = self.events as u128 * WINDOW.as_nanos() >= FAST * time.as_nanos();
            (self.since, self.events) = (Some(now), 0);
        }
    }

    /// Whether events come so fast that they are gathered.
    pub(super) fn is_fast(&self) -> bool {
        self.fast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a pace comes to after bursts of so many events, each this much later than the one before.
    fn after(bursts: &[(usize, Duration)]) -> bool {
        let mut now = Instant::now();
        let mut pace = Pace::default();
        for (events, later) in bursts {
            now += *later;
            pace.took(*events, now);
        }
        pace.is_fast()
    }

    #[test]
    fn a_call_is_not_fast() {
        let pause = Duration::from_secs(1);
        assert!(!after(&[
            (1, pause),
            (12, Duration::from_micros(900)),
            (1, Duration::from_micros(100))
        ]));
    }

    #[test]
    fn one_event_every_ten_microseconds_is_fast() {
        assert!(after(&[(1, Duration::from_micros(10)); 200]));
    }

    #[test]
    fn a_moment_without_events_ends_it() {
        let mut bursts = vec![(1, Duration::from_micros(10)); 200];
        bursts.extend([(0, WINDOW); 2]);
        assert!(!after(&bursts));
    }
}
