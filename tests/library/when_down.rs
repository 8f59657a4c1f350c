//! What channels meet when nobody serves their application: `when_down`, `down_grace`, `fail_inside`, `fallback_app`.

use std::ffi::CStr;
use std::sync::{Mutex, mpsc};
use std::time::SystemTime;

use ariws::ffi::*;
use ariws_testkit::{Call, Connection, DEADLINE, Host, Pbx, Setup, Started};

use crate::per_call::{NAME, stasis_event};

/// A persistent connection that turns channels away as soon as it is down.
fn failing(lines: &str) -> Setup {
    Pbx::persistent("app1").set("connection1", &format!("when_down = fail\ndown_grace = 0\n{lines}"))
}

/// A fallback that the PBX has from somebody else.
fn fallback() -> Box<Host> {
    let host = Host::new();
    host.set_registered("desk", true);
    host
}

/// Loses the connection, and nobody listens any more. The host knows of it then.
fn lose(pbx: &mut Pbx, connection: Connection) {
    let before = pbx.host.wait_for_states(1).len();
    pbx.server.stop();
    connection.reset();
    pbx.host.wait_for_states(before + 1);
}

fn start(pbx: &Pbx) -> Started {
    pbx.stasis_start("app1", "1", NAME)
}

fn code(outcome: Started) -> i32 {
    outcome.map_or_else(|(code, _)| code, |_| ARIWS_OK)
}

fn reason(result: i32) -> &'static str {
    // SAFETY: what it gives is static.
    let text = unsafe { CStr::from_ptr(ariws_result_reason(result)) };
    text.to_str().expect("UTF-8")
}

fn failures(pbx: &Pbx) -> Vec<Call> {
    let calls = pbx.host.calls().into_iter();
    calls.filter(|call| matches!(call, Call::StasisFailed(..))).collect()
}

#[test]
fn a_channel_waits_in_the_queue_unless_it_is_to_fail() {
    let (mut pbx, connection) = Pbx::persistent("app1").up();
    lose(&mut pbx, connection);
    assert_eq!(start(&pbx), Ok("app1".into()));
}

#[test]
fn a_channel_fails_that_enters_while_the_connection_is_down() {
    let (mut pbx, connection) = failing("").up();
    pbx.host.wait_for_states(1);
    assert_eq!(start(&pbx), Ok("app1".into()));
    pbx.stasis_end("app1", "1");
    lose(&mut pbx, connection);
    let (code, message) = start(&pbx).expect_err("a failure");
    assert_eq!((code, reason(code)), (ARIWS_ERROR_DOWN, "down"));
    let expected = "connection connection1 is down for longer than down_grace (";
    assert!(message.starts_with(expected), "{message}");
}

#[test]
fn fifty_channels_fail_and_none_of_them_waits() {
    let (mut pbx, connection) = failing("").up();
    lose(&mut pbx, connection);
    let starts: Vec<_> = (0..50)
        .map(|number| pbx.stasis_start_async("app1", &number.to_string(), &format!("{NAME}{number}")))
        .collect();
    for start in starts {
        assert_eq!(code(start.recv_timeout(DEADLINE).expect("an end")), ARIWS_ERROR_DOWN);
    }
    assert_eq!(pbx.metric("stasis_down_total"), 50);
}

#[test]
fn a_connection_that_has_been_down_for_less_than_the_grace_counts_as_there() {
    let (mut pbx, connection) = failing("down_grace = 86400000").up();
    lose(&mut pbx, connection);
    assert_eq!(start(&pbx), Ok("app1".into()));
}

#[test]
fn a_connection_that_has_never_been_up_is_down() {
    let pbx = failing("").nobody_listens().load();
    assert_eq!(code(start(&pbx)), ARIWS_ERROR_DOWN);
}

#[test]
fn a_connection_that_was_shut_down_by_a_command_is_down() {
    let (pbx, _connection) = failing("").up();
    pbx.command("ari shutdown websocket session connection1");
    let (code, message) = start(&pbx).expect_err("a failure");
    assert_eq!(code, ARIWS_ERROR_DOWN, "{message}");
    assert!(message.ends_with("which is not running"), "{message}");
}

#[test]
fn a_channel_enters_again_when_the_connection_is_up() {
    let mut pbx = failing("").nobody_listens().load();
    assert_eq!(code(start(&pbx)), ARIWS_ERROR_DOWN);
    pbx.host.wait_for_states(1);
    pbx.server.listen();
    let _connection = pbx.accept();
    pbx.host.wait_for_states(2);
    assert_eq!(start(&pbx), Ok("app1".into()));
}

#[test]
fn a_server_that_accepts_and_drops_serves_nobody() {
    let mut pbx = failing("").load();
    let connection = pbx.accept();
    // So long the next one has to last.
    pbx.change("connection1", "reconnect_interval = 86400000");
    connection.reset();
    let _connection = pbx.accept();
    assert_eq!(code(start(&pbx)), ARIWS_ERROR_DOWN);
    let states = pbx.host.wait_for_states(2);
    assert!(matches!(states[..], [Ok(_), Err(_)]), "{states:?}");
}

#[test]
fn a_connection_serves_again_when_it_has_lasted() {
    let pbx = failing("reconnect_interval = 200").load();
    pbx.accept().reset();
    let _connection = pbx.accept();
    let states = pbx.host.wait_for_states(3);
    assert!(matches!(states[..], [Ok(_), Err(_), Ok(_)]), "{states:?}");
    assert_eq!(start(&pbx), Ok("app1".into()));
}

#[test]
fn it_does_so_though_events_were_dropped_meanwhile() {
    let pbx = failing("reconnect_interval = 200\nqueue_max_messages = 1").load();
    pbx.accept().reset();
    pbx.host.wait_for_states(2);
    for _ in 0..3 {
        pbx.event("app1", r#"{"type":"Event"}"#);
    }
    let _connection = pbx.accept();
    pbx.host.wait_for_states(3);
    assert_eq!(start(&pbx), Ok("app1".into()));
}

#[test]
fn whoever_took_the_application_over_serves_it_while_the_connection_is_down() {
    let pbx = failing("").nobody_listens().load();
    assert_eq!(pbx.inbound_opened("inbound1", "192.0.2.1:80", "app1"), ARIWS_OK);
    assert_eq!(start(&pbx), Ok("app1".into()));
}

#[test]
fn a_reload_lets_channels_wait_again() {
    let mut pbx = failing("").nobody_listens().load();
    assert_eq!(code(start(&pbx)), ARIWS_ERROR_DOWN);
    pbx.change("connection1", "when_down = queue");
    assert_eq!(start(&pbx), Ok("app1".into()));
}

#[test]
fn channels_inside_leave_when_the_grace_is_over_each_once() {
    let (mut pbx, connection) = failing("fail_inside = yes\ndown_grace = 100").up();
    pbx.host.wait_for_states(1);
    for channel in ["1", "2", "3", "4"] {
        assert_eq!(pbx.stasis_start("app1", channel, NAME), Ok("app1".into()));
        pbx.event("app1", &stasis_event("StasisStart", channel));
    }
    pbx.event("app1", &stasis_event("StasisStart", "moved here"));
    pbx.event("app1", &stasis_event("StasisEnd", "2"));
    pbx.stasis_end("app1", "3");
    lose(&mut pbx, connection);
    let failed = |channel: &str| Call::StasisFailed(channel.into(), "app1".into());
    let all = ["1", "4", "moved here"].map(failed);
    for call in &all {
        pbx.wait_for_call(call);
    }
    pbx.unload(DEADLINE);
    assert_eq!(failures(&pbx), all);
}

#[test]
fn of_a_transfer_the_new_channel_leaves_and_the_old_one_does_not() {
    let (mut pbx, connection) = failing("fail_inside = yes").up();
    pbx.host.wait_for_states(1);
    assert_eq!(start(&pbx), Ok("app1".into()));
    pbx.event("app1", &stasis_event("StasisStart", "1"));
    let transfer = r#"{"type":"StasisStart","channel":{"id":"2","name":"x"},"replace_channel":{"id":"1"}}"#;
    pbx.event("app1", transfer);
    lose(&mut pbx, connection);
    pbx.wait_for_call(&Call::StasisFailed("2".into(), "app1".into()));
    pbx.unload(DEADLINE);
    assert_eq!(failures(&pbx).len(), 1);
}

#[test]
fn channels_inside_stay_unless_they_are_to_leave() {
    let (mut pbx, connection) = failing("").up();
    pbx.host.wait_for_states(1);
    assert_eq!(start(&pbx), Ok("app1".into()));
    pbx.event("app1", &stasis_event("StasisStart", "1"));
    lose(&mut pbx, connection);
    // Whoever would be told is told before those who come are turned away.
    assert_eq!(code(pbx.stasis_start("app1", "2", NAME)), ARIWS_ERROR_DOWN);
    pbx.unload(DEADLINE);
    assert_eq!(failures(&pbx), []);
}

#[test]
fn a_channel_enters_the_fallback_while_the_connection_is_down() {
    let (mut pbx, connection) = failing("fallback_app = desk").host(fallback()).up();
    pbx.host.wait_for_states(1);
    assert_eq!(start(&pbx), Ok("app1".into()));
    pbx.stasis_end("app1", "1");
    lose(&mut pbx, connection);
    assert_eq!(start(&pbx), Ok("desk".into()));
    assert_eq!(pbx.metric("stasis_fallbacks_total"), 1);
}

#[test]
fn a_fallback_may_be_a_connection_of_its_own_for_the_call() {
    let pbx = failing("fallback_app = desk").nobody_listens();
    let server = ariws_testkit::Server::start();
    let pbx = pbx
        .connection_to(server.address(), "connection2", "per_call_config", "desk", "")
        .load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let mut connection = server.accept();
    let application = format!("desk:{NAME}");
    assert_eq!(starting.recv_timeout(DEADLINE), Ok(Ok(application.clone())));
    connection.says([format!("ApplicationRegistered {application}")]);
}

#[test]
fn a_call_enters_the_fallback_after_its_last_attempt() {
    let pbx = Pbx::per_call("app1").set("connection1", "fallback_app = desk");
    let pbx = pbx.host(fallback()).nobody_listens().load();
    assert_eq!(start(&pbx), Ok("desk".into()));
}

#[test]
fn a_call_that_is_cancelled_enters_no_fallback() {
    let pbx = Pbx::per_call("app1")
        .set("connection1", "fallback_app = desk")
        .host(fallback())
        .load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let _connection = pbx.server.accept_tcp();
    pbx.stasis_cancel("1");
    assert_eq!(code(starting.recv_timeout(DEADLINE).expect("an end")), ARIWS_ERROR_CANCELLED);
}

#[test]
fn a_fallback_is_one_step_and_the_reason_is_that_of_the_application() {
    let pbx = failing("fallback_app = app2").nobody_listens();
    let more = "when_down = fail\ndown_grace = 0\nfallback_app = desk";
    let address = pbx.server().address();
    let pbx = pbx
        .connection_to(address, "connection2", "persistent", "app2", more)
        .host(fallback())
        .load();
    let (code, message) = start(&pbx).expect_err("a failure");
    assert_eq!(code, ARIWS_ERROR_DOWN);
    assert!(message.starts_with("connection connection1 "), "{message}");
}

#[test]
fn an_application_of_the_same_connection_is_no_fallback() {
    let pbx = failing("fallback_app = app1").nobody_listens().load();
    let warnings = pbx.report.iter().map(|line| line.message.as_str());
    assert!(
        warnings
            .into_iter()
            .any(|text| text.contains("app1 is also the fallback_app")),
        "{:?}",
        pbx.report
    );
    assert_eq!(code(start(&pbx)), ARIWS_ERROR_DOWN);
}

#[test]
fn a_fallback_whose_name_the_host_has_no_room_for_is_not_entered() {
    let name = "a-much-longer-name-than-the-one-that-was-asked-for-by-the-dialplan";
    let host = Host::new();
    host.set_registered(name, true);
    let pbx = failing(&format!("fallback_app = {name}")).host(host).nobody_listens().load();
    assert_eq!(
        pbx.enter_with_room(c"app1", c"1", c"x", 8).map_err(|(code, _)| code),
        Err(ARIWS_ERROR_BUFFER)
    );
}

#[test]
fn a_call_fails_with_what_was_lacking() {
    let pbx = Pbx::per_call("app1").set("connection1", "reconnect_attempts = 1\nconnection_timeout = 200");
    let mut pbx = pbx.load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    pbx.server.attempt().answer("HTTP/1.1 503 Too Busy\r\n\r\n");
    let refused = code(starting.recv_timeout(DEADLINE).expect("an end"));
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let silent = pbx.server.accept_tcp();
    let timeout = code(starting.recv_timeout(DEADLINE).expect("an end"));
    drop(silent);
    pbx.server.stop();
    let no_server = code(start(&pbx));
    let unknown = code(pbx.stasis_start("other", "1", NAME));
    assert_eq!([refused, timeout], [ARIWS_ERROR_REFUSED, ARIWS_ERROR_TIMEOUT]);
    assert_eq!([no_server, unknown], [ARIWS_ERROR_CONNECT, ARIWS_ERROR_NOT_FOUND]);
    let reasons = [refused, timeout, no_server, unknown].map(reason);
    assert_eq!(reasons, ["refused", "timeout", "no-server", "unknown-application"]);
    let others = [
        ARIWS_OK,
        ARIWS_ERROR_CANCELLED,
        ARIWS_ERROR_INVALID_CONNECTION,
        ARIWS_ERROR_HOST,
    ]
    .map(reason);
    assert_eq!(others, ["", "cancelled", "invalid", "error"]);
}

#[test]
fn the_host_hears_of_each_time_that_a_connection_comes_up_and_goes_down() {
    let (mut pbx, connection) = Pbx::persistent("app1").up();
    let address = pbx.server.address().to_string();
    lose(&mut pbx, connection);
    pbx.server.listen();
    let _connection = pbx.accept();
    let states = pbx.host.wait_for_states(3);
    let [Ok(first), Err(reason), Ok(second)] = &states[..] else {
        panic!("{states:?}");
    };
    assert_eq!([first, second], [&address, &address]);
    assert!(!reason.is_empty());
    pbx.unload(DEADLINE);
    assert_eq!(pbx.host.wait_for_states(4)[3], Err("closed by this side".into()));
}

#[test]
fn the_host_hears_why_a_connection_has_never_come_up() {
    let pbx = Pbx::persistent("app1").nobody_listens().load();
    let states = pbx.host.wait_for_states(1);
    assert!(matches!(&states[0], Err(reason) if reason.contains("refused")), "{states:?}");
}

#[test]
fn a_host_that_is_slow_hears_of_it_in_order() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let host = Host::reacting(move |_, call| {
        if matches!(call, Call::ConnectionState(..)) {
            // Fails as soon as it may go on.
            let _ = wait.lock().map(|wait| wait.recv());
        }
    });
    let pbx = Pbx::persistent("app1").host(host).load();
    for _ in 0..3 {
        pbx.accept().close(1000);
    }
    let _connection = pbx.accept();
    drop(go);
    let states = pbx.host.wait_for_states(3);
    let alternate = states.windows(2).all(|pair| pair[0].is_ok() != pair[1].is_ok());
    assert!(states[0].is_ok() && alternate, "{states:?}");
}

#[test]
fn a_connection_that_is_begun_again_is_told_of_behind_its_end() {
    let pbx = Pbx::persistent("app1").load();
    let mut connections = vec![pbx.accept()];
    pbx.host.wait_for_states(1);
    for round in 1..=3 {
        pbx.command("ari shutdown websocket session connection1");
        pbx.command("ari start outbound-websocket connection1");
        // The one before has not answered its Close.
        connections.push(pbx.accept());
        pbx.host.wait_for_states(1 + 2 * round);
    }
    let states = pbx.host.wait_for_states(7);
    let up: Vec<_> = states.iter().map(Result::is_ok).collect();
    assert_eq!(up, [true, false, true, false, true, false, true]);
}

#[test]
fn a_dialplan_reads_how_a_connection_is() {
    let (mut pbx, connection) = Pbx::persistent("app1").up();
    pbx.host.wait_for_states(1);
    let value = |pbx: &Pbx, item| pbx.connection_value("connection1", item);
    let address = pbx.server.address().to_string();
    assert_eq!(value(&pbx, "state"), Ok("up".into()));
    assert_eq!(value(&pbx, "server"), Ok(address));
    let since: u64 = value(&pbx, "since").expect("a text").parse().expect("a number");
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("a time").as_secs();
    assert!(since <= now && now - since <= DEADLINE.as_secs(), "{since} {now}");
    lose(&mut pbx, connection);
    pbx.event("app1", r#"{"type":"Event"}"#);
    assert_eq!(value(&pbx, "state"), Ok("down".into()));
    assert_eq!(value(&pbx, "server"), Ok(String::new()));
    assert_eq!(
        [value(&pbx, "queued"), value(&pbx, "dropped")],
        [Ok("1".into()), Ok("0".into())]
    );
    assert_eq!(value(&pbx, "color"), Err(ARIWS_ERROR_ARGUMENT));
    assert_eq!(pbx.connection_value("connection2", "state"), Err(ARIWS_ERROR_NOT_FOUND));
    pbx.command("ari shutdown websocket session connection1");
    assert_eq!(
        [value(&pbx, "state"), value(&pbx, "since")],
        [Ok("stopped".into()), Ok(String::new())]
    );
}

#[test]
fn a_dialplan_reads_of_a_per_call_connection_what_its_calls_have() {
    let pbx = Pbx::per_call("app1").load();
    assert_eq!(pbx.connection_value("connection1", "state"), Ok("per-call".into()));
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let _silent = pbx.server.accept_tcp();
    assert_eq!(pbx.connection_value("connection1", "queued"), Ok("0".into()));
    pbx.stasis_cancel("1");
    starting.recv_timeout(DEADLINE).expect("an end").expect_err("a failure");
}

#[test]
fn detail_tells_what_channels_meet() {
    let pbx = failing("fail_inside = yes\nfallback_app = desk").nobody_listens().load();
    let (_, page) = pbx.command("ari show outbound-websocket connection1 detail");
    for line in [
        "when_down =              fail after 0.0 ms, also for channels inside\n",
        "fallback_app =           desk\n",
    ] {
        assert!(page.contains(line), "{page}");
    }
}
