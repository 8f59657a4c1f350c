//! Persistent connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Call, Host, Pbx};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

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
fn subscribe_all_reaches_the_host() {
    let pbx = Pbx::persistent("app1").set("connection1", "subscribe_all = yes").load();
    pbx.wait_for_call(&Call::Register("app1".into(), true));
}

#[test]
fn a_server_that_comes_up_later_is_reached() {
    let mut pbx = Pbx::persistent("app1").nobody_listens().load();
    assert_eq!(pbx.event("app1", r#"{"type":"Waiting"}"#), ARIWS_OK);
    pbx.wait_for_log("Connection refused");
    pbx.server.listen();
    pbx.accept().says(["ApplicationRegistered app1", "Waiting app1"]);
}

#[test]
fn a_lost_connection_is_made_again_and_announced_ahead_of_what_waited() {
    let (pbx, connection) = Pbx::persistent("app1").up();
    connection.reset();
    pbx.wait_for_log("connection lost");
    assert_eq!(pbx.event("app1", r#"{"type":"Meanwhile"}"#), ARIWS_OK);
    pbx.accept().says(["ApplicationRegistered app1", "Meanwhile app1"]);
}

#[test]
fn a_peer_that_accepts_and_drops_is_no_storm() {
    let pbx = Pbx::persistent("app1")
        .set("connection1", "reconnect_interval = 60000")
        .load();
    pbx.accept().reset();
    assert!(pbx.server.is_quiet());
}

#[test]
fn shutting_down_by_command_unregisters_closes_with_1000_and_stays_down() {
    let (pbx, mut connection) = Pbx::persistent("zeta,alpha").up();
    let (code, output) = pbx.command("ari shutdown websocket session connection1");
    assert_eq!(code, ARIWS_OK);
    assert_eq!(output, "Shutting down websocket session 'connection1'\n");
    connection.says(["ApplicationUnregistered alpha", "ApplicationUnregistered zeta"]);
    assert_eq!(connection.wait_for_close(), 1000);
    assert!(!pbx.host.has("alpha"));
    pbx.reload();
    assert!(pbx.server.is_quiet());
}

#[test]
fn starting_by_command_is_like_a_first_connection() {
    let pbx = Pbx::persistent("app1").load();
    let mut first = pbx.accept();
    first.summary();
    pbx.command("ari shutdown websocket session connection1");
    first.wait_for_close();
    pbx.host.forget();
    let (code, _) = pbx.command("ari start outbound-websocket connection1");
    assert_eq!(code, ARIWS_OK);
    pbx.accept().says(["ApplicationRegistered app1"]);
    pbx.wait_for_call(&Call::Register("app1".into(), false));
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
fn a_peer_that_stops_reading_is_dropped_and_its_queue_kept() {
    let pbx = Pbx::persistent("app1").set("connection1", "write_timeout = 100").load();
    let mut stalled = pbx.accept();
    stalled.says(["ApplicationRegistered app1"]);
    let filling = "x".repeat(100_000);
    // More than the buffers of both kernels take.
    for number in 0..200 {
        let event = json!({"type": "Event", "number": number, "filling": filling});
        assert_eq!(pbx.event("app1", &event.to_string()), ARIWS_OK);
    }
    // The kernel may be the first to give up.
    pbx.wait_for_log("(write_timeout");
    let mut next = pbx.accept();
    next.says(["ApplicationRegistered app1"]);
    // At once, or this one stops reading too.
    let reading = thread::spawn(move || {
        let mut numbers = Vec::new();
        while numbers.last() != Some(&199) {
            numbers.push(next.json()["number"].as_u64().expect("a number"));
        }
        numbers
    });
    let mut received = 0;
    while let Ok(Message::Text(text)) = stalled.websocket.read() {
        let event: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(event["number"], received);
        received += 1;
    }
    let numbers = reading.join().expect("every event to the last");
    let again = numbers.first().copied().expect("an event");
    let lost = again.checked_sub(received).expect("nothing is sent twice");
    assert!(lost <= pbx.host.wait_for_loss(), "{lost} lost");
    assert_eq!(numbers, Vec::from_iter(again..200));
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
