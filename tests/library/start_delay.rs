//! Applications that begin to listen a moment after they have accepted the connection (`start_delay`).

use std::time::{Duration, Instant};

use ariws_testkit::{Configuration, Connection, Pbx, Setup, request};

use crate::per_call::{APPLICATION, NAME, is_told, leave, stasis_event};

/// Long enough that a test notices whether it is waited for, on a slow machine too.
const DELAY: Duration = Duration::from_secs(2);

fn delayed(kind: &str, delay: u32) -> Setup {
    Pbx::configured(|server| Configuration::with(kind, server, "app1")).set("connection1", &format!("start_delay = {delay}"))
}

/// A call up to its ApplicationRegistered, with its StasisStart offered.
fn begin(pbx: &Pbx) -> Connection {
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let mut connection = pbx.accept();
    assert_eq!(starting.recv(), Ok(Ok(APPLICATION.into())));
    pbx.event(APPLICATION, &stasis_event("StasisStart", "1"));
    let registered = format!("ApplicationRegistered {APPLICATION}");
    assert_eq!(connection.summary(), registered);
    connection
}

#[test]
fn stasis_start_follows_application_registered_by_the_delay_and_in_order() {
    let pbx = delayed("per_call_config", 2000).load();
    let mut connection = begin(&pbx);
    let registered = Instant::now();
    pbx.event(APPLICATION, r#"{"type":"ChannelVarset"}"#);
    is_told(&mut connection, ["StasisStart", "ChannelVarset"]);
    // It was written before it was read.
    assert!(registered.elapsed() >= DELAY / 2, "{:?}", registered.elapsed());
}

#[test]
fn an_application_that_has_sent_anything_gets_it_at_once() {
    let pbx = delayed("per_call_config", 60_000).load();
    let mut connection = begin(&pbx);
    connection.send(&request("1", "GET", "asterisk/ping"));
    is_told(&mut connection, ["StasisStart"]);
}

#[test]
fn a_reconnect_and_a_persistent_connection_know_no_delay() {
    let pbx = delayed("persistent", 60_000).load();
    let mut connection = pbx.accept();
    pbx.event("app1", &stasis_event("StasisStart", "1"));
    connection.says(["ApplicationRegistered app1", "StasisStart app1"]);
    let pbx = delayed("per_call_config", 60_000).load();
    begin(&pbx).reset();
    is_told(&mut pbx.accept(), ["ApplicationRegistered", "StasisStart"]);
}

#[test]
fn unloading_sends_what_the_delay_holds_back() {
    let pbx = delayed("per_call_config", 60_000).load();
    let mut connection = begin(&pbx);
    leave(&pbx, "1");
    let handle = pbx.handle();
    let unloading = std::thread::spawn(move || handle.unload(DELAY));
    is_told(&mut connection, ["StasisStart", "StasisEnd"]);
    drop(connection);
    unloading.join().expect("an end");
}

#[test]
fn an_application_that_stays_silent_after_stasis_start_is_warned_of_once() {
    let pbx = Pbx::per_call("app1").load();
    let mut silent = begin(&pbx);
    silent.summary();
    let warning = pbx.wait_for_log("the application has sent nothing for 3 s after StasisStart");
    assert!(warning.contains("raise start_delay"), "{warning}");
}

#[test]
fn an_application_that_asks_is_not_warned_of() {
    let pbx = Pbx::per_call("app1").load();
    let mut connection = begin(&pbx);
    connection.send(&request("1", "GET", "asterisk/ping"));
    connection.summary();
    leave(&pbx, "1");
    // It stays for three seconds, and so for as long as a warning would take.
    pbx.event(APPLICATION, r#"{"type":"ChannelVarset"}"#);
    connection.summaries(2);
    assert_eq!(connection.wait_for_close(), 1000);
    assert_eq!(pbx.host.warnings(), Vec::<String>::new());
}
