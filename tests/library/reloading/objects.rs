//! Objects that are faulty or invalid, and files that cannot be read.

use std::fs;

use ariws::ffi::ARIWS_ERROR_CONFIG;
use ariws_testkit::request;

use super::*;

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
fn a_missing_file_changes_nothing() {
    let host = Host::new();
    let (_server, configuration, library, mut connection) = up(&host);
    fs::remove_file(configuration.folder().join("websocket_client.conf")).expect("the file");
    assert_eq!(library.try_reload(&mut Vec::new()), ARIWS_ERROR_CONFIG);
    assert!(connection.is_quiet());
}

#[test]
fn a_faulty_websocket_client_stays_as_it_was() {
    let host = Host::new();
    let (server, mut configuration, library, mut connection) = up(&host);
    configuration.set("connection1", "uri = ws://a b/");
    library.reload();
    assert!(connection.is_quiet());
    connection.reset();
    assert_eq!(server.accept().path, "/ari");
}

#[test]
fn a_faulty_connection_stays_as_it_was() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.set("connection1", "apps = app1,,app2");
    library.reload();
    assert!(connection.is_quiet());
    assert!(host.has("app1") && !host.has("app2"));
}

#[test]
fn a_faulty_user_stays_as_it_was() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.set("user1", "password =");
    library.reload();
    connection.send(&request("1", "GET", "x"));
    assert_eq!(host.wait_for_request("x").password, "userpass");
}

#[test]
fn a_faulty_object_keeps_no_other_from_changing() {
    let host = Host::new();
    let (server, mut configuration, library, mut connection) = up(&host);
    configuration.set("reader", "read_only = maybe");
    configuration.set("connection1", "header = X-Tenant: other");
    library.reload();
    connection.wait_for_close();
    drop(connection);
    assert!(server.attempt().head.contains("X-Tenant: other"));
}

#[test]
fn a_fault_that_is_mended_takes_effect() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.set("connection1", "apps = app1,,app2");
    library.reload();
    configuration.set("connection1", "apps = app1,app2");
    library.reload();
    assert_eq!(connection.summary(), "ApplicationRegistered app2");
}

#[test]
fn a_file_that_cannot_be_parsed_changes_nothing() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.set("connection1", "uri = ws://localhost/\n[unfinished");
    assert_eq!(library.try_reload(&mut Vec::new()), ARIWS_ERROR_CONFIG);
    assert!(connection.is_quiet());
    assert!(host.has("app1"));
}

#[test]
fn a_connection_that_was_invalid_from_the_first_begins_when_it_is_mended() {
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = Configuration::with("persistent", server.address(), "app1");
    configuration.set("connection1", "local_ari_user = nobody");
    let library = Library::load(&host, &configuration);
    assert!(server.is_quiet());
    configuration.set("connection1", "local_ari_user = user1");
    library.reload();
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
}

#[test]
fn a_session_goes_on_while_its_user_has_a_crypted_password() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.set("user1", "password_format = crypt");
    library.reload();
    library.event("app1", EVENT);
    assert_eq!(connection.summary(), "Event app1");
    assert!(connection.is_quiet());
}

#[test]
fn two_connections_with_one_application_are_both_invalid_and_recover_together() {
    let host = Host::new();
    let (server, configuration, library, mut connection) = up(&host);
    let mut configuration =
        configuration.connection("connection2", "persistent", server.address(), "app1", "");
    library.reload();
    assert!(connection.is_quiet());
    assert!(server.is_quiet());
    configuration.set("connection2", "apps = app2");
    library.reload();
    assert_eq!(server.accept().summary(), "ApplicationRegistered app2");
    assert!(connection.is_quiet());
    assert!(host.has("app1"));
}

#[test]
fn an_invalid_connection_does_not_change_with_what_is_said_of_it() {
    let host = Host::new();
    let (server, mut configuration, library, mut connection) = up(&host);
    configuration.set("connection1", "local_ari_user = nobody");
    configuration.set("connection1", "subscribe_all = yes\napps = app2");
    configuration.set("connection1", "protocols = other");
    library.reload();
    assert!(connection.is_quiet());
    connection.reset();
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
}

#[test]
fn an_invalid_connection_can_be_removed() {
    let host = Host::new();
    let (_server, mut configuration, library, mut connection) = up(&host);
    configuration.set("connection1", "local_ari_user = nobody");
    library.reload();
    configuration.remove("connection1");
    library.reload();
    assert_eq!(connection.summary(), "ApplicationUnregistered app1");
    assert_eq!(connection.wait_for_close(), 1000);
}
