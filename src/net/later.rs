//! `Retry-After` of an answer: for how long a server asks to be left alone (RFC 9110 section 10.2.3).

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::head::Head;

/// What an answer asks for that means "not now" (RFC 6585 section 4, RFC 9110 section 15.6.4).
pub(super) fn retry_after(head: &Head) -> Option<Duration> {
    if !matches!(head.status, 429 | 503) {
        return None;
    }
    parse(head.values("Retry-After").next()?, Timestamp::now())
}

/// A number of seconds, or a date.
fn parse(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than a number holds are for ever.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let time = DateTimeParser::new().parse_timestamp(value).ok()?;
    // One that has passed asks for nothing.
    Some(Duration::try_from(time.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Option<u64> {
        let now = "2026-11-28T12:00:00Z".parse().expect("a time");
        parse(value, now).map(|later| later.as_secs())
    }

    #[test]
    fn it_is_a_number_of_seconds() {
        assert_eq!(parsed("120"), Some(120));
        assert_eq!(parsed(" 0 "), Some(0));
        assert_eq!(parsed(&"9".repeat(40)), Some(u64::MAX));
    }

    #[test]
    fn or_a_date() {
        assert_eq!(parsed("Sat, 28 Nov 2026 12:01:30 GMT"), Some(90));
        assert_eq!(parsed("Sat, 28 Nov 2026 11:00:00 GMT"), Some(0));
    }

    #[test]
    fn anything_else_is_nothing() {
        for value in ["", "-1", "1.5", "soon", "12 s", "Sun, 99 Nov 2026 12:00:00 GMT"] {
            assert_eq!(parsed(value), None, "{value}");
        }
    }
}
