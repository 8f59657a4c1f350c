//! Applications that somebody has and another one asks for: what comes of it when the host refuses.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};

use ariws::ffi::*;
use ariws_testkit::{Call, Connection, DEADLINE, Host, Pbx, Server};

const EVENT: &str = r#"{"type":"Event"}"#;
const REFUSED: &str = "the PBX did not register application app2; its calls and events go elsewhere";

/// Two connections that are up, each with a server of its own: `connection1` has `app1` and `app2`, `connection2` has `app3`.
fn two_connections(host: Box<Host>) -> (Pbx, Connection, Connection) {
    let two = Server::start();
    let (pbx, first) = Pbx::persistent("app1,app2")
        .connection_to(two.address(), "connection2", "persistent", "app3", "")
        .host(host)
        .up();
    let mut second = two.accept();
    second.says(["ApplicationRegistered app3"]);
    (pbx, first, second)
}

/// Has `app2` given to `connection2`, while `connection1`, which has become invalid, goes on with it.
fn ask_for_it(pbx: &mut Pbx) {
    pbx.set("connection1", "local_ari_user = nobody");
    pbx.set("connection1", "apps = app1");
    pbx.change("connection2", "apps = app3,app2");
}

/// `connection1` has `app2` and its context, and neither connection has heard of another owner.
fn first_keeps_it(pbx: &Pbx, first: &mut Connection, second: &mut Connection) {
    assert_eq!(pbx.event("app2", EVENT), ARIWS_OK);
    first.says(["Event app2"]);
    assert_eq!(pbx.event("app3", EVENT), ARIWS_OK);
    second.says(["Event app3"]);
    assert!(pbx.host.has("app2"));
    let (unregistered, destroyed) = (Call::Unregister("app2".into()), Call::DestroyContext("stasis-app2".into()));
    let calls = pbx.host.calls();
    assert!(!calls.contains(&unregistered) && !calls.contains(&destroyed), "{calls:#?}");
}

/// Nothing is left of it after the unloading.
fn nothing_is_left(pbx: &Pbx) {
    pbx.unload(DEADLINE);
    for app in ["app1", "app2", "app3"] {
        assert!(!pbx.host.has(app), "{app}");
        let destroyed = Call::DestroyContext(format!("stasis-{app}"));
        let times = pbx.host.calls().iter().filter(|call| **call == destroyed).count();
        assert_eq!(times, 1, "{app}");
    }
}

#[test]
fn a_connection_that_the_host_refuses_the_application_of_another_leaves_that_one_alone() {
    let (mut pbx, mut first, mut second) = two_connections(Host::new());
    pbx.host.refuse(&["app2"]);
    ask_for_it(&mut pbx);
    pbx.wait_for_log(REFUSED);
    first_keeps_it(&pbx, &mut first, &mut second);
    nothing_is_left(&pbx);
}

#[test]
fn a_connection_that_was_refused_an_application_takes_it_over_once_a_reload_asks_again() {
    let (mut pbx, mut first, mut second) = two_connections(Host::new());
    pbx.host.refuse(&["app2"]);
    ask_for_it(&mut pbx);
    pbx.host.refuse(&[]);
    pbx.change("connection2", "apps = app2,app3");
    first.says(["ApplicationUnregistered app2"]);
    second.says(["ApplicationRegistered app2"]);
    assert_eq!(pbx.event("app2", EVENT), ARIWS_OK);
    second.says(["Event app2"]);
    nothing_is_left(&pbx);
}

#[test]
fn events_go_to_the_connection_that_has_the_application_until_the_host_has_registered_it_for_another() {
    let host = Host::calling_back(|library, call| {
        if matches!(call, Call::Register(app, _) if app == "app2") {
            library.event("app2", EVENT);
        }
    });
    let (mut pbx, mut first, mut second) = two_connections(host);
    ask_for_it(&mut pbx);
    first.says(["Event app2", "ApplicationUnregistered app2"]);
    second.says(["ApplicationRegistered app2"]);
}

#[test]
fn of_two_connections_that_ask_at_a_time_the_first_keeps_what_the_host_refuses_the_second() {
    let (go_on, waits) = mpsc::channel::<()>();
    let (waits, registrations) = (Mutex::new(waits), AtomicUsize::new(0));
    let host = Host::reacting(move |host, call| {
        if !matches!(call, Call::Register(app, _) if app == "app2") {
            return;
        }
        match registrations.fetch_add(1, Ordering::SeqCst) {
            // Ends when the test goes on, or ends.
            1 => drop(waits.lock().expect("the lock").recv()),
            2 => host.refuse(&["app2"]),
            _ => {}
        }
    });
    let (mut pbx, mut first, mut second) = two_connections(host);
    // Somebody else has taken it and left, so that a channel that enters has it registered again.
    pbx.host.set_registered("app2", false);
    pbx.host.forget();
    let starting = pbx.stasis_start_async("app2", "1", "Local/1");
    pbx.wait_for_call(&Call::Register("app2".into(), false));
    ask_for_it(&mut pbx);
    pbx.wait_for_log(REFUSED);
    pbx.host.refuse(&[]);
    go_on.send(()).expect("a host that waits");
    assert_eq!(starting.recv_timeout(DEADLINE), Ok(Ok("app2".into())));
    first.says(["ApplicationRegistered app2"]);
    first_keeps_it(&pbx, &mut first, &mut second);
    nothing_is_left(&pbx);
}

#[test]
fn an_application_of_an_inbound_websocket_that_the_host_does_not_give_up_stays_there() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").host(Host::refusing(&["app2"])).up();
    pbx.host.set_registered("app2", true);
    assert_eq!(pbx.inbound_opened("uuid-1", "127.0.0.1:4000", "app2"), ARIWS_OK);
    pbx.change("connection1", "apps = app1,app2");
    pbx.wait_for_log(REFUSED);
    assert_eq!(pbx.event("app2", EVENT), ARIWS_ERROR_NOT_FOUND);
    assert_eq!(pbx.event("app1", EVENT), ARIWS_OK);
    connection.says(["Event app1"]);
    pbx.change("connection1", "apps = app1");
    pbx.unload(DEADLINE);
    assert!(pbx.host.has("app2"));
    assert!(!pbx.host.calls().contains(&Call::Unregister("app2".into())));
}

#[test]
fn an_application_that_the_host_refused_is_registered_when_the_inbound_websocket_that_has_it_leaves() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").host(Host::refusing(&["app2"])).up();
    pbx.host.set_registered("app2", true);
    assert_eq!(pbx.inbound_opened("uuid-1", "127.0.0.1:4000", "app2"), ARIWS_OK);
    pbx.change("connection1", "apps = app1,app2");
    pbx.wait_for_log(REFUSED);
    pbx.host.refuse(&[]);
    pbx.host.set_registered("app2", false);
    assert_eq!(pbx.inbound_closed("uuid-1"), ARIWS_OK);
    connection.says(["ApplicationRegistered app2"]);
}
