//! Persistent connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Call, Host, Pbx};

#[test]
fn applications_are_registered_with_their_contexts_in_configured_order() {
    let pbx = Pbx::persistent("zeta, alpha").load();
    assert_eq!(
        pbx.host.calls(),
        [
            Call::Register("zeta".into(), false),
            Call::CreateContext("stasis-zeta".into(), "zeta".into()),
            Call::Register("alpha".into(), false),
            Call::CreateContext("stasis-alpha".into(), "alpha".into()),
        ]
    );
}

#[test]
fn application_registered_comes_first_for_each_application_in_configured_order() {
    let pbx = Pbx::persistent("zeta, alpha, mid").load();
    assert_eq!(pbx.event("mid", r#"{"type":"Early"}"#), ARIWS_OK);
    pbx.accept().says([
        "ApplicationRegistered zeta",
        "ApplicationRegistered alpha",
        "ApplicationRegistered mid",
        "Early mid",
    ]);
}

#[test]
fn application_registered_has_the_members_of_asterisk_in_their_order() {
    let pbx = Pbx::persistent("app1").load();
    let mut connection = pbx.accept();
    let text = connection.text();
    let (before, rest) = text.split_once("\"timestamp\":\"").expect("a timestamp");
    let (_, after) = rest.split_once('"').expect("its end");
    assert_eq!(before, r#"{"type":"ApplicationRegistered","#);
    assert_eq!(after, r#","application":"app1","asterisk_id":"02:fc:00:00:00:01"}"#);
}

#[test]
fn a_refused_registration_leaves_the_other_applications_working() {
    let pbx = Pbx::persistent("app1,app2").host(Host::refusing(&["app1"])).load();
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app2"]);
    assert_ne!(pbx.event("app1", r#"{"type":"Lost"}"#), ARIWS_OK);
    pbx.wait_for_log("did not register application app1");
}

#[test]
fn an_application_that_is_registered_again_while_its_connection_ends_is_unregistered() {
    let (go_on, waits) = mpsc::channel::<()>();
    let (waits, registrations) = (Mutex::new(waits), AtomicUsize::new(0));
    let host = Host::reacting(move |_, call| {
        let is_register = matches!(call, Call::Register(..));
        if is_register && registrations.fetch_add(1, Ordering::SeqCst) == 1 {
            // Ends when the test goes on, or ends.
            let _ = waits.lock().expect("the lock").recv();
        }
    });
    let (pbx, _connection) = Pbx::persistent("app1").host(host).up();
    pbx.host.forget();
    pbx.host.set_registered("app1", false);
    let starting = pbx.stasis_start_async("app1", "1", "Local/1");
    pbx.wait_for_call(&Call::Register("app1".into(), false));
    let (code, _) = pbx.command("ari shutdown websocket session connection1");
    assert_eq!(code, ARIWS_OK);
    go_on.send(()).expect("a host that waits");
    assert!(starting.recv().expect("an outcome").is_err());
    assert!(!pbx.host.has("app1"));
}

#[test]
fn a_close_that_is_not_answered_ends_by_itself() {
    let pbx = Pbx::persistent("app1").load();
    let mut deaf = pbx.accept();
    deaf.summary();
    pbx.command("ari shutdown websocket session connection1");
    pbx.command("ari start outbound-websocket connection1");
    pbx.accept().says(["ApplicationRegistered app1"]);
    // Ends because the library gave up, not because an answer came.
    assert!(!deaf.read_raw().is_empty());
}

#[test]
fn an_interval_of_zero_is_no_storm() {
    let setup = Pbx::persistent("app1")
        .set("connection1", "reconnect_interval = 0\nreconnect_attempts = 1")
        .nobody_listens();
    let began = std::time::Instant::now();
    let pbx = setup.load();
    pbx.wait_for_log("at attempt 10 ");
    // Nine pauses of 10 ms.
    assert!(began.elapsed() >= std::time::Duration::from_millis(90));
}
