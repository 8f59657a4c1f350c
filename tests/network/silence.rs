//! Peers that are gone without a word: packets are lost, and nothing refuses them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Host, Library};
use serde_json::json;

use crate::backend::Backend;
use crate::names::Names;
use crate::network::{FAR, Network, OTHERS, configuration};

const DETAIL: &str = "ari show outbound-websocket connection1 detail";

const KEEPALIVES: &str =
    "enable_tcp_keepalives = yes\ntcp_keepalive_time = 1\ntcp_keepalive_interval = 1\ntcp_keepalive_probes = 2";

/// How much later than promised a busy machine may be.
const SLACK: Duration = Duration::from_secs(1);

/// A persistent connection that is open and idle: everything has been answered.
fn idle<'a>(network: &Network, host: &'a Host, more: &str) -> (Library<'a>, Backend) {
    let server = Backend::start(network, SocketAddr::new(FAR, 8088));
    let uri = "ws://10.0.0.2:8088/ari";
    let library = Library::load(host, &configuration("persistent", uri, more));
    library.wait_for_output(DETAIL, |page| {
        let answered = |line: &str| line.starts_with("round_trip") && !line.ends_with("N/A");
        page.lines().any(answered)
    });
    (library, server)
}

/// The time that the operator is promised: "within 3.0 s at rest".
fn promised(library: &Library<'_>, when: &str) -> Duration {
    let (_, page) = library.command(DETAIL);
    let promise = page
        .split("within ")
        .find_map(|part| part.split_once(&format!(" s {when}")))
        .unwrap_or_else(|| panic!("no promise {when}: {page}"));
    Duration::from_secs_f64(promise.0.parse().expect("seconds"))
}

/// Loses everything; gives the time until the library's log has the text.
fn time_to_notice(network: &Network, host: &Host, text: &str) -> Duration {
    let began = Instant::now();
    network.fall_silent();
    host.wait_for_log(text);
    began.elapsed()
}

/// Prints what was measured, for who wants to know how near it comes.
fn assert_kept(promised: Duration, measured: Duration) {
    println!("promised {promised:?}, measured {measured:?}");
    assert!(measured <= promised + SLACK, "{measured:?}");
}

#[test]
fn pings_notice_silence_within_the_promised_time() {
    let (network, host) = (Network::enter(), Host::new());
    let more = "enable_pingpongs = yes\npingpong_interval = 1\npingpong_probes = 2";
    let (library, server) = idle(&network, &host, more);
    let promised = promised(&library, "at rest");
    // The interval, once for the ping that is yet to come and once for each that is in vain.
    assert_eq!(promised, Duration::from_secs(3));
    let measured = time_to_notice(&network, &host, "answered none of 2 pings (pingpong_probes)");
    assert_kept(promised, measured);
    // Two pings in vain cannot have taken less.
    assert!(measured >= Duration::from_millis(900), "{measured:?}");
    network.heal();
    server.wait_for(|received| received.len() >= 2);
}

#[test]
fn keepalives_notice_silence_within_the_promised_time() {
    let (network, host) = (Network::enter(), Host::new());
    let (library, server) = idle(&network, &host, KEEPALIVES);
    let promised = promised(&library, "at rest");
    // The time without a word, and the interval after each probe.
    assert_eq!(promised, Duration::from_secs(3));
    let measured = time_to_notice(&network, &host, "connection lost (");
    assert_kept(promised, measured);
    network.heal();
    server.wait_for(|received| received.len() >= 2);
}

/// What is sent into silence is noticed within so many seconds, as promised.
fn is_noticed_when_something_is_sent(more: &str, seconds: u64) {
    let (network, host) = (Network::enter(), Host::new());
    let (library, server) = idle(&network, &host, more);
    let promised = promised(&library, "when something is sent");
    assert_eq!(promised, Duration::from_secs(seconds));
    let began = Instant::now();
    network.fall_silent();
    let event = r#"{"type":"ChannelVarset"}"#;
    assert_eq!(library.event("app1", event), ARIWS_OK);
    host.wait_for_log("connection lost (");
    assert_kept(promised, began.elapsed());
    network.heal();
    server.wait_for(|received| received.len() >= 2);
}

#[test]
fn keepalives_notice_silence_within_the_promised_time_while_something_is_sent() {
    is_noticed_when_something_is_sent(KEEPALIVES, 3);
}

#[test]
fn what_is_sent_into_silence_is_noticed_within_write_timeout() {
    is_noticed_when_something_is_sent("write_timeout = 2000", 2);
}

#[test]
fn without_pings_and_keepalives_nothing_is_promised_for_a_connection_at_rest() {
    let (network, host) = (Network::enter(), Host::new());
    let (library, _server) = idle(&network, &host, "write_timeout = 2000");
    let (_, page) = library.command(DETAIL);
    let promise = "within 2.0 s when something is sent, not at rest";
    assert!(page.contains(promise), "{page}");
}

#[test]
fn a_call_whose_server_falls_silent_goes_on_at_another_address() {
    let (network, host) = (Network::enter(), Host::new());
    let _names = Names::serve(&network, &OTHERS[..2]);
    let servers = [OTHERS[0], OTHERS[1]].map(|address| Backend::start(&network, SocketAddr::new(address, 8088)));
    let uri = "ws://bots.example.test:8088/ari";
    let more = "enable_pingpongs = yes\npingpong_interval = 1\npingpong_probes = 1\nconnection_timeout = 1000";
    let library = Library::load(&host, &configuration("per_call_config", uri, more));
    assert!(library.stasis_start("app1", "1", "Test/1").is_ok());
    let (one, other) = match servers.each_ref().map(Backend::connections) {
        [1, 0] => (&servers[0], &servers[1]),
        _ => (&servers[1], &servers[0]),
    };
    network.lose(&format!("ip daddr {}", one.address().ip()));
    other.wait_for(|received| received.iter().any(|message| message.kind == "ApplicationRegistered"));
    assert_eq!(library.event("app1:Test/1", r#"{"type":"ChannelVarset"}"#), ARIWS_OK);
    other.wait_for(|received| received.iter().any(|message| message.kind == "ChannelVarset"));
}

#[test]
fn a_peer_that_stops_reading_is_dropped_after_write_timeout_and_the_host_never_waits() {
    let (network, host) = (Network::enter(), Host::new());
    let server = network.server(FAR);
    let uri = format!("ws://{}/ari", server.address());
    let timeout = Duration::from_secs(2);
    let more = format!("write_timeout = {}", timeout.as_millis());
    let library = Library::load(&host, &configuration("persistent", &uri, &more));
    let mut stalled = server.accept();
    stalled.says(["ApplicationRegistered app1"]);

    let event = json!({"type": "Event", "filling": "x".repeat(50_000)}).to_string();
    let began = Instant::now();
    let mut calls = Vec::new();
    while !host.log().join("\n").contains("(write_timeout") {
        let before = Instant::now();
        assert_eq!(library.event("app1", &event), ARIWS_OK);
        calls.push(before.elapsed());
        assert!(began.elapsed() < timeout * 8, "it is not dropped");
        // More than the kernels take, and less than the queue.
        std::thread::sleep(Duration::from_millis(2));
    }
    let measured = began.elapsed();
    calls.sort_unstable();
    let usual = calls[calls.len() * 99 / 100];
    println!("dropped after {measured:?}; 99 of 100 calls took {usual:?} or less");
    assert!(measured >= timeout, "{measured:?}");
    assert!(usual < timeout / 20, "{usual:?}");
    server.accept().says(["ApplicationRegistered app1"]);
}
