//! HAProxy with the configurations of examples/haproxy in front of several application servers.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use crate::backend::Backend;
use crate::daemon::Daemon;
use crate::network::{FAR, Network, OTHERS, configuration};
use crate::support::DEADLINE;
use crate::support::configuration::Configuration;
use crate::support::host::{Call, Host};
use crate::support::library::Library;

/// HAProxy with three servers.
struct Balancer {
    servers: [Backend; 3],
    control: PathBuf,
    _daemon: Daemon,
}

impl Balancer {
    /// With one of the example configurations.
    fn start(network: &Network, example: &str) -> Self {
        let servers = OTHERS.map(|address| Backend::start(network, SocketAddr::new(address, 8088)));
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/haproxy");
        let control = network.folder().join("control");
        let listen = SocketAddr::new(FAR, 8088);
        let mut command = Command::new("haproxy");
        command.args(["-db", "-f", &format!("{folder}/{example}")]);
        command.env("LISTEN", listen.to_string());
        command.env("CONTROL", &control);
        for (number, server) in (1..).zip(&servers) {
            command.env(format!("SERVER{number}"), server.address().to_string());
        }
        Self {
            servers,
            control,
            _daemon: Daemon::start(network, command, listen),
        }
    }

    /// Gives it an order through its runtime socket.
    fn order(&self, line: &str) -> String {
        let mut socket = UnixStream::connect(&self.control).expect("the runtime socket");
        socket.write_all(line.as_bytes()).expect("room");
        socket.write_all(b"\n").expect("room");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        answer
    }

    fn set_state(&self, server: &str, state: &str) {
        let answer = self.order(&format!("set server {server} state {state}"));
        assert_eq!(answer.trim(), "", "{server} {state}");
    }

    /// Waits until a server is in this state.
    fn wait_for(&self, server: &str, state: &str) {
        wait_until(|| {
            let statistics = self.order("show stat");
            let line = statistics
                .lines()
                .find(|line| line.contains(&format!(",{server},")));
            line.and_then(|line| line.split(',').nth(17)) == Some(state)
        });
    }
}

fn wait_until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "it did not happen in time");
        std::thread::yield_now();
    }
}

/// To the balancer.
fn to_balancer(kind: &str, more: &str) -> Configuration {
    configuration(kind, "ws://10.0.0.2:8088/ari", more)
}

fn application(number: usize) -> String {
    format!("app1:Test/{number}")
}

/// Lets calls enter, all at once.
fn enter(library: &Library<'_>, numbers: std::ops::Range<usize>) {
    let starts: Vec<_> = numbers
        .clone()
        .map(|number| {
            library.stasis_start_async("app1", &number.to_string(), &format!("Test/{number}"))
        })
        .collect();
    for (number, start) in numbers.zip(starts) {
        assert_eq!(start.recv().expect("an outcome"), Ok(application(number)));
        tell(library, number, "StasisStart");
    }
}

/// An event of a call.
fn tell(library: &Library<'_>, number: usize, kind: &str) {
    let event = format!(r#"{{"type":"{kind}","channel":{{"id":"{number}","name":"x"}}}}"#);
    library.event(&application(number), &event);
}

/// The messages of an application on a server.
fn kinds(server: &Backend, application: &str) -> Vec<String> {
    let received = server.received().into_iter();
    received
        .filter(|message| message.application == application)
        .map(|message| message.kind)
        .collect()
}

/// The calls that are on a server, each with its StasisStart as the last message.
fn calls_on(server: &Backend, numbers: std::ops::Range<usize>) -> Vec<String> {
    let last = |application: &String| kinds(server, application).pop();
    numbers
        .map(application)
        .filter(|application| last(application).is_some_and(|kind| kind == "StasisStart"))
        .collect()
}

/// Waits until each of these calls is on one of the servers; gives them by server.
fn placed(balancer: &Balancer, numbers: std::ops::Range<usize>) -> [Vec<String>; 3] {
    let servers = balancer.servers.each_ref();
    let find = || servers.map(|server| calls_on(server, numbers.clone()));
    wait_until(|| find().iter().map(Vec::len).sum::<usize>() == numbers.len());
    find()
}

#[test]
fn calls_spread_evenly() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..30);
    assert_eq!(placed(&balancer, 0..30).map(|calls| calls.len()), [10; 3]);
}

#[test]
fn the_calls_of_a_server_that_is_killed_go_on_elsewhere_and_no_other_call_notices() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..50);
    let [first, moved, third] = placed(&balancer, 0..50);
    let [left, killed, right] = &balancer.servers;
    assert!(moved.len() > 10, "{moved:?}");

    killed.kill();
    let elsewhere =
        |application: &String| [kinds(left, application), kinds(right, application)].concat();
    wait_until(|| {
        moved
            .iter()
            .all(|application| !elsewhere(application).is_empty())
    });
    for number in 0..50 {
        tell(&library, number, "ChannelVarset");
    }

    let moved_on = ["ApplicationRegistered", "ChannelVarset"];
    wait_until(|| {
        moved
            .iter()
            .all(|application| elsewhere(application).len() >= 2)
    });
    for application in &moved {
        assert_eq!(elsewhere(application), moved_on, "{application}");
    }
    let undisturbed = ["ApplicationRegistered", "StasisStart", "ChannelVarset"];
    for (server, calls) in [(left, &first), (right, &third)] {
        wait_until(|| {
            calls
                .iter()
                .all(|application| kinds(server, application).len() >= 3)
        });
        for application in calls {
            assert_eq!(kinds(server, application), undisturbed, "{application}");
        }
    }
    assert_eq!(left.connections() + right.connections(), 50);
    let failed = |call: &Call| matches!(call, Call::StasisFailed(..));
    assert!(!host.calls().iter().any(failed), "{:#?}", host.calls());
}

#[test]
fn the_calls_of_a_server_that_fails_its_checks_go_on_elsewhere() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..6);
    let [moved, ..] = placed(&balancer, 0..6);
    let [ill, one, other] = &balancer.servers;
    ill.set_healthy(false);
    let elsewhere =
        |application: &String| [kinds(one, application), kinds(other, application)].concat();
    wait_until(|| {
        moved
            .iter()
            .all(|application| elsewhere(application) == ["ApplicationRegistered"])
    });
}

#[test]
fn a_server_that_comes_back_gets_calls_again() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    let server = &balancer.servers[1];
    server.kill();
    balancer.wait_for("app2", "DOWN");
    enter(&library, 0..4);
    assert_eq!(server.connections(), 0);
    server.listen(&network);
    balancer.wait_for("app2", "UP");
    enter(&library, 4..5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_drained_server_finishes_its_calls_and_gets_no_new_ones() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..6);
    let [_, running, _] = placed(&balancer, 0..6);
    let drained = &balancer.servers[1];
    balancer.set_state("applications/app2", "drain");
    enter(&library, 6..12);
    placed(&balancer, 6..12);
    assert_eq!(drained.connections(), running.len());
    assert_eq!(drained.open(), running.len());

    for application in &running {
        let number = application["app1:Test/".len()..].parse().expect("a number");
        for kind in ["ChannelVarset", "StasisEnd"] {
            tell(&library, number, kind);
        }
        library.stasis_end(application, &number.to_string());
        tell(&library, number, "ChannelDestroyed");
    }
    drained.wait_for_open(0);
    let whole = [
        "ApplicationRegistered",
        "StasisStart",
        "ChannelVarset",
        "StasisEnd",
        "ChannelDestroyed",
    ];
    for application in &running {
        assert_eq!(kinds(drained, application), whole);
    }
    assert!(!host.log().join("\n").contains("connection lost"));

    balancer.set_state("applications/app2", "ready");
    enter(&library, 12..13);
    assert_eq!(drained.connections(), running.len() + 1);
}

#[test]
fn the_calls_of_a_server_in_maintenance_go_on_elsewhere() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..6);
    let [moved, ..] = placed(&balancer, 0..6);
    let [leaving, one, other] = &balancer.servers;
    balancer.set_state("applications/app1", "maint");
    wait_until(|| {
        moved.iter().all(|application| {
            let elsewhere = [kinds(one, application), kinds(other, application)].concat();
            elsewhere == ["ApplicationRegistered"]
        })
    });
    leaving.wait_for_open(0);
}

/// Loads a persistent connection; gives it when it is on the first server.
fn on_the_first<'a>(host: &'a Host, balancer: &Balancer) -> Library<'a> {
    let library = Library::load(host, &to_balancer("persistent", "reconnect_interval = 50"));
    wait_for_registration(&balancer.servers[0], 1);
    library
}

fn wait_for_registration(server: &Backend, count: usize) {
    wait_until(|| kinds(server, "app1") == vec!["ApplicationRegistered"; count]);
}

#[test]
fn a_persistent_connection_moves_to_the_second_server_when_the_first_is_killed() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "persistent.cfg");
    let library = on_the_first(&host, &balancer);
    let [first, second, _] = &balancer.servers;
    first.kill();
    wait_for_registration(second, 1);
    library.event("app1", r#"{"type":"ChannelVarset"}"#);
    wait_until(|| kinds(second, "app1") == ["ApplicationRegistered", "ChannelVarset"]);
}

#[test]
fn a_persistent_connection_moves_to_the_second_server_when_the_first_fails_its_checks() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "persistent.cfg");
    let _library = on_the_first(&host, &balancer);
    let [first, second, _] = &balancer.servers;
    first.set_healthy(false);
    wait_for_registration(second, 1);
    first.wait_for_open(0);
}

#[test]
fn a_persistent_connection_returns_to_the_first_server_when_that_is_back() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "persistent.cfg");
    let _library = on_the_first(&host, &balancer);
    let [first, second, _] = &balancer.servers;
    first.kill();
    wait_for_registration(second, 1);
    balancer.wait_for("app1", "DOWN");
    first.listen(&network);
    wait_for_registration(first, 2);
    second.wait_for_open(0);
}
