//! Applications that come, go, move and change.

use std::sync::{Arc, OnceLock};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::Handle;

use super::*;

#[test]
fn applications_come_and_go_on_the_same_connection() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.replace("apps = app1", "apps = app2");
    library.reload();
    assert_eq!(
        connection.summaries(2),
        ["ApplicationUnregistered app1", "ApplicationRegistered app2"]
    );
    assert!(host.has("app2") && !host.has("app1"));
}

#[test]
fn with_subscribe_all_everything_is_unregistered_in_order_and_then_registered() {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = Configuration::with("persistent", server.address(), "app1,app2");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    connection.summaries(2);
    configuration.replace("apps = app1,app2", "subscribe_all = yes\napps = app2,app3");
    library.reload();
    assert_eq!(
        connection.summaries(4),
        [
            "ApplicationUnregistered app1",
            "ApplicationUnregistered app2",
            "ApplicationRegistered app2",
            "ApplicationRegistered app3",
        ]
    );
}

#[test]
fn subscribe_all_registers_everything_anew_on_the_same_connection() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.replace("local_ari_user", "subscribe_all = yes\nlocal_ari_user");
    library.reload();
    assert_eq!(
        connection.summaries(2),
        ["ApplicationUnregistered app1", "ApplicationRegistered app1"]
    );
    host.wait_for(|call| *call == Call::Register("app1".into(), true));
}

#[test]
fn an_application_moves_from_one_connection_to_another_in_one_step() {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = Configuration::with("persistent", server.address(), "app1,app3")
        .connection("connection2", "persistent", server.address(), "app2", "");
    let library = Library::load(&host, &configuration);
    let mut connections = [server.accept(), server.accept()];
    // Both have said what they have before anything moves.
    let outcomes = connections.each_mut().map(|connection| {
        if connection.summary() == "ApplicationRegistered app1" {
            assert_eq!(connection.summary(), "ApplicationRegistered app3");
            "ApplicationUnregistered app3"
        } else {
            "ApplicationRegistered app3"
        }
    });
    configuration.replace("apps = app1,app3", "apps = app1");
    configuration.replace("apps = app2", "apps = app2,app3");
    library.reload();
    for (mut connection, outcome) in connections.into_iter().zip(outcomes) {
        assert_eq!(connection.summary(), outcome);
    }
    assert!(host.has("app3"));
}

#[test]
fn events_of_a_removed_application_do_not_reach_the_next_connection() {
    let host = Host::new();
    let server = Server::start();
    let mut configuration = Configuration::empty().connection(
        "connection1",
        "persistent",
        server.address(),
        "app1,app2",
        "write_timeout = 60000",
    );
    let library = Library::load(&host, &configuration);
    let mut stalled = server.accept();
    stalled.summaries(2);
    let filling = format!(r#"{{"type":"Event","filling":"{}"}}"#, "x".repeat(100_000));
    // More than the buffers of both kernels take.
    for _ in 0..200 {
        assert_eq!(library.event("app2", &filling), ARIWS_OK);
    }
    assert_eq!(library.event("app1", r#"{"type":"Last"}"#), ARIWS_OK);
    configuration.replace("apps = app1,app2", "apps = app1");
    library.reload();
    stalled.reset();
    assert_eq!(
        server.accept().summaries(2),
        ["ApplicationRegistered app1", "Last app1"]
    );
    host.wait_for_log("events of applications that are gone were dropped");
}

#[test]
fn another_order_registers_everything_anew_and_counts_at_the_next_connection() {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = Configuration::with("persistent", server.address(), "app1,app2");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    connection.summaries(2);
    host.forget();
    configuration.set("connection1", "apps = app2,app1");
    library.reload();
    let registered = ["app2", "app1"].map(|app| Call::Register(app.into(), false));
    assert_eq!(host.calls(), registered);
    connection.reset();
    assert_eq!(
        server.accept().summaries(2),
        ["ApplicationRegistered app2", "ApplicationRegistered app1"]
    );
}

#[test]
fn an_application_that_was_refused_is_served_once_a_reload_has_registered_it() {
    let (server, host) = (Server::start(), Host::refusing(&["app1"]));
    let mut configuration = Configuration::with("persistent", server.address(), "app1,app2");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    assert_eq!(connection.summary(), "ApplicationRegistered app2");
    host.refuse_none();
    configuration.set("connection1", "apps = app1");
    library.reload();
    assert_eq!(
        connection.summaries(2),
        ["ApplicationUnregistered app2", "ApplicationRegistered app1"]
    );
    assert_eq!(library.event("app1", r#"{"type":"Event"}"#), ARIWS_OK);
    assert_eq!(connection.summary(), "Event app1");
    drop(library);
    assert!(!host.has("app1"));
}

#[test]
fn nothing_but_a_change_of_apps_registers_what_stays() {
    let (server, host) = (Server::start(), Host::new());
    let kind = "persistent";
    let mut configuration = Configuration::with(kind, server.address(), "app1,app2").connection(
        "connection2",
        kind,
        server.address(),
        "app3",
        "",
    );
    let library = Library::load(&host, &configuration);
    configuration.set("connection1", "reconnect_interval = 30");
    configuration.set("connection1", "local_ari_user = reader");
    configuration.set("connection1", "protocols = other");
    configuration.set("connection2", "apps = app3,app4");
    host.forget();
    library.reload();
    let mut registered = host.calls();
    registered.retain(|call| matches!(call, Call::Register(..)));
    let expected = ["app3", "app4"].map(|app| Call::Register(app.into(), false));
    assert_eq!(registered, expected);
}

/// A connection that a server keeps waiting in the handshake while its configuration changes; what it then says first.
fn heard_after(change: &str, count: usize) -> Vec<String> {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = Configuration::with("persistent", server.address(), "app1,app2");
    let library = Library::load(&host, &configuration);
    let hanging = server.attempt();
    configuration.set("connection1", change);
    library.reload();
    hanging.upgrade().summaries(count)
}

#[test]
fn applications_that_change_during_the_handshake_are_announced_as_they_are_then() {
    assert_eq!(
        heard_after("apps = app3,app2", 2),
        ["ApplicationRegistered app3", "ApplicationRegistered app2"]
    );
}

#[test]
fn subscribe_all_that_changes_during_the_handshake_does_not_disturb_it() {
    assert_eq!(
        heard_after("subscribe_all = yes", 2),
        ["ApplicationRegistered app1", "ApplicationRegistered app2"]
    );
}

#[test]
fn applications_change_while_tcp_is_being_opened() {
    let (server, host) = (MuteServer::start(), Host::new());
    let mut configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    let attempts = server.wait_for_attempts(|attempts| !attempts.is_empty());
    configuration.set("connection1", "subscribe_all = yes\napps = app2");
    library.reload();
    assert!(server.keeps(&attempts));
    assert!(host.has("app2") && !host.has("app1"));
}

#[test]
fn applications_change_while_the_connection_waits_for_its_next_attempt() {
    let host = Host::new();
    let nobody = Server::start().address();
    let mut configuration = Configuration::with("persistent", nobody, "app1");
    let library = Library::load(&host, &configuration);
    host.wait_for_log("Connection refused");
    configuration.set("connection1", "apps = app2");
    library.reload();
    let mut connection = Server::at(nobody).accept();
    assert_eq!(connection.summary(), "ApplicationRegistered app2");
    assert!(!host.has("app1"));
}

#[test]
fn events_that_wait_for_a_connection_are_dropped_with_their_application() {
    let host = Host::new();
    let nobody = Server::start().address();
    let mut configuration = Configuration::with("persistent", nobody, "app1,app2");
    let library = Library::load(&host, &configuration);
    library.event("app1", EVENT);
    library.event("app2", EVENT);
    configuration.set("connection1", "apps = app2");
    library.reload();
    host.wait_for_log("1 events of application app1, which is gone, were dropped");
    assert_eq!(
        Server::at(nobody).accept().summaries(2),
        ["ApplicationRegistered app2", "Event app2"]
    );
}

#[test]
fn events_that_wait_for_a_connection_outlive_a_change_of_subscribe_all() {
    let host = Host::new();
    let nobody = Server::start().address();
    let mut configuration = Configuration::with("persistent", nobody, "app1");
    let library = Library::load(&host, &configuration);
    library.event("app1", EVENT);
    configuration.set("connection1", "subscribe_all = yes");
    library.reload();
    assert_eq!(
        Server::at(nobody).accept().summaries(2),
        ["ApplicationRegistered app1", "Event app1"]
    );
}

#[test]
fn an_event_that_comes_while_subscribe_all_changes_is_sent_after_it() {
    let handle = Arc::new(OnceLock::<Handle>::new());
    let sending = Arc::clone(&handle);
    let host = Host::reacting(move |_, call| {
        if let (Call::Unregister(_), Some(library)) = (call, sending.get()) {
            library.event("app1", EVENT);
        }
    });
    let server = Server::start();
    let mut configuration = Configuration::with("persistent", server.address(), "app1,app2");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    connection.summaries(2);
    assert!(handle.set(library.handle()).is_ok());
    configuration.set("connection1", "subscribe_all = yes");
    library.reload();
    assert_eq!(
        connection.summaries(6),
        [
            // While app1 is being unregistered.
            "Event app1",
            "ApplicationUnregistered app1",
            "ApplicationUnregistered app2",
            "ApplicationRegistered app1",
            // While app2 is.
            "Event app1",
            "ApplicationRegistered app2",
        ]
    );
}

/// Two connections, the first of which has become invalid and lost `app2` to the second.
fn taken_over<'a>(host: &'a Host, server: &Server) -> (Configuration, Library<'a>) {
    let mut configuration = Configuration::with("persistent", server.address(), "app1,app2")
        .connection("connection2", "persistent", server.address(), "app3", "");
    let library = Library::load(host, &configuration);
    configuration.set("connection1", "local_ari_user = nobody");
    configuration.set("connection1", "apps = app1");
    configuration.set("connection2", "apps = app3,app2");
    library.reload();
    (configuration, library)
}

#[test]
fn an_application_that_an_invalid_connection_has_lost_stays_with_the_other_when_it_recovers() {
    let (server, host) = (Server::start(), Host::new());
    let (mut configuration, library) = taken_over(&host, &server);
    host.forget();
    configuration.set("connection1", "local_ari_user = user1");
    library.reload();
    assert!(host.has("app2"));
    assert!(
        !host
            .calls()
            .contains(&Call::DestroyContext("stasis-app2".into()))
    );
    assert_eq!(library.event("app2", EVENT), ARIWS_OK);
}

#[test]
fn an_application_that_an_invalid_connection_has_lost_stays_with_the_other_when_it_is_removed() {
    let (server, host) = (Server::start(), Host::new());
    let (mut configuration, library) = taken_over(&host, &server);
    host.forget();
    configuration.remove("connection1");
    library.reload();
    assert!(host.has("app2"));
    assert!(
        !host
            .calls()
            .contains(&Call::DestroyContext("stasis-app2".into()))
    );
}

#[test]
fn an_invalid_connection_hears_that_another_one_has_taken_its_application() {
    let host = Host::new();
    let (one, two) = (Server::start(), Server::start());
    let mut configuration = Configuration::with("persistent", one.address(), "app1,app2")
        .connection("connection2", "persistent", two.address(), "app3", "");
    let library = Library::load(&host, &configuration);
    let (mut loser, mut winner) = (one.accept(), two.accept());
    loser.summaries(2);
    winner.summary();
    configuration.set("connection1", "local_ari_user = nobody");
    configuration.set("connection1", "apps = app1");
    configuration.set("connection2", "apps = app3,app2");
    library.reload();
    assert_eq!(loser.summary(), "ApplicationUnregistered app2");
    assert_eq!(winner.summary(), "ApplicationRegistered app2");
}
