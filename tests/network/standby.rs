//! Connections that wait for calls, over a network that takes its time.

use std::thread;
use std::time::{Duration, Instant};

use ariws_testkit::tls::{self, UNVERIFIED};
use ariws_testkit::{Host, Library};

use crate::network::{FAR, Network, configuration};
use crate::slow_way::{SLOW, SlowWay};

/// From one side to the other.
const DELAY: Duration = Duration::from_millis(50);
const CALLS: usize = 11;

/// How long starts took over TLS with so many connections on standby: each from the call of the host to its return. Sorted.
fn starts(network: &Network, standbys: usize) -> Vec<Duration> {
    let server = network.server(SLOW);
    let more = format!("tls_min_version = 1.3\n{UNVERIFIED}\nstandby_connections = {standbys}\nconnection_timeout = 20000");
    let uri = format!("wss://{}/ari", server.address());
    let host = Host::new();
    let library = Library::load(&host, &configuration("per_call_config", &uri, &more));
    thread::scope(|scope| {
        // Each that a call takes is opened again.
        scope.spawn(|| {
            for _ in 0..standbys + CALLS {
                let tcp = server.accept_tcp();
                scope.spawn(|| {
                    let websocket = tls::accept(tcp, true);
                    let mut websocket = websocket.expect("an upgrade");
                    while websocket.read().is_ok() {}
                });
            }
        });
        if standbys > 0 {
            let all = format!("standby_connections =    {standbys} of {standbys} open\n");
            library.wait_for_output("ari show outbound-websocket connection1 detail", |page| page.contains(&all));
        }
        let mut took: Vec<_> = (0..CALLS)
            .map(|number| {
                let (id, began) = (number.to_string(), Instant::now());
                library.stasis_start("app1", &id, &id).expect("a start");
                began.elapsed()
            })
            .collect();
        took.sort();
        if standbys > 0 {
            assert_eq!(
                library.metric("connection_standby_hits_total{connection=\"connection1\"}"),
                CALLS as u64
            );
            let all = format!("standby_connections =    {standbys} of {standbys} open\n");
            library.wait_for_output("ari show outbound-websocket connection1 detail", |page| page.contains(&all));
        }
        drop(library);
        took
    })
}

#[test]
fn a_start_with_a_connection_on_standby_costs_no_round_trip() {
    let network = Network::enter();
    let _way = SlowWay::open(&network, DELAY);
    let (without, with) = (starts(&network, 0), starts(&network, CALLS));
    let shown = |took: &[Duration]| format!("median {:.1?}, worst {:.1?}", took[CALLS / 2], took[CALLS - 1]);
    println!(
        "{CALLS} starts over TLS 1.3 and {DELAY:?} each way: without {}; on standby {}",
        shown(&without),
        shown(&with)
    );
    // TCP, TLS and the upgrade.
    assert!(without[0] >= 3 * 2 * DELAY, "{without:?}");
    assert!(with[CALLS / 2] < DELAY, "{with:?}");
}

#[test]
fn a_standby_whose_way_has_gone_does_not_fail_a_start() {
    let network = Network::enter();
    let server = network.server(FAR);
    let more = "standby_connections = 1\nreconnect_attempts = 1\nconnection_timeout = 2000";
    let uri = format!("ws://{}/ari", server.address());
    let host = Host::new();
    let library = Library::load(&host, &configuration("per_call_config", &uri, more));
    let dead = server.accept();
    let one = "standby_connections =    1 of 1 open\n";
    library.wait_for_output("ari show outbound-websocket connection1 detail", |page| page.contains(one));
    let port = dead.websocket.get_ref().peer_addr().expect("its address").port();
    network.lose(&format!("tcp sport {port}"));
    let application = library.stasis_start("app1", "1", "x").expect("a start");
    library.event(&application, r#"{"type":"StasisStart","channel":{"id":"1","name":"x"}}"#);
    let _another = server.accept();
    let mut own = server.accept();
    own.says(["ApplicationRegistered app1:x", "StasisStart app1:x"]);
    assert_eq!(library.metric("attempts_failed_total"), 0);
}
