//! Names, and what the far side's dnsmasq says about them.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_ERROR_TIMEOUT;
use ariws_testkit::{Configuration, DEADLINE, Host, Library, Started, until};
use nix::sys::signal::Signal;

use crate::backend::Backend;
use crate::daemon::Daemon;
use crate::network::{FAR, Network, OTHERS, configuration};

const NAME: &str = "bots.example.test";
const URI: &str = "ws://bots.example.test:8088/ari";
const PORT: u16 = 8088;

/// The name server, and the file with its names. It asks another one for those that end in `dead.test`.
pub struct Names<'a> {
    network: &'a Network,
    daemon: Daemon,
}

impl<'a> Names<'a> {
    /// One that knows these addresses of [`NAME`].
    pub fn serve(network: &'a Network, addresses: &[IpAddr]) -> Self {
        let file = network.file("names", &lines(addresses));
        let mut command = Command::new("dnsmasq");
        command.args(["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv"]);
        command.args(["--no-hosts", "--local=/test/", "--user=root", "--pid-file"]);
        command.args(["--log-facility=-", "--log-queries", "--bind-interfaces"]);
        command.arg(format!("--server=/dead.test/{}", OTHERS[2]));
        command.arg(format!("--listen-address={FAR}"));
        command.arg(format!("--addn-hosts={}", file.display()));
        let daemon = Daemon::start(network, command, SocketAddr::new(FAR, 53));
        Self { network, daemon }
    }

    /// Knows other addresses from now on.
    pub fn change(&self, addresses: &[IpAddr]) {
        let read = |log: &str| log.matches("/names - ").count();
        let before = read(&self.daemon.log());
        self.network.file("names", &lines(addresses));
        self.daemon.signal(Signal::SIGHUP);
        until(|| (read(&self.daemon.log()) > before).then_some(()), || self.daemon.log());
    }

    /// How often it was asked for a name that ends in `dead.test`.
    fn asked_for_dead_names(&self) -> usize {
        let log = self.daemon.log();
        let queries = log.lines().filter(|line| line.contains("query[A] "));
        queries.filter(|line| line.contains(".dead.test ")).count()
    }

    /// The first address of each answer so far.
    fn first_of_each_answer(&self) -> BTreeSet<String> {
        let log = self.daemon.log();
        let lines: Vec<_> = log.lines().collect();
        lines
            .windows(2)
            .filter(|pair| pair[0].contains("query[A]"))
            .filter_map(|pair| Some(pair[1].rsplit_once(" is ")?.1.to_owned()))
            .collect()
    }
}

fn lines(addresses: &[IpAddr]) -> String {
    addresses.iter().map(|address| format!("{address} {NAME}\n")).collect()
}

/// A server at each of the three addresses.
fn backends(network: &Network) -> [Backend; 3] {
    OTHERS.map(|address| Backend::start(network, SocketAddr::new(address, PORT)))
}

/// Waits until the connection is open; gives which of the servers has it.
fn wait_for_place(servers: &[Backend; 3]) -> usize {
    let has_it = || servers.iter().position(|server| server.open() > 0);
    until(has_it, || "no connection".into())
}

/// Calls one after the other; gives what each came to.
fn call(library: &Library<'_>, numbers: std::ops::Range<usize>) -> Vec<Started> {
    numbers
        .map(|number| library.stasis_start("app1", &number.to_string(), &format!("Test/{number}")))
        .collect()
}

/// One that has to be connected.
fn assert_connected(started: &[Started]) {
    assert!(started.iter().all(Result::is_ok), "{started:#?}");
}

/// How many attempts have failed so far.
pub fn failed_attempts(library: &Library<'_>) -> u64 {
    library.metric("attempts_failed_total")
}

#[test]
fn calls_spread_over_all_addresses_of_a_name() {
    let (network, host) = (Network::enter(), Host::new());
    let names = Names::serve(&network, &OTHERS);
    let servers = backends(&network);
    let library = Library::load(&host, &configuration("per_call_config", URI, ""));
    assert_connected(&call(&library, 0..9));
    for server in &servers {
        assert_eq!(server.connections(), 3);
    }
    assert_eq!(names.first_of_each_answer().len(), 3, "the order changes");
}

#[test]
fn after_each_drop_another_address_is_next() {
    let (network, host) = (Network::enter(), Host::new());
    let _names = Names::serve(&network, &OTHERS);
    let servers = backends(&network);
    let _library = Library::load(&host, &configuration("persistent", URI, ""));
    let mut places = BTreeSet::new();
    for _ in 0..3 {
        let place = wait_for_place(&servers);
        places.insert(place);
        servers[place].disconnect();
    }
    assert_eq!(places.len(), 3, "{places:?}");
}

#[test]
fn an_address_that_refuses_costs_no_call_and_no_attempt() {
    let (network, host) = (Network::enter(), Host::new());
    let _names = Names::serve(&network, &OTHERS);
    let servers = backends(&network);
    servers[1].kill();
    let library = Library::load(&host, &configuration("per_call_config", URI, ""));
    assert_connected(&call(&library, 0..6));
    assert_eq!(servers[0].connections() + servers[2].connections(), 6);
    assert_eq!(failed_attempts(&library), 0);
}

#[test]
fn a_dead_address_costs_no_call_and_no_attempt() {
    let (network, host) = (Network::enter(), Host::new());
    let _names = Names::serve(&network, &OTHERS);
    let servers = backends(&network);
    network.lose("ip daddr 10.0.0.12");
    let more = "connection_timeout = 1500";
    let library = Library::load(&host, &configuration("per_call_config", URI, more));
    assert_connected(&call(&library, 0..6));
    assert_eq!(servers[1].connections(), 0);
    assert_eq!(failed_attempts(&library), 0);
}

#[test]
fn one_address_dead_then_none_then_all_then_none_again() {
    let (network, host) = (Network::enter(), Host::new());
    let _names = Names::serve(&network, &OTHERS);
    let _servers = backends(&network);
    let more = "connection_timeout = 1500";
    let library = Library::load(&host, &configuration("per_call_config", URI, more));
    network.lose("ip daddr 10.0.0.13");
    assert_connected(&call(&library, 0..3));
    network.heal();
    assert_connected(&call(&library, 3..6));
    network.lose("ip daddr { 10.0.0.11, 10.0.0.12, 10.0.0.13 }");
    let [Err((code, message))] = &call(&library, 6..7)[..] else {
        panic!("connected to nobody");
    };
    assert_eq!(*code, ARIWS_ERROR_TIMEOUT);
    let reason = "no answer to the connection request within 1500 ms (connection_timeout)";
    assert!(message.contains(reason), "{message}");
    network.heal();
    assert_connected(&call(&library, 7..10));
}

#[test]
fn every_attempt_resolves_the_name_anew() {
    let (network, host) = (Network::enter(), Host::new());
    let names = Names::serve(&network, &OTHERS[..1]);
    let servers = backends(&network);
    let library = Library::load(&host, &configuration("per_call_config", URI, ""));
    assert_connected(&call(&library, 0..2));
    names.change(&OTHERS[1..2]);
    assert_connected(&call(&library, 2..4));
    let connections = servers.each_ref().map(Backend::connections);
    assert_eq!(connections, [2, 2, 0]);
}

#[test]
fn a_name_without_an_address_is_told_and_tried_again() {
    let (network, host) = (Network::enter(), Host::new());
    let names = Names::serve(&network, &[]);
    let servers = backends(&network);
    let _library = Library::load(&host, &configuration("persistent", URI, ""));
    let reason = host.wait_for_log("no lasting connection");
    assert!(reason.contains("name: bots.example.test: "), "{reason}");
    names.change(&OTHERS[..1]);
    servers[0].wait_for(|received| !received.is_empty());
}

#[test]
fn a_silent_name_server_is_given_up_at_the_deadline() {
    let (network, host) = (Network::enter(), Host::new());
    network.lose("udp dport 53");
    let more = "connection_timeout = 300";
    let began = Instant::now();
    let _library = Library::load(&host, &configuration("persistent", URI, more));
    let reason = host.wait_for_log("no lasting connection");
    let expected = "name: no answer from the name servers within 300 ms (connection_timeout)";
    assert!(reason.contains(expected), "{reason}");
    assert!(began.elapsed() >= Duration::from_millis(300));
}

/// The name server of `dead.test`, which never answers; and a resolver that waits for it for ten seconds.
fn silence_dead_names(network: &Network) -> UdpSocket {
    let server = format!("nameserver {FAR}\noptions timeout:5 attempts:2\n");
    network.file("resolv.conf", &server);
    network.far(|| UdpSocket::bind((OTHERS[2], 53)).expect("the name servers' port"))
}

/// The connection `connection1` to a URI, and nine to names that end in `dead.test`.
fn with_dead_names(uri: &str) -> Configuration {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let more = "connection_timeout = 3000\nreconnect_attempts = 1";
    (1..=9).fold(configuration("per_call_config", uri, more), |configuration, number| {
        let name = format!("dead{number}");
        let uri = format!("uri = ws://bots{number}.dead.test/ari\nconnection_timeout = 500");
        configuration.connection(&name, "persistent", nowhere, &name, &uri)
    })
}

/// Waits until the resolver has asked for eight dead names.
fn wait_for_dead_names(names: &Names<'_>) {
    until(|| (names.asked_for_dead_names() >= 8).then_some(()), || names.daemon.log());
}

#[test]
fn dead_names_do_not_hold_up_one_that_is_answered() {
    let (network, host) = (Network::enter(), Host::new());
    let names = Names::serve(&network, &OTHERS[..1]);
    let _silent = silence_dead_names(&network);
    let _servers = backends(&network);
    let library = Library::load(&host, &with_dead_names(URI));
    wait_for_dead_names(&names);
    assert_connected(&call(&library, 0..3));
}

#[test]
fn dead_names_do_not_hold_up_one_of_the_hosts_file() {
    let (network, host) = (Network::enter(), Host::new());
    let names = Names::serve(&network, &[]);
    let _silent = silence_dead_names(&network);
    let known = format!("{} localname\n", OTHERS[0]);
    network.file("hosts", &known);
    let _servers = backends(&network);
    let library = Library::load(&host, &with_dead_names("ws://localname:8088/ari"));
    wait_for_dead_names(&names);
    assert_connected(&call(&library, 0..3));
}

#[test]
fn calls_to_one_name_share_a_look_up() {
    let (network, host) = (Network::enter(), Host::new());
    let names = Names::serve(&network, &[]);
    let _silent = silence_dead_names(&network);
    let more = "connection_timeout = 500\nreconnect_attempts = 1";
    let uri = "ws://bots.dead.test/ari";
    let library = Library::load(&host, &configuration("per_call_config", uri, more));
    let starts: Vec<_> = (0..100)
        .map(|number| library.stasis_start_async("app1", &number.to_string(), &format!("Test/{number}")))
        .collect();
    for start in starts {
        let (code, message) = start.recv_timeout(DEADLINE).expect("an outcome").expect_err("dead");
        assert_eq!(code, ARIWS_ERROR_TIMEOUT);
        let reason = "name: no answer from the name servers within 500 ms (connection_timeout)";
        assert!(message.contains(reason), "{message}");
    }
    let questions = names.asked_for_dead_names();
    assert!(questions <= 2, "{questions} questions");
}

#[test]
fn a_name_server_that_answers_again_is_noticed_while_the_first_look_up_still_waits() {
    let (network, host) = (Network::enter(), Host::new());
    let _names = Names::serve(&network, &OTHERS[..1]);
    let servers = backends(&network);
    let patient = format!("nameserver {FAR}\noptions timeout:30 attempts:2\n");
    network.file("resolv.conf", &patient);
    network.lose("udp dport 53");
    let more = "connection_timeout = 500";
    let _library = Library::load(&host, &configuration("persistent", URI, more));
    host.wait_for_log("no lasting connection");
    network.heal();
    // The first look-up of the resolver still waits; not so those that follow it.
    servers[0].wait_for(|received| !received.is_empty());
}
