//! Connections that are removed, renamed, shut down, or become of another type.

use std::collections::BTreeSet;
use std::sync::mpsc::Receiver;

use ariws_testkit::{Configuration, MuteServer, Pbx, Setup, Started};

use super::EVENT;
use super::changes::USUAL;

#[test]
fn a_connection_that_was_shut_down_stays_down_though_it_was_invalid_meanwhile() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.command("ari shutdown websocket session connection1");
    connection.wait_for_close();
    pbx.change("connection1", "local_ari_user = nobody");
    pbx.change("connection1", "local_ari_user = user1");
    assert!(pbx.server.is_quiet());
    pbx.configuration.replace("/ari\n", "/other\n");
    pbx.reload();
    assert_eq!(pbx.accept().path, "/other");
}

/// A change that ends a persistent connection.
type Ending = fn(&mut Configuration);

/// Its removal, and its becoming per-call.
const ENDINGS: [Ending; 2] = [
    |configuration| configuration.remove("connection1"),
    |configuration| configuration.set("connection1", "connection_type = per_call_config"),
];

#[test]
fn a_connection_that_ends_is_given_up_in_the_handshake() {
    for ending in ENDINGS {
        let mut pbx = USUAL.setup("persistent").load();
        let hanging = pbx.server.attempt();
        ending(&mut pbx.configuration);
        pbx.reload();
        hanging.wait_for_end();
        assert!(pbx.server.is_quiet());
        assert!(!pbx.host.has("app1"));
    }
}

#[test]
fn a_connection_that_ends_is_given_up_while_tcp_is_being_opened() {
    for ending in ENDINGS {
        let server = MuteServer::start();
        let mut pbx = Pbx::configured(|_| USUAL.before("persistent", server.address())).load();
        server.wait_for_attempts(|attempts| !attempts.is_empty());
        ending(&mut pbx.configuration);
        pbx.reload();
        let none = server.wait_for_attempts(BTreeSet::is_empty);
        assert!(server.keeps(&none));
        assert!(!pbx.host.has("app1"));
    }
}

#[test]
fn a_connection_that_ends_is_given_up_while_it_waits_for_its_next_attempt() {
    for ending in ENDINGS {
        let mut pbx = USUAL
            .setup("persistent")
            .set("connection1", "reconnect_interval = 100")
            .nobody_listens()
            .load();
        pbx.wait_for_log("Connection refused");
        ending(&mut pbx.configuration);
        pbx.reload();
        assert!(!pbx.host.has("app1"));
        // One attempt more may have come before the reload; none comes after it.
        pbx.server.listen();
        assert!(pbx.server.is_quiet());
    }
}

#[test]
fn a_renamed_connection_begins_again_under_its_new_name_in_the_handshake() {
    let mut pbx = USUAL.setup("persistent").load();
    let hanging = pbx.server.attempt();
    pbx.configuration.rename("connection1", "renamed");
    pbx.reload();
    hanging.wait_for_end();
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app1"]);
    let (_, sessions) = pbx.command("ari show sessions");
    assert!(sessions.contains("renamed") && !sessions.contains("connection1"));
}

#[test]
fn a_renamed_connection_begins_again_under_its_new_name_while_tcp_is_being_opened() {
    let server = MuteServer::start();
    let mut pbx = Pbx::configured(|_| USUAL.before("persistent", server.address())).load();
    let first = server.wait_for_attempts(|attempts| !attempts.is_empty());
    pbx.configuration.rename("connection1", "renamed");
    pbx.reload();
    server.wait_for_attempts(|now| now.len() == 1 && now.is_disjoint(&first));
    assert!(pbx.host.has("app1"));
}

#[test]
fn a_renamed_connection_begins_again_under_its_new_name_while_it_waits_for_its_next_attempt() {
    let mut pbx = Pbx::configured(|server| USUAL.before("persistent", server))
        .replacing("reconnect_interval = 20", "reconnect_interval = 60000")
        .load();
    drop(pbx.server.attempt());
    pbx.wait_for_log("no lasting connection");
    pbx.configuration.rename("connection1", "renamed");
    pbx.reload();
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app1"]);
}

/// Loads a per-call connection and begins a call.
fn calling(setup: Setup) -> (Pbx, Receiver<Started>) {
    let pbx = setup.load();
    let starting = pbx.stasis_start_async("app1", "1", "Local/1");
    (pbx, starting)
}

const PERSISTENT: &str = "connection_type = persistent";

#[test]
fn a_call_goes_on_when_its_connection_becomes_persistent() {
    let setup = USUAL.setup("per_call_config");
    let (mut pbx, _starting) = calling(setup);
    let mut call = pbx.accept();
    call.says(["ApplicationRegistered app1:Local/1"]);
    pbx.change("connection1", PERSISTENT);
    let mut persistent = pbx.accept();
    persistent.says(["ApplicationRegistered app1"]);
    pbx.event("app1:Local/1", EVENT);
    call.says(["Event app1:Local/1"]);
}

#[test]
fn a_call_goes_on_in_the_handshake_when_its_connection_becomes_persistent() {
    let setup = USUAL.setup("per_call_config");
    let (mut pbx, starting) = calling(setup);
    let hanging = pbx.server.attempt();
    pbx.change("connection1", PERSISTENT);
    let mut persistent = pbx.accept();
    persistent.says(["ApplicationRegistered app1"]);
    let mut call = hanging.upgrade();
    call.says(["ApplicationRegistered app1:Local/1"]);
    assert!(starting.recv().expect("an outcome").is_ok());
}

#[test]
fn a_call_goes_on_opening_tcp_when_its_connection_becomes_persistent() {
    let server = MuteServer::start();
    let setup = Pbx::configured(|_| USUAL.before("per_call_config", server.address()));
    let (mut pbx, _starting) = calling(setup);
    let first = server.wait_for_attempts(|attempts| !attempts.is_empty());
    pbx.change("connection1", PERSISTENT);
    server.wait_for_attempts(|now| now.len() == 2 && now.is_superset(&first));
}

#[test]
fn a_call_goes_on_with_its_attempts_when_its_connection_becomes_persistent() {
    let setup = USUAL.setup("per_call_config").set("connection1", "reconnect_interval = 200");
    let (mut pbx, starting) = calling(setup);
    drop(pbx.server.attempt());
    pbx.wait_for_log("no lasting connection");
    pbx.change("connection1", PERSISTENT);
    let (mut one, mut other) = (pbx.accept(), pbx.accept());
    let mut announced = [one.summary(), other.summary()];
    announced.sort();
    assert_eq!(
        announced,
        ["ApplicationRegistered app1", "ApplicationRegistered app1:Local/1"]
    );
    assert!(starting.recv().expect("an outcome").is_ok());
}

#[test]
fn a_connection_that_was_shut_down_stays_down_without_a_change_of_its_own() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.command("ari shutdown websocket session connection1");
    connection.wait_for_close();
    pbx.change("user1", "read_only = yes");
    assert!(pbx.server.is_quiet());
    assert!(!pbx.host.has("app1"));
}

#[test]
fn a_connection_that_was_shut_down_is_started_by_any_change_of_its_own() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.command("ari shutdown websocket session connection1");
    connection.wait_for_close();
    pbx.change("connection1", "reconnect_attempts = 7");
    pbx.accept().says(["ApplicationRegistered app1"]);
}
