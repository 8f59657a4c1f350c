//! How often something took how long, counted by any thread without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in microseconds. The last bucket has none.
const BOUNDS: [u64; 14] = [
    500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
];

/// How often something took how long.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    microseconds: AtomicU64,
}

/// What a [`Histogram`] stood at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    /// The upper bound of each bucket in seconds, and how often it took no longer. The last bound is infinite, so that it has
    /// all.
    pub buckets: Vec<(f64, u64)>,
    /// All times together, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// It took so long.
    pub fn add(&self, time: Duration) {
        let microseconds = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|&bound| bound < microseconds);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// What it stands at.
    pub fn distribution(&self) -> Distribution {
        let seconds = |microseconds: u64| Duration::from_micros(microseconds).as_secs_f64();
        let bounds = BOUNDS.iter().map(|&bound| seconds(bound)).chain([f64::INFINITY]);
        let counts = self.buckets.iter().scan(0, |sum, bucket| {
            *sum += bucket.load(Ordering::Relaxed);
            Some(*sum)
        });
        Distribution {
            buckets: bounds.zip(counts).collect(),
            sum: seconds(self.microseconds.load(Ordering::Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_has_all_that_took_no_longer_than_its_bound() {
        let histogram = Histogram::default();
        for microseconds in [0, 500, 501, 10_000_001] {
            histogram.add(Duration::from_micros(microseconds));
        }
        let distribution = histogram.distribution();
        assert_eq!(distribution.buckets[..3], [(0.0005, 2), (0.001, 3), (0.0025, 3)]);
        assert_eq!(distribution.buckets.last(), Some(&(f64::INFINITY, 4)));
        assert!((distribution.sum - 10.001_002).abs() < 1e-9);
    }
}
