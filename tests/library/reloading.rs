//! Reloading: what changes, what stays.

use std::fs;

use ariws::ffi::*;

use crate::support::configuration::Configuration;
use crate::support::host::{Call, Host};
use crate::support::library::Library;
use crate::support::server::{Connection, Server};

/// A persistent connection with `app1`, up.
fn up(host: &Host) -> (Server, Configuration, Library<'_>, Connection) {
    let server = Server::start();
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(host, &configuration);
    let mut connection = server.accept();
    assert_eq!(connection.summary(), "ApplicationRegistered app1");
    (server, configuration, library, connection)
}

#[test]
fn without_a_change_nothing_happens() {
    let host = Host::new();
    let (_server, _configuration, library, mut connection) = up(&host);
    host.forget();
    assert_eq!(library.reload(), []);
    assert!(connection.is_quiet());
    assert_eq!(host.calls(), []);
}

#[test]
fn applications_come_and_go_on_the_same_connection() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.replace("apps = app1", "apps = app2");
    let report = library.reload();
    assert_eq!(
        (report[0].kind, report[0].message.as_str()),
        (ARIWS_REPORT_CHANGED, "apps")
    );
    assert_eq!(
        connection.summaries(2),
        ["ApplicationUnregistered app1", "ApplicationRegistered app2"]
    );
    assert!(host.has("app2") && !host.has("app1"));
}

#[test]
fn pretty_counts_from_the_next_message_on() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    library.event("app1", r#"{"type":"A"}"#);
    assert!(!connection.text().contains('\n'));
    configuration.replace("enabled = yes", "enabled = yes\npretty = yes");
    library.reload();
    library.event("app1", r#"{"type":"B"}"#);
    assert!(connection.text().starts_with("{\n  \"type\": \"B\","));
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
fn another_uri_makes_the_connection_anew() {
    let host = Host::new();
    let (server, mut configuration, library, mut connection) = up(&host);
    configuration.replace("/ari\n", "/other\n");
    library.reload();
    assert_eq!(connection.wait_for_close(), 1000);
    let mut next = server.accept();
    assert_eq!(next.path, "/other");
    assert_eq!(next.summary(), "ApplicationRegistered app1");
}

#[test]
fn another_uri_is_used_also_while_the_connection_is_down() {
    let host = Host::new();
    let nobody = Server::start().address();
    let mut configuration = Configuration::with("persistent", nobody, "app1")
        .replacing("reconnect_interval = 20", "reconnect_interval = 60000");
    let library = Library::load(&host, &configuration);
    host.wait_for_log("Connection refused");
    let server = Server::start();
    configuration.replace(&nobody.to_string(), &server.address().to_string());
    library.reload();
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
}

#[test]
fn another_uri_is_used_also_while_a_server_hangs_in_the_handshake() {
    let host = Host::new();
    let silent = Server::start();
    let mut configuration = Configuration::with("persistent", silent.address(), "app1")
        .replacing("connection_timeout = 5000", "connection_timeout = 60000");
    let library = Library::load(&host, &configuration);
    let _hanging = silent.accept_tcp();
    let server = Server::start();
    configuration.replace(&silent.address().to_string(), &server.address().to_string());
    library.reload();
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
}

#[test]
fn timing_is_used_without_touching_the_connection() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.replace("reconnect_interval = 20", "reconnect_interval = 30");
    assert_eq!(library.reload()[0].message, "reconnect_interval");
    assert!(connection.is_quiet());
}

#[test]
fn a_deleted_connection_is_closed_and_its_applications_are_unregistered() {
    let host = Host::new();
    let (server, configuration, library, mut connection) = up(&host);
    fs::write(configuration.folder().join("ari.conf"), "").expect("ari.conf");
    library.reload();
    assert_eq!(connection.summary(), "ApplicationUnregistered app1");
    assert_eq!(connection.wait_for_close(), 1000);
    assert!(server.is_quiet());
    assert!(!host.has("app1"));
}

#[test]
fn a_renamed_connection_has_its_applications_registered_in_the_end() {
    let host = Host::new();
    let (server, mut configuration, library, mut connection) = up(&host);
    configuration.replace(
        "[connection1]\ntype = outbound",
        "[renamed]\ntype = outbound",
    );
    library.reload();
    assert_eq!(connection.summary(), "ApplicationUnregistered app1");
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
    assert!(host.has("app1"));
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
fn a_user_made_read_only_may_only_look_from_the_next_request_on() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.replace(
        "password = userpass",
        "password = userpass\nread_only = yes",
    );
    library.reload();
    assert_eq!(connection.ask("POST", "channels")["status_code"], 403);
}

#[test]
fn another_password_of_the_user_is_used_at_the_next_request() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.replace("password = userpass", "password = another");
    library.reload();
    connection.send(&crate::support::server::request("1", "GET", "x"));
    assert_eq!(host.wait_for_request("x").password, "another");
}

#[test]
fn another_type_ends_the_old_kind_and_begins_the_new() {
    let host = Host::new();
    let (server, mut configuration, library, mut connection) = up(&host);
    configuration.replace(
        "connection_type = persistent",
        "connection_type = per_call_config",
    );
    library.reload();
    assert_eq!(connection.summary(), "ApplicationUnregistered app1");
    assert_eq!(connection.wait_for_close(), 1000);
    let starting = library.stasis_start_async("app1", "1", "Local/1");
    assert_eq!(
        server.accept().summary(),
        "ApplicationRegistered app1:Local/1"
    );
    assert!(starting.recv().expect("an outcome").is_ok());
}

#[test]
fn a_session_goes_on_while_its_connection_is_invalid_and_changes_when_it_recovers() {
    let host = Host::new();
    let (server, mut configuration, library, mut connection) = up(&host);
    configuration.replace("local_ari_user = user1", "local_ari_user = nobody");
    library.reload();
    assert!(connection.is_quiet());
    configuration.replace("local_ari_user = nobody", "local_ari_user = reader");
    library.reload();
    assert_eq!(connection.wait_for_close(), 1000);
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
}

#[test]
fn files_that_cannot_be_read_change_nothing() {
    let host = Host::new();
    let (_server, configuration, library, mut connection) = up(&host);
    fs::remove_file(configuration.folder().join("websocket_client.conf")).expect("the file");
    assert_eq!(library.try_reload(&mut Vec::new()), ARIWS_ERROR_CONFIG);
    assert!(connection.is_quiet());
}

#[test]
fn a_connection_that_was_shut_down_stays_down_though_it_was_invalid_meanwhile() {
    let host = Host::new();
    let (server, mut configuration, library, mut connection) = up(&host);
    library.command("ari shutdown websocket session connection1");
    connection.wait_for_close();
    configuration.replace("local_ari_user = user1", "local_ari_user = nobody");
    library.reload();
    configuration.replace("local_ari_user = nobody", "local_ari_user = user1");
    library.reload();
    assert!(server.is_quiet());
    configuration.replace("/ari\n", "/other\n");
    library.reload();
    assert_eq!(server.accept().path, "/other");
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
