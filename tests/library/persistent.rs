//! Persistent connections.

use std::thread;

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Call, Configuration, Host, Library, Server};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[test]
fn applications_are_registered_with_their_contexts_in_configured_order() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "zeta, alpha");
    let _library = Library::load(&host, &configuration);
    assert_eq!(
        host.calls(),
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
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "zeta, alpha, mid");
    let library = Library::load(&host, &configuration);
    assert_eq!(library.event("mid", r#"{"type":"Early"}"#), ARIWS_OK);
    assert_eq!(
        server.accept().summaries(4),
        [
            "ApplicationRegistered zeta",
            "ApplicationRegistered alpha",
            "ApplicationRegistered mid",
            "Early mid"
        ]
    );
}

#[test]
fn application_registered_has_the_members_of_asterisk_in_their_order() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let _library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    let text = connection.text();
    let (before, rest) = text.split_once("\"timestamp\":\"").expect("a timestamp");
    let (_, after) = rest.split_once('"').expect("its end");
    assert_eq!(before, r#"{"type":"ApplicationRegistered","#);
    assert_eq!(
        after,
        r#","application":"app1","asterisk_id":"02:fc:00:00:00:01"}"#
    );
}

#[test]
fn subscribe_all_reaches_the_host() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1")
        .replacing("local_ari_user", "subscribe_all = yes\nlocal_ari_user");
    let _library = Library::load(&host, &configuration);
    host.wait_for(|call| *call == Call::Register("app1".into(), true));
}

#[test]
fn a_server_that_comes_up_later_is_reached() {
    let host = Host::new();
    let address = Server::start().address();
    let configuration = Configuration::with("persistent", address, "app1");
    let library = Library::load(&host, &configuration);
    assert_eq!(library.event("app1", r#"{"type":"Waiting"}"#), ARIWS_OK);
    host.wait_for_log("Connection refused");
    let server = Server::at(address);
    assert_eq!(
        server.accept().summaries(2),
        ["ApplicationRegistered app1", "Waiting app1"]
    );
}

#[test]
fn a_lost_connection_is_made_again_and_announced_ahead_of_what_waited() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    assert_eq!(connection.summary(), "ApplicationRegistered app1");
    connection.reset();
    host.wait_for_log("connection lost");
    assert_eq!(library.event("app1", r#"{"type":"Meanwhile"}"#), ARIWS_OK);
    assert_eq!(
        server.accept().summaries(2),
        ["ApplicationRegistered app1", "Meanwhile app1"]
    );
}

#[test]
fn a_close_by_the_application_is_answered_and_followed_by_a_new_connection() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let _library = Library::load(&host, &configuration);
    server.accept().close(1000);
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
    host.wait_for_log("closed the connection (1000)");
}

#[test]
fn a_peer_that_accepts_and_drops_is_no_storm() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1")
        .replacing("reconnect_interval = 20", "reconnect_interval = 60000");
    let _library = Library::load(&host, &configuration);
    server.accept().reset();
    assert!(server.is_quiet());
}

#[test]
fn shutting_down_by_command_unregisters_closes_with_1000_and_stays_down() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "zeta,alpha");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    connection.summaries(2);
    let (code, output) = library.command("ari shutdown websocket session connection1");
    assert_eq!(code, ARIWS_OK);
    assert_eq!(output, "Shutting down websocket session 'connection1'\n");
    assert_eq!(
        connection.summaries(2),
        [
            "ApplicationUnregistered alpha",
            "ApplicationUnregistered zeta"
        ]
    );
    assert_eq!(connection.wait_for_close(), 1000);
    assert!(!host.has("alpha"));
    library.reload();
    assert!(server.is_quiet());
}

#[test]
fn starting_by_command_is_like_a_first_connection() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    let mut first = server.accept();
    first.summary();
    library.command("ari shutdown websocket session connection1");
    first.wait_for_close();
    host.forget();
    let (code, _) = library.command("ari start outbound-websocket connection1");
    assert_eq!(code, ARIWS_OK);
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
    host.wait_for(|call| *call == Call::Register("app1".into(), false));
}

#[test]
fn a_refused_registration_leaves_the_other_applications_working() {
    let (server, host) = (Server::start(), Host::refusing(&["app1"]));
    let configuration = Configuration::with("persistent", server.address(), "app1,app2");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    assert_eq!(connection.summary(), "ApplicationRegistered app2");
    assert_ne!(library.event("app1", r#"{"type":"Lost"}"#), ARIWS_OK);
    host.wait_for_log("did not register application app1");
}

#[test]
fn a_silent_server_is_given_up_at_the_deadline() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1")
        .replacing("connection_timeout = 5000", "connection_timeout = 1000");
    let _library = Library::load(&host, &configuration);
    let _silent = server.accept_tcp();
    host.wait_for_log("no complete answer to the upgrade request within 1000 ms");
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
}

#[test]
fn a_close_that_is_not_answered_ends_by_itself() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    let mut deaf = server.accept();
    deaf.summary();
    library.command("ari shutdown websocket session connection1");
    library.command("ari start outbound-websocket connection1");
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
    // Ends because the library gave up, not because an answer came.
    assert!(!deaf.read_raw().is_empty());
}

#[test]
fn a_peer_that_stops_reading_is_dropped_and_its_queue_kept() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::empty().connection(
        "connection1",
        "persistent",
        server.address(),
        "app1",
        "write_timeout = 100",
    );
    let library = Library::load(&host, &configuration);
    let mut stalled = server.accept();
    assert_eq!(stalled.summary(), "ApplicationRegistered app1");
    let filling = "x".repeat(100_000);
    // More than the buffers of both kernels take.
    for number in 0..200 {
        let event = json!({"type": "Event", "number": number, "filling": filling});
        assert_eq!(library.event("app1", &event.to_string()), ARIWS_OK);
    }
    // The kernel may be the first to give up.
    host.wait_for_log("(write_timeout");
    let mut next = server.accept();
    assert_eq!(next.summary(), "ApplicationRegistered app1");
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
    assert!(lost <= host.wait_for_loss(), "{lost} lost");
    assert_eq!(numbers, Vec::from_iter(again..200));
}

#[test]
fn a_peer_that_answers_no_ping_is_dropped() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::empty().connection(
        "connection1",
        "persistent",
        server.address(),
        "app1",
        "enable_pingpongs = yes\npingpong_interval = 1\npingpong_probes = 1",
    );
    let _library = Library::load(&host, &configuration);
    // Nobody reads here, so nobody answers.
    let _silent = server.accept();
    host.wait_for_log("answered none of 1 pings (pingpong_probes)");
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
}

#[test]
fn an_error_in_general_harms_no_connection() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1")
        .replacing("enabled = yes", "enabled = perhaps\ncolour = blue");
    let _library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    assert_eq!(connection.summary(), "ApplicationRegistered app1");
    assert!(connection.is_quiet());
    assert!(server.is_quiet());
}

#[test]
fn an_interval_of_zero_is_no_storm() {
    let host = Host::new();
    let configuration = Configuration::with("persistent", Server::start().address(), "app1")
        .replacing("reconnect_interval = 20", "reconnect_interval = 0")
        .replacing("reconnect_attempts = 3", "reconnect_attempts = 1");
    let began = std::time::Instant::now();
    let _library = Library::load(&host, &configuration);
    host.wait_for_log("at attempt 10 ");
    // Nine pauses of 10 ms.
    assert!(began.elapsed() >= std::time::Duration::from_millis(90));
}
