//! Objects that are faulty or invalid, and files that cannot be read.

use ariws::ffi::ARIWS_ERROR_CONFIG;
use ariws_testkit::{Pbx, request};

#[test]
fn without_a_change_nothing_happens() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.host.forget();
    assert_eq!(pbx.reload(), []);
    assert!(connection.is_quiet());
    assert_eq!(pbx.host.calls(), []);
}

#[test]
fn a_session_goes_on_while_its_connection_is_invalid_and_changes_when_it_recovers() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.change("connection1", "local_ari_user = nobody");
    assert!(connection.is_quiet());
    pbx.change("connection1", "local_ari_user = reader");
    assert_eq!(connection.wait_for_close(), 1000);
    pbx.accept().says(["ApplicationRegistered app1"]);
}

#[test]
fn a_faulty_user_stays_as_it_was() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.change("user1", "password =");
    connection.send(&request("1", "GET", "x"));
    assert_eq!(pbx.wait_for_request("x").password, "userpass");
}

#[test]
fn a_faulty_object_keeps_no_other_from_changing() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.set("reader", "read_only = maybe");
    pbx.change("connection1", "header = X-Tenant: other");
    connection.wait_for_close();
    drop(connection);
    assert!(pbx.server.attempt().head.contains("X-Tenant: other"));
}

#[test]
fn a_file_that_cannot_be_parsed_changes_nothing() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.set("connection1", "uri = ws://localhost/\n[unfinished");
    assert_eq!(pbx.try_reload(&mut Vec::new()), ARIWS_ERROR_CONFIG);
    assert!(connection.is_quiet());
    assert!(pbx.host.has("app1"));
}

#[test]
fn a_connection_that_was_invalid_from_the_first_begins_when_it_is_mended() {
    let mut pbx = Pbx::persistent("app1").set("connection1", "local_ari_user = nobody").load();
    assert!(pbx.server.is_quiet());
    pbx.change("connection1", "local_ari_user = user1");
    pbx.accept().says(["ApplicationRegistered app1"]);
}

#[test]
fn two_connections_with_one_application_are_both_invalid_and_recover_together() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.connect("connection2", "persistent", pbx.server.address(), "app1");
    pbx.reload();
    assert!(connection.is_quiet());
    assert!(pbx.server.is_quiet());
    pbx.change("connection2", "apps = app2");
    pbx.accept().says(["ApplicationRegistered app2"]);
    assert!(connection.is_quiet());
    assert!(pbx.host.has("app1"));
}

#[test]
fn an_invalid_connection_does_not_change_with_what_is_said_of_it() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.set("connection1", "local_ari_user = nobody");
    pbx.set("connection1", "subscribe_all = yes\napps = app2");
    pbx.change("connection1", "protocols = other");
    assert!(connection.is_quiet());
    connection.reset();
    pbx.accept().says(["ApplicationRegistered app1"]);
}

#[test]
fn an_invalid_connection_can_be_removed() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.change("connection1", "local_ari_user = nobody");
    pbx.configuration.remove("connection1");
    pbx.reload();
    connection.says(["ApplicationUnregistered app1"]);
    assert_eq!(connection.wait_for_close(), 1000);
}
