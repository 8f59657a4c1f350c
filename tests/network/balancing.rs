//! Servers behind HAProxy that die, are drained and come back, and what becomes of their calls.

use ariws_testkit::{Call, Host, Library};

use crate::balancer::{
    Balancer, enter, kinds, leave, number, on_the_first, placed, tell, to_balancer, wait_for_registration, wait_until,
};
use crate::network::Network;

#[test]
fn calls_spread_evenly() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..30);
    assert_eq!(placed(&balancer, 0..30).map(|calls| calls.len()), [10; 3]);
}

#[test]
fn the_calls_of_a_server_that_is_killed_go_on_elsewhere_and_no_other_call_notices() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..50);
    let [first, moved, third] = placed(&balancer, 0..50);
    let [left, killed, right] = &balancer.servers;
    assert!(moved.len() > 10, "{moved:?}");

    killed.kill();
    let elsewhere = |application: &String| [kinds(left, application), kinds(right, application)].concat();
    wait_until(|| moved.iter().all(|application| !elsewhere(application).is_empty()));
    for number in 0..50 {
        tell(&library, number, "ChannelVarset");
    }

    let moved_on = ["ApplicationRegistered", "ChannelVarset"];
    wait_until(|| moved.iter().all(|application| elsewhere(application).len() >= 2));
    for application in &moved {
        assert_eq!(elsewhere(application), moved_on, "{application}");
    }
    let undisturbed = ["ApplicationRegistered", "StasisStart", "ChannelVarset"];
    for (server, calls) in [(left, &first), (right, &third)] {
        wait_until(|| calls.iter().all(|application| kinds(server, application).len() >= 3));
        for application in calls {
            assert_eq!(kinds(server, application), undisturbed, "{application}");
        }
    }
    assert_eq!(left.connections() + right.connections(), 50);
    let failed = |call: &Call| matches!(call, Call::StasisFailed(..));
    assert!(!host.calls().iter().any(failed), "{:#?}", host.calls());
}

#[test]
fn the_calls_of_a_server_that_fails_its_checks_go_on_elsewhere() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..6);
    let [moved, ..] = placed(&balancer, 0..6);
    let [ill, one, other] = &balancer.servers;
    ill.set_healthy(false);
    let elsewhere = |application: &String| [kinds(one, application), kinds(other, application)].concat();
    wait_until(|| {
        moved
            .iter()
            .all(|application| elsewhere(application) == ["ApplicationRegistered"])
    });
}

#[test]
fn a_server_that_comes_back_gets_calls_again() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    let server = &balancer.servers[1];
    server.kill();
    balancer.wait_for("app2", "DOWN");
    enter(&library, 0..4);
    assert_eq!(server.connections(), 0);
    server.listen(&network);
    balancer.wait_for("app2", "UP");
    enter(&library, 4..5);
    assert_eq!(server.connections(), 1);
}

#[test]
fn a_drained_server_finishes_its_calls_and_gets_no_new_ones() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..6);
    let [_, running, _] = placed(&balancer, 0..6);
    let drained = &balancer.servers[1];
    balancer.set_state("applications/app2", "drain");
    enter(&library, 6..12);
    placed(&balancer, 6..12);
    assert_eq!(drained.connections(), running.len());
    assert_eq!(drained.open(), running.len());
    let left = || balancer.connections_of("app2", "used_cur");
    assert_eq!(left(), Some(running.len().to_string()));

    for application in &running {
        tell(&library, number(application), "ChannelVarset");
        leave(&library, number(application));
    }
    drained.wait_for_open(0);
    wait_until(|| left().as_deref() == Some("0"));
    let whole = [
        "ApplicationRegistered",
        "StasisStart",
        "ChannelVarset",
        "StasisEnd",
        "ChannelDestroyed",
    ];
    for application in &running {
        assert_eq!(kinds(drained, application), whole);
    }
    assert!(!host.log().join("\n").contains("connection lost"));

    balancer.set_state("applications/app2", "ready");
    enter(&library, 12..13);
    assert_eq!(drained.connections(), running.len() + 1);
}

#[test]
fn the_calls_of_a_server_in_maintenance_go_on_elsewhere() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "per-call.cfg");
    let library = Library::load(&host, &to_balancer("per_call_config", ""));
    enter(&library, 0..6);
    let [moved, ..] = placed(&balancer, 0..6);
    let [leaving, one, other] = &balancer.servers;
    balancer.set_state("applications/app1", "maint");
    wait_until(|| {
        moved.iter().all(|application| {
            let elsewhere = [kinds(one, application), kinds(other, application)].concat();
            elsewhere == ["ApplicationRegistered"]
        })
    });
    leaving.wait_for_open(0);
}

#[test]
fn a_persistent_connection_moves_to_the_second_server_when_the_first_is_killed() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "persistent.cfg");
    let library = on_the_first(&host, &balancer);
    let [first, second, _] = &balancer.servers;
    first.kill();
    wait_for_registration(second, 1);
    library.event("app1", r#"{"type":"ChannelVarset"}"#);
    wait_until(|| kinds(second, "app1") == ["ApplicationRegistered", "ChannelVarset"]);
}

#[test]
fn a_persistent_connection_moves_to_the_second_server_when_the_first_fails_its_checks() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "persistent.cfg");
    let _library = on_the_first(&host, &balancer);
    let [first, second, _] = &balancer.servers;
    first.set_healthy(false);
    wait_for_registration(second, 1);
    first.wait_for_open(0);
}

#[test]
fn a_persistent_connection_returns_to_the_first_server_when_that_is_back() {
    let (network, host) = (Network::enter(), Host::new());
    let balancer = Balancer::start(&network, "persistent.cfg");
    let _library = on_the_first(&host, &balancer);
    let [first, second, _] = &balancer.servers;
    first.kill();
    wait_for_registration(second, 1);
    balancer.wait_for("app1", "DOWN");
    first.listen(&network);
    wait_for_registration(first, 2);
    second.wait_for_open(0);
}
