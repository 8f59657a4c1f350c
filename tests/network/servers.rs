//! Two servers of one websocket client, of which the first fails in every way that servers fail, while calls come in.
//!
//! The first is HAProxy with three applications behind it, the second an application. Printed is how long callers were held.

use std::net::SocketAddr;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use ariws_testkit::certificates::Authority;
use ariws_testkit::{Configuration, Host, Library};
use nix::sys::signal::Signal;

use crate::backend::Backend;
use crate::balancer::{Balancer, LISTENS, application, leave, tell, wait_until};
use crate::network::{FAR, Network, configuration};

/// Calls come in at this pace.
const BETWEEN: Duration = Duration::from_millis(50);

/// The attempts of a call may take so long.
const TIMEOUT: Duration = Duration::from_millis(1000);

const SECOND: SocketAddr = SocketAddr::new(FAR, 8089);

/// The servers, and a client that knows both.
struct Servers {
    first: Balancer,
    second: Backend,
    network: Network,
}

impl Servers {
    fn start() -> Self {
        Self::changed(|_| Vec::new())
    }

    /// With another configuration of the first.
    fn changed(changes: impl FnOnce(&Network) -> Vec<(&'static str, String)>) -> Self {
        let network = Network::enter();
        let changes = changes(&network);
        let changes: Vec<_> = changes.iter().map(|(old, new)| (*old, new.as_str())).collect();
        Self {
            first: Balancer::changed(&network, "per-call.cfg", &changes),
            second: Backend::start(&network, SECOND),
            network,
        }
    }

    fn configuration(&self, first: &str) -> Configuration {
        let more = format!(
            "uri = ws://{SECOND}/ari\nconnection_timeout = {}\nreconnect_interval = 500",
            TIMEOUT.as_millis()
        );
        configuration("per_call_config", &format!("{first}://{LISTENS}/ari"), &more)
    }

    /// Websockets that the first has had.
    fn at_the_first(&self) -> usize {
        self.first.servers.iter().map(Backend::connections).sum()
    }
}

/// Lets calls enter and leave again, one after each pause, and something happen behind the first ten. None may fail; gives how
/// long each was held.
fn calls_while(library: &Library<'_>, count: usize, happens: impl FnOnce()) -> Vec<Duration> {
    let (sender, held) = channel();
    let mut happens = Some(happens);
    thread::scope(|scope| {
        for number in 0..count {
            if number == 10 {
                happens.take().expect("once")();
            }
            let sender = sender.clone();
            scope.spawn(move || {
                let began = Instant::now();
                let entered = library.stasis_start("app1", &number.to_string(), &format!("Test/{number}"));
                assert_eq!(entered, Ok(application(number)), "call {number}");
                sender.send((number, began.elapsed())).expect("who counts");
                tell(library, number, "StasisStart");
                leave(library, number);
            });
            // The pace of the calls, no wait for anything.
            thread::sleep(BETWEEN);
        }
    });
    drop(sender);
    let mut held: Vec<_> = held.iter().collect();
    held.sort_unstable();
    held.into_iter().map(|(_, time)| time).collect()
}

/// Prints how long callers were held before it happened, by who came next, and from then on.
fn tell_times(what: &str, held: &[Duration]) {
    let later = held.len().min(10 + usize::try_from(TIMEOUT.as_millis() / BETWEEN.as_millis()).expect("few") + 2);
    for (when, part) in [("before", &held[..10]), ("while it is found out", &held[10..later]), ("then", &held[later..])] {
        let mut part = part.to_vec();
        part.sort_unstable();
        if let Some(worst) = part.last() {
            let (middle, high) = (part[part.len() / 2], part[part.len() * 99 / 100]);
            println!("{what}, {when}: {} calls, p50 {middle:?}, p99 {high:?}, worst {worst:?}", part.len());
        }
    }
}

/// Every call that came when the fault was known went to the second server without a look at the first.
fn the_second_takes_over(what: &str, servers: &Servers, happens: impl FnOnce(&Servers)) {
    let host = Host::new();
    let library = Library::load(&host, &servers.configuration("ws"));
    let held = calls_while(&library, 80, || happens(servers));
    tell_times(what, &held);
    assert_eq!(servers.at_the_first() + servers.second.connections(), 80);
    assert!(servers.second.connections() >= 60, "{}", servers.second.connections());
}

#[test]
fn no_call_fails_when_the_first_server_is_killed() {
    let servers = Servers::start();
    the_second_takes_over("killed", &servers, |servers| {
        servers.first.signal(Signal::SIGKILL);
    });
}

#[test]
fn no_call_fails_when_the_first_server_is_frozen() {
    let servers = Servers::start();
    the_second_takes_over("frozen", &servers, |servers| {
        servers.first.signal(Signal::SIGSTOP);
    });
}

#[test]
fn no_call_fails_when_the_first_server_is_overloaded() {
    // What HAProxy answers itself, with the field that a server adds which knows for how long.
    let servers = Servers::changed(|_| {
        let refuse = "http-request return status 503 content-type text/plain string busy hdr Retry-After 30 if { nbsrv(applications) lt 1 }";
        vec![("default_backend applications", format!("{refuse}\n    default_backend applications"))]
    });
    the_second_takes_over("overloaded", &servers, |servers| {
        for application in ["app1", "app2", "app3"] {
            servers.first.set_state(&format!("applications/{application}"), "maint");
        }
    });
}

#[test]
fn no_call_fails_when_the_first_server_is_drained() {
    let servers = Servers::start();
    the_second_takes_over("drained", &servers, |servers| {
        for application in &servers.first.servers {
            application.shut_down(1012);
        }
    });
}

#[test]
fn no_call_fails_when_the_certificate_of_the_first_server_is_wrong() {
    let servers = Servers::changed(|network| {
        let stranger = Authority::root("a stranger").issue(&[&FAR.to_string()]);
        let file = network.file("stranger.pem", &format!("{}{}", stranger.chain(), stranger.key));
        vec![("bind \"${LISTEN}\"", format!("bind \"${{LISTEN}}\" ssl crt {}", file.display()))]
    });
    let host = Host::new();
    let library = Library::load(&host, &servers.configuration("wss"));
    let held = calls_while(&library, 30, || {});
    tell_times("wrong certificate", &held);
    assert_eq!((servers.at_the_first(), servers.second.connections()), (0, 30));
}

#[test]
fn the_first_server_gets_calls_again_when_it_is_back() {
    let servers = Servers::start();
    let host = Host::new();
    let library = Library::load(&host, &servers.configuration("ws"));
    servers.first.signal(Signal::SIGSTOP);
    calls_while(&library, 12, || {});
    assert_eq!(servers.at_the_first(), 0);
    servers.first.signal(Signal::SIGCONT);
    let mut number = 100;
    wait_until(|| {
        number += 1;
        let entered = library.stasis_start("app1", &number.to_string(), &format!("Test/{number}"));
        assert_eq!(entered, Ok(application(number)));
        leave(&library, number);
        servers.at_the_first() > 0
    });
    drop(servers.network);
}
