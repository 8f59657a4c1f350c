//! Applications that come, go, move and change.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Call, Configuration, Host, MuteServer, Pbx, Server};

use super::EVENT;

#[test]
fn subscribe_all_registers_everything_anew_on_the_same_connection() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    pbx.change("connection1", "subscribe_all = yes");
    connection.says(["ApplicationUnregistered app1", "ApplicationRegistered app1"]);
    pbx.wait_for_call(&Call::Register("app1".into(), true));
}

#[test]
fn events_of_a_removed_application_do_not_reach_the_next_connection() {
    let mut pbx = Pbx::persistent("app1,app2")
        .set("connection1", "write_timeout = 60000")
        .load();
    let mut stalled = pbx.accept();
    stalled.summaries(2);
    let filling = format!(r#"{{"type":"Event","filling":"{}"}}"#, "x".repeat(100_000));
    // More than the buffers of both kernels take.
    for _ in 0..200 {
        assert_eq!(pbx.event("app2", &filling), ARIWS_OK);
    }
    assert_eq!(pbx.event("app1", r#"{"type":"Last"}"#), ARIWS_OK);
    pbx.change("connection1", "apps = app1");
    stalled.reset();
    pbx.accept().says(["ApplicationRegistered app1", "Last app1"]);
    pbx.wait_for_log("events of applications that are gone were dropped");
}

#[test]
fn another_order_registers_everything_anew_and_counts_at_the_next_connection() {
    let (mut pbx, connection) = Pbx::persistent("app1,app2").up();
    pbx.host.forget();
    pbx.change("connection1", "apps = app2,app1");
    let registered = ["app2", "app1"].map(|app| Call::Register(app.into(), false));
    assert_eq!(pbx.host.calls(), registered);
    connection.reset();
    pbx.accept()
        .says(["ApplicationRegistered app2", "ApplicationRegistered app1"]);
}

#[test]
fn an_application_that_a_channel_enters_while_a_reload_gives_it_up_is_not_left_registered() {
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let host = Host::reacting(move |_, call| {
        if *call == Call::DestroyContext("stasis-app2".into()) {
            // Ends when the test goes on, or ends.
            let _ = waits.lock().expect("the lock").recv();
        }
    });
    let (mut pbx, _connection) = Pbx::persistent("app1,app2").host(host).up();
    pbx.set("connection1", "apps = app1");
    std::thread::scope(|scope| {
        let reload = scope.spawn(|| pbx.reload());
        pbx.wait_for_call(&Call::DestroyContext("stasis-app2".into()));
        let started = pbx.stasis_start_async("app2", "1", "Local/1").recv();
        assert_eq!(started, Ok(Ok("app2".into())));
        go_on.send(()).expect("a host that waits");
        reload.join().expect("an end");
    });
    assert!(!pbx.host.has("app2"));
}

#[test]
fn an_application_that_was_refused_is_served_once_a_reload_has_registered_it() {
    let setup = Pbx::persistent("app1,app2").host(Host::refusing(&["app1"]));
    let mut pbx = setup.load();
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app2"]);
    pbx.host.refuse(&[]);
    pbx.change("connection1", "apps = app1");
    connection.says(["ApplicationUnregistered app2", "ApplicationRegistered app1"]);
    assert_eq!(pbx.event("app1", r#"{"type":"Event"}"#), ARIWS_OK);
    connection.says(["Event app1"]);
    pbx.unload(Duration::ZERO);
    assert!(!pbx.host.has("app1"));
}

#[test]
fn nothing_but_a_change_of_apps_registers_what_stays() {
    let mut pbx = Pbx::persistent("app1,app2")
        .connection("connection2", "persistent", "app3", "")
        .load();
    pbx.set("connection1", "reconnect_interval = 30");
    pbx.set("connection1", "local_ari_user = reader");
    pbx.set("connection1", "protocols = other");
    pbx.set("connection2", "apps = app3,app4");
    pbx.host.forget();
    pbx.reload();
    let mut registered = pbx.host.calls();
    registered.retain(|call| matches!(call, Call::Register(..)));
    let expected = ["app3", "app4"].map(|app| Call::Register(app.into(), false));
    assert_eq!(registered, expected);
}

/// A connection that a server keeps waiting in the handshake while its configuration changes; what it then says first.
fn heard_after(change: &str, count: usize) -> Vec<String> {
    let mut pbx = Pbx::persistent("app1,app2").load();
    let hanging = pbx.server.attempt();
    pbx.change("connection1", change);
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
    let server = MuteServer::start();
    let mut pbx = Pbx::configured(|_| Configuration::with("persistent", server.address(), "app1")).load();
    let attempts = server.wait_for_attempts(|attempts| !attempts.is_empty());
    pbx.change("connection1", "subscribe_all = yes\napps = app2");
    assert!(server.keeps(&attempts));
    assert!(pbx.host.has("app2") && !pbx.host.has("app1"));
}

#[test]
fn events_that_wait_for_a_connection_are_dropped_with_their_application() {
    let mut pbx = Pbx::persistent("app1,app2").nobody_listens().load();
    pbx.event("app1", EVENT);
    pbx.event("app2", EVENT);
    pbx.change("connection1", "apps = app2");
    pbx.wait_for_log("1 events of application app1, which is gone, were dropped");
    pbx.server.listen();
    pbx.accept().says(["ApplicationRegistered app2", "Event app2"]);
}

#[test]
fn events_that_wait_for_a_connection_outlive_a_change_of_subscribe_all() {
    let mut pbx = Pbx::persistent("app1").nobody_listens().load();
    pbx.event("app1", EVENT);
    pbx.change("connection1", "subscribe_all = yes");
    pbx.server.listen();
    pbx.accept().says(["ApplicationRegistered app1", "Event app1"]);
}

#[test]
fn an_event_that_comes_while_subscribe_all_changes_is_sent_after_it() {
    let host = Host::calling_back(|library, call| {
        if let Call::Unregister(_) = call {
            library.event("app1", EVENT);
        }
    });
    let (mut pbx, mut connection) = Pbx::persistent("app1,app2").host(host).up();
    pbx.change("connection1", "subscribe_all = yes");
    connection.says([
        // While app1 is being unregistered.
        "Event app1",
        "ApplicationUnregistered app1",
        "ApplicationUnregistered app2",
        "ApplicationRegistered app1",
        // While app2 is.
        "Event app1",
        "ApplicationRegistered app2",
    ]);
}

/// Two connections, the first of which has become invalid and lost `app2` to the second.
fn taken_over() -> Pbx {
    let mut pbx = Pbx::persistent("app1,app2")
        .connection("connection2", "persistent", "app3", "")
        .load();
    pbx.set("connection1", "local_ari_user = nobody");
    pbx.set("connection1", "apps = app1");
    pbx.change("connection2", "apps = app3,app2");
    pbx.host.forget();
    pbx
}

/// `connection2` has `app2` still.
fn keeps_it(pbx: &Pbx) {
    assert!(pbx.host.has("app2"));
    let destroyed = Call::DestroyContext("stasis-app2".into());
    assert!(!pbx.host.calls().contains(&destroyed));
    assert_eq!(pbx.event("app2", EVENT), ARIWS_OK);
}

#[test]
fn an_application_that_an_invalid_connection_has_lost_stays_with_the_other_when_it_recovers() {
    let mut pbx = taken_over();
    pbx.change("connection1", "local_ari_user = user1");
    keeps_it(&pbx);
}

#[test]
fn an_application_that_an_invalid_connection_has_lost_stays_with_the_other_when_it_is_removed() {
    let mut pbx = taken_over();
    pbx.configuration.remove("connection1");
    pbx.reload();
    keeps_it(&pbx);
}

#[test]
fn an_invalid_connection_hears_that_another_one_has_taken_its_application() {
    let two = Server::start();
    let (mut pbx, mut loser) = Pbx::persistent("app1,app2")
        .connection_to(two.address(), "connection2", "persistent", "app3", "")
        .up();
    let mut winner = two.accept();
    winner.says(["ApplicationRegistered app3"]);
    pbx.set("connection1", "local_ari_user = nobody");
    pbx.set("connection1", "apps = app1");
    pbx.change("connection2", "apps = app3,app2");
    loser.says(["ApplicationUnregistered app2"]);
    winner.says(["ApplicationRegistered app2"]);
}
