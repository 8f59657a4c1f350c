//! Events that are sent again until they are proven to have arrived (`delivery`).

use std::collections::HashMap;
use std::io::Read;
use std::sync::mpsc::channel;
use std::thread;

use ariws::ffi::{ARIWS_ERROR_FULL, ARIWS_OK};
use ariws_testkit::{Connection, Pbx, Setup, metric};
use serde_json::{Value, json};

use crate::per_call::{APPLICATION, enter, is_told, stasis_event};

pub(crate) const AT_LEAST_ONCE: &str = "delivery = at_least_once";
const DETAIL: &str = "ari show outbound-websocket connection1 detail";

fn at_least_once() -> Setup {
    Pbx::persistent("app1").set("connection1", AT_LEAST_ONCE)
}

fn event(number: u64) -> String {
    json!({"type": "Event", "number": number}).to_string()
}

pub(crate) fn offer(pbx: &Pbx, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        assert_eq!(pbx.event("app1", &event(number)), ARIWS_OK);
    }
}

/// An application that handles each event once, as `docs/availability.md` says how.
#[derive(Default)]
struct Application {
    /// By the name of the application: which numbers belong together, and the highest.
    known: HashMap<String, (String, u64)>,
    /// The host's own numbers of the events.
    handled: Vec<u64>,
    repeats: u64,
    /// Numbers that were missing.
    missing: u64,
}

impl Application {
    /// Takes one message.
    fn take(&mut self, message: &Value) {
        let of = |member: &str| message[member].as_str().unwrap_or_default();
        let known = self.known.entry(of("application").to_owned()).or_default();
        match of("type") {
            "ApplicationRegistered" if known.0 != of("ariws_sequence_id") => *known = (of("ariws_sequence_id").into(), 0),
            "Event" => {
                let sequence = message["ariws_sequence"].as_u64().expect("a number");
                if sequence <= known.1 {
                    self.repeats += 1;
                    return;
                }
                self.missing += sequence - known.1 - 1;
                known.1 = sequence;
                self.handled.push(message["number"].as_u64().expect("the host's number"));
            }
            _ => {}
        }
    }

    /// Takes messages until it has handled so many events.
    fn handle(&mut self, connection: &mut Connection, events: usize) {
        while self.handled.len() < events {
            self.take(&connection.json());
        }
    }
}

/// The numbers of the next events, the library's and the host's.
pub(crate) fn numbers(connection: &mut Connection, count: usize) -> Vec<(u64, u64)> {
    let events = (0..count).map(|_| connection.json());
    let number = |event: &Value, name: &str| event[name].as_u64().expect("a number");
    events
        .map(|event| (number(&event, "ariws_sequence"), number(&event, "number")))
        .collect()
}

/// Loses a connection, and gives the next one.
pub(crate) fn again(pbx: &Pbx, connection: Connection) -> Connection {
    connection.reset();
    pbx.accept()
}

/// Waits until the kernel has so many events. Whoever has not read them has not answered a ping behind them.
pub(crate) fn wait_until_sent(pbx: &Pbx, events: u64) {
    pbx.wait_for_metrics(|metrics| metric(metrics, "events_sent_total") == events);
}

/// Waits until the command line says so of `connection1`.
fn wait_for_detail(pbx: &Pbx, label: &str, value: &str) {
    pbx.wait_for_output(DETAIL, |page| {
        let line = page.lines().find(|line| line.starts_with(label));
        line.is_some_and(|line| line.ends_with(&format!(" {value}")))
    });
}

/// Reads from the connection, and so answers its pings, until the command line says so.
fn read_until(pbx: &Pbx, connection: Connection, label: &str, value: &str) -> Connection {
    connection.reads_during(|| wait_for_detail(pbx, label, value)).0
}

#[test]
fn events_have_numbers_of_their_application_and_notices_have_none() {
    let (pbx, mut connection) = Pbx::persistent("app1, app2").set("connection1", AT_LEAST_ONCE).up();
    for (app, expected) in [("app1", 1), ("app2", 1), ("app1", 2), ("app1", 3), ("app2", 2)] {
        assert_eq!(pbx.event(app, &event(0)), ARIWS_OK);
        let event = connection.json();
        assert_eq!(
            (&event["application"], &event["ariws_sequence"]),
            (&json!(app), &json!(expected))
        );
    }
    connection.reset();
    let registered = pbx.accept().json();
    assert_eq!(registered["type"], "ApplicationRegistered");
    assert_eq!(registered["ariws_sequence"], Value::Null);
}

#[test]
fn a_number_that_an_event_brings_is_replaced() {
    let (pbx, mut connection) = at_least_once().up();
    pbx.event("app1", r#"{"type":"Event","ariws_sequence":77,"timestamp":"t"}"#);
    assert_eq!(
        connection.text(),
        r#"{"type":"Event","timestamp":"t","asterisk_id":"02:fc:00:00:00:01","application":"app1","ariws_sequence":1}"#
    );
}

#[test]
fn a_pretty_event_has_its_number_too() {
    let (pbx, mut connection) = at_least_once().replacing("enabled = yes", "enabled = yes\npretty = yes").up();
    pbx.event("app1", r#"{"type":"Event"}"#);
    assert!(connection.text().ends_with(",\n  \"ariws_sequence\": 1\n}"));
}

#[test]
fn at_most_once_numbers_nothing_and_leaves_events_as_they_are() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.event("app1", r#"{"type":"Event","ariws_sequence":77}"#);
    assert_eq!(connection.json()["ariws_sequence"], 77);
    pbx.event("app1", &event(1));
    assert_eq!(connection.json()["ariws_sequence"], Value::Null);
    connection.reset();
    assert_eq!(pbx.accept().json()["ariws_sequence_id"], Value::Null);
}

/// The server dies again and again while events come. Whoever keeps the highest number has handled each event once, and in
/// order.
#[test]
fn an_application_that_dies_in_the_middle_handles_every_event_once_and_in_order() {
    const EVENTS: u64 = 20_000;
    const DEATHS: usize = 8;
    let pbx = at_least_once().set("connection1", "reconnect_interval = 10").load();
    let handle = pbx.handle();
    let (died, has_died) = channel();
    let offering = thread::spawn(move || {
        for number in 1..=EVENTS {
            assert_eq!(handle.event("app1", &event(number)), ARIWS_OK);
            if number % (EVENTS / DEATHS as u64) == 0 {
                has_died.recv().expect("a death");
            }
        }
    });
    let mut application = Application::default();
    for death in 1..=DEATHS {
        let mut connection = pbx.accept();
        application.handle(&mut connection, death * (EVENTS as usize / DEATHS) - 100);
        connection.reset();
        died.send(()).expect("the other thread");
    }
    let mut last = pbx.accept();
    application.handle(&mut last, EVENTS as usize);
    offering.join().expect("the other thread");
    assert!(application.handled.iter().copied().eq(1..=EVENTS));
    assert_eq!(application.missing, 0);
    assert_eq!(pbx.metric("events_sent_total"), EVENTS);
    assert!(pbx.metric("events_repeated_total") >= application.repeats);
    assert_eq!(pbx.metric("events_dropped_total"), 0);
    drop(read_until(&pbx, last, "unproven_events", "0"));
}

#[test]
fn repeats_come_behind_application_registered_and_before_newer_events() {
    let (pbx, connection) = at_least_once().up();
    offer(&pbx, 1..=3);
    wait_for_detail(&pbx, "unproven_events", "3");
    connection.reset();
    pbx.wait_for_log("3 events besides are sent again");
    offer(&pbx, 4..=4);
    let mut next = pbx.accept();
    next.says(["ApplicationRegistered app1"]);
    assert_eq!(numbers(&mut next, 4), [(1, 1), (2, 2), (3, 3), (4, 4)]);
}

#[test]
fn what_a_pong_has_proven_is_not_sent_again() {
    let (pbx, connection) = at_least_once().up();
    offer(&pbx, 1..=3);
    // None is unproven before.
    wait_until_sent(&pbx, 3);
    let connection = read_until(&pbx, connection, "unproven_events", "0");
    connection.reset();
    let mut next = pbx.accept();
    next.says(["ApplicationRegistered app1"]);
    offer(&pbx, 4..=4);
    assert_eq!(numbers(&mut next, 1), [(4, 4)]);
}

#[test]
fn what_a_peer_has_read_that_answers_a_close_is_not_sent_again() {
    let (mut pbx, mut connection) = at_least_once().up();
    offer(&pbx, 1..=3);
    wait_for_detail(&pbx, "unproven_events", "3");
    let closing = thread::spawn(move || connection.wait_for_close());
    pbx.change("connection1", "max_message_size = 70000");
    let mut next = pbx.accept();
    assert_eq!(closing.join().expect("a Close"), 1000);
    next.says(["ApplicationRegistered app1"]);
    offer(&pbx, 4..=4);
    assert_eq!(numbers(&mut next, 1), [(4, 4)]);
}

#[test]
fn a_missing_number_is_an_event_that_was_dropped_and_counted() {
    for (overflow, last) in [("drop_oldest", ARIWS_OK), ("drop_newest", ARIWS_ERROR_FULL)] {
        let lines = format!("queue_max_messages = 3\nqueue_overflow = {overflow}\n{AT_LEAST_ONCE}");
        let mut pbx = Pbx::persistent("app1").set("connection1", &lines).nobody_listens().load();
        offer(&pbx, 1..=3);
        for number in 4..=10 {
            assert_eq!(pbx.event("app1", &event(number)), last);
        }
        pbx.server.listen();
        let mut connection = pbx.accept();
        let mut application = Application::default();
        application.handle(&mut connection, 3);
        offer(&pbx, 11..=11);
        application.handle(&mut connection, 4);
        assert_eq!(application.missing, 7, "{overflow}");
        assert_eq!(pbx.metric("events_dropped_total"), 7, "{overflow}");
    }
}

#[test]
fn what_is_unproven_counts_as_what_waits_and_goes_first() {
    let lines = format!("queue_max_messages = 5\n{AT_LEAST_ONCE}");
    let (pbx, connection) = Pbx::persistent("app1").set("connection1", &lines).up();
    for number in 1..=12 {
        offer(&pbx, [number]);
        wait_until_sent(&pbx, number);
    }
    wait_for_detail(&pbx, "unproven_events", "5");
    connection.reset();
    let mut next = pbx.accept();
    next.says(["ApplicationRegistered app1"]);
    assert_eq!(numbers(&mut next, 5), [(8, 8), (9, 9), (10, 10), (11, 11), (12, 12)]);
    assert_eq!(pbx.metric("events_dropped_total"), 0);
    assert!(pbx.metric("messages_unconfirmed_total") >= 7);
}

#[test]
fn unproven_events_have_their_room_of_all_queues() {
    let (pbx, mut connection) = at_least_once().set("general", "queue_max_total_bytes = 1048576").up();
    let large = json!({"type": "Event", "number": 1, "padding": "x".repeat(100_000)}).to_string();
    for number in 1..=15 {
        assert_eq!(pbx.event("app1", &large), ARIWS_OK);
        // Past the websocket, so that no ping is answered.
        let mut taken = vec![0; large.len()];
        connection.websocket.get_mut().read_exact(&mut taken).expect("an event");
        wait_until_sent(&pbx, number);
    }
    let unproven = pbx.metric("queued_bytes");
    assert!((900_000..=1 << 20).contains(&unproven), "{unproven}");
    assert_eq!(pbx.metric("events_dropped_total"), 0);
    let next = again(&pbx, connection);
    drop(next.reads_during(|| pbx.wait_for_metrics(|metrics| metric(metrics, "queued_bytes") == 0)));
}

#[test]
fn a_reload_goes_on_with_the_numbers_and_a_new_session_begins_anew() {
    let (mut pbx, mut connection) = at_least_once().up();
    offer(&pbx, 1..=2);
    numbers(&mut connection, 2);
    let closing = thread::spawn(move || connection.wait_for_close());
    pbx.change("connection1", "max_message_size = 70000");
    closing.join().expect("a Close");
    let mut second = pbx.accept();
    let first_id = second.json()["ariws_sequence_id"].clone();
    offer(&pbx, 3..=3);
    assert_eq!(numbers(&mut second, 1), [(3, 3)]);
    let closing = thread::spawn(move || second.wait_for_close());
    pbx.command("ari shutdown websocket session connection1");
    closing.join().expect("a Close");
    pbx.command("ari start outbound-websocket connection1");
    let mut third = pbx.accept();
    let second_id = third.json()["ariws_sequence_id"].clone();
    assert!(first_id.is_string() && second_id.is_string() && first_id != second_id);
    offer(&pbx, 4..=4);
    assert_eq!(numbers(&mut third, 1), [(1, 4)]);
}

#[test]
fn a_change_of_delivery_counts_from_the_next_connection_on() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    let closing = thread::spawn(move || connection.wait_for_close());
    pbx.change("connection1", AT_LEAST_ONCE);
    closing.join().expect("a Close");
    let mut numbered = pbx.accept();
    assert!(numbered.json()["ariws_sequence_id"].is_string());
    offer(&pbx, 1..=1);
    assert_eq!(numbers(&mut numbered, 1), [(1, 1)]);
    let closing = thread::spawn(move || numbered.wait_for_close());
    pbx.change("connection1", "delivery = at_most_once");
    closing.join().expect("a Close");
    let mut plain = pbx.accept();
    // Some that have numbers might still have waited.
    assert!(plain.json()["ariws_sequence_id"].is_string());
    offer(&pbx, 2..=2);
    assert_eq!(plain.json()["ariws_sequence"], Value::Null);
}

/// A call whose StasisEnd is on the wire, and not proven to have been read.
fn ended_call(pbx: &Pbx) -> Connection {
    let mut connection = enter(pbx, "1");
    pbx.event(APPLICATION, &stasis_event("StasisEnd", "1"));
    pbx.stasis_end(APPLICATION, "1");
    is_told(&mut connection, ["StasisEnd"]);
    pbx.wait_for_metrics(|metrics| metric(metrics, "per_call_unproven_events") > 0);
    connection
}

#[test]
fn a_call_whose_connection_is_lost_behind_its_end_is_told_of_it_again() {
    let pbx = Pbx::per_call("app1").set("connection1", AT_LEAST_ONCE).load();
    ended_call(&pbx).reset();
    let mut next = pbx.accept();
    is_told(&mut next, ["ApplicationRegistered"]);
    while next.summary() != format!("StasisEnd {APPLICATION}") {}
    assert_eq!(next.wait_for_close(), 1000);
}

#[test]
fn a_call_that_its_application_closes_behind_its_end_is_over() {
    let pbx = Pbx::per_call("app1").set("connection1", AT_LEAST_ONCE).load();
    ended_call(&pbx).close(1000);
    pbx.wait_for_log("that had been sent without proof of arrival are not sent again");
    assert!(pbx.server.is_quiet());
    assert_eq!(pbx.metric("per_call_unproven_events"), 0);
}
