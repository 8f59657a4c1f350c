//! HAProxy with the configurations of examples/haproxy in front of three application servers, and the calls that go there.

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use ariws_testkit::{Configuration, DEADLINE, Host, Library, until};
use nix::sys::signal::Signal;

use crate::backend::Backend;
use crate::daemon::Daemon;
use crate::network::{FAR, Network, OTHERS, configuration};

/// Where it listens.
pub const LISTENS: SocketAddr = SocketAddr::new(FAR, 8088);

/// HAProxy with three servers.
pub struct Balancer {
    pub servers: [Backend; 3],
    control: PathBuf,
    daemon: Daemon,
}

impl Balancer {
    /// With one of the example configurations.
    pub fn start(network: &Network, example: &str) -> Self {
        Self::changed(network, example, &[])
    }

    /// With one of them in which some words have been replaced.
    pub fn changed(network: &Network, example: &str, changes: &[(&str, &str)]) -> Self {
        Self::run(network, example, changes, "-db")
    }

    /// As the service of a distribution: a master with one process that works, another one after each reload.
    pub fn service(network: &Network, example: &str, changes: &[(&str, &str)]) -> Self {
        Self::run(network, example, changes, "-W")
    }

    fn run(network: &Network, example: &str, changes: &[(&str, &str)], mode: &str) -> Self {
        let servers = OTHERS.map(|address| Backend::start(network, SocketAddr::new(address, 8088)));
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/haproxy");
        let mut text = fs::read_to_string(format!("{folder}/{example}")).expect("an example");
        for (old, new) in changes {
            assert!(text.contains(old), "{example} has no {old}");
            text = text.replace(old, new);
        }
        let control = network.folder().join("control");
        let mut command = Command::new("haproxy");
        command.args([mode, "-f"]).arg(network.file(example, &text));
        command.env("LISTEN", LISTENS.to_string());
        command.env("CONTROL", &control);
        for (number, server) in (1..).zip(&servers) {
            command.env(format!("SERVER{number}"), server.address().to_string());
        }
        Self {
            servers,
            control,
            daemon: Daemon::start(network, command, LISTENS),
        }
    }

    /// Gives it an order through its runtime socket.
    pub fn order(&self, line: &str) -> String {
        let mut socket = UnixStream::connect(&self.control).expect("the runtime socket");
        socket.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        socket.write_all(line.as_bytes()).expect("room");
        socket.write_all(b"\n").expect("room");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).expect("an answer");
        answer
    }

    pub fn set_state(&self, server: &str, state: &str) {
        let answer = self.order(&format!("set server {server} state {state}"));
        assert_eq!(answer.trim(), "", "{server} {state}");
    }

    /// Waits until a server is in this state.
    pub fn wait_for(&self, server: &str, state: &str) {
        wait_until(|| self.statistic(server, "status").as_deref() == Some(state));
    }

    /// A field of `show stat` for a server or a frontend.
    pub fn statistic(&self, of: &str, field: &str) -> Option<String> {
        table_cell(&self.order("show stat"), ',', of, field)
    }

    /// A field of `show servers conn` for a server.
    pub fn connections_of(&self, server: &str, field: &str) -> Option<String> {
        let table = self.order("show servers conn");
        table_cell(&table, ' ', &format!("applications/{server}"), field)
    }

    /// Reloads it for the first time, as `systemctl reload` does, and waits until the next process works.
    pub fn reload(&self) {
        let said = |text: &str| self.daemon.log().matches(text).count();
        let mut asked = None;
        wait_until(|| {
            // The master heeds signals a moment after its process works, and says nothing then.
            let heeded = said("Reloading HAProxy") > 0;
            if !heeded && asked.is_none_or(|asked: Instant| asked.elapsed() > Duration::from_secs(2)) {
                self.daemon.signal(Signal::SIGUSR2);
                asked = Some(Instant::now());
            }
            heeded && said("Loading success") > 1
        });
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.daemon.signal(signal);
    }

    /// Waits until it has said this.
    pub fn wait_for_log(&self, text: &str) {
        wait_until(|| self.daemon.log().contains(text));
    }
}

/// A cell of a table whose first line, after a `#`, has the names of the columns.
fn table_cell(table: &str, between: char, row: &str, column: &str) -> Option<String> {
    let mut lines = table.lines();
    let head = lines.next()?.trim_start_matches(['#', ' ']);
    let place = head.split(between).position(|name| name == column);
    let place = place.unwrap_or_else(|| panic!("no {column} in {head}"));
    let line = lines.find(|line| line.split(between).any(|cell| cell == row))?;
    line.split(between).nth(place).map(str::to_owned)
}

pub fn wait_until(mut condition: impl FnMut() -> bool) {
    until(|| condition().then_some(()), || "it did not happen in time".into());
}

/// To the balancer.
pub fn to_balancer(kind: &str, more: &str) -> Configuration {
    configuration(kind, &format!("ws://{LISTENS}/ari"), more)
}

pub fn application(number: usize) -> String {
    format!("app1:Test/{number}")
}

/// Lets calls enter, all at once.
pub fn enter(library: &Library<'_>, numbers: std::ops::Range<usize>) {
    let starts: Vec<_> = numbers
        .clone()
        .map(|number| library.stasis_start_async("app1", &number.to_string(), &format!("Test/{number}")))
        .collect();
    for (number, start) in numbers.zip(starts) {
        assert_eq!(start.recv().expect("an outcome"), Ok(application(number)));
        tell(library, number, "StasisStart");
    }
}

/// Lets a call leave, and end.
pub fn leave(library: &Library<'_>, number: usize) {
    tell(library, number, "StasisEnd");
    library.stasis_end(&application(number), &number.to_string());
    tell(library, number, "ChannelDestroyed");
}

/// An event of a call.
pub fn tell(library: &Library<'_>, number: usize, kind: &str) {
    let event = format!(r#"{{"type":"{kind}","channel":{{"id":"{number}","name":"x"}}}}"#);
    library.event(&application(number), &event);
}

/// The number of a call's application.
pub fn number(application: &str) -> usize {
    application["app1:Test/".len()..].parse().expect("a number")
}

/// The messages of an application on a server.
pub fn kinds(server: &Backend, application: &str) -> Vec<String> {
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
pub fn placed(balancer: &Balancer, numbers: std::ops::Range<usize>) -> [Vec<String>; 3] {
    let servers = balancer.servers.each_ref();
    let find = || servers.map(|server| calls_on(server, numbers.clone()));
    wait_until(|| find().iter().map(Vec::len).sum::<usize>() == numbers.len());
    find()
}

/// Loads a persistent connection; gives it when it is on the first server.
pub fn on_the_first<'a>(host: &'a Host, balancer: &Balancer) -> Library<'a> {
    let library = Library::load(host, &to_balancer("persistent", "reconnect_interval = 50"));
    wait_for_registration(&balancer.servers[0], 1);
    library
}

pub fn wait_for_registration(server: &Backend, count: usize) {
    wait_until(|| kinds(server, "app1") == vec!["ApplicationRegistered"; count]);
}
