//! Per-call connections: whatever changes, those that are there keep their settings to their end, also while they connect.

use std::sync::{Arc, Mutex};

use ariws::ffi::{ARIWS_ERROR_INVALID_CONNECTION, ARIWS_ERROR_NOT_FOUND};
use ariws_testkit::{Attempt, Call, Handle, Host, Library, MuteServer, Pbx, Server};

use super::EVENT;
use super::changes::{Change, USUAL};

const APPLICATION: &str = "app1:Local/1";

fn keeps_its_settings_and_the_next_call_has_the_new_ones(change: &Change) {
    let mut pbx = change.setup("per_call_config").load();
    let starting = pbx.stasis_start_async("app1", "1", "Local/1");
    let mut connection = pbx.server.attempt().upgrade();
    connection.says(["ApplicationRegistered app1:Local/1"]);
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    change.make(&mut pbx);
    pbx.event(APPLICATION, EVENT);
    connection.says(["Event app1:Local/1"]);
    let _starting = pbx.stasis_start_async("app1", "2", "Local/2");
    let next = pbx.server.attempt();
    assert!(next.head.contains(change.sees), "{}", next.head);
    connection.reset();
    let again = pbx.server.attempt();
    assert!(change.is_unseen(&again.head), "{}", again.head);
}

fn goes_on_while_it_is_up(change: &Change) {
    let mut pbx = change.setup("per_call_config").load();
    let _starting = pbx.stasis_start_async("app1", "1", "Local/1");
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app1:Local/1"]);
    change.make(&mut pbx);
    connection.reset();
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app1:Local/1"]);
    pbx.event(APPLICATION, EVENT);
    connection.says(["Event app1:Local/1"]);
}

fn goes_on_while_its_server_is_silent_in_the_handshake(change: &Change) {
    let mut pbx = change.setup("per_call_config").load();
    let starting = pbx.stasis_start_async("app1", "1", "Local/1");
    let hanging = pbx.server.attempt();
    change.make(&mut pbx);
    let _connection = hanging.upgrade();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
}

fn goes_on_while_it_waits_for_its_next_attempt(change: &Change) {
    let mut pbx = change
        .setup("per_call_config")
        .set("connection1", "reconnect_interval = 200")
        .load();
    let starting = pbx.stasis_start_async("app1", "1", "Local/1");
    drop(pbx.server.attempt());
    pbx.wait_for_log("no lasting connection");
    change.make(&mut pbx);
    let attempt = pbx.server.attempt();
    assert!(change.is_unseen(&attempt.head), "{}", attempt.head);
    let _connection = attempt.upgrade();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
}

fn goes_on_while_tcp_is_being_opened(change: &Change) {
    let server = MuteServer::start();
    let mut pbx = Pbx::configured(|_| change.before("per_call_config", server.address())).load();
    let _starting = pbx.stasis_start_async("app1", "1", "Local/1");
    let attempts = server.wait_for_attempts(|attempts| !attempts.is_empty());
    change.make_at(&mut pbx, server.address());
    assert!(server.keeps(&attempts));
}

#[test]
fn a_channel_that_comes_back_by_another_connection_keeps_its_registration() {
    let mut pbx = Pbx::per_call("app1")
        .connection("connection2", "per_call_config", "app2", "")
        .load();
    let starting = pbx.stasis_start_async("app1", "1", "Local/1");
    let mut connection = pbx.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    for kind in ["StasisStart", "StasisEnd"] {
        let event = format!(r#"{{"type":"{kind}","channel":{{"id":"1"}}}}"#);
        pbx.event(APPLICATION, &event);
    }
    pbx.stasis_end(APPLICATION, "1");
    let last = format!("StasisEnd {APPLICATION}");
    assert_eq!(connection.summaries(3).last(), Some(&last));
    pbx.set("connection1", "apps = app3");
    pbx.change("connection2", "apps = app1");
    let starting = pbx.stasis_start_async("app1", "2", "Local/1");
    connection.wait_for_close();
    let _next = pbx.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    pbx.wait_for_call(&Call::Unregister(APPLICATION.into()));
    assert!(pbx.host.has(APPLICATION));
}

/// Every parameter.
macro_rules! any {
    ($check:ident) => {
        anew!($check);
        used_by_all!($check);
        tests_of_changes! { $check:
            apps "apps = app1,app2";
            subscribe_all "subscribe_all = yes";
        }
    };
}

/// What makes new calls impossible.
macro_rules! end {
    ($check:ident) => {
        tests_of_changes! { $check:
            its_removal "";
            its_becoming_invalid "local_ari_user = nobody";
        }
    };
}

mod a_call_that_is_up_keeps_its_settings_and_the_next_one_has_the_new {
    use super::*;
    any!(keeps_its_settings_and_the_next_call_has_the_new_ones);
}

mod a_call_that_is_up_is_not_touched_by {
    use super::*;
    end!(goes_on_while_it_is_up);
}

mod a_call_that_is_opening_tcp_is_not_touched_by {
    use super::*;
    any!(goes_on_while_tcp_is_being_opened);
    end!(goes_on_while_tcp_is_being_opened);
}

mod a_call_that_waits_for_its_next_attempt_is_not_touched_by {
    use super::*;
    any!(goes_on_while_it_waits_for_its_next_attempt);
    end!(goes_on_while_it_waits_for_its_next_attempt);
}

mod a_call_whose_server_is_silent_is_not_touched_by {
    use super::*;
    any!(goes_on_while_its_server_is_silent_in_the_handshake);
    end!(goes_on_while_its_server_is_silent_in_the_handshake);
}

#[test]
fn after_the_removal_new_calls_find_nobody() {
    let mut pbx = USUAL.setup("per_call_config").load();
    pbx.configuration.remove("connection1");
    pbx.reload();
    let started = pbx.stasis_start("app1", "1", "Local/1");
    assert_eq!(started.map_err(|(code, _)| code), Err(ARIWS_ERROR_NOT_FOUND));
    assert!(pbx.host.calls().contains(&Call::DestroyContext("stasis-app1".into())));
}

#[test]
fn an_invalid_connection_takes_no_new_calls_until_it_recovers() {
    let mut pbx = USUAL.setup("per_call_config").load();
    pbx.change("connection1", "local_ari_user = nobody");
    let started = pbx.stasis_start("app1", "1", "Local/1");
    assert_eq!(started.map_err(|(code, _)| code), Err(ARIWS_ERROR_INVALID_CONNECTION));
    pbx.change("connection1", "local_ari_user = user1");
    let starting = pbx.stasis_start_async("app1", "2", "Local/2");
    let _connection = pbx.accept();
    assert!(starting.recv().expect("an outcome").is_ok());
}

#[test]
fn applications_get_and_lose_their_contexts() {
    let mut pbx = USUAL.setup("per_call_config").load();
    pbx.host.forget();
    pbx.change("connection1", "apps = app2");
    assert_eq!(
        pbx.host.calls(),
        [
            Call::DestroyContext("stasis-app1".into()),
            Call::CreateContext("stasis-app2".into(), "app2".into())
        ]
    );
}

/// A call that enters while a reload is under way belongs to the configuration before; it must not leave anything behind
/// that later calls would use.
#[test]
fn tls_settings_count_though_a_call_came_during_the_reload() {
    let server = Arc::new(Server::start());
    let during = Arc::new(Mutex::new(None::<Handle>));
    let (ours, its) = (Arc::clone(&server), Arc::clone(&during));
    let host = Host::reacting(move |_, call| {
        if matches!(call, Call::DestroyContext(_))
            && let Some(library) = its.lock().expect("the lock").take()
        {
            library.stasis_start_async("app1", "1", "Local/1");
            assert!(offers_tls_1_2(&ours.attempt()));
            library.stasis_cancel("1");
        }
    });
    let mut configuration = USUAL.before("per_call_config", server.address());
    configuration.set("connection1", "apps = app1,app2");
    configuration.set("connection1", "tls_enabled = yes\nverify_server_cert = no");
    let library = Library::load(&host, &configuration);
    *during.lock().expect("the lock") = Some(library.handle());
    configuration.set("connection1", "apps = app1");
    configuration.set("connection1", "tls_min_version = 1.3");
    library.reload();
    let _starting = library.stasis_start_async("app1", "2", "Local/2");
    assert!(!offers_tls_1_2(&server.attempt()));
}

/// Whether a ClientHello offers TLS 1.3 and 1.2 (RFC 8446 section 4.2.1), not only 1.3.
fn offers_tls_1_2(attempt: &Attempt) -> bool {
    attempt.head.contains("\0\u{2b}\0\u{5}\u{4}\u{3}\u{4}\u{3}\u{3}")
}
