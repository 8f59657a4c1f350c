//! How long things took, over all sessions of an instance.

use std::time::Duration;

use crate::histogram::Histogram;

/// How long things took, over all sessions of an instance.
#[derive(Debug, Default)]
pub struct Times {
    /// From the channel that enters to the open connection of its call.
    pub started: Histogram,
    /// From the channel that enters to the failure of its start.
    pub start_failed: Histogram,
    /// From the ping behind what was sent to its pong.
    pub round_trip: Histogram,
    /// From a request's arrival to its answer, by the first digit of the status.
    requests: [Histogram; STATUS_CLASSES.len()],
}

/// Statuses by their first digit, as they are called.
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

impl Times {
    pub(super) fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).checked_sub(1);
        if let Some(histogram) = class.and_then(|class| self.requests.get(class)) {
            histogram.add(took);
        }
    }

    /// Requests by the class of their status.
    pub fn requests(&self) -> impl Iterator<Item = (&'static str, &Histogram)> {
        STATUS_CLASSES.into_iter().zip(&self.requests)
    }
}
