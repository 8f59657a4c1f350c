//! Two servers of one websocket client, of which the first fails in every way that servers fail, while calls come in.
//!
//! The first is HAProxy with three applications behind it, the second an application. Printed is how long callers were held:
//! before it happens, until it is known, and then; which of them for longest, and how long a bare websocket took at the same
//! moment, which is what the machine takes.

use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use ariws_testkit::certificates::{Authority, Identity};
use ariws_testkit::{Configuration, DEADLINE, Host, Library, metric};
use nix::sys::signal::Signal;
use tokio_tungstenite::tungstenite::client;

use crate::backend::Backend;
use crate::balancer::{Balancer, LISTENS, application, enter, kinds, leave, tell, wait_until};
use crate::network::{FAR, Network, configuration};

/// Calls come in at this pace.
const BETWEEN: Duration = Duration::from_millis(50);

/// How many come before it happens, and when it is known.
const BEFORE: usize = 10;
const THEN: usize = 50;

/// Calls that are on the first server all the time.
const RUNNING: Range<usize> = 1000..1005;

/// What an attempt may take at a server that says nothing. Far longer than one takes at a server that works.
const TIMEOUT: Duration = Duration::from_millis(2000);

const SECOND: SocketAddr = SocketAddr::new(FAR, 8089);
/// Like the second, for bare websockets.
const BARE: SocketAddr = SocketAddr::new(FAR, 8090);
const NOBODY_LOOKS: &str = "failback_interval = 3600000";
const DETAIL: &str = "ari show outbound-websocket connection1 detail";

/// The servers, and a client that knows both.
struct Servers {
    first: Balancer,
    second: Backend,
    _bare: Backend,
    _network: Network,
    scheme: &'static str,
}

impl Servers {
    fn start() -> Self {
        Self::changed(Network::enter(), &[])
    }

    /// With another configuration of the first.
    fn changed(network: Network, changes: &[(&str, &str)]) -> Self {
        Self {
            first: Balancer::changed(&network, "per-call.cfg", changes),
            second: Backend::start(&network, SECOND),
            _bare: Backend::start(&network, BARE),
            _network: network,
            scheme: "ws",
        }
    }

    fn first_uri(&self) -> String {
        format!("{}://{LISTENS}/ari", self.scheme)
    }

    fn configuration(&self, timeout: Duration, more: &str) -> Configuration {
        let more = format!(
            "uri = ws://{SECOND}/ari\nconnection_timeout = {}\ndelivery = at_least_once\n\
             enable_pingpongs = yes\npingpong_interval = 1\n{more}",
            timeout.as_millis()
        );
        configuration("per_call_config", &self.first_uri(), &more)
    }

    /// What came of attempts at the first.
    fn attempts(&self, metrics: &str) -> [u64; 3] {
        ["opened", "refused", "failed"].map(|outcome| {
            let labels = format!("connection=\"connection1\",server=\"{}\"", self.first_uri());
            metric(metrics, &format!("server_attempts_total{{{labels},outcome=\"{outcome}\"}}"))
        })
    }

    fn first_is_known_to_be_down(&self, library: &Library<'_>) -> bool {
        let up = format!("server_up{{connection=\"connection1\",server=\"{}\"}}", self.first_uri());
        library.metric(&up) == 0
    }

    /// What the applications of the first have received of a call.
    fn at_the_first(&self, number: usize) -> Vec<String> {
        let servers = self.first.servers.iter();
        servers.flat_map(|server| kinds(server, &application(number))).collect()
    }

    fn at_the_second(&self, number: usize) -> Vec<String> {
        kinds(&self.second, &application(number))
    }
}

/// A call that came in.
#[derive(Clone, Copy)]
struct Came {
    number: usize,
    when: Instant,
    held: Duration,
    /// How long a bare websocket took then.
    bare: Duration,
}

/// The calls by when they came.
struct Held {
    before: Vec<Came>,
    meanwhile: Vec<Came>,
    then: Vec<Came>,
}

impl Held {
    fn tell(&self, what: &str) {
        for (when, part) in [
            ("before", &self.before),
            ("until it is known", &self.meanwhile),
            ("then", &self.then),
        ] {
            let Some(first) = part.first() else {
                continue;
            };
            let [held, bare] = [|came: &Came| came.held, |came: &Came| came.bare].map(|of| spread(part, of));
            let mut slowest = part.clone();
            slowest.sort_unstable_by_key(|came| std::cmp::Reverse(came.held));
            let slowest = slowest.iter().take(3).map(|came| {
                let (since, Came { held, bare, .. }) = (came.when - first.when, came);
                format!("{held:.1?} after {since:.0?} (bare {bare:.1?})")
            });
            let slowest: Vec<_> = slowest.collect();
            println!(
                "{what}, {when}: {} calls, {held}; bare websockets {bare}; slowest: {}",
                part.len(),
                slowest.join(", ")
            );
        }
    }
}

fn spread(part: &[Came], of: fn(&Came) -> Duration) -> String {
    let mut times: Vec<_> = part.iter().map(of).collect();
    times.sort_unstable();
    let [middle, high, worst] = [times.len() / 2, times.len() * 99 / 100, times.len() - 1].map(|place| times[place]);
    format!("p50 {middle:.2?}, p99 {high:.2?}, worst {worst:.2?}")
}

/// How long a websocket takes that nothing but the machine holds up.
fn bare() -> Duration {
    let began = Instant::now();
    let tcp = TcpStream::connect(BARE).expect("a connection");
    tcp.set_nodelay(true).expect("no delay");
    client(format!("ws://{BARE}/ari"), tcp).expect("an upgrade");
    began.elapsed()
}

/// Lets calls enter and leave again, one after each pause; `happens` comes behind the first of them, and so many when it is
/// known. None may fail.
fn calls_while(library: &Library<'_>, happens: impl FnOnce(), is_known: impl Fn() -> bool) -> Held {
    let (sender, times) = channel();
    let (known, total) = thread::scope(|scope| {
        let call = |number: usize| {
            let sender = sender.clone();
            scope.spawn(move || {
                let (id, name) = (number.to_string(), format!("Test/{number}"));
                let when = Instant::now();
                let entered = library.stasis_start("app1", &id, &name);
                let held = when.elapsed();
                assert_eq!(entered, Ok(application(number)), "call {number}");
                tell(library, number, "StasisStart");
                leave(library, number);
                let came = Came {
                    number,
                    when,
                    held,
                    bare: bare(),
                };
                sender.send(came).expect("who counts");
            });
            // The pace of the calls, no wait for anything.
            thread::sleep(BETWEEN);
        };
        (0..BEFORE).for_each(&call);
        happens();
        let deadline = Instant::now() + DEADLINE;
        let mut known = BEFORE;
        while !is_known() {
            assert!(Instant::now() < deadline, "it does not become known");
            call(known);
            known += 1;
        }
        (known..known + THEN).for_each(&call);
        (known, known + THEN)
    });
    drop(sender);
    let mut times: Vec<_> = times.iter().collect();
    assert_eq!(times.len(), total);
    times.sort_unstable_by_key(|came| came.number);
    let part = |range: Range<usize>| times[range].to_vec();
    Held {
        before: part(0..BEFORE),
        meanwhile: part(BEFORE..known),
        then: part(known..total),
    }
}

/// Lets calls run at the first server and others come in while something happens to it. Every call that comes
/// when it is known goes to the second server without a look at the first.
fn calls_go_elsewhere(what: &str, servers: &Servers, library: &Library<'_>, happens: impl FnOnce()) -> Held {
    enter(library, RUNNING);
    wait_until(|| RUNNING.into_iter().all(|number| !servers.at_the_first(number).is_empty()));
    let happens = || {
        happens();
        RUNNING.for_each(|number| tell(library, number, "ChannelVarset"));
    };
    let held = calls_while(library, happens, || servers.first_is_known_to_be_down(library));
    held.tell(what);
    let outcomes = servers.attempts(&library.metrics());
    let [opened, refused, failed] = outcomes;
    println!("{what}: of the attempts at the first server {opened} succeeded, {refused} were refused, {failed} failed");
    // The calls that run may have tried it again.
    let expected = 2 * RUNNING.len() + held.before.len() + held.meanwhile.len();
    assert!(outcomes.iter().sum::<u64>() <= expected as u64, "{outcomes:?}");
    assert!(servers.second.connections() >= THEN);
    held
}

/// The calls that ran go on at the second server: what they were told while their own was gone has reached them.
fn running_calls_have_moved(servers: &Servers) {
    let has_heard = |number: usize| servers.at_the_second(number).iter().any(|kind| kind == "ChannelVarset");
    wait_until(|| RUNNING.into_iter().all(has_heard));
}

/// The calls that ran have their connections.
fn running_calls_have_stayed(servers: &Servers) {
    let has_heard = |number: usize| servers.at_the_first(number).iter().any(|kind| kind == "ChannelVarset");
    wait_until(|| RUNNING.into_iter().all(has_heard));
}

#[test]
fn no_call_fails_when_the_first_server_is_killed() {
    let (servers, host) = (Servers::start(), Host::new());
    let library = Library::load(&host, &servers.configuration(DEADLINE, NOBODY_LOOKS));
    calls_go_elsewhere("killed", &servers, &library, || servers.first.signal(Signal::SIGKILL));
    running_calls_have_moved(&servers);
}

#[test]
fn no_call_fails_when_the_first_server_is_frozen() {
    let (servers, host) = (Servers::start(), Host::new());
    let library = Library::load(&host, &servers.configuration(TIMEOUT, NOBODY_LOOKS));
    let held = calls_go_elsewhere("frozen", &servers, &library, || servers.first.signal(Signal::SIGSTOP));
    // Most of those that were waiting learned it from another one.
    let [_, _, failed] = servers.attempts(&library.metrics());
    assert!((1..held.meanwhile.len() as u64).contains(&failed), "{failed}");
    host.wait_for_log("did not answer another attempt in time");
    running_calls_have_moved(&servers);
}

#[test]
fn no_call_fails_when_the_first_server_is_overloaded() {
    // What HAProxy answers itself, with the field that a server adds which knows for how long.
    let refuse = "http-request return status 503 content-type text/plain string busy hdr Retry-After 3000 if { nbsrv(applications) lt 1 }";
    let busy = format!("{refuse}\n    default_backend applications");
    let changes = [("default_backend applications", busy.as_str())];
    let (servers, host) = (Servers::changed(Network::enter(), &changes), Host::new());
    let library = Library::load(&host, &servers.configuration(DEADLINE, NOBODY_LOOKS));
    calls_go_elsewhere("overloaded", &servers, &library, || {
        for application in ["app1", "app2", "app3"] {
            servers.first.set_state(&format!("applications/{application}"), "drain");
        }
    });
    let page = library.wait_for_output(DETAIL, |page| page.contains("left alone for"));
    assert!(page.contains("503"), "{page}");
    running_calls_have_stayed(&servers);
}

#[test]
fn no_call_fails_when_the_first_server_is_drained() {
    let (servers, host) = (Servers::start(), Host::new());
    let library = Library::load(&host, &servers.configuration(DEADLINE, NOBODY_LOOKS));
    calls_go_elsewhere("drained", &servers, &library, || {
        for application in &servers.first.servers {
            application.shut_down(1012);
        }
    });
    host.wait_for_log("1012");
    running_calls_have_moved(&servers);
}

#[test]
fn no_call_fails_when_the_certificate_of_the_first_server_is_no_longer_right() {
    let network = Network::enter();
    let authority = Authority::root("an authority");
    let names = [&*FAR.to_string()];
    let pem = |identity: &Identity| format!("{}{}", identity.chain(), identity.key);
    let file = network.file("server.pem", &pem(&authority.issue(&names)));
    let trusted = network.file("authority.pem", &authority.pem);
    // A session that is resumed shows no certificate.
    let (bind, cache) = ("bind \"${LISTEN}\"", "maxconn 8000");
    let secure_bind = format!("{bind} ssl crt {} no-tls-tickets", file.display());
    let no_cache = format!("{cache}\n    tune.ssl.cachesize 0");
    let mut servers = Servers::changed(network, &[(bind, &secure_bind), (cache, &no_cache)]);
    servers.scheme = "wss";
    let host = Host::new();
    let trusting = format!("{NOBODY_LOOKS}\nca_list_file = {}", trusted.display());
    let library = Library::load(&host, &servers.configuration(DEADLINE, &trusting));
    calls_go_elsewhere("wrong certificate", &servers, &library, || {
        let wrong = pem(&Authority::root("a stranger").issue(&names));
        let wrong: Vec<_> = wrong.lines().filter(|line| !line.is_empty()).collect();
        let answer = servers
            .first
            .order(&format!("set ssl cert {} <<\n{}\n", file.display(), wrong.join("\n")));
        assert!(answer.contains("Transaction created"), "{answer}");
        let answer = servers.first.order(&format!("commit ssl cert {}", file.display()));
        assert!(answer.contains("Success"), "{answer}");
    });
    let [_, refused, failed] = servers.attempts(&library.metrics());
    assert!(refused > 0 && failed == 0, "{refused} and {failed}");
    running_calls_have_stayed(&servers);
}

#[test]
fn the_first_server_gets_calls_again_when_it_is_back() {
    let (servers, host) = (Servers::start(), Host::new());
    let library = Library::load(&host, &servers.configuration(TIMEOUT, "failback_interval = 100"));
    let freeze = || servers.first.signal(Signal::SIGSTOP);
    calls_while(&library, freeze, || servers.first_is_known_to_be_down(&library));
    servers.first.signal(Signal::SIGCONT);
    let mut numbers = 500..RUNNING.start;
    wait_until(|| {
        let number = numbers.next().expect("fewer calls");
        enter(&library, number..number + 1);
        let is_there = |kinds: &[String]| kinds.iter().any(|kind| kind == "StasisStart");
        wait_until(|| is_there(&servers.at_the_first(number)) || is_there(&servers.at_the_second(number)));
        leave(&library, number);
        is_there(&servers.at_the_first(number))
    });
    host.wait_for_log("answers again");
}
