//! Per-call connections.

use std::ffi::{c_char, c_void};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Call, Configuration, Connection, DEADLINE, Handle, Host, Library, Server};
use serde_json::json;

pub(crate) const NAME: &str = "PJSIP/alice-00000001";
pub(crate) const APPLICATION: &str = "app1:PJSIP/alice-00000001";

pub(crate) fn stasis_event(kind: &str, channel: &str) -> String {
    format!(r#"{{"type":"{kind}","channel":{{"id":"{channel}","name":"x"}}}}"#)
}

pub(crate) fn per_call(server: &Server) -> Configuration {
    Configuration::with("per_call_config", server.address(), "app1")
}

pub(crate) fn failed(channel: &str) -> Call {
    Call::StasisFailed(channel.into(), APPLICATION.into())
}

/// A call up to its StasisStart.
pub(crate) fn enter(library: &Library<'_>, server: &Server, channel: &str) -> Connection {
    let starting = library.stasis_start_async("app1", channel, NAME);
    let mut connection = server.accept();
    let started = starting.recv().expect("an outcome");
    assert_eq!(started, Ok(APPLICATION.into()));
    assert_eq!(
        connection.summary(),
        format!("ApplicationRegistered {APPLICATION}")
    );
    library.event(APPLICATION, &stasis_event("StasisStart", channel));
    assert_eq!(connection.summary(), format!("StasisStart {APPLICATION}"));
    connection
}

pub(crate) fn leave(library: &Library<'_>, channel: &str) {
    library.event(APPLICATION, &stasis_event("StasisEnd", channel));
    library.stasis_end(APPLICATION, channel);
}

#[test]
fn at_load_only_the_contexts_are_made() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let _library = Library::load(&host, &configuration);
    assert_eq!(
        host.calls(),
        [Call::CreateContext("stasis-app1".into(), "app1".into())]
    );
    assert!(server.is_quiet());
}

#[test]
fn a_call_connects_registers_its_application_and_closes_with_1000() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    assert!(host.has(APPLICATION));
    leave(&library, "1");
    library.event(APPLICATION, &stasis_event("ChannelDestroyed", "1"));
    assert_eq!(
        connection.summaries(2),
        [
            format!("StasisEnd {APPLICATION}"),
            format!("ChannelDestroyed {APPLICATION}")
        ]
    );
    assert_eq!(connection.wait_for_close(), 1000);
    host.wait_for(|call| *call == Call::Unregister(APPLICATION.into()));
}

#[test]
fn the_blocking_start_gives_the_applications_name() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let accepting = std::thread::spawn(move || server.accept());
    let started = library.stasis_start("app1", "1", NAME);
    assert_eq!(started, Ok(APPLICATION.into()));
    drop(accepting.join().expect("the other thread"));
}

#[test]
fn trailing_events_still_arrive_after_stasis_end() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    leave(&library, "1");
    connection.summary();
    library.event(APPLICATION, &stasis_event("ChannelVarset", "1"));
    assert_eq!(connection.summary(), format!("ChannelVarset {APPLICATION}"));
}

#[test]
fn two_calls_are_two_connections() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let names = ["Local/a-1", "Local/b-1"];
    let starts = names.map(|name| library.stasis_start_async("app1", name, name));
    let (mut one, mut two) = (server.accept(), server.accept());
    for start in starts {
        assert!(start.recv().expect("an outcome").is_ok());
    }
    let mut seen = [one.summary(), two.summary()];
    seen.sort();
    assert_eq!(
        seen,
        [
            "ApplicationRegistered app1:Local/a-1",
            "ApplicationRegistered app1:Local/b-1"
        ]
    );
}

#[test]
fn a_registered_application_is_entered_without_a_connection() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    assert_eq!(library.stasis_start("app1", "1", NAME), Ok("app1".into()));
}

#[test]
fn an_application_that_nobody_serves_is_not_found() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let started = library.stasis_start("other", "1", NAME);
    assert_eq!(
        started.map_err(|(code, _)| code),
        Err(ARIWS_ERROR_NOT_FOUND)
    );
}

#[test]
fn an_invalid_connection_makes_no_session() {
    let (server, host) = (Server::start(), Host::new());
    let configuration =
        per_call(&server).replacing("local_ari_user = user1", "local_ari_user = nobody");
    let library = Library::load(&host, &configuration);
    let started = library.stasis_start("app1", "1", NAME);
    assert_eq!(
        started.map_err(|(code, _)| code),
        Err(ARIWS_ERROR_INVALID_CONNECTION)
    );
}

#[test]
fn attempts_that_fail_are_as_many_as_configured() {
    let host = Host::new();
    let address = Server::start().address();
    let configuration = Configuration::with("per_call_config", address, "app1");
    let library = Library::load(&host, &configuration);
    let (code, message) = library
        .stasis_start("app1", "1", NAME)
        .expect_err("no server");
    assert_eq!(code, ARIWS_ERROR_CONNECT);
    assert!(message.contains("Connection refused"), "{message}");
    assert!(library.metrics().contains("ariws_attempts_failed_total 3"));
}

#[test]
fn a_caller_who_hangs_up_while_connecting_is_done_at_once() {
    let (server, host) = (Server::start(), Host::new());
    let configuration =
        per_call(&server).replacing("connection_timeout = 5000", "connection_timeout = 60000");
    let library = Library::load(&host, &configuration);
    let starting = library.stasis_start_async("app1", "1", NAME);
    let _silent = server.accept_tcp();
    assert_eq!(library.stasis_cancel("1"), ARIWS_OK);
    let outcome = starting.recv().expect("an outcome");
    assert_eq!(
        outcome.map_err(|(code, _)| code),
        Err(ARIWS_ERROR_CANCELLED)
    );
    assert_eq!(library.stasis_cancel("1"), ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn a_drop_in_mid_call_is_healed_without_a_new_stasis_start() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    enter(&library, &server, "1").reset();
    host.wait_for_log("connection lost");
    library.event(APPLICATION, &stasis_event("ChannelVarset", "1"));
    assert_eq!(
        server.accept().summaries(2),
        [
            format!("ApplicationRegistered {APPLICATION}"),
            format!("ChannelVarset {APPLICATION}")
        ]
    );
    assert!(!host.calls().contains(&failed("1")));
}

#[test]
fn a_server_that_never_returns_ends_stasis_for_every_channel() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let connection = enter(&library, &server, "1");
    library.event(APPLICATION, &stasis_event("StasisStart", "2"));
    drop(server);
    connection.reset();
    host.wait_for(|call| *call == failed("1"));
    host.wait_for(|call| *call == failed("2"));
    host.wait_for(|call| *call == Call::Unregister(APPLICATION.into()));
}

#[test]
fn a_server_that_accepts_and_drops_uses_up_the_attempts() {
    let (server, host) = (Server::start(), Host::new());
    let configuration =
        per_call(&server).replacing("reconnect_interval = 20", "reconnect_interval = 50");
    let library = Library::load(&host, &configuration);
    let starting = library.stasis_start_async("app1", "1", NAME);
    for _ in 0..3 {
        server.accept().reset();
    }
    assert!(starting.recv().expect("an outcome").is_ok());
    host.wait_for(|call| *call == failed("1"));
}

#[test]
fn a_peer_that_leaves_after_stasis_end_is_not_called_back() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    leave(&library, "1");
    connection.summary();
    connection.close(1000);
    host.wait_for(|call| *call == Call::Unregister(APPLICATION.into()));
    assert!(server.is_quiet());
}

#[test]
fn a_second_channel_keeps_the_connection() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    assert_eq!(
        library.stasis_start(APPLICATION, "2", "Local/second"),
        Ok(APPLICATION.into())
    );
    library.event(APPLICATION, &stasis_event("StasisStart", "2"));
    leave(&library, "1");
    library.event(APPLICATION, &stasis_event("ChannelDestroyed", "1"));
    connection.summaries(3);
    assert!(connection.is_quiet());
    leave(&library, "2");
    library.event(APPLICATION, &stasis_event("ChannelDestroyed", "2"));
    connection.summaries(2);
    assert_eq!(connection.wait_for_close(), 1000);
}

#[test]
fn a_channel_may_enter_again_while_its_old_connection_lingers() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut old = enter(&library, &server, "1");
    leave(&library, "1");
    old.summary();
    let mut new = enter(&library, &server, "1");
    assert_eq!(old.wait_for_close(), 1000);
    assert!(host.has(APPLICATION));
    leave(&library, "1");
    assert_eq!(new.summary(), format!("StasisEnd {APPLICATION}"));
}

#[test]
fn a_stasis_end_that_comes_after_the_next_start_reaches_the_old_connection() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut old = enter(&library, &server, "1");
    library.stasis_end(APPLICATION, "1");
    let starting = library.stasis_start_async("app1", "1", NAME);
    assert!(old.is_quiet());
    library.event(APPLICATION, &stasis_event("StasisEnd", "1"));
    assert_eq!(old.summary(), format!("StasisEnd {APPLICATION}"));
    assert_eq!(old.wait_for_close(), 1000);
    let mut new = server.accept();
    assert_eq!(
        new.summary(),
        format!("ApplicationRegistered {APPLICATION}")
    );
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
}

#[test]
fn the_request_that_made_the_channel_leave_is_answered_before_the_next_start_closes_its_connection()
{
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut old = enter(&library, &server, "1");
    old.send(&json!({"type": "RESTRequest", "request_id": "1", "method": "POST", "uri": "channels/1/continue"}));
    let request = host.wait_for_request("channels/1/continue");
    leave(&library, "1");
    assert_eq!(old.summary(), format!("StasisEnd {APPLICATION}"));
    let starting = library.stasis_start_async("app1", "1", NAME);
    assert!(old.is_quiet());
    library.complete(request.id, 204, None);
    assert_eq!(old.json()["status_code"], 204);
    assert_eq!(old.wait_for_close(), 1000);
    server.accept();
    assert_eq!(starting.recv().expect("an outcome"), Ok(APPLICATION.into()));
}

#[test]
fn shutting_a_call_down_by_command_ends_its_stasis() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    let command = format!("ari shutdown websocket session connection1:{NAME}");
    assert_eq!(library.command(&command).0, ARIWS_OK);
    assert_eq!(
        connection.summary(),
        format!("ApplicationUnregistered {APPLICATION}")
    );
    assert_eq!(connection.wait_for_close(), 1000);
    host.wait_for(|call| *call == failed("1"));
}

#[test]
fn a_refused_registration_fails_the_start() {
    let (server, host) = (Server::start(), Host::refusing(&[APPLICATION]));
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let starting = library.stasis_start_async("app1", "1", NAME);
    assert_eq!(server.accept().wait_for_close(), 1000);
    let outcome = starting.recv().expect("an outcome");
    assert_eq!(outcome.map_err(|(code, _)| code), Err(ARIWS_ERROR_HOST));
}

/// A start that fails because the host refuses, while the server does not answer the Close that follows.
fn refused(library: &Library<'_>, server: &Server, channel: &str) -> Connection {
    let starting = library.stasis_start_async("app1", channel, NAME);
    let connection = server.accept();
    let outcome = starting.recv().expect("an outcome");
    assert_eq!(outcome.map_err(|(code, _)| code), Err(ARIWS_ERROR_HOST));
    connection
}

#[test]
fn a_start_that_failed_leaves_no_session_and_tells_its_channel_nothing_more() {
    let (server, host) = (Server::start(), Host::refusing(&[APPLICATION]));
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let _silent = refused(&library, &server, "1");
    // Whether it is still there in this moment or not.
    let command = format!("ari shutdown websocket session connection1:{NAME}");
    library.command(&command);
    library.wait_for_output("ari show sessions", |page| !page.contains(NAME));
    let _silent = refused(&library, &server, "2");
    library.unload(DEADLINE);
    let told = |call: &Call| matches!(call, Call::StasisFailed(..) | Call::Unregister(_));
    assert!(!host.calls().iter().any(told), "{:#?}", host.calls());
}

/// What `app_register` returns from now on.
static REGISTRATION: AtomicI32 = AtomicI32::new(ARIWS_HOST_FAILED);

unsafe extern "C" fn register(_: *mut c_void, _: *const c_char, _: i32) -> i32 {
    REGISTRATION.load(Ordering::SeqCst)
}

#[test]
fn a_start_after_one_that_failed_has_a_connection_of_its_own() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let mut table = host.table();
    table.app_register = Some(register);
    let library = Library::load_table(&host, &table, &configuration);
    let _silent = refused(&library, &server, "1");
    REGISTRATION.store(ARIWS_APP_REGISTERED, Ordering::SeqCst);
    enter(&library, &server, "1");
}

#[test]
fn a_start_whose_session_is_shut_down_meanwhile_fails_and_tells_its_channel_nothing_more() {
    let server = Server::start();
    let handle = Arc::new(OnceLock::<Handle>::new());
    let shared = Arc::clone(&handle);
    let host = Host::reacting(move |_, call| {
        if let (Call::Register(..), Some(handle)) = (call, shared.get()) {
            let command = format!("ari shutdown websocket session connection1:{NAME}");
            assert_eq!(handle.command(&command).0, ARIWS_OK);
        }
    });
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    assert!(handle.set(library.handle()).is_ok());
    let starting = library.stasis_start_async("app1", "1", NAME);
    assert_eq!(server.accept().wait_for_close(), 1000);
    let outcome = starting.recv().expect("an outcome");
    assert_eq!(
        outcome.map_err(|(code, _)| code),
        Err(ARIWS_ERROR_CANCELLED)
    );
    library.unload(DEADLINE);
    assert!(!host.calls().contains(&failed("1")), "{:#?}", host.calls());
}

#[test]
fn a_channel_whose_stasis_end_never_comes_enters_again_with_a_warning() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut first = enter(&library, &server, "1");
    library.stasis_end(APPLICATION, "1");
    enter(&library, &server, "1");
    host.wait_for_log("so long its StasisEnd was waited for");
    assert_eq!(first.wait_for_close(), 1000);
}

#[test]
fn a_channel_that_entered_by_events_alone_is_told_like_others() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    library.event(APPLICATION, &stasis_event("StasisStart", "moved here"));
    connection.summary();
    library.command(&format!(
        "ari shutdown websocket session connection1:{NAME}"
    ));
    host.wait_for(|call| *call == failed("1"));
    host.wait_for(|call| *call == failed("moved here"));
}

#[test]
fn a_channel_cannot_be_started_twice_at_a_time() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let starting = library.stasis_start_async("app1", "1", NAME);
    let _silent = server.accept_tcp();
    let second = library.stasis_start("app1", "1", NAME);
    assert_eq!(second.map_err(|(code, _)| code), Err(ARIWS_ERROR_DUPLICATE));
    library.stasis_cancel("1");
    starting
        .recv_timeout(Duration::from_secs(10))
        .expect("an outcome")
        .expect_err("cancelled");
}

#[test]
fn a_caller_who_hangs_up_while_the_application_is_registered_is_cancelled() {
    let server = Server::start();
    let handle = Arc::new(OnceLock::<Handle>::new());
    let cancelling = Arc::clone(&handle);
    let host = Host::reacting(move |_, call| {
        if let (Call::Register(..), Some(handle)) = (call, cancelling.get()) {
            assert_eq!(handle.stasis_cancel("1"), ARIWS_OK);
        }
    });
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    handle
        .set(library.handle())
        .unwrap_or_else(|_| panic!("set once"));
    let starting = library.stasis_start_async("app1", "1", NAME);
    let mut connection = server.accept();
    let outcome = starting.recv().expect("an outcome");
    assert_eq!(
        outcome.map_err(|(code, _)| code),
        Err(ARIWS_ERROR_CANCELLED)
    );
    assert_eq!(connection.wait_for_close(), 1000);
    host.wait_for(|call| *call == Call::Unregister(APPLICATION.into()));
}

#[test]
fn a_channel_that_comes_back_to_others_on_its_connection_joins_them() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = per_call(&server);
    let library = Library::load(&host, &configuration);
    let mut connection = enter(&library, &server, "1");
    library.event(APPLICATION, &stasis_event("StasisStart", "2"));
    leave(&library, "1");
    connection.summaries(2);
    assert_eq!(
        library.stasis_start("app1", "1", NAME),
        Ok(APPLICATION.into())
    );
    library.event(APPLICATION, &stasis_event("StasisStart", "1"));
    assert_eq!(connection.summary(), format!("StasisStart {APPLICATION}"));
    assert!(server.is_quiet());
}
