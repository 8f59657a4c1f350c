//! A per-call connection ends: Stasis ends with FAILED for the channels that are inside, and for no other.

use std::sync::{Arc, Condvar, Mutex, mpsc};

use ariws::ffi::*;
use ariws_testkit::{Call, DEADLINE, Host, Pbx};
use tokio_tungstenite::tungstenite::Message;

use crate::per_call::{APPLICATION, NAME, enter, failed, fails_with, shut_down, stasis_event};

/// The host has StasisEnd of the channel, and Stasis goes on: it was moved to another application, or runs a dialplan inside
/// Stasis.
fn moves_away(pbx: &Pbx, channel: &str) {
    pbx.event(APPLICATION, &stasis_event("StasisEnd", channel));
}

/// Waits for the end of the session; gives the channels for which Stasis ended with it.
fn failed_at_the_end(host: &Host) -> Vec<Call> {
    host.wait_for_call(&Call::Unregister(APPLICATION.into()));
    host.calls().into_iter().filter(is_failure).collect()
}

fn is_failure(call: &Call) -> bool {
    matches!(call, Call::StasisFailed(..))
}

#[test]
fn a_channel_that_was_moved_away_is_not_failed_when_the_server_leaves() {
    let mut pbx = Pbx::per_call("app1").load();
    let mut connection = enter(&pbx, "1");
    moves_away(&pbx, "1");
    connection.summary();
    pbx.server.stop();
    connection.reset();
    let failed = failed_at_the_end(&pbx.host);
    pbx.unload(DEADLINE);
    assert_eq!(failed, []);
    assert_eq!(failed_at_the_end(&pbx.host), []);
}

#[test]
fn a_channel_whose_stasis_end_waits_for_a_connection_is_not_failed() {
    let mut pbx = Pbx::per_call("app1").load();
    let connection = enter(&pbx, "1");
    pbx.server.stop();
    connection.reset();
    moves_away(&pbx, "1");
    pbx.wait_for_log("giving up");
    pbx.unload(DEADLINE);
    assert_eq!(failed_at_the_end(&pbx.host), []);
}

#[test]
fn a_channel_that_was_moved_away_is_not_failed_by_a_command() {
    let pbx = Pbx::per_call("app1").load();
    let mut connection = enter(&pbx, "1");
    moves_away(&pbx, "1");
    connection.summary();
    shut_down(&pbx);
    pbx.unload(DEADLINE);
    assert_eq!(failed_at_the_end(&pbx.host), []);
}

#[test]
fn a_channel_that_came_back_is_failed_once() {
    let mut pbx = Pbx::per_call("app1").load();
    let mut connection = enter(&pbx, "1");
    moves_away(&pbx, "1");
    pbx.event(APPLICATION, &stasis_event("StasisStart", "1"));
    connection.summaries(2);
    pbx.server.stop();
    connection.reset();
    pbx.wait_for_call(&failed("1"));
    pbx.unload(DEADLINE);
    assert_eq!(failed_at_the_end(&pbx.host), [failed("1")]);
}

#[test]
fn of_a_transfer_the_new_channel_is_failed_and_the_old_one_is_not() {
    let mut pbx = Pbx::per_call("app1").load();
    let mut connection = enter(&pbx, "old");
    pbx.event(
        APPLICATION,
        r#"{"type":"StasisStart","channel":{"id":"new"},"replace_channel":{"id":"old"}}"#,
    );
    connection.summary();
    pbx.server.stop();
    connection.reset();
    pbx.wait_for_call(&failed("new"));
    pbx.unload(DEADLINE);
    assert_eq!(failed_at_the_end(&pbx.host), [failed("new")]);
}

#[test]
fn a_channel_whose_stasis_end_found_no_room_in_the_queue_is_not_failed() {
    let mut pbx = Pbx::per_call("app1")
        .set(
            "connection1",
            // No attempt ends the call before its events are offered.
            "queue_max_messages = 1\nqueue_overflow = drop_newest\nreconnect_interval = 60000",
        )
        .load();
    let connection = enter(&pbx, "1");
    pbx.server.stop();
    connection.reset();
    pbx.wait_for_log("connection lost");
    pbx.event(APPLICATION, &stasis_event("ChannelVarset", "1"));
    let ended = pbx.event(APPLICATION, &stasis_event("StasisEnd", "1"));
    assert_eq!(ended, ARIWS_ERROR_FULL);
    pbx.unload(DEADLINE);
    assert_eq!(failed_at_the_end(&pbx.host), []);
}

#[test]
fn a_channel_whose_connection_is_still_being_made_only_has_its_start_fail() {
    let pbx = Pbx::per_call("app1").load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let _silent = pbx.server.accept_tcp();
    shut_down(&pbx);
    fails_with(&starting, ARIWS_ERROR_CANCELLED);
    pbx.unload(DEADLINE);
    assert_eq!(pbx.host.calls().into_iter().find(is_failure), None);
}

#[test]
fn a_channel_that_joined_a_call_whose_own_channel_was_cancelled_is_failed() {
    let host = Host::reacting(|host, call| {
        if let (Call::Register(app, _), Some(handle)) = (call, host.library())
            && !host.has(app)
        {
            host.set_registered(app, true);
            let joined = handle.stasis_start(app, "2", "Local/second");
            assert_eq!(joined, Ok(APPLICATION.into()));
            let command = format!("ari shutdown websocket session connection1:{NAME}");
            assert_eq!(handle.stasis_cancel("1"), ARIWS_OK);
            // It takes effect while this callback runs.
            assert_eq!(handle.command(&command).0, ARIWS_OK);
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let _connection = pbx.accept();
    fails_with(&starting, ARIWS_ERROR_CANCELLED);
    pbx.wait_for_call(&failed("2"));
    pbx.unload(DEADLINE);
    let failures: Vec<_> = pbx.host.calls().into_iter().filter(is_failure).collect();
    assert_eq!(failures, [failed("2")]);
}

/// The host moves a channel to the application in the moment in which its connection is closed.
#[test]
fn a_channel_that_comes_while_the_connection_closes_is_told_of_or_failed() {
    let pbx = Pbx::per_call("app1").load();
    let mut connection = enter(&pbx, "1");
    moves_away(&pbx, "1");
    pbx.stasis_end(APPLICATION, "1");
    pbx.event(APPLICATION, &stasis_event("ChannelDestroyed", "1"));
    connection.summaries(2);
    while !matches!(connection.websocket.read(), Ok(Message::Close(_))) {}
    // The server has not answered the Close.
    let taken = pbx.event(APPLICATION, &stasis_event("StasisStart", "2"));
    assert_eq!(connection.wait_for_end(), None);
    if taken == ARIWS_OK {
        let messages = pbx.accept().summaries(2);
        let expected = ["ApplicationRegistered", "StasisStart"];
        assert_eq!(messages, expected.map(|kind| format!("{kind} {APPLICATION}")));
    } else {
        pbx.wait_for_call(&failed("2"));
    }
}

/// Servers that close in the moment in which they hear of the end of the call; the host tells of it before or after Stasis has
/// returned.
#[test]
fn a_normal_end_is_never_a_failure() {
    const CALLS: usize = 400;
    let pbx = Pbx::per_call("app1").set("connection1", "start_delay = 0").load();
    let serve = || {
        for number in 0..CALLS {
            let mut connection = pbx.accept();
            while !connection.summary().starts_with("StasisEnd") {}
            if number % 2 == 0 {
                connection.close(1000);
            } else {
                connection.reset();
            }
        }
    };
    let events = |application: &str, channel: &str, kinds: &[&str]| {
        for kind in kinds {
            pbx.event(application, &stasis_event(kind, channel));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(serve);
        for number in 0..CALLS {
            let channel = number.to_string();
            let name = format!("Local/{number}");
            let application = pbx.stasis_start("app1", &channel, &name).expect("a connection");
            match number % 3 {
                0 => {
                    events(&application, &channel, &["StasisStart", "StasisEnd"]);
                    pbx.stasis_end(&application, &channel);
                }
                1 => {
                    events(&application, &channel, &["StasisStart"]);
                    pbx.stasis_end(&application, &channel);
                    events(&application, &channel, &["StasisEnd"]);
                }
                _ => {
                    pbx.stasis_end(&application, &channel);
                    events(&application, &channel, &["StasisStart", "StasisEnd"]);
                }
            }
        }
    });
    assert!(pbx.server.is_quiet());
    pbx.unload(DEADLINE);
    assert_eq!(pbx.host.calls().into_iter().find(is_failure), None);
}

#[test]
fn a_caller_who_hangs_up_while_the_old_connection_is_given_up_is_done_at_once() {
    let gate = Arc::new((Mutex::new(false), Condvar::new()));
    let its = Arc::clone(&gate);
    let host = Host::reacting(move |_, call| {
        if matches!(call, Call::Unregister(_)) {
            let open = its.0.lock().expect("the lock");
            drop(its.1.wait_while(open, |open| !*open));
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    let mut connection = enter(&pbx, "1");
    moves_away(&pbx, "1");
    pbx.stasis_end(APPLICATION, "1");
    connection.summary();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    pbx.wait_for_call(&Call::Unregister(APPLICATION.into()));
    assert_eq!(pbx.stasis_cancel("1"), ARIWS_OK);
    fails_with(&starting, ARIWS_ERROR_CANCELLED);
    *gate.0.lock().expect("the lock") = true;
    gate.1.notify_all();
}

#[test]
fn a_channel_that_leaves_while_the_host_gives_its_application_up_is_not_failed() {
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let host = Host::reacting(move |_, call| {
        if *call == Call::Unregister(APPLICATION.into()) {
            // Ends when the test goes on, or ends.
            let _ = waits.lock().expect("the lock").recv();
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    let _connection = enter(&pbx, "1");
    std::thread::scope(|scope| {
        let shutdown = scope.spawn(|| pbx.command("ari shutdown websocket sessions"));
        pbx.wait_for_call(&Call::Unregister(APPLICATION.into()));
        pbx.stasis_end(APPLICATION, "1");
        go_on.send(()).expect("a host that waits");
        shutdown.join().expect("an end");
    });
    assert!(!pbx.host.calls().contains(&failed("1")));
}
