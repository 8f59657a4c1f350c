//! How long to wait before the next attempt.

use std::time::Duration;

use crate::config::{Client, ConnectionType, SHORTEST_INTERVAL};

/// The pause before attempt number `failures + 1`: `reconnect_interval`, or, with `max_reconnect_interval`, a random part
/// of an interval that doubles with each failure ("full jitter"), so that many hosts which lost one server do not return
/// at one moment. `random` is between 0 and 1.
pub(super) fn pause(client: &Client, failures: u32, random: f64) -> Duration {
    let longest = longest_pause(client, failures);
    if client.max_reconnect_interval.is_none() {
        return longest;
    }
    longest.mul_f64(random.clamp(0.0, 1.0)).max(SHORTEST_INTERVAL)
}

/// How long a connection must have been up for its loss not to count as one more failure: the longest pause that led to it,
/// so that a server which breaks down again under the connections that return does not see them return faster.
pub(super) fn steady(client: &Client, failures: u32) -> Duration {
    longest_pause(client, failures)
}

/// How long a server is left alone that sends everybody away at one moment: a random part of the longest pause there is. A call
/// holds its caller meanwhile, so that its own interval has to do.
pub(super) fn restart(client: &Client, random: f64) -> Duration {
    let longest = match client.connection_type {
        ConnectionType::Persistent => client.max_reconnect_interval.unwrap_or_default(),
        ConnectionType::PerCallConfig => Duration::ZERO,
    };
    let part = client.interval().max(longest).mul_f64(random.clamp(0.0, 1.0));
    part.max(SHORTEST_INTERVAL)
}

fn longest_pause(client: &Client, failures: u32) -> Duration {
    let interval = client.interval();
    let Some(longest) = client.max_reconnect_interval else {
        return interval;
    };
    let doublings = failures.saturating_sub(1).min(31);
    interval.saturating_mul(1 << doublings).min(longest).max(interval)
}

/// A number from 0 to 1. Spreads attempts, nothing more, so the clock's last digits will do.
pub(super) fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config;

    /// A websocket client with these lines besides.
    pub(in crate::session) fn client(more: &str) -> Client {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ari.conf"), "").expect("ari.conf");
        let text = format!("[c]\ntype=websocket_client\nuri=ws://h\nconnection_type=persistent\n{more}");
        std::fs::write(folder.path().join("websocket_client.conf"), text).expect("a file");
        let reading = config::read(folder.path(), None).expect("a configuration");
        Client::clone(&reading.config.clients["c"])
    }

    #[test]
    fn the_interval_is_fixed_unless_configured_otherwise() {
        let client = client("reconnect_interval = 700");
        for failures in [1, 2, 50] {
            assert_eq!(pause(&client, failures, 0.3), Duration::from_millis(700));
        }
    }

    #[test]
    fn with_a_longest_interval_it_doubles_up_to_that_and_a_random_part_is_waited() {
        let client = client("reconnect_interval = 100\nmax_reconnect_interval = 1000");
        let whole: Vec<_> = (1..=6).map(|failures| pause(&client, failures, 1.0).as_millis()).collect();
        assert_eq!(whole, [100, 200, 400, 800, 1000, 1000]);
        assert_eq!(pause(&client, 3, 0.5), Duration::from_millis(200));
    }

    #[test]
    fn a_connection_is_steady_when_it_was_up_for_the_longest_pause_before_it() {
        let client = client("reconnect_interval = 100\nmax_reconnect_interval = 1000");
        let steady: Vec<_> = [0, 1, 3, 9].map(|failures| steady(&client, failures).as_millis()).into();
        assert_eq!(steady, [100, 100, 400, 1000]);
    }

    #[test]
    fn a_server_that_restarts_is_left_alone_for_a_random_part_of_the_longest_interval() {
        let persistent = client("reconnect_interval = 100\nmax_reconnect_interval = 1000");
        let call = client("reconnect_interval = 100\nmax_reconnect_interval = 1000\nconnection_type = per_call_config");
        for (client, whole) in [(persistent, 1000), (call, 100)] {
            assert_eq!(restart(&client, 1.0), Duration::from_millis(whole));
            assert_eq!(restart(&client, 0.5), Duration::from_millis(whole / 2));
            assert_eq!(restart(&client, 0.0), SHORTEST_INTERVAL);
        }
    }

    #[test]
    fn no_pause_is_shorter_than_the_shortest() {
        let client = client("reconnect_interval = 100\nmax_reconnect_interval = 1000");
        assert_eq!(pause(&client, 1, 0.0), SHORTEST_INTERVAL);
        assert_eq!(pause(&self::client("reconnect_interval = 0"), 1, 0.5), SHORTEST_INTERVAL);
    }
}
