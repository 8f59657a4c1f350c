//! Per-call connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Barrier, Mutex};
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Call, Connection, DEADLINE, Host, Pbx, Started, TextKind};
use serde_json::json;

pub(crate) const NAME: &str = "PJSIP/alice-00000001";
pub(crate) const APPLICATION: &str = "app1:PJSIP/alice-00000001";

pub(crate) fn stasis_event(kind: &str, channel: &str) -> String {
    format!(r#"{{"type":"{kind}","channel":{{"id":"{channel}","name":"x"}}}}"#)
}

pub(crate) fn failed(channel: &str) -> Call {
    Call::StasisFailed(channel.into(), APPLICATION.into())
}

/// A call up to its StasisStart.
pub(crate) fn enter(pbx: &Pbx, channel: &str) -> Connection {
    let starting = pbx.stasis_start_async("app1", channel, NAME);
    let mut connection = pbx.accept();
    let started = starting.recv().expect("an outcome");
    assert_eq!(started, Ok(APPLICATION.into()));
    is_told(&mut connection, ["ApplicationRegistered"]);
    pbx.event(APPLICATION, &stasis_event("StasisStart", channel));
    is_told(&mut connection, ["StasisStart"]);
    connection
}

pub(crate) fn leave(pbx: &Pbx, channel: &str) {
    pbx.event(APPLICATION, &stasis_event("StasisEnd", channel));
    pbx.stasis_end(APPLICATION, channel);
}

/// Checks of which events of the call the application is told next.
#[track_caller]
pub(crate) fn is_told<const COUNT: usize>(connection: &mut Connection, kinds: [&str; COUNT]) {
    connection.says(kinds.map(|kind| format!("{kind} {APPLICATION}")));
}

/// The operator ends the call's session.
#[track_caller]
pub(crate) fn shut_down(pbx: &Pbx) {
    let command = format!("ari shutdown websocket session connection1:{NAME}");
    let (code, output) = pbx.command(&command);
    assert_eq!(code, ARIWS_OK, "{output}");
}

/// Checks how a start ends that does not succeed.
#[track_caller]
pub(crate) fn fails_with(starting: &Receiver<Started>, code: i32) {
    let outcome = starting.recv_timeout(DEADLINE).expect("an outcome");
    assert_eq!(outcome.map_err(|(code, _)| code), Err(code));
}

#[test]
fn at_load_only_the_contexts_are_made() {
    let pbx = Pbx::per_call("app1").load();
    assert_eq!(pbx.host.calls(), [Call::CreateContext("stasis-app1".into(), "app1".into())]);
    assert!(pbx.server.is_quiet());
}

#[test]
fn a_call_connects_registers_its_application_and_closes_with_1000() {
    let pbx = Pbx::per_call("app1").load();
    let mut connection = enter(&pbx, "1");
    assert!(pbx.host.has(APPLICATION));
    leave(&pbx, "1");
    pbx.event(APPLICATION, &stasis_event("ChannelDestroyed", "1"));
    is_told(&mut connection, ["StasisEnd", "ChannelDestroyed"]);
    assert_eq!(connection.wait_for_close(), 1000);
    pbx.wait_for_call(&Call::Unregister(APPLICATION.into()));
}

#[test]
fn the_blocking_start_gives_the_applications_name() {
    let pbx = Pbx::per_call("app1").load();
    std::thread::scope(|scope| {
        let accepting = scope.spawn(|| pbx.accept());
        let started = pbx.stasis_start("app1", "1", NAME);
        assert_eq!(started, Ok(APPLICATION.into()));
        drop(accepting.join());
    });
}

#[test]
fn channels_of_one_name_that_come_at_once_share_a_connection() {
    // Each has found nobody of its name before either is evaluated.
    let both = Barrier::new(2);
    let host = Host::giving(&[TextKind::Expand], move |_| {
        both.wait();
        Some("1".into())
    });
    let pbx = Pbx::per_call("app1").host(host).set("connection1", "header = X: ${X}").load();
    let starts = ["1", "2"].map(|channel| pbx.stasis_start_async("app1", channel, NAME));
    let mut connection = pbx.accept();
    for started in starts {
        assert_eq!(started.recv_timeout(DEADLINE), Ok(Ok(APPLICATION.into())));
    }
    assert!(pbx.server.is_quiet());
    is_told(&mut connection, ["ApplicationRegistered"]);
    leave(&pbx, "1");
    leave(&pbx, "2");
    is_told(&mut connection, ["StasisEnd", "StasisEnd"]);
    assert_eq!(connection.wait_for_close(), 1000);
}

#[test]
fn a_registered_application_is_entered_without_a_connection() {
    let pbx = Pbx::persistent("app1").load();
    assert_eq!(pbx.stasis_start("app1", "1", NAME), Ok("app1".into()));
}

#[test]
fn an_application_that_nobody_serves_is_not_found() {
    let pbx = Pbx::per_call("app1").load();
    let started = pbx.stasis_start("other", "1", NAME);
    assert_eq!(started.map_err(|(code, _)| code), Err(ARIWS_ERROR_NOT_FOUND));
}

#[test]
fn an_invalid_connection_makes_no_session() {
    let pbx = Pbx::per_call("app1").set("connection1", "local_ari_user = nobody").load();
    let started = pbx.stasis_start("app1", "1", NAME);
    assert_eq!(started.map_err(|(code, _)| code), Err(ARIWS_ERROR_INVALID_CONNECTION));
}

#[test]
fn attempts_that_fail_are_as_many_as_configured() {
    let pbx = Pbx::per_call("app1").nobody_listens().load();
    let (code, message) = pbx.stasis_start("app1", "1", NAME).expect_err("no server");
    assert_eq!(code, ARIWS_ERROR_CONNECT);
    assert!(message.contains("Connection refused"), "{message}");
    assert!(pbx.metrics().contains("ariws_attempts_failed_total 3"));
}

#[test]
fn a_server_that_never_returns_ends_stasis_for_every_channel() {
    let mut pbx = Pbx::per_call("app1").load();
    let connection = enter(&pbx, "1");
    pbx.event(APPLICATION, &stasis_event("StasisStart", "2"));
    pbx.server.stop();
    connection.reset();
    pbx.wait_for_call(&failed("1"));
    pbx.wait_for_call(&failed("2"));
    pbx.wait_for_call(&Call::Unregister(APPLICATION.into()));
}

#[test]
fn a_second_channel_keeps_the_connection() {
    let pbx = Pbx::per_call("app1").load();
    let mut connection = enter(&pbx, "1");
    assert_eq!(pbx.stasis_start(APPLICATION, "2", "Local/second"), Ok(APPLICATION.into()));
    pbx.event(APPLICATION, &stasis_event("StasisStart", "2"));
    leave(&pbx, "1");
    pbx.event(APPLICATION, &stasis_event("ChannelDestroyed", "1"));
    connection.summaries(3);
    assert!(connection.is_quiet());
    leave(&pbx, "2");
    pbx.event(APPLICATION, &stasis_event("ChannelDestroyed", "2"));
    connection.summaries(2);
    assert_eq!(connection.wait_for_close(), 1000);
}

#[test]
fn a_channel_may_enter_again_while_its_old_connection_lingers() {
    let pbx = Pbx::per_call("app1").load();
    let mut old = enter(&pbx, "1");
    leave(&pbx, "1");
    old.summary();
    let mut new = enter(&pbx, "1");
    assert_eq!(old.wait_for_close(), 1000);
    assert!(pbx.host.has(APPLICATION));
    leave(&pbx, "1");
    is_told(&mut new, ["StasisEnd"]);
}

#[test]
fn a_stasis_end_that_comes_after_the_next_start_reaches_the_old_connection() {
    let pbx = Pbx::per_call("app1").load();
    let mut old = enter(&pbx, "1");
    pbx.stasis_end(APPLICATION, "1");
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    assert!(old.is_quiet());
    pbx.event(APPLICATION, &stasis_event("StasisEnd", "1"));
    is_told(&mut old, ["StasisEnd"]);
    assert_eq!(old.wait_for_close(), 1000);
    let mut new = pbx.accept();
    is_told(&mut new, ["ApplicationRegistered"]);
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
}

#[test]
fn the_request_that_made_the_channel_leave_is_answered_before_the_next_start_closes_its_connection() {
    let pbx = Pbx::per_call("app1").load();
    let mut old = enter(&pbx, "1");
    old.send(&json!({"type": "RESTRequest", "request_id": "1", "method": "POST", "uri": "channels/1/continue"}));
    let request = pbx.wait_for_request("channels/1/continue");
    leave(&pbx, "1");
    is_told(&mut old, ["StasisEnd"]);
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    assert!(old.is_quiet());
    pbx.complete(request.id, 204, None);
    assert_eq!(old.json()["status_code"], 204);
    assert_eq!(old.wait_for_close(), 1000);
    pbx.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
}

#[test]
fn a_refused_registration_fails_the_start() {
    let pbx = Pbx::per_call("app1").host(Host::refusing(&[APPLICATION])).load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    assert_eq!(pbx.accept().wait_for_close(), 1000);
    fails_with(&starting, ARIWS_ERROR_HOST);
}

/// A start that fails because the host refuses, while the server does not answer the Close that follows.
fn refused(pbx: &Pbx, channel: &str) -> Connection {
    let starting = pbx.stasis_start_async("app1", channel, NAME);
    let connection = pbx.accept();
    fails_with(&starting, ARIWS_ERROR_HOST);
    connection
}

#[test]
fn a_start_that_failed_leaves_no_session_and_tells_its_channel_nothing_more() {
    let pbx = Pbx::per_call("app1").host(Host::refusing(&[APPLICATION])).load();
    let _silent = refused(&pbx, "1");
    // Whether it is still there in this moment or not.
    let command = format!("ari shutdown websocket session connection1:{NAME}");
    pbx.command(&command);
    pbx.wait_for_output("ari show sessions", |page| !page.contains(NAME));
    let _silent = refused(&pbx, "2");
    pbx.unload(DEADLINE);
    let told = |call: &Call| matches!(call, Call::StasisFailed(..) | Call::Unregister(_));
    assert!(!pbx.host.calls().iter().any(told), "{:#?}", pbx.host.calls());
}

#[test]
fn a_start_after_one_that_failed_has_a_connection_of_its_own() {
    let pbx = Pbx::per_call("app1").host(Host::refusing(&[APPLICATION])).load();
    let _silent = refused(&pbx, "1");
    pbx.host.refuse(&[]);
    enter(&pbx, "1");
}

#[test]
fn a_start_whose_session_is_shut_down_meanwhile_fails_and_tells_its_channel_nothing_more() {
    let host = Host::calling_back(|handle, call| {
        if let Call::Register(..) = call {
            let command = format!("ari shutdown websocket session connection1:{NAME}");
            assert_eq!(handle.command(&command).0, ARIWS_OK);
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    assert_eq!(pbx.accept().wait_for_close(), 1000);
    fails_with(&starting, ARIWS_ERROR_CANCELLED);
    pbx.unload(DEADLINE);
    assert!(!pbx.host.calls().contains(&failed("1")), "{:#?}", pbx.host.calls());
}

#[test]
fn a_channel_does_not_enter_an_application_whose_registration_is_being_undone() {
    let (tell, told) = channel();
    let host = Host::reacting(move |host, call| {
        let Some(library) = host.library() else { return };
        match call {
            Call::Register(..) => {
                let command = format!("ari shutdown websocket session connection1:{NAME}");
                assert_eq!(library.command(&command).0, ARIWS_OK);
            }
            Call::Unregister(app) => {
                // It is still there.
                host.set_registered(app, true);
                let started = library.stasis_start(app, "2", "Local/second");
                host.set_registered(app, false);
                tell.send(started).expect("a test");
            }
            _ => {}
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let _connection = pbx.accept();
    fails_with(&starting, ARIWS_ERROR_CANCELLED);
    fails_with(&told, ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn nor_one_whose_registration_is_being_ended_though_its_session_is_gone() {
    let (tell, told) = channel();
    let host = Host::reacting(move |host, call| {
        if let (Some(library), Call::Unregister(app)) = (host.library(), call) {
            // It is still there.
            host.set_registered(app, true);
            library.event(app, &stasis_event("StasisEnd", "1"));
            library.stasis_end(app, "1");
            library.wait_for_output("ari show sessions", |page| !page.contains(NAME));
            let started = library.stasis_start(app, "2", "Local/second");
            host.set_registered(app, false);
            tell.send(started).expect("a test");
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    let _connection = enter(&pbx, "1");
    shut_down(&pbx);
    fails_with(&told, ARIWS_ERROR_NOT_FOUND);
}

/// What a host does whose word on the application of a call is out of date when it comes: it is given only when `goes_on`
/// ends. Tells when it is asked.
fn answering_late(asking: Sender<()>, goes_on: Receiver<()>) -> impl Fn(&Host, &Call) + Send + Sync {
    let (goes_on, questions) = (Mutex::new(goes_on), AtomicUsize::new(0));
    move |host, call| {
        if *call != Call::IsRegistered(APPLICATION.into()) {
            return;
        }
        let is_first = questions.fetch_add(1, Ordering::SeqCst) == 0;
        if is_first {
            asking.send(()).expect("a test");
            // Ends when the test goes on, or ends.
            let _ = goes_on.lock().expect("the lock").recv();
        }
        host.set_registered(APPLICATION, is_first);
    }
}

#[test]
fn a_channel_does_not_enter_an_application_that_was_given_up_since_the_host_looked() {
    let ((asking, asked), (go_on, goes_on)) = (channel(), channel());
    let host = Host::reacting(answering_late(asking, goes_on));
    let pbx = Pbx::per_call("app1").host(host).load();
    let _connection = enter(&pbx, "1");
    let second = pbx.stasis_start_async(APPLICATION, "2", "Local/second");
    asked.recv().expect("a question");
    shut_down(&pbx);
    drop(go_on);
    fails_with(&second, ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn nor_one_whose_registration_was_undone_since() {
    let ((asking, asked), (go_on, goes_on), (tell, told)) = (channel(), channel(), channel());
    let (asked, answer_late) = (Mutex::new(asked), answering_late(asking, goes_on));
    let host = Host::reacting(move |host, call| {
        answer_late(host, call);
        if let (Some(library), Call::Register(..)) = (host.library(), call) {
            let command = format!("ari shutdown websocket session connection1:{NAME}");
            assert_eq!(library.command(&command).0, ARIWS_OK);
            let second = library.stasis_start_async(APPLICATION, "2", "Local/second");
            asked.lock().expect("the lock").recv().expect("a question");
            tell.send(second).expect("a test");
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let _connection = pbx.accept();
    fails_with(&starting, ARIWS_ERROR_CANCELLED);
    drop(go_on);
    fails_with(&told.recv().expect("a start"), ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn a_channel_whose_stasis_end_never_comes_enters_again_with_a_warning() {
    let pbx = Pbx::per_call("app1").load();
    let mut first = enter(&pbx, "1");
    pbx.stasis_end(APPLICATION, "1");
    enter(&pbx, "1");
    pbx.wait_for_log("so long its StasisEnd was waited for");
    assert_eq!(first.wait_for_close(), 1000);
}

#[test]
fn a_channel_that_entered_by_events_alone_is_told_like_others() {
    let pbx = Pbx::per_call("app1").load();
    let mut connection = enter(&pbx, "1");
    pbx.event(APPLICATION, &stasis_event("StasisStart", "moved here"));
    connection.summary();
    shut_down(&pbx);
    pbx.wait_for_call(&failed("1"));
    pbx.wait_for_call(&failed("moved here"));
}

#[test]
fn a_channel_cannot_be_started_twice_at_a_time() {
    let pbx = Pbx::per_call("app1").load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let _silent = pbx.server.accept_tcp();
    let second = pbx.stasis_start("app1", "1", NAME);
    assert_eq!(second.map_err(|(code, _)| code), Err(ARIWS_ERROR_DUPLICATE));
    pbx.stasis_cancel("1");
    starting
        .recv_timeout(Duration::from_secs(10))
        .expect("an outcome")
        .expect_err("cancelled");
}

#[test]
fn a_caller_who_hangs_up_while_the_application_is_registered_is_cancelled() {
    let host = Host::calling_back(|handle, call| {
        if let Call::Register(..) = call {
            assert_eq!(handle.stasis_cancel("1"), ARIWS_OK);
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let mut connection = pbx.accept();
    fails_with(&starting, ARIWS_ERROR_CANCELLED);
    assert_eq!(connection.wait_for_close(), 1000);
    pbx.wait_for_call(&Call::Unregister(APPLICATION.into()));
}

#[test]
fn a_channel_that_comes_back_to_others_on_its_connection_joins_them() {
    let pbx = Pbx::per_call("app1").load();
    let mut connection = enter(&pbx, "1");
    pbx.event(APPLICATION, &stasis_event("StasisStart", "2"));
    leave(&pbx, "1");
    connection.summaries(2);
    assert_eq!(pbx.stasis_start("app1", "1", NAME), Ok(APPLICATION.into()));
    pbx.event(APPLICATION, &stasis_event("StasisStart", "1"));
    is_told(&mut connection, ["StasisStart"]);
    assert!(pbx.server.is_quiet());
}

#[test]
fn a_channel_that_joined_a_call_whose_connection_never_opens_is_told() {
    let pbx = Pbx::per_call("app1").load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let attempt = pbx.server.accept_tcp();
    assert_eq!(pbx.stasis_start("app1", "2", NAME), Ok(APPLICATION.into()));
    pbx.stasis_cancel("1");
    fails_with(&starting, ARIWS_ERROR_CANCELLED);
    drop(attempt);
    pbx.wait_for_call(&failed("2"));
    assert!(!pbx.host.calls().contains(&failed("1")));
}

#[test]
fn a_channel_that_joined_a_call_whose_application_the_host_refuses_is_told() {
    let pbx = Pbx::per_call("app1").host(Host::refusing(&[APPLICATION])).load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let attempt = pbx.server.attempt();
    assert_eq!(pbx.stasis_start("app1", "2", NAME), Ok(APPLICATION.into()));
    let mut connection = attempt.upgrade();
    fails_with(&starting, ARIWS_ERROR_HOST);
    assert_eq!(connection.wait_for_close(), 1000);
    pbx.wait_for_call(&failed("2"));
    pbx.unload(DEADLINE);
    assert!(!pbx.host.has(APPLICATION));
    assert!(!pbx.host.calls().contains(&failed("1")));
}
