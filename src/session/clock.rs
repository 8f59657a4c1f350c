//! What time it is: for waiting, and as Asterisk writes it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Now, by the clock that tests can stop.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Writes times. What is the same for a whole second is written once in it.
pub(super) struct Clock {
    time_zone: TimeZone,
    second: Mutex<Second>,
}

#[derive(Default)]
struct Second {
    number: i64,
    /// Before and after the milliseconds.
    parts: (String, String),
}

impl Clock {
    pub(super) fn new(time_zone: TimeZone) -> Self {
        Self {
            time_zone,
            second: Mutex::default(),
        }
    }

    pub(super) fn read(&self, time: Timestamp) -> String {
        let number = time.as_second();
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.number != number || second.parts.0.is_empty() {
            let zoned = Zoned::new(time, self.time_zone.clone());
            let part = |format| zoned.strftime(format).to_string();
            *second = Second {
                number,
                parts: (part("%Y-%m-%dT%H:%M:%S"), part("%z")),
            };
        }
        let (before, after) = &second.parts;
        let mut text = String::with_capacity(before.len() + ".000".len() + after.len());
        text.push_str(before);
        text.push('.');
        for unit in [100, 10, 1] {
            let digit = time.subsec_millisecond() / unit % 10;
            text.extend(char::from_digit(digit.unsigned_abs(), 10));
        }
        text.push_str(after);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_the_local_offset() {
        let clock = Clock::new(TimeZone::fixed(jiff::tz::offset(-3)));
        let read = |milliseconds| {
            let time = Timestamp::from_millisecond(milliseconds).expect("a time");
            clock.read(time)
        };
        assert_eq!(read(1_763_859_256_313), "2025-11-22T21:54:16.313-0300");
        assert_eq!(read(1_763_859_256_999), "2025-11-22T21:54:16.999-0300");
        assert_eq!(read(1_763_859_257_000), "2025-11-22T21:54:17.000-0300");
    }
}
