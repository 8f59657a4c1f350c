//! The pings of `enable_pingpongs`.

use tokio::time::Instant as Timer;

use super::delivery::Delivery;
use crate::config::Keepalive;

/// Whether it is time for a ping of `enable_pingpongs`: not if one is on its way. An error if too many were in vain.
pub(super) fn probe(delivery: &Delivery, keepalive: Keepalive, now: Timer) -> Result<bool, String> {
    let ages = delivery.pings_waiting(now.into_std());
    let overdue = ages.iter().filter(|age| **age >= keepalive.interval).count();
    if overdue >= usize::try_from(keepalive.probes).unwrap_or(usize::MAX) {
        return Err(format!("the peer answered none of {overdue} pings (pingpong_probes)"));
    }
    Ok(ages.len() == overdue)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEEPALIVE: Keepalive = Keepalive {
        time: Duration::from_secs(20),
        interval: Duration::from_secs(20),
        probes: 2,
    };

    #[test]
    fn a_ping_that_is_on_its_way_is_not_followed_by_another() {
        let (mut delivery, now) = (Delivery::default(), Timer::now());
        delivery.ping(now.into_std());
        let soon = now + Duration::from_millis(300);
        assert_eq!(probe(&delivery, KEEPALIVE, soon), Ok(false));
    }

    #[test]
    fn a_peer_is_given_up_after_as_many_pings_as_configured() {
        let (mut delivery, now) = (Delivery::default(), Timer::now());
        assert_eq!(probe(&delivery, KEEPALIVE, now), Ok(true));
        delivery.ping(now.into_std());
        let then = now + KEEPALIVE.interval;
        assert_eq!(probe(&delivery, KEEPALIVE, then), Ok(true));
        delivery.ping(then.into_std());
        assert!(probe(&delivery, KEEPALIVE, then + KEEPALIVE.interval).is_err());
    }

    #[test]
    fn a_late_pong_keeps_the_peer() {
        let (mut delivery, now) = (Delivery::default(), Timer::now());
        let first = delivery.ping(now.into_std());
        let then = now + KEEPALIVE.interval;
        delivery.ping(then.into_std());
        delivery.pong(&first, then.into_std());
        assert_eq!(probe(&delivery, KEEPALIVE, then + KEEPALIVE.interval), Ok(true));
    }
}
