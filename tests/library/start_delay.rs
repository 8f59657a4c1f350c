//! Applications that begin to listen a moment after they have accepted the connection (`start_delay`).

use std::time::{Duration, Instant};

use ariws_testkit::{Configuration, Connection, Host, Library, Server, request};

use crate::per_call::{APPLICATION, NAME, leave, per_call, stasis_event};

/// Long enough that a test notices whether it is waited for, on a slow machine too.
const DELAY: Duration = Duration::from_secs(2);

fn delayed(server: &Server, kind: &str) -> Configuration {
    let mut configuration = Configuration::with(kind, server.address(), "app1");
    configuration.set("connection1", "start_delay = 2000");
    configuration
}

/// A call up to its ApplicationRegistered, with its StasisStart offered.
fn begin(library: &Library<'_>, server: &Server) -> Connection {
    let starting = library.stasis_start_async("app1", "1", NAME);
    let mut connection = server.accept();
    assert_eq!(starting.recv(), Ok(Ok(APPLICATION.into())));
    library.event(APPLICATION, &stasis_event("StasisStart", "1"));
    let registered = format!("ApplicationRegistered {APPLICATION}");
    assert_eq!(connection.summary(), registered);
    connection
}

#[test]
fn stasis_start_follows_application_registered_by_the_delay_and_in_order() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = delayed(&server, "per_call_config");
    let library = Library::load(&host, &configuration);
    let mut connection = begin(&library, &server);
    let registered = Instant::now();
    library.event(APPLICATION, r#"{"type":"ChannelVarset"}"#);
    assert_eq!(
        connection.summaries(2),
        [
            format!("StasisStart {APPLICATION}"),
            format!("ChannelVarset {APPLICATION}")
        ]
    );
    // It was written before it was read.
    assert!(
        registered.elapsed() >= DELAY / 2,
        "{:?}",
        registered.elapsed()
    );
}

#[test]
fn an_application_that_has_sent_anything_gets_it_at_once() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = delayed(&server, "per_call_config").replacing("2000", "60000");
    let library = Library::load(&host, &configuration);
    let mut connection = begin(&library, &server);
    connection.send(&request("1", "GET", "asterisk/ping"));
    assert_eq!(connection.summary(), format!("StasisStart {APPLICATION}"));
}

#[test]
fn a_reconnect_and_a_persistent_connection_know_no_delay() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = delayed(&server, "persistent").replacing("2000", "60000");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    library.event("app1", &stasis_event("StasisStart", "1"));
    assert_eq!(
        connection.summaries(2),
        ["ApplicationRegistered app1", "StasisStart app1"]
    );
    drop(library);
    let configuration = delayed(&server, "per_call_config").replacing("2000", "60000");
    let library = Library::load(&host, &configuration);
    begin(&library, &server).reset();
    assert_eq!(
        server.accept().summaries(2),
        [
            format!("ApplicationRegistered {APPLICATION}"),
            format!("StasisStart {APPLICATION}")
        ]
    );
}

#[test]
fn unloading_sends_what_the_delay_holds_back() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = delayed(&server, "per_call_config").replacing("2000", "60000");
    let library = Library::load(&host, &configuration);
    let mut connection = begin(&library, &server);
    leave(&library, "1");
    let handle = library.handle();
    let unloading = std::thread::spawn(move || handle.unload(DELAY));
    assert_eq!(
        connection.summaries(2),
        [
            format!("StasisStart {APPLICATION}"),
            format!("StasisEnd {APPLICATION}")
        ]
    );
    drop(connection);
    unloading.join().expect("an end");
}

#[test]
fn an_application_that_stays_silent_after_stasis_start_is_warned_of_once() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut silent = begin(&library, &server);
    silent.summary();
    let warning = host.wait_for_log("the application has sent nothing for 3 s after StasisStart");
    assert!(warning.contains("raise start_delay"), "{warning}");
}

#[test]
fn an_application_that_asks_is_not_warned_of() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = begin(&library, &server);
    connection.send(&request("1", "GET", "asterisk/ping"));
    connection.summary();
    leave(&library, "1");
    // It stays for three seconds, and so for as long as a warning would take.
    library.event(APPLICATION, r#"{"type":"ChannelVarset"}"#);
    connection.summaries(2);
    assert_eq!(connection.wait_for_close(), 1000);
    assert_eq!(host.warnings(), Vec::<String>::new());
}
