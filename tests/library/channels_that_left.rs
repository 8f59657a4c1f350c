//! A per-call connection ends: Stasis ends with FAILED for the channels that are inside, and for no other.

use std::sync::{Arc, Condvar, Mutex};

use ariws::ffi::*;

use crate::per_call::{APPLICATION, NAME, enter, failed, per_call, stasis_event};
use crate::support::DEADLINE;
use crate::support::host::{Call, Host};
use crate::support::library::Library;
use crate::support::server::Server;

/// The host has StasisEnd of the channel, and Stasis goes on: it was moved to another application, or runs a dialplan inside
/// Stasis.
fn moves_away(library: &Library<'_>, channel: &str) {
    library.event(APPLICATION, &stasis_event("StasisEnd", channel));
}

/// Waits for the end of the session; gives the channels for which Stasis ended with it.
fn failed_at_the_end(host: &Host) -> Vec<Call> {
    host.wait_for(|call| *call == Call::Unregister(APPLICATION.into()));
    let calls = host.calls();
    calls
        .into_iter()
        .filter(|call| matches!(call, Call::StasisFailed(..)))
        .collect()
}

#[test]
fn a_channel_that_was_moved_away_is_not_failed_when_the_server_leaves() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    moves_away(&library, "1");
    connection.summary();
    drop(server);
    connection.reset();
    let failed = failed_at_the_end(&host);
    library.unload(DEADLINE);
    assert_eq!(failed, []);
    assert_eq!(failed_at_the_end(&host), []);
}

#[test]
fn a_channel_whose_stasis_end_waits_for_a_connection_is_not_failed() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let connection = enter(&library, &server, "1");
    drop(server);
    connection.reset();
    moves_away(&library, "1");
    host.wait_for_log("giving up");
    library.unload(DEADLINE);
    assert_eq!(failed_at_the_end(&host), []);
}

#[test]
fn a_channel_that_was_moved_away_is_not_failed_by_a_command() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    moves_away(&library, "1");
    connection.summary();
    let (code, output) = library.command(&format!(
        "ari shutdown websocket session connection1:{NAME}"
    ));
    assert_eq!(code, ARIWS_OK, "{output}");
    library.unload(DEADLINE);
    assert_eq!(failed_at_the_end(&host), []);
}

#[test]
fn a_channel_that_came_back_is_failed_once() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    moves_away(&library, "1");
    library.event(APPLICATION, &stasis_event("StasisStart", "1"));
    connection.summaries(2);
    drop(server);
    connection.reset();
    host.wait_for(|call| *call == failed("1"));
    library.unload(DEADLINE);
    assert_eq!(failed_at_the_end(&host), [failed("1")]);
}

#[test]
fn of_a_transfer_the_new_channel_is_failed_and_the_old_one_is_not() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "old");
    library.event(APPLICATION, &stasis_event("StasisStart", "new"));
    moves_away(&library, "old");
    connection.summaries(2);
    drop(server);
    connection.reset();
    host.wait_for(|call| *call == failed("new"));
    library.unload(DEADLINE);
    assert_eq!(failed_at_the_end(&host), [failed("new")]);
}

#[test]
fn a_caller_who_hangs_up_while_the_old_connection_is_given_up_is_done_at_once() {
    let server = Server::start();
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let its = Arc::clone(&gate);
    let host = Host::reacting(move |_, call| {
        if matches!(call, Call::Unregister(_)) {
            let open = its.0.lock().expect("the lock");
            drop(its.1.wait_while(open, |open| !*open));
        }
    });
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    moves_away(&library, "1");
    library.stasis_end(APPLICATION, "1");
    connection.summary();
    let starting = library.stasis_start_async("app1", "1", NAME);
    host.wait_for(|call| *call == Call::Unregister(APPLICATION.into()));
    assert_eq!(library.stasis_cancel("1"), ARIWS_OK);
    let outcome = starting.recv_timeout(DEADLINE).expect("an outcome");
    assert_eq!(
        outcome.map_err(|(code, _)| code),
        Err(ARIWS_ERROR_CANCELLED)
    );
    *gate.0.lock().expect("the lock") = true;
    gate.1.notify_all();
}
