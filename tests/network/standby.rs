//! Connections that wait for calls, over a network that takes its time, and loses packets.

use std::collections::BTreeMap;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use ariws_testkit::tls::{self, UNVERIFIED};
use ariws_testkit::{Host, Library, Watched};
use serde_json::Value;
use socket2::SockRef;
use tokio_tungstenite::tungstenite::Message;

use crate::network::{FAR, Network, configuration};
use crate::slow_way::{Loss, SLOW, SlowWay};

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
    let _way = SlowWay::open(&network, DELAY, Loss::NONE);
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

/// How many calls are placed over a way that loses packets, and how long after one another.
const PLACED: usize = 200;
const BETWEEN: Duration = Duration::from_millis(50);
/// Connections on standby: more than are used up while one is opened again, even if its first packet is lost.
const WAITING: usize = 32;
const LOSS: Loss = Loss {
    of_thousand: 10,
    seed: 20_261_128,
};

/// What each application has heard, and when.
type Heard = BTreeMap<String, Vec<(String, Instant)>>;

/// An application with any number of connections over TLS, that notes when it hears what.
struct Application {
    address: SocketAddr,
    listener: TcpListener,
    heard: Arc<Watched<Heard>>,
}

impl Application {
    fn listen(network: &Network) -> Self {
        let listener = network.far(|| TcpListener::bind((SLOW, 0)).expect("a port"));
        let application = Self {
            address: listener.local_addr().expect("an address"),
            listener: listener.try_clone().expect("the listener"),
            heard: Arc::default(),
        };
        let heard = Arc::clone(&application.heard);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let heard = Arc::clone(&heard);
                thread::spawn(move || {
                    stream.set_nodelay(true).expect("no delay");
                    let Some(mut websocket) = tls::accept(stream, true) else {
                        return;
                    };
                    while let Ok(message) = websocket.read() {
                        let (Message::Text(text), now) = (message, Instant::now()) else {
                            continue;
                        };
                        let message: Value = serde_json::from_str(&text).expect("JSON");
                        let word = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
                        heard.change(|heard| heard.entry(word("application")).or_default().push((word("type"), now)));
                    }
                });
            }
        });
        application
    }

    /// Waits until an application has heard this; gives all that it has heard.
    fn wait_for(&self, application: &str, kind: &str) -> Vec<(String, Instant)> {
        let heard = |heard: &Heard| heard.get(application).cloned().unwrap_or_default();
        let has_come = |heard: &Vec<(String, Instant)>| heard.iter().any(|(come, _)| come == kind);
        self.heard.wait_for(
            |all| Some(heard(all)).filter(has_come),
            |all| format!("{application} has heard {:?}", heard(all)),
        )
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // Wakes the thread that accepts.
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

/// Lets a channel enter an application, and leave it when that has heard of it; gives when it began.
fn call(library: &Library<'_>, server: &Application, app: &str, number: usize) -> (String, Instant) {
    let (id, name) = (format!("{app}.{number}"), format!("Test/{number}"));
    let began = Instant::now();
    let application = library.stasis_start(app, &id, &name).expect("a start");
    let tell = |kind: &str| {
        let event = format!(r#"{{"type":"{kind}","channel":{{"id":"{id}","name":"{name}"}}}}"#);
        library.event(&application, &event);
    };
    tell("StasisStart");
    server.wait_for(&application, "StasisStart");
    tell("StasisEnd");
    library.stasis_end(&application, &id);
    tell("ChannelDestroyed");
    (application, began)
}

#[test]
fn on_standby_callers_reach_the_application_three_round_trips_earlier_also_where_packets_are_lost() {
    let network = Network::enter();
    let mut way = SlowWay::open(&network, DELAY, LOSS);
    let server = Application::listen(&network);
    // Far longer than anything takes, so that nothing is given up on a busy machine.
    let without = format!("tls_min_version = 1.3\n{UNVERIFIED}\nstart_delay = 0\nconnection_timeout = 20000");
    let with = format!("{without}\nstandby_connections = {WAITING}");
    let uri = format!("ws://{}/ari", server.address);
    let configuration = configuration("per_call_config", &uri, &without)
        .connection("connection2", "per_call_config", server.address, "app2", &with)
        .replacing(&uri, &uri.replace("ws://", "wss://"));
    let host = Host::new();
    let library = Library::load(&host, &configuration);
    let all = format!("standby_connections =    {WAITING} of {WAITING} open\n");
    library.wait_for_output("ari show outbound-websocket connection2 detail", |page| page.contains(&all));

    // Side by side, so that both meet the same machine.
    let began: BTreeMap<String, Instant> = thread::scope(|scope| {
        let mut calls = Vec::new();
        for number in 0..PLACED {
            for app in ["app1", "app2"] {
                let (library, server) = (&library, &server);
                calls.push(scope.spawn(move || call(library, server, app, number)));
            }
            // The pace of the calls, no wait for anything.
            thread::sleep(BETWEEN);
        }
        let ended = calls.into_iter().map(|call| call.join().expect("a call"));
        ended.collect()
    });
    let heard = began.iter().map(|(application, began)| {
        let heard = server.wait_for(application, "ChannelDestroyed");
        let kinds: Vec<_> = heard.iter().map(|(kind, _)| kind.as_str()).collect();
        // Whatever the way has lost, each has arrived once.
        assert_eq!(
            kinds,
            ["ApplicationRegistered", "StasisStart", "StasisEnd", "ChannelDestroyed"],
            "{application}"
        );
        (application.as_str(), heard[1].1.duration_since(*began))
    });
    let heard: Vec<_> = heard.collect();
    let (lost, carried) = way.lost();
    let misses = library.metric("connection_standby_misses_total{connection=\"connection2\"}");
    println!("{lost} of {carried} packets were lost; {misses} calls found no connection on standby");
    assert!(lost > 0, "of {carried}");

    let medians = [("app1", "without"), ("app2", "on standby")].map(|(app, how)| {
        let of_app = heard.iter().filter(|(application, _)| application.starts_with(app));
        let mut took: Vec<_> = of_app.map(|(_, took)| *took).collect();
        took.sort_unstable();
        let [median, high, worst] = [PLACED / 2, PLACED * 99 / 100, PLACED - 1].map(|place| took[place]);
        println!("{PLACED} calls over TLS 1.3 and {DELAY:?} each way, {how}: StasisStart has arrived after a median of {median:.1?}, p99 {high:.1?}, worst {worst:.1?}");
        median
    });
    assert_eq!(library.metric("stasis_starts_failed_total"), 0);
    let [without, with] = medians;
    // TCP, TLS and the upgrade; and on a busy machine some of it goes for other things.
    assert!(with + 2 * 2 * DELAY < without, "{with:?} and {without:?}");
}
