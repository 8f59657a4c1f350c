//! Several servers of one connection.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ariws::ffi::*;
use ariws_testkit::{Connection, Pbx, Server, Setup, Started, metric, request, until};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::per_call::{APPLICATION, NAME, is_told, leave};

const DETAIL: &str = "ari show outbound-websocket connection1 detail";
const REFUSES: &str = "HTTP/1.1 401 Unauthorized\r\n\r\n";
const TOO_BUSY: &str = "HTTP/1.1 503 Too Busy\r\nRetry-After: 3000\r\n\r\n";

/// A connection with the server of the setup first and another one second.
pub fn with_second(setup: Setup) -> (Setup, Server) {
    let second = Server::start();
    let uris = format!(
        "uri = ws://{}/ari\nuri = ws://{}/ari",
        setup.server().address(),
        second.address()
    );
    (setup.set("connection1", &uris), second)
}

pub fn calls() -> (Setup, Server) {
    with_second(Pbx::per_call("app1").set("connection1", "failback_interval = 3600000"))
}

/// A series of the given server.
fn of(name: &str, server: &Server, more: &str) -> String {
    format!(
        "{name}{{connection=\"connection1\",server=\"ws://{}/ari\"{more}}}",
        server.address()
    )
}

/// How a start ends.
fn outcome(pbx: &Pbx, channel: &str) -> Started {
    pbx.stasis_start("app1", channel, NAME)
}

/// Waits until it is known that the server is down.
pub fn wait_for_down(pbx: &Pbx, server: &Server) {
    let line = format!("ws://{}/ari down for", server.address());
    pbx.wait_for_output(DETAIL, |page| page.contains(&line));
}

#[test]
fn a_call_goes_to_the_next_server_at_once_when_one_is_not_there() {
    let (setup, second) = calls();
    // Far longer than the test may take.
    let pbx = setup
        .set("connection1", "reconnect_interval = 3600000")
        .nobody_listens()
        .load();
    let starting = pbx.stasis_start_async("app1", "1.1", NAME);
    let mut connection = second.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    is_told(&mut connection, ["ApplicationRegistered"]);
    pbx.wait_for_log(&format!("server ws://{}/ari is down", pbx.server.address()));
}

#[test]
fn a_server_that_failed_is_tried_last_from_then_on() {
    let (setup, second) = calls();
    let mut pbx = setup.nobody_listens().load();
    let first_call = pbx.stasis_start_async("app1", "1.1", NAME);
    let mut connection = second.accept();
    assert_eq!(first_call.recv().expect("an outcome"), Ok(APPLICATION.into()));
    is_told(&mut connection, ["ApplicationRegistered"]);
    leave(&pbx, "1.1");
    connection.wait_for_close();
    // Whoever asked it now would be heard.
    pbx.server.listen();
    let starting = pbx.stasis_start_async("app1", "1.2", NAME);
    let _connection = second.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    assert!(pbx.server.is_quiet());
}

#[test]
fn an_attempt_under_way_goes_to_the_next_server_when_another_one_was_not_answered_in_time() {
    const TIMEOUT: Duration = Duration::from_millis(1000);
    // How many of two calls found out by themselves that the first server takes connections and says nothing.
    let found_out = || {
        let (setup, second) = calls();
        let timeout = format!("connection_timeout = {}", TIMEOUT.as_millis());
        let pbx = setup.set("connection1", &timeout).load();
        let early = pbx.stasis_start_async("app1", "1.1", NAME);
        let _silent = pbx.server.accept_tcp();
        // The pace of the calls, no wait for anything.
        thread::sleep(TIMEOUT / 2);
        let late = pbx.stasis_start_async("app1", "2.1", "SIP/bob");
        let _connections = [second.accept(), second.accept()];
        assert_eq!(early.recv().expect("an outcome"), Ok(APPLICATION.into()));
        assert_eq!(late.recv().expect("an outcome"), Ok("app1:SIP/bob".into()));
        metric(
            &pbx.metrics(),
            &of("server_attempts_total", &pbx.server, ",outcome=\"failed\""),
        )
    };
    // On a machine that is busy for so long both may find out at one moment.
    until(|| (found_out() == 1).then_some(()), || "each waited by itself".into());
}

#[test]
fn a_server_of_calls_that_answers_again_is_the_first_one_again() {
    let (setup, second) = calls();
    let mut pbx = setup.set("connection1", "failback_interval = 10").nobody_listens().load();
    let starting = pbx.stasis_start_async("app1", "1.1", NAME);
    let running = second.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    pbx.server.listen();
    // What looks after it closes again.
    assert_eq!(pbx.accept().wait_for_close(), 1000);
    pbx.wait_for_log(&format!("server ws://{}/ari answers again", pbx.server.address()));
    let other = pbx.stasis_start_async("app1", "2.1", "SIP/bob");
    let _connection = pbx.accept();
    assert_eq!(other.recv().expect("an outcome"), Ok("app1:SIP/bob".into()));
    // The call that runs stays where it is.
    drop(running);
}

#[test]
fn reconnect_attempts_counts_rounds_of_all_servers() {
    let (setup, second) = calls();
    let pbx = setup
        .set("connection1", "reconnect_attempts = 2\nreconnect_interval = 10")
        .load();
    let starting = pbx.stasis_start_async("app1", "1.1", NAME);
    for _ in 0..2 {
        pbx.server.attempt().answer("HTTP/1.1 500 Broken\r\n\r\n");
        second.attempt().answer("HTTP/1.1 500 Broken\r\n\r\n");
    }
    let failed = starting.recv().expect("an outcome");
    assert_eq!(failed.map_err(|(code, _)| code), Err(ARIWS_ERROR_REFUSED));
    let metrics = pbx.metrics();
    for server in [&pbx.server, &second] {
        let attempts = of("server_attempts_total", server, ",outcome=\"failed\"");
        assert_eq!(metric(&metrics, &attempts), 2, "{metrics}");
        assert_eq!(metric(&metrics, &of("server_up", server, "")), 0, "{metrics}");
    }
}

#[test]
fn a_call_that_every_server_refuses_fails_at_once() {
    let (setup, second) = calls();
    let pbx = setup.set("connection1", "reconnect_interval = 3600000").load();
    let starting = pbx.stasis_start_async("app1", "1.1", NAME);
    pbx.server.attempt().answer(REFUSES);
    second.attempt().answer("HTTP/1.1 404 Not Found\r\n\r\n");
    let (code, message) = starting.recv().expect("an outcome").expect_err("no server");
    assert_eq!(code, ARIWS_ERROR_REFUSED);
    assert!(message.contains("404 Not Found"), "{message}");
}

#[test]
fn a_server_that_answers_503_with_retry_after_is_left_alone_and_the_others_are_not() {
    let (setup, second) = calls();
    let pbx = setup.load();
    let starting = pbx.stasis_start_async("app1", "1.1", NAME);
    pbx.server.attempt().answer(TOO_BUSY);
    let mut connection = second.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    is_told(&mut connection, ["ApplicationRegistered"]);
    // No longer than max_retry_after.
    let page = pbx.wait_for_output(DETAIL, |page| page.contains("left alone for"));
    assert!(!page.contains("left alone for 50 min"), "{page}");
    connection.reset();
    let again = second.accept();
    assert!(pbx.server.is_quiet());
    drop(again);
}

#[test]
fn a_caller_is_not_held_for_servers_that_are_to_be_left_alone_for_longer() {
    let (setup, second) = calls();
    let pbx = setup.load();
    for channel in ["1.1", "1.2"] {
        let starting = pbx.stasis_start_async("app1", channel, NAME);
        if channel == "1.1" {
            pbx.server.attempt().answer(TOO_BUSY);
            second.attempt().answer(TOO_BUSY);
        }
        let (_, message) = starting.recv().expect("an outcome").expect_err("no server");
        assert!(message.contains("503 Too Busy"), "{message}");
    }
    assert!(pbx.server.is_quiet() && second.is_quiet());
}

#[test]
fn with_one_server_a_retry_after_is_obeyed_if_that_is_configured() {
    let pbx = Pbx::persistent("app1").set("connection1", "max_retry_after = 60000").load();
    pbx.server.attempt().answer(TOO_BUSY);
    pbx.wait_for_log("503 Too Busy");
    assert!(pbx.server.is_quiet());
}

#[test]
fn calls_are_spread_over_the_servers() {
    let (setup, second) = calls();
    let pbx = setup.set("connection1", "servers = spread").load();
    let mut connections = Vec::new();
    for (number, server) in [&pbx.server, &second, &pbx.server, &second].into_iter().enumerate() {
        let (channel, name) = (format!("{number}.1"), format!("SIP/{number}"));
        let starting = pbx.stasis_start_async("app1", &channel, &name);
        connections.push(server.accept());
        assert!(starting.recv().expect("an outcome").is_ok());
    }
}

#[test]
fn while_every_server_is_known_to_be_down_a_call_fails_fast() {
    let (setup, mut second) = calls();
    second.stop();
    let settings = "reconnect_attempts = 3\nreconnect_interval = 400\nfail_fast = 1";
    let pbx = setup.set("connection1", settings).nobody_listens().load();
    let began = Instant::now();
    assert!(outcome(&pbx, "1.1").is_err());
    // It did not know.
    assert!(began.elapsed() >= Duration::from_millis(800));
    let began = Instant::now();
    let (code, message) = outcome(&pbx, "1.2").expect_err("no server");
    assert!(began.elapsed() < Duration::from_millis(400), "{:?}", began.elapsed());
    assert_eq!(code, ARIWS_ERROR_CONNECT);
    assert!(message.contains("refused"), "{message}");
}

#[test]
fn a_call_that_waits_within_fail_fast_gets_the_server_that_answers() {
    let (setup, mut second) = calls();
    second.stop();
    let settings = "reconnect_attempts = 1\nreconnect_interval = 20\nfail_fast = 3600000";
    let pbx = setup.set("connection1", settings).nobody_listens().load();
    assert!(outcome(&pbx, "1.1").is_err());
    let starting = pbx.stasis_start_async("app1", "1.2", NAME);
    second.listen();
    // First who looks after them, then the call.
    let probe = second.accept();
    let connection = second.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    drop((probe, connection));
}

#[test]
fn a_persistent_connection_goes_to_the_next_server_when_it_is_lost() {
    let (setup, second) = with_second(Pbx::persistent("app1").set("connection1", "failback_interval = 3600000"));
    let (mut pbx, connection) = setup.up();
    pbx.server.stop();
    connection.reset();
    let mut connection = second.accept();
    connection.says(["ApplicationRegistered app1"]);
    let line = format!("connected_to =           ws://{}/ari\n", second.address());
    pbx.wait_for_output(DETAIL, |page| page.contains(&line));
}

#[test]
fn a_server_that_is_added_by_a_reload_is_used() {
    let (mut pbx, mut connection) = Pbx::persistent("app1").up();
    let second = Server::start();
    pbx.configuration.server("connection1", second.address());
    pbx.reload();
    connection.wait_for_close();
    let connection = pbx.accept();
    pbx.server.stop();
    connection.reset();
    second.accept().says(["ApplicationRegistered app1"]);
}

#[test]
fn a_test_of_a_connection_tries_every_server() {
    let (setup, second) = calls();
    let pbx = setup.nobody_listens().load();
    let accepting = thread::spawn(move || second.accept().wait_for_close());
    let (code, output) = pbx.command("ari test outbound-websocket connection1");
    assert_eq!(code, ARIWS_OK, "{output}");
    assert!(output.starts_with("connection1 works\n"), "{output}");
    assert!(
        output.contains(&format!("ws://{}/ari does not work\n", pbx.server.address())),
        "{output}"
    );
    assert_eq!(accepting.join().expect("a server"), 1000);
}

/// Reads a connection to its Close; gives the numbers of the events that come before it, and the code.
fn drain(mut connection: Connection) -> JoinHandle<(Vec<u64>, Option<u16>)> {
    thread::spawn(move || {
        let mut numbers = Vec::new();
        loop {
            match connection.websocket.read() {
                Ok(Message::Text(text)) => numbers.extend(number(&text)),
                Ok(Message::Close(frame)) => {
                    let code = frame.map(|frame| frame.code.into());
                    while connection.websocket.read().is_ok() {}
                    return (numbers, code);
                }
                Ok(_) => {}
                Err(_) => return (numbers, None),
            }
        }
    })
}

/// The number of an event, if it has one.
fn number(text: &str) -> Option<u64> {
    serde_json::from_str::<Value>(text).expect("JSON")["n"].as_u64()
}

/// A persistent connection that runs on its second server, as the first was not there.
fn on_second(more: &str) -> (Pbx, Server, Connection) {
    on_second_with(Pbx::persistent("app1"), more)
}

fn on_second_with(setup: Setup, more: &str) -> (Pbx, Server, Connection) {
    let (setup, second) = with_second(setup.set("connection1", &format!("failback_interval = 10\n{more}")));
    let pbx = setup.nobody_listens().load();
    let mut connection = second.accept();
    connection.says(["ApplicationRegistered app1"]);
    (pbx, second, connection)
}

#[test]
fn a_persistent_connection_moves_to_a_preferred_server_that_answers_again() {
    let (mut pbx, _second, connection) = on_second("");
    let old = drain(connection);
    pbx.server.listen();
    let mut new = pbx.accept();
    new.says(["ApplicationRegistered app1"]);
    assert_eq!(old.join().expect("an end"), (vec![], Some(1000)));
    pbx.event("app1", r#"{"type":"Event"}"#);
    new.says(["Event app1"]);
    let line = format!("connected_to =           ws://{}/ari\n", pbx.server.address());
    pbx.wait_for_output(DETAIL, |page| page.contains(&line));
    pbx.wait_for_log("moves from ws://");
    assert_eq!(metric(&pbx.metrics(), "websockets_lost_total"), 0);
}

#[test]
fn no_event_is_lost_repeated_or_overtaken_when_a_connection_moves() {
    let (mut pbx, _second, connection) = on_second("");
    let old = drain(connection);
    let (count, offered) = (5_000, &AtomicU64::new(0));
    thread::scope(|scope| {
        let handle = **pbx;
        scope.spawn(move || {
            for number in 0..count {
                assert_eq!(handle.event("app1", &format!(r#"{{"type":"Event","n":{number}}}"#)), ARIWS_OK);
                offered.store(number, Ordering::Relaxed);
            }
        });
        until(
            || (offered.load(Ordering::Relaxed) > 100).then_some(()),
            || "no events".into(),
        );
        pbx.server.listen();
        let mut new = pbx.accept();
        new.says(["ApplicationRegistered app1"]);
        let (mut numbers, code) = old.join().expect("an end");
        assert_eq!(code, Some(1000));
        while numbers.len() < count as usize {
            numbers.extend(number(&new.text()));
        }
        assert!(numbers.iter().copied().eq(0..count), "{numbers:?}");
    });
}

#[test]
fn an_answer_that_is_under_way_when_a_connection_moves_reaches_who_asked() {
    let (mut pbx, _second, mut connection) = on_second("");
    connection.send(&request("r1", "GET", "slow"));
    let slow = pbx.wait_for_request("slow");
    let answered = thread::spawn(move || {
        let answer = connection.json();
        (answer["request_id"].as_str().map(str::to_owned), connection.wait_for_close())
    });
    pbx.server.listen();
    let mut new = pbx.accept();
    new.says(["ApplicationRegistered app1"]);
    assert_eq!(pbx.complete(slow.id, 204, None), ARIWS_OK);
    // Events go over the new one meanwhile.
    pbx.event("app1", r#"{"type":"Event"}"#);
    new.says(["Event app1"]);
    assert_eq!(answered.join().expect("an answer"), (Some("r1".to_owned()), 1000));
}

#[test]
fn a_request_that_is_not_answered_does_not_keep_a_connection_that_was_left() {
    let (mut pbx, _second, mut connection) = on_second("");
    connection.send(&request("r1", "GET", "never"));
    let never = pbx.wait_for_request("never");
    let old = drain(connection);
    pbx.server.listen();
    let mut new = pbx.accept();
    new.says(["ApplicationRegistered app1"]);
    assert_eq!(old.join().expect("an end").1, Some(1000));
    assert_eq!(pbx.complete(never.id, 204, None), ARIWS_OK);
    assert!(new.is_quiet());
}

#[test]
fn a_connection_whose_peer_says_nothing_moves_all_the_same() {
    let (mut pbx, _second, connection) = on_second("");
    pbx.event("app1", r#"{"type":"Event"}"#);
    pbx.server.listen();
    // Nobody reads the old one, so that nothing is known to have arrived.
    let mut new = pbx.accept();
    new.says(["ApplicationRegistered app1"]);
    pbx.event("app1", r#"{"type":"Next"}"#);
    new.says(["Next app1"]);
    drop(connection);
}

#[test]
fn an_unloading_while_a_connection_moves_ends_both() {
    let (mut pbx, _second, mut connection) = on_second("");
    connection.send(&request("r1", "GET", "never"));
    pbx.wait_for_request("never");
    let old = drain(connection);
    pbx.server.listen();
    let mut new = pbx.accept();
    new.says(["ApplicationRegistered app1"]);
    let new = drain(new);
    assert_eq!(pbx.unload(Duration::from_secs(5)), ARIWS_OK);
    assert_eq!(old.join().expect("an end").1, Some(1000));
    assert_eq!(new.join().expect("an end").1, Some(1000));
}

#[test]
fn a_connection_to_the_first_server_looks_for_no_other() {
    let (setup, second) = with_second(Pbx::persistent("app1").set("connection1", "failback_interval = 10"));
    let (pbx, _connection) = setup.up();
    assert!(second.is_quiet() && pbx.server.is_quiet());
}

/// The parameters of the recipe in the documentation, for these servers.
fn recipe(servers: [&Server; 2]) -> String {
    let (_, page) = include_str!("../../docs/availability.md")
        .split_once("## Several servers")
        .expect("the section");
    let (_, page) = page.split_once("[bots_server]\ntype = websocket_client\n").expect("a recipe");
    let (recipe, _) = page.split_once("```").expect("its end");
    let [first, second] = servers.map(|server| server.address().to_string());
    assert!(
        recipe.contains("10.0.0.2:8088") && recipe.contains("10.0.0.3:8088"),
        "{recipe}"
    );
    recipe.replace("10.0.0.2:8088", &first).replace("10.0.0.3:8088", &second)
}

#[test]
fn the_recipe_of_the_documentation_survives_the_first_server() {
    let setup = Pbx::per_call("app1");
    let second = Server::start();
    let recipe = recipe([setup.server(), &second]);
    let pbx = setup.set("connection1", &recipe).nobody_listens().load();
    let starting = pbx.stasis_start_async("app1", "1.1", NAME);
    let _connection = second.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
    let page = pbx.wait_for_output(DETAIL, |page| page.contains("connected_to"));
    assert!(page.contains("fail_fast =              200\n"), "{page}");
}
