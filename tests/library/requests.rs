//! REST requests from the application to the host.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Call, Connection, Host, Pbx, request};
use serde_json::{Value, json};

/// A persistent connection that is up, with `app1` and `app2`.
fn up() -> (Pbx, Connection) {
    Pbx::persistent("app1,app2").up()
}

#[test]
fn a_request_reaches_the_host_with_everything_and_its_answer_the_application() {
    let (pbx, mut connection) = up();
    connection.send(&json!({
        "type": "RESTRequest", "transaction_id": "t1", "request_id": "r1", "method": "POST",
        "uri": "channels?a=1%20x", "query_strings": [{"name": "a", "value": "2%20y"}],
        "content_type": "application/json", "message_body": "{\"b\":3}",
    }));
    let request = pbx.wait_for_request("channels");
    assert_eq!(
        (
            request.application.as_str(),
            request.session_id.as_str(),
            request.method.as_str()
        ),
        ("app1", "connection1", "POST")
    );
    assert_eq!(request.parameters, [("a".into(), "1 x".into()), ("a".into(), "2%20y".into())]);
    assert_eq!(request.body.as_deref(), Some("{\"b\":3}"));
    assert_eq!(
        (request.user.as_str(), request.password.as_str(), request.read_only),
        ("user1", "userpass", false)
    );
    assert_eq!(pbx.complete(request.id, 200, Some("{\"id\": \"x\"}")), ARIWS_OK);
    let answer = connection.json();
    assert_eq!(answer["type"], "RESTResponse");
    assert_eq!(answer["transaction_id"], "t1");
    assert_eq!(answer["request_id"], "r1");
    assert_eq!(answer["status_code"], 200);
    assert_eq!(answer["reason_phrase"], "OK");
    assert_eq!(answer["uri"], "channels");
    assert_eq!(answer["message_body"], "{\"id\":\"x\"}");
    assert_eq!(answer["application"], "app1");
}

#[test]
fn an_answer_counts_once() {
    let (pbx, mut connection) = up();
    connection.send(&request("r", "GET", "one"));
    let id = pbx.wait_for_request("one").id;
    assert_eq!(pbx.complete(id, 204, None), ARIWS_OK);
    assert_eq!(pbx.complete(id, 204, None), ARIWS_ERROR_NOT_FOUND);
    assert_eq!(pbx.complete(4711, 204, None), ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn an_answer_that_cannot_be_sent_leaves_the_request_open() {
    let (pbx, mut connection) = up();
    connection.send(&request("r", "GET", "one"));
    let id = pbx.wait_for_request("one").id;
    assert_eq!(pbx.complete(id, 99, None), ARIWS_ERROR_ARGUMENT);
    assert_eq!(pbx.complete(id, 200, Some("{broken")), ARIWS_ERROR_JSON);
    assert_eq!(pbx.complete(id, 204, None), ARIWS_OK);
    assert_eq!(connection.json()["status_code"], 204);
}

#[test]
fn requests_of_one_connection_run_one_after_the_other() {
    let (pbx, mut connection) = up();
    connection.send(&request("1", "GET", "one"));
    connection.send(&request("2", "GET", "two"));
    let one = pbx.wait_for_request("one");
    assert!(connection.is_quiet());
    let asked = |call: &Call| matches!(call, Call::Request(request) if request.path == "two");
    assert!(!pbx.host.calls().iter().any(asked));
    pbx.complete(one.id, 204, None);
    let two = pbx.wait_for_request("two");
    pbx.complete(two.id, 204, None);
    assert_eq!(connection.json()["request_id"], "1");
    assert_eq!(connection.json()["request_id"], "2");
}

#[test]
fn request_concurrency_lets_several_run() {
    let (pbx, mut connection) = Pbx::persistent("app1,app2")
        .set("connection1", "request_concurrency = 2")
        .up();
    connection.send(&request("1", "GET", "one"));
    connection.send(&request("2", "GET", "two"));
    let (one, two) = (pbx.wait_for_request("one"), pbx.wait_for_request("two"));
    pbx.complete(two.id, 204, None);
    assert_eq!(connection.json()["request_id"], "2");
    pbx.complete(one.id, 204, None);
    assert_eq!(connection.json()["request_id"], "1");
}

#[test]
fn a_read_only_user_may_only_look() {
    let (pbx, mut connection) = Pbx::persistent("app1,app2")
        .set("connection1", "local_ari_user = reader")
        .up();
    let answer = connection.ask("DELETE", "channels/1");
    assert_eq!(answer["status_code"], 403);
    assert_eq!(answer["message_body"], r#"{"message":"Write access denied"}"#);
    connection.send(&request("2", "GET", "channels"));
    let request = pbx.wait_for_request("channels");
    assert!(request.read_only);
    pbx.complete(request.id, 200, Some("[]"));
    assert_eq!(connection.json()["status_code"], 200);
}

#[test]
fn a_request_is_run_though_the_application_left_behind_it() {
    let (pbx, mut connection) = up();
    connection.send(&request("1", "DELETE", "channels/1"));
    connection.close(1000);
    pbx.wait_for_request("channels/1");
}

#[test]
fn an_answer_does_not_reach_the_next_connection() {
    let (pbx, mut connection) = up();
    connection.send(&request("1", "GET", "one"));
    let one = pbx.wait_for_request("one");
    connection.reset();
    let mut next = pbx.accept();
    next.summaries(2);
    assert_eq!(pbx.complete(one.id, 204, None), ARIWS_OK);
    assert!(next.is_quiet());
    pbx.wait_for_output("ari show websocket sessions", |_| {
        pbx.metrics().contains("ariws_responses_undelivered_total 1")
    });
}

#[test]
fn a_slow_request_on_one_connection_delays_no_other() {
    let pbx = Pbx::persistent("app1")
        .connection("connection2", "persistent", "app2", "")
        .load();
    let (mut one, mut two) = (pbx.accept(), pbx.accept());
    one.send(&request("1", "GET", "slow"));
    pbx.wait_for_request("slow");
    two.send(&request("2", "GET", "fast"));
    let fast = pbx.wait_for_request("fast");
    pbx.complete(fast.id, 204, None);
    two.summary();
    assert_eq!(two.json()["request_id"], "2");
}

#[test]
fn more_requests_than_are_taken_in_at_once_are_all_answered() {
    let (_pbx, mut connection) = Pbx::persistent("app1").host(Host::answering(204)).up();
    for number in 0..500 {
        connection.send(&request(&number.to_string(), "GET", "x"));
    }
    for number in 0..500 {
        assert_eq!(connection.json()["request_id"], Value::from(number.to_string()));
    }
}

#[test]
fn a_request_runs_on_a_thread_of_the_library_never_on_a_channels_own() {
    const CALLS: usize = 20;
    let threads = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&threads);
    let host = Host::reacting(move |_, call| {
        if let Call::Request(_) = call {
            let name = thread::current().name().map(str::to_owned);
            shared.lock().expect("the lock").push(name);
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    // Each application asks at once, while the channel's own thread is in the library and registers the application.
    let ask = |call: usize| {
        let mut connection = pbx.accept();
        connection.send(&request("r", "GET", &format!("channels/{call}")));
        connection
    };
    let connections = thread::scope(|scope| {
        let applications = scope.spawn(|| (0..CALLS).map(ask).collect::<Vec<_>>());
        for call in 0..CALLS {
            let started = pbx.stasis_start("app1", &call.to_string(), &format!("SIP/{call}"));
            assert_eq!(started, Ok(format!("app1:SIP/{call}")));
        }
        applications.join().expect("the applications")
    });
    for call in 0..CALLS {
        pbx.wait_for_request(&format!("channels/{call}"));
    }
    drop(connections);
    // Returns when every callback has.
    assert_eq!(pbx.unload(Duration::ZERO), ARIWS_OK);
    let threads = threads.lock().expect("the lock");
    assert_eq!(threads.len(), CALLS);
    for name in threads.iter() {
        let name = name.as_deref().unwrap_or_default();
        assert!(name.starts_with("ariws-"), "a request ran on thread '{name}'");
    }
}

/// The messages that the header shows.
fn shown_by_the_header() -> (Value, Value) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/include/ariws.h");
    let header = std::fs::read_to_string(path).expect("the header");
    let text = header.replace("\n// ", "\n");
    let mut blocks = text
        .split("```json\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .map(|block| serde_json::from_str(block).expect("JSON"));
    let mut next = || blocks.next().expect("a message");
    (next(), next())
}

#[test]
fn the_messages_of_the_header_are_those_that_are_sent() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    let (asked, mut expected) = shown_by_the_header();
    connection.send(&asked);
    let request = pbx.wait_for_request("channels/1732.4/play");
    let parameters = [("media", "sound:beep"), ("lang", "en")];
    assert_eq!(
        request.parameters,
        parameters.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    assert_eq!(request.body.as_deref(), asked["message_body"].as_str());
    pbx.complete(request.id, 201, Some(r#"{"id": "p1"}"#));
    let answer = connection.json();
    expected["timestamp"] = answer["timestamp"].clone();
    assert_eq!(answer, expected);
}
