//! The log of the host: what a peer can make the library say is bounded, and so is what waits for a slow disk.

use std::io::Write;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use ariws::ffi::*;
use ariws_testkit::{Call, Connection, DEADLINE, Host, Pbx};

/// A message that is no JSON.
const BAD: [u8; 3] = [0x81, 1, b'{'];

/// Sends messages that are no JSON, and reads what comes back, until the other end has answered so many; gives the connection
/// back.
fn send_bad(mut connection: Connection, messages: usize) -> Connection {
    let stream = connection.websocket.get_ref();
    let mut stream = stream.try_clone().expect("a stream");
    let sending = spawn(move || stream.write_all(&BAD.repeat(messages)).expect("a reader"));
    for _ in 0..messages {
        assert_eq!(connection.json()["status_code"], 400);
    }
    sending.join().expect("room");
    connection
}

/// How many bad requests a line of the log stands for.
fn told(line: &str) -> u64 {
    let more = line.split_once("… and ").map_or(0, |(_, rest)| {
        let number = rest.split(' ').next().unwrap_or_default();
        number.replace(',', "").parse().expect("a number")
    });
    more + u64::from(line.contains("bad request ("))
}

#[test]
fn a_flood_of_bad_messages_has_few_lines_that_tell_of_all() {
    const MESSAGES: usize = 5_000;
    let (pbx, connection) = Pbx::persistent("app1").up();
    let began = Instant::now();
    drop(send_bad(connection, MESSAGES));
    pbx.wait_for_log("connection lost");
    let seconds = usize::try_from(began.elapsed().as_secs()).expect("few");
    let lines: Vec<_> = pbx.host.log();
    let lines: Vec<_> = lines.iter().filter(|line| told(line) > 0).collect();
    // A burst of ten, then one each five seconds, and one for the rest.
    assert!(lines.len() <= 12 + seconds / 5, "{} lines", lines.len());
    let all: u64 = lines.iter().map(|line| told(line)).sum();
    assert_eq!(all, MESSAGES as u64, "{lines:#?}");
}

#[test]
fn the_end_of_a_flood_is_told_while_the_connection_is_open() {
    let (pbx, connection) = Pbx::persistent("app1").up();
    let _open = send_bad(connection, 30);
    let line = pbx.wait_for_log("… and 20 more bad requests");
    assert_eq!(told(&line), 20);
}

#[test]
fn the_calls_of_a_connection_have_lines_together() {
    const CALLS: usize = 3;
    let pbx = Pbx::per_call("app1").load();
    let mut open = Vec::new();
    for call in 0..CALLS {
        let (id, name) = (call.to_string(), format!("Local/{call}"));
        let starting = pbx.stasis_start_async("app1", &id, &name);
        let mut connection = pbx.accept();
        connection.summary();
        assert!(starting.recv().expect("an outcome").is_ok());
        open.push(send_bad(connection, 8));
    }
    pbx.wait_for_log("… and 14 more bad requests");
    let log = pbx.host.log();
    let lines = log.iter().filter(|line| line.contains("bad request ("));
    assert_eq!(lines.count(), 10, "{log:#?}");
}

/// A host whose log takes a tenth of a second for a line.
fn slow() -> Box<Host> {
    Host::reacting(|_, call| {
        if matches!(call, Call::Log(..)) {
            sleep(Duration::from_millis(100));
        }
    })
}

#[test]
fn an_unloading_does_not_wait_for_a_slow_log_longer_than_its_grace() {
    const CONNECTIONS: usize = 80;
    let nobody = Pbx::without_connections().host(slow()).nobody_listens();
    let pbx = (0..CONNECTIONS)
        .fold(nobody, |setup, number| {
            let (name, app) = (format!("connection{number}"), format!("app{number}"));
            setup.connection(&name, "persistent", &app, "")
        })
        .load();
    // Each has a line about its first failure.
    pbx.wait_for_metrics(|metrics| {
        let failed = metrics
            .lines()
            .filter(|line| line.starts_with("ariws_connection_failed_attempts{") && !line.ends_with(" 0"));
        failed.count() == CONNECTIONS
    });
    let began = Instant::now();
    assert_eq!(pbx.unload(Duration::from_millis(300)), ARIWS_OK);
    let took = began.elapsed();
    // Sixteen seconds of lines wait.
    assert!(took < DEADLINE / 2, "{took:?}");
    let log = pbx.host.log();
    let last = log.last().expect("a line");
    assert!(
        last.ends_with("messages for the log were dropped: the instance ended before the host had taken them"),
        "{last}"
    );
    assert_eq!(pbx.host.calls().last(), Some(&Call::Finalize));
}
