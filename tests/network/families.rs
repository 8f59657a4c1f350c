//! IPv6 and IPv4 at once.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use ariws_testkit::{Host, Library};

use crate::backend::Backend;
use crate::names::Names;
use crate::network::{FAR, FAR_SIX, Network, configuration};

const URI: &str = "ws://bots.example.test:8088/ari";

fn backend(network: &Network, address: IpAddr) -> Backend {
    Backend::start(network, SocketAddr::new(address, 8088))
}

fn registered(backend: &Backend) {
    backend.wait_for(|received| received.iter().any(|one| one.kind == "ApplicationRegistered"));
}

#[test]
fn a_name_with_an_address_of_one_family_is_reached_by_it() {
    for address in [FAR, FAR_SIX] {
        let (network, host) = (Network::enter(), Host::new());
        let _names = Names::serve(&network, &[address]);
        let server = backend(&network, address);
        let _library = Library::load(&host, &configuration("persistent", URI, ""));
        registered(&server);
    }
}

#[test]
fn an_address_of_the_other_family_is_taken_where_one_family_is_refused() {
    for address in [FAR, FAR_SIX] {
        let (network, host) = (Network::enter(), Host::new());
        let _names = Names::serve(&network, &[FAR, FAR_SIX]);
        let server = backend(&network, address);
        let _library = Library::load(&host, &configuration("persistent", URI, ""));
        registered(&server);
        assert!(!host.log().join("\n").contains("no lasting connection"));
    }
}

#[test]
fn a_family_that_is_a_black_hole_costs_a_moment_and_no_attempt() {
    for (dead, alive) in [("meta nfproto ipv6", FAR), ("meta nfproto ipv4", FAR_SIX)] {
        let (network, host) = (Network::enter(), Host::new());
        let _names = Names::serve(&network, &[FAR, FAR_SIX]);
        let server = backend(&network, alive);
        // The name server stays reachable.
        network.lose(&format!("{dead} tcp dport 8088"));
        let began = Instant::now();
        let more = "connection_timeout = 10000";
        let library = Library::load(&host, &configuration("persistent", URI, more));
        registered(&server);
        let measured = began.elapsed();
        println!("{dead}: {measured:?}");
        // RFC 8305 section 5 has 250 ms for the one that says nothing.
        assert!(measured < Duration::from_secs(2), "{measured:?}");
        assert!(library.metrics().contains("ariws_attempts_failed_total 0"));
    }
}
