//! What docs/scaling.md says of HAProxy's settings: each of them is tried, and most of them left away for comparison.

use std::io::Read;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use ariws::ffi::{ARIWS_ERROR_REFUSED, ARIWS_ERROR_TIMEOUT};
use ariws_testkit::{Call, Host, Library};

use crate::backend::Backend;
use crate::balancer::{
    Balancer, LISTENS, application, enter, kinds, leave, number, on_the_first, placed, tell, to_balancer,
    wait_for_registration, wait_until,
};
use crate::names::failed_attempts;
use crate::network::Network;

const PER_CALL: &str = "per-call.cfg";

/// What makes a silent call be cut soon, if nothing else does.
const SHORT_TUNNEL: (&str, &str) = ("timeout tunnel 1h", "timeout tunnel 1500");

fn load<'a>(host: &'a Host, more: &str) -> Library<'a> {
    Library::load(host, &to_balancer("per_call_config", more))
}

#[test]
fn timeout_tunnel_cuts_calls_that_are_silent_for_longer() {
    let (network, host) = (Network::enter(), Host::new());
    let _balancer = Balancer::changed(&network, PER_CALL, &[SHORT_TUNNEL]);
    let library = load(&host, "");
    let began = Instant::now();
    enter(&library, 0..1);
    host.wait_for_log("connection lost (");
    assert!(began.elapsed() >= Duration::from_millis(1500));
}

#[test]
fn pings_keep_timeout_tunnel_away() {
    let (network, host) = (Network::enter(), Host::new());
    // Long enough for a ping that is late on a busy machine.
    let tunnel = ("timeout tunnel 1h", "timeout tunnel 3000");
    let balancer = Balancer::changed(&network, PER_CALL, &[tunnel]);
    let library = load(&host, "enable_pingpongs = yes\npingpong_interval = 1");
    enter(&library, 0..1);
    let began = Instant::now();
    wait_until(|| balancer.servers.iter().map(Backend::pings).sum::<usize>() >= 6);
    let silent = began.elapsed();
    assert!(silent > Duration::from_secs(3), "{silent:?}");
    is_still_connected(&library, &balancer);
}

/// The first call has its first connection still.
fn is_still_connected(library: &Library<'_>, balancer: &Balancer) {
    tell(library, 0, "ChannelVarset");
    let whole = ["ApplicationRegistered", "StasisStart", "ChannelVarset"];
    let servers = || balancer.servers.iter();
    wait_until(|| servers().any(|server| kinds(server, &application(0)) == whole));
    assert_eq!(servers().map(Backend::connections).sum::<usize>(), 1);
}

#[test]
fn timeout_client_and_server_end_with_the_upgrade_and_without_timeout_tunnel_they_do_not() {
    let short = [
        ("timeout client 5s", "timeout client 1s"),
        ("timeout server 5s", "timeout server 1s"),
    ];
    let without = [short[0], short[1], ("timeout tunnel 1h", "")];
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::changed(&network, PER_CALL, &short);
    let library = load(&host, "");
    enter(&library, 0..1);
    // A call that began later, and is like it but for the one setting, is cut.
    let other = thread::spawn(move || {
        let (network, host) = (Network::enter(), Host::new());
        let _balancer = Balancer::changed(&network, PER_CALL, &without);
        let library = load(&host, "");
        enter(&library, 0..1);
        host.wait_for_log("connection lost (");
    });
    other.join().expect("the other call's end");
    is_still_connected(&library, &balancer);
}

#[test]
fn timeout_http_request_ends_peers_that_say_nothing() {
    let network = Network::enter();
    let _balancer = Balancer::start(&network, PER_CALL);
    let began = Instant::now();
    let mut silent = TcpStream::connect(LISTENS).expect("the balancer");
    let mut answer = String::new();
    silent.read_to_string(&mut answer).expect("its end");
    let measured = began.elapsed();
    println!("ended after {measured:?}: {answer:?}");
    assert!(measured >= Duration::from_millis(1900), "{measured:?}");
}

#[test]
fn a_call_that_meets_a_server_that_refuses_is_given_to_another_one_within_its_attempt() {
    let (network, host) = (Network::enter(), Host::new());
    // Nobody else notices that the server is gone.
    let slow = ("inter 2s fastinter 200ms", "inter 1h fastinter 1h");
    let balancer = Balancer::changed(&network, PER_CALL, &[slow]);
    let library = load(&host, "");
    balancer.servers[0].kill();
    enter(&library, 0..6);
    assert_eq!(failed_attempts(&library), 0);
}

#[test]
fn without_retries_and_redispatch_a_server_that_refuses_costs_attempts() {
    let (network, host) = (Network::enter(), Host::new());
    let changes = [
        ("inter 2s fastinter 200ms", "inter 1h fastinter 1h"),
        ("retries 2", "retries 0"),
        ("option redispatch 1", ""),
    ];
    let balancer = Balancer::changed(&network, PER_CALL, &changes);
    let library = load(&host, "reconnect_attempts = 1");
    for server in &balancer.servers[..2] {
        server.kill();
    }
    let started: Vec<_> = ["1", "2", "3"].map(|id| library.stasis_start("app1", id, id)).into();
    let refused = |outcome: &Result<String, (i32, String)>| matches!(outcome, Err((ARIWS_ERROR_REFUSED, why)) if why.contains("503 Service Unavailable"));
    assert!(started.iter().any(refused), "{started:#?}");
}

#[test]
fn a_call_that_meets_a_silent_server_is_given_to_another_one_within_its_attempt() {
    let (network, host) = (Network::enter(), Host::new());
    let slow = ("inter 2s fastinter 200ms", "inter 1h fastinter 1h");
    let balancer = Balancer::changed(&network, PER_CALL, &[slow]);
    // What docs/scaling.md has.
    let library = load(&host, "connection_timeout = 2000");
    network.lose_machine(balancer.servers[0].address().ip());
    enter(&library, 0..3);
    assert_eq!(failed_attempts(&library), 0);
}

#[test]
fn the_calls_of_a_machine_that_lost_its_power_go_on_elsewhere_when_checks_notice() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, PER_CALL);
    let library = load(&host, "");
    enter(&library, 0..6);
    let [moved, ..] = placed(&balancer, 0..6);
    let [dead, one, other] = &balancer.servers;
    let began = Instant::now();
    network.lose_machine(dead.address().ip());
    let elsewhere = |application: &String| [kinds(one, application), kinds(other, application)].concat();
    wait_until(|| {
        moved
            .iter()
            .all(|application| elsewhere(application) == ["ApplicationRegistered"])
    });
    let measured = began.elapsed();
    println!("noticed after {measured:?}");
    // Until the next check, for its answer, and once more after `fastinter`; and what a busy machine needs.
    assert!(measured < Duration::from_millis(6200 + 3000), "{measured:?}");
}

#[test]
fn a_connection_that_fails_has_the_server_checked_at_once() {
    let (network, host) = (Network::enter(), Host::new());
    // No check is due by itself.
    let rare = ("inter 2s fastinter", "inter 1h fastinter");
    let balancer = Balancer::changed(&network, PER_CALL, &[rare]);
    let library = load(&host, "");
    // As if its first checks were past: at the start a single one that fails is enough.
    balancer.order("set server applications/app2 health up");
    wait_until(|| balancer.statistic("app2", "check_health").as_deref() == Some("3"));
    balancer.servers[1].kill();
    let began = Instant::now();
    enter(&library, 0..3);
    balancer.wait_for("app2", "DOWN");
    let measured = began.elapsed();
    println!("known to be down after {measured:?}");
    // Two checks, 200 ms apart.
    assert!(measured >= Duration::from_millis(190), "{measured:?}");
    assert!(measured < Duration::from_secs(2), "{measured:?}");
}

/// Of twelve calls, four on each server, those of the first one end: how many of four new ones it gets.
fn share_of_a_server_whose_calls_have_ended(balance: &str) -> usize {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::changed(&network, PER_CALL, &[("balance leastconn", balance)]);
    let library = load(&host, "");
    enter(&library, 0..12);
    let [first, ..] = placed(&balancer, 0..12);
    for application in &first {
        leave(&library, number(application));
    }
    let server = &balancer.servers[0];
    server.wait_for_open(0);
    wait_until(|| balancer.connections_of("app1", "used_cur").as_deref() == Some("0"));
    enter(&library, 12..16);
    server.open()
}

#[test]
fn with_leastconn_a_server_whose_calls_have_ended_gets_the_next_ones() {
    let share = share_of_a_server_whose_calls_have_ended("balance leastconn");
    assert_eq!(share, 4);
}

#[test]
fn with_roundrobin_a_server_whose_calls_have_ended_gets_its_turn_only() {
    let share = share_of_a_server_whose_calls_have_ended("balance roundrobin");
    assert!((1..=2).contains(&share), "{share}");
}

/// Of ten calls, five each on two servers, and five more when the third server is back: how many the third one gets.
fn share_of_a_server_that_is_back(slowstart: &str, wait: impl Fn(&Balancer)) -> usize {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::changed(&network, PER_CALL, &[("slowstart 20s", slowstart)]);
    let library = load(&host, "");
    let server = &balancer.servers[2];
    server.kill();
    balancer.wait_for("app3", "DOWN");
    enter(&library, 0..10);
    server.listen(&network);
    balancer.wait_for("app3", "UP");
    wait(&balancer);
    enter(&library, 10..15);
    server.open()
}

#[test]
fn without_slowstart_a_server_that_is_back_gets_every_new_call() {
    assert_eq!(share_of_a_server_that_is_back("weight 100", |_| {}), 5);
}

#[test]
fn with_slowstart_a_server_that_is_back_gets_a_part_of_the_new_calls() {
    let share = share_of_a_server_that_is_back("weight 100 slowstart 20s", |balancer| {
        let weight = balancer.statistic("app3", "weight").expect("a weight");
        assert!(weight.parse::<u32>().expect("a number") < 50, "{weight}");
    });
    assert!((1..5).contains(&share), "{share}");
}

#[test]
fn after_slowstart_a_server_that_is_back_is_one_like_the_others() {
    let share = share_of_a_server_that_is_back("weight 100 slowstart 2s", |balancer| {
        wait_until(|| balancer.statistic("app3", "weight").as_deref() == Some("100"));
    });
    assert_eq!(share, 5);
}

#[test]
fn maxconn_counts_each_call_once_and_further_ones_wait_for_room() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::changed(&network, PER_CALL, &[("maxconn 8000", "maxconn 2")]);
    let library = load(&host, "connection_timeout = 500\nreconnect_attempts = 1");
    enter(&library, 0..2);
    let Err((code, why)) = library.stasis_start("app1", "2", "Test/2") else {
        panic!("there was room");
    };
    assert_eq!(code, ARIWS_ERROR_TIMEOUT);
    assert!(why.contains("within 500 ms (connection_timeout)"), "{why}");
    leave(&library, 0);
    wait_until(|| balancer.servers.iter().map(|server| server.open()).sum::<usize>() == 1);
    enter(&library, 3..4);
}

#[test]
fn calls_that_find_no_server_return_to_the_dialplan() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, PER_CALL);
    let library = load(&host, "");
    enter(&library, 0..3);
    for server in &balancer.servers {
        server.kill();
    }
    for call in 0..3 {
        host.wait_for(|one| matches!(one, Call::StasisFailed(id, _) if *id == call.to_string()));
    }
    assert!(host.log().join("\n").contains("503 Service Unavailable"));
}

#[test]
fn a_reload_lets_the_calls_of_the_old_process_end_and_gives_new_ones_to_the_new() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::service(&network, PER_CALL, &[]);
    let library = load(&host, "");
    enter(&library, 0..3);
    balancer.reload();
    let on_the_new = || balancer.statistic("FRONTEND", "scur");
    wait_until(|| on_the_new().as_deref() == Some("0"));
    enter(&library, 3..5);
    assert_eq!(on_the_new().as_deref(), Some("2"));
    for call in 0..3 {
        tell(&library, call, "ChannelVarset");
        leave(&library, call);
    }
    balancer.wait_for_log("Former worker");
    assert!(!host.log().join("\n").contains("connection lost"));
    let connections: usize = balancer.servers.iter().map(|one| one.connections()).sum();
    assert_eq!(connections, 5);
}

#[test]
fn hard_stop_after_ends_the_calls_of_the_old_process() {
    let (network, host) = (Network::enter(), Host::new());
    let limited = ("maxconn 8000", "maxconn 8000\n    hard-stop-after 1s");
    let balancer = Balancer::service(&network, PER_CALL, &[limited]);
    let library = load(&host, "");
    enter(&library, 0..1);
    balancer.reload();
    host.wait_for_log("connection lost (");
    wait_until(|| {
        let everywhere = balancer.servers.iter().map(|one| kinds(one, &application(0)));
        everywhere.flatten().filter(|kind| kind == "ApplicationRegistered").count() == 2
    });
}

#[test]
fn a_server_that_is_shut_down_in_order_hands_its_persistent_connections_over() {
    for code in [1000, 1001] {
        let (network, host) = (Network::enter(), Host::new());
        let balancer = Balancer::start(&network, "persistent.cfg");
        let _library = on_the_first(&host, &balancer);
        let [first, second, _] = &balancer.servers;
        first.shut_down(code);
        wait_for_registration(second, 1);
    }
}
