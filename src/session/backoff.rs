//! How long to wait before the next attempt.

use std::time::Duration;

use crate::config::Client;

/// Shorter intervals would be a storm.
const SHORTEST: Duration = Duration::from_millis(10);

/// The pause before attempt number `failures + 1`: `reconnect_interval`, or, with `max_reconnect_interval`, a random part
/// of an interval that doubles with each failure ("full jitter"), so that many hosts which lost one server do not return
/// at one moment. `random` is between 0 and 1.
pub(super) fn pause(client: &Client, failures: u32, random: f64) -> Duration {
    let interval = client.reconnect_interval.max(SHORTEST);
    let Some(longest) = client.max_reconnect_interval else {
        return interval;
    };
    let doublings = failures.saturating_sub(1).min(31);
    let ceiling = interval
        .saturating_mul(1 << doublings)
        .min(longest)
        .max(interval);
    ceiling.mul_f64(random.clamp(0.0, 1.0)).max(SHORTEST)
}

/// How long a connection must have been up for its loss not to count as a failure.
pub(super) fn steady(client: &Client) -> Duration {
    client.reconnect_interval.max(SHORTEST)
}
