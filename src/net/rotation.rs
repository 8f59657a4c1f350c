//! The order in which the addresses of a name are tried.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an address that failed is tried after all others.
const AVOIDED: Duration = Duration::from_secs(30);

/// The order of addresses from attempt to attempt. The system's resolver sorts its answers, so every answer looks
/// alike; spreading over them, and away from those that failed, is done here.
#[derive(Default)]
pub struct Rotation(Mutex<State>);

#[derive(Default)]
struct State {
    /// The address that was tried or used last.
    last: Option<SocketAddr>,
    failures: HashMap<SocketAddr, Instant>,
}

impl Rotation {
    /// The addresses in the order to try them: each time another one first, those that failed lately last, and those that
    /// did not by turns of both families (RFC 8305 section 4): where one is not reached at all, the other is next.
    pub(super) fn order(&self, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.sort_unstable();
        addresses.dedup();
        state
            .failures
            .retain(|address, failed| failed.elapsed() < AVOIDED && addresses.binary_search(address).is_ok());
        let next = addresses.partition_point(|address| Some(*address) <= state.last);
        let count = addresses.len().max(1);
        addresses.rotate_left(next % count);
        addresses.sort_by_key(|address| state.failures.get(address).copied());
        state.last = addresses.first().copied();
        let healthy = addresses.partition_point(|address| !state.failures.contains_key(address));
        let failed = addresses.split_off(healthy);
        let mut ordered = by_turns(addresses);
        ordered.extend(failed);
        ordered
    }

    /// The address did not work.
    pub(super) fn failed(&self, address: SocketAddr) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failures
            .insert(address, Instant::now());
    }

    /// The address worked.
    pub(super) fn succeeded(&self, address: SocketAddr) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures.remove(&address);
        state.last = Some(address);
    }
}

/// One of the first address's family, one of the other, and so on.
fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let count = addresses.len();
    let (one, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|address| address.is_ipv4() == first);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut ordered = Vec::with_capacity(count);
    while ordered.len() < count {
        ordered.extend(one.next());
        ordered.extend(other.next());
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses() -> Vec<SocketAddr> {
        (1..=3).map(|last| SocketAddr::from(([192, 0, 2, last], 80))).collect()
    }

    #[test]
    fn each_attempt_begins_with_another_address() {
        let rotation = Rotation::default();
        let first: Vec<_> = (0..4).map(|_| rotation.order(addresses())[0]).collect();
        let [one, two, three] = [addresses()[0], addresses()[1], addresses()[2]];
        assert_eq!(first, [one, two, three, one]);
    }

    #[test]
    fn an_address_that_failed_is_tried_last() {
        let rotation = Rotation::default();
        rotation.failed(addresses()[0]);
        assert_eq!(rotation.order(addresses()).last(), Some(&addresses()[0]));
    }

    #[test]
    fn both_families_take_turns() {
        let six = |last| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 80));
        let mut both = addresses();
        both.extend([six(1), six(2)]);
        let [one, two, three] = [addresses()[0], addresses()[1], addresses()[2]];
        let rotation = Rotation::default();
        assert_eq!(rotation.order(both.clone()), [one, six(1), two, six(2), three]);
        rotation.failed(six(1));
        assert_eq!(rotation.order(both), [two, six(2), three, one, six(1)]);
    }

    #[test]
    fn after_a_drop_another_address_is_next() {
        let rotation = Rotation::default();
        let [one, two, three] = [addresses()[0], addresses()[1], addresses()[2]];
        assert_eq!(rotation.order(addresses())[0], one);
        rotation.failed(one);
        rotation.succeeded(two);
        assert_eq!(rotation.order(addresses()), [three, two, one]);
    }

    #[test]
    fn an_address_that_works_again_takes_its_turn() {
        let rotation = Rotation::default();
        let one = addresses()[0];
        rotation.failed(one);
        rotation.succeeded(one);
        let mut first = (0..3).map(|_| rotation.order(addresses())[0]);
        assert!(first.any(|address| address == one));
    }
}
