//! Requests that the host does not answer, and applications that ask for more than it can do.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use ariws::ffi::*;
use ariws_testkit::{Call, Connection, DEADLINE, Host, Pbx, metric, request};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

/// `connection1`, up, with more lines.
fn up(lines: &str) -> (Pbx, Connection) {
    Pbx::persistent("app1").set("connection1", lines).up()
}

fn wait_for_cancel(pbx: &Pbx, id: u64) {
    pbx.wait_for_call(&Call::RequestCancelled(id));
}

fn wait_for_detail(pbx: &Pbx, line: &str) {
    let (name, value) = line.split_once(' ').expect("a name and a value");
    let shown = |output: &str| {
        let mut lines = output.lines().map(|line| line.split_whitespace().collect());
        lines.any(|words: Vec<_>| words == [name, "=", value])
    };
    pbx.wait_for_output("ari show outbound-websocket connection1 detail", shown);
}

/// A host that stays inside the callback for the path `stuck` until it is told to go on.
fn stuck_host() -> (Box<Host>, Sender<()>) {
    let (go_on, told): (Sender<()>, Receiver<()>) = channel();
    let told = Mutex::new(told);
    let host = Host::reacting(move |_, call| {
        if matches!(call, Call::Request(request) if request.path == "stuck") {
            let told = told.lock().unwrap_or_else(PoisonError::into_inner);
            // Fails if the test has ended.
            let _ = told.recv_timeout(DEADLINE);
        }
    });
    (host, go_on)
}

fn body(answer: &Value) -> String {
    answer["message_body"].as_str().expect("a body").to_owned()
}

#[test]
fn a_request_that_is_never_answered_does_not_hold_up_those_of_the_next_websocket() {
    let (pbx, mut connection) = up("");
    connection.send(&request("1", "GET", "never"));
    let never = pbx.wait_for_request("never");
    connection.send(&request("2", "GET", "behind"));
    wait_for_detail(&pbx, "requests_waiting 1");
    connection.reset();
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app1"]);
    connection.send(&request("3", "GET", "next"));
    let next = pbx.wait_for_request("next");
    assert_eq!(pbx.complete(next.id, 204, None), ARIWS_OK);
    assert_eq!(connection.json()["request_id"], "3");
    // Those of the websocket that has ended still have their order.
    let asked = |call: &Call| matches!(call, Call::Request(request) if request.path == "behind");
    assert!(!pbx.host.calls().iter().any(asked));
    assert_eq!(pbx.complete(never.id, 204, None), ARIWS_OK);
    let behind = pbx.wait_for_request("behind");
    assert_eq!(pbx.complete(behind.id, 204, None), ARIWS_OK);
    assert!(connection.is_quiet());
}

#[test]
fn the_host_hears_that_the_websocket_of_a_request_has_ended() {
    let (pbx, mut connection) = up("");
    connection.send(&request("1", "GET", "one"));
    let one = pbx.wait_for_request("one");
    connection.reset();
    wait_for_cancel(&pbx, one.id);
    let _connection = pbx.accept();
    wait_for_detail(&pbx, "requests_under_way 1");
    assert_eq!(pbx.complete(one.id, 204, None), ARIWS_OK);
    wait_for_detail(&pbx, "requests_under_way 0");
    let cancelled = |call: &&Call| matches!(call, Call::RequestCancelled(_));
    assert_eq!(pbx.host.calls().iter().filter(cancelled).count(), 1);
}

#[test]
fn a_request_that_is_not_answered_in_time_is_answered_504_and_the_next_one_runs() {
    let (pbx, mut connection) = up("request_timeout = 200");
    connection.send(&request("1", "GET", "late"));
    connection.send(&request("2", "GET", "next"));
    let late = pbx.wait_for_request("late");
    let answer = connection.json();
    assert_eq!((&answer["request_id"], &answer["status_code"]), (&"1".into(), &504.into()));
    assert_eq!(body(&answer), r#"{"message":"No answer for 200 ms (request_timeout)"}"#);
    wait_for_cancel(&pbx, late.id);
    pbx.wait_for_log("was not answered by the PBX for 200 ms (request_timeout); answered 504");
    assert_eq!(pbx.complete(late.id, 204, None), ARIWS_ERROR_NOT_FOUND);
    let next = pbx.wait_for_request("next");
    // This one may be late as well, on a machine with other work.
    pbx.complete(next.id, 204, None);
    assert_eq!(connection.json()["request_id"], "2");
    let counted = pbx.metrics();
    assert!(counted.contains("ariws_requests_timed_out_total "), "{counted}");
}

#[test]
fn a_request_whose_callback_does_not_return_is_answered_504_and_the_next_one_runs() {
    let (host, go_on) = stuck_host();
    let (pbx, mut connection) = Pbx::persistent("app1")
        .set("connection1", "request_timeout = 300")
        .host(host)
        .up();
    connection.send(&request("1", "GET", "stuck"));
    connection.send(&request("2", "GET", "next"));
    assert_eq!(connection.json()["status_code"], 504);
    let next = pbx.wait_for_request("next");
    go_on.send(()).expect("the host waits");
    pbx.complete(next.id, 204, None);
    assert_eq!(connection.json()["request_id"], "2");
    // The thread that was held has no slot any more: requests still run one after the other.
    connection.send(&request("3", "GET", "third"));
    connection.send(&request("4", "GET", "fourth"));
    let third = pbx.wait_for_request("third");
    pbx.complete(third.id, 204, None);
    assert_eq!(connection.json()["request_id"], "3");
    pbx.wait_for_request("fourth");
}

#[test]
fn a_request_that_finds_no_thread_in_time_is_answered_504_and_never_run() {
    let (host, go_on) = stuck_host();
    let (pbx, mut connection) = Pbx::persistent("app1")
        .set("connection1", "request_timeout = 200")
        .host(host)
        .options(|options| options.request_threads = 1)
        .up();
    connection.send(&request("1", "GET", "stuck"));
    connection.send(&request("2", "GET", "behind"));
    assert_eq!(connection.json()["request_id"], "1");
    let answer = connection.json();
    assert_eq!((&answer["request_id"], &answer["status_code"]), (&"2".into(), &504.into()));
    assert_eq!(
        body(&answer),
        r#"{"message":"Not run: no turn for 200 ms (request_timeout)"}"#
    );
    go_on.send(()).expect("the host waits");
    connection.send(&request("3", "GET", "third"));
    let third = pbx.wait_for_request("third");
    pbx.complete(third.id, 204, None);
    let asked = |call: &Call| matches!(call, Call::Request(request) if request.path == "behind");
    assert!(!pbx.host.calls().iter().any(asked));
}

#[test]
fn a_connection_is_read_however_many_requests_are_unanswered() {
    let (pbx, mut connection) = up("");
    for number in 1..=5000 {
        connection.send(&request(&number.to_string(), "GET", "never"));
    }
    connection.websocket.send(Message::Ping("hello".into())).expect("room");
    let (mut refused, mut answered) = (0, false);
    while refused < 5000 - 4096 || !answered {
        match connection.websocket.read().expect("a message") {
            Message::Pong(payload) => {
                assert_eq!(&payload[..], b"hello");
                answered = true;
            }
            Message::Text(text) => {
                let answer: Value = serde_json::from_str(&text).expect("an answer");
                assert_eq!(answer["status_code"], 503);
                assert_eq!(body(&answer), r#"{"message":"Too many requests wait"}"#);
                refused += 1;
            }
            // The library's own, which ask whether its messages have arrived.
            Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
    wait_for_detail(&pbx, "requests_waiting 4095");
    wait_for_detail(&pbx, "requests_under_way 1");
    pbx.wait_for_log("requests are refused: 4095 wait");
    connection.reset();
    // Noticed at once.
    pbx.accept();
    pbx.wait_for_log("904 requests were refused while the connection was up");
}

#[test]
fn an_application_that_reads_no_answer_is_not_read_any_more() {
    let lines = "request_timeout = 86400000\nwrite_timeout = 1000";
    let (pbx, mut connection) = up(lines);
    // As short as it may be for an answer as long as it gets.
    let message = request("1", "GET", &"x".repeat(1000));
    // The library reads it all until its answers fill the buffers of both kernels; then it gives the peer up.
    let text = Message::text(message.to_string());
    while connection.websocket.send(text.clone()).is_ok() {}
    pbx.host.wait_for_loss();
    assert!(pbx.metrics().contains("ariws_requests_refused_total "));
}

#[test]
fn as_many_requests_run_at_a_time_as_are_configured() {
    let (pbx, mut connection) = up("request_concurrency = 1024");
    for number in 1..=1025 {
        connection.send(&request(&number.to_string(), "GET", &format!("r{number}")));
    }
    wait_for_detail(&pbx, "requests_under_way 1024");
    wait_for_detail(&pbx, "requests_waiting 1");
    let first = pbx.wait_for_request("r1");
    pbx.complete(first.id, 204, None);
    pbx.wait_for_request("r1025");
}

#[test]
fn requests_of_applications_that_come_and_go_do_not_pile_up() {
    let pbx = Pbx::persistent("app1").load();
    for _ in 0..3 {
        let mut connection = pbx.accept();
        connection.says(["ApplicationRegistered app1"]);
        let before = pbx.metric("requests_received_total");
        for _ in 0..2000 {
            connection.send(&request("1", "GET", "never"));
        }
        let received = |metrics: &str| metric(metrics, "requests_received_total");
        pbx.wait_for_metrics(|metrics| received(metrics) == before + 2000);
        connection.reset();
    }
    pbx.wait_for_log("1999 requests of connections that have ended were not run: more than 4096 waited");
}

#[test]
fn requests_that_wait_count_among_what_waits_over_all_connections() {
    let (pbx, mut connection) = Pbx::persistent("app1")
        .options(|options| options.queue_max_total_bytes = 1 << 20)
        .up();
    connection.send(&request("1", "GET", "never"));
    pbx.wait_for_request("never");
    // Ten of them fit beside one another, four times as many would if the connection were alone.
    for number in 2..=13 {
        connection.send(&request(&number.to_string(), "GET", &"x".repeat(100_000)));
    }
    for number in ["12", "13"] {
        let answer = connection.json();
        assert_eq!((&answer["request_id"], &answer["status_code"]), (&number.into(), &503.into()));
    }
    wait_for_detail(&pbx, "requests_waiting 10");
}
