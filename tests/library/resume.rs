//! What an application hears of an outage (`announce_resume`).

use std::sync::Mutex;
use std::sync::mpsc::channel;

use ariws_testkit::{Asked, Call, Host, Pbx, Setup, TextKind};
use serde_json::json;

use crate::delivery::{AT_LEAST_ONCE, again, numbers, offer, wait_until_sent};
use crate::per_call::{APPLICATION, enter, is_told};

fn announcing() -> Setup {
    Pbx::persistent("app1").set("connection1", "announce_resume = yes")
}

/// A host that tells of every application that this is in it.
fn telling(snapshot: &'static str) -> Box<Host> {
    Host::giving(&[TextKind::AppSnapshot], move |_| Some(snapshot.into()))
}

#[test]
fn a_connection_that_was_made_again_is_told_what_was_missed_and_what_is_there() {
    let snapshot = r#"{"name":"app1","channel_ids":["1.1","1.2"],"bridge_ids":[],"endpoint_ids":["PJSIP/a"],"x":1}"#;
    let (pbx, connection) = announcing().host(telling(snapshot)).up();
    let mut connection = again(&pbx, connection);
    connection.says(["ApplicationRegistered app1"]);
    let resumed = connection.json();
    let of = |member: &str| resumed[member].clone();
    assert_eq!(
        json!([of("type"), of("application"), of("asterisk_id")]),
        json!(["ApplicationResumed", "app1", "02:fc:00:00:00:01"])
    );
    assert_eq!(
        json!([of("channels"), of("bridges"), of("endpoints")]),
        json!([["1.1", "1.2"], [], ["PJSIP/a"]])
    );
    assert!(resumed["down_ms"].is_u64() && resumed["timestamp"].is_string(), "{resumed}");
    pbx.wait_for_call(&Call::Text(Asked::AppSnapshot("app1".into())));
    assert_eq!(pbx.metric("applications_resumed_total"), 1);
}

#[test]
fn application_resumed_counts_what_waited_was_dropped_and_is_unconfirmed() {
    let mut pbx = announcing()
        .set("connection1", "queue_max_messages = 3\nreconnect_interval = 100")
        .load();
    let connection = pbx.accept();
    offer(&pbx, 1..=2);
    wait_until_sent(&pbx, 2);
    pbx.server.stop();
    connection.reset();
    pbx.wait_for_log("sent without proof of arrival");
    offer(&pbx, 3..=10);
    pbx.server.listen();
    let mut connection = pbx.accept();
    connection.summary();
    let resumed = connection.json();
    let counts = ["events_queued", "events_dropped", "events_unconfirmed"].map(|name| resumed[name].as_u64());
    assert_eq!(counts, [Some(3), Some(5), Some(2)], "{resumed}");
    let mut connection = again(&pbx, connection);
    connection.summary();
    assert_eq!(connection.json()["events_dropped"], 0);
}

#[test]
fn each_application_of_a_connection_is_told() {
    let host = Host::giving(&[TextKind::AppSnapshot], |asked| {
        let Asked::AppSnapshot(app) = asked else { return None };
        Some(json!({"channel_ids": [format!("channel of {app}")]}).to_string())
    });
    let setup = Pbx::persistent("app1, app2").set("connection1", "announce_resume = yes");
    let (pbx, connection) = setup.host(host).up();
    let mut connection = again(&pbx, connection);
    connection.says(["ApplicationRegistered app1", "ApplicationRegistered app2"]);
    for app in ["app1", "app2"] {
        let resumed = connection.json();
        assert_eq!(resumed["application"], app);
        assert_eq!(resumed["channels"], json!([format!("channel of {app}")]));
    }
}

#[test]
fn what_a_host_cannot_tell_is_left_away() {
    let hosts = [
        Host::new(),
        telling("no JSON"),
        telling("{}"),
        Host::giving(&[TextKind::AppSnapshot], |_| None),
    ];
    for host in hosts {
        let (pbx, connection) = announcing().host(host).up();
        let mut connection = again(&pbx, connection);
        connection.says(["ApplicationRegistered app1"]);
        let resumed = connection.json();
        assert_eq!(resumed["type"], "ApplicationResumed");
        assert!(resumed["down_ms"].is_u64() && resumed.get("channels").is_none(), "{resumed}");
    }
}

#[test]
fn events_wait_for_application_resumed_and_not_for_long() {
    let (asking, asked) = channel();
    let (go_on, goes_on) = channel::<()>();
    let goes_on = Mutex::new(goes_on);
    let host = Host::giving(&[TextKind::AppSnapshot], move |_| {
        asking.send(()).expect("a test");
        // Longer than its events wait for it.
        let _ = goes_on.lock().expect("a lock").recv();
        Some(r#"{"channel_ids":["late"]}"#.into())
    });
    let (pbx, connection) = announcing().set("connection1", AT_LEAST_ONCE).host(host).up();
    let mut connection = again(&pbx, connection);
    asked.recv().expect("a question");
    connection.says(["ApplicationRegistered app1"]);
    offer(&pbx, 1..=1);
    let resumed = connection.json();
    assert_eq!(
        (&resumed["type"], resumed.get("channels")),
        (&json!("ApplicationResumed"), None)
    );
    pbx.wait_for_log("the PBX did not tell in time what is in app1");
    assert_eq!(numbers(&mut connection, 1), [(1, 1)]);
    drop(go_on);
}

#[test]
fn a_first_connection_and_one_without_the_parameter_hear_nothing_of_it() {
    let (pbx, connection) = Pbx::persistent("app1").host(telling("{}")).up();
    let mut connection = again(&pbx, connection);
    offer(&pbx, 1..=1);
    connection.says(["ApplicationRegistered app1", "Event app1"]);
    let (pbx, mut connection) = announcing().host(telling("{}")).up();
    offer(&pbx, 1..=1);
    connection.says(["Event app1"]);
    assert!(!pbx.host.calls().iter().any(|call| matches!(call, Call::Text(_))));
}

#[test]
fn a_call_whose_connection_was_made_again_is_told_what_was_missed() {
    let pbx = Pbx::per_call("app1")
        .set("connection1", "announce_resume = yes")
        .host(telling(r#"{"channel_ids":["1"]}"#))
        .load();
    let connection = enter(&pbx, "1");
    let mut connection = again(&pbx, connection);
    is_told(&mut connection, ["ApplicationRegistered"]);
    let resumed = connection.json();
    assert_eq!(
        (&resumed["application"], &resumed["channels"]),
        (&json!(APPLICATION), &json!(["1"]))
    );
}

#[test]
fn repeats_follow_application_resumed() {
    let (pbx, connection) = announcing().set("connection1", AT_LEAST_ONCE).up();
    offer(&pbx, 1..=2);
    wait_until_sent(&pbx, 2);
    let mut connection = again(&pbx, connection);
    let (registered, resumed) = (connection.json(), connection.json());
    assert_eq!(registered["type"], "ApplicationRegistered");
    assert_eq!(
        (&resumed["type"], &resumed["events_unconfirmed"]),
        (&json!("ApplicationResumed"), &json!(2))
    );
    assert_eq!(numbers(&mut connection, 2), [(1, 1), (2, 2)]);
}
