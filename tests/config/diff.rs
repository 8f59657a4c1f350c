//! What a change asks of a session.

use std::sync::Arc;

use ariws::config::{Config, ConnectionChange, Effect, change, diff};

use crate::{ARI, CLIENT, client_with, config, reading};

/// How `connection1` changes when lines are added to its section and that of its client.
fn changed(ari: &str, client: &str) -> ConnectionChange {
    changed_from(&config(ARI, CLIENT), ari, client)
}

fn changed_from(before: &Config, ari: &str, client: &str) -> ConnectionChange {
    let after = reading(&format!("{ARI}{ari}\n"), &client_with(client)).config;
    let diff = diff(before, &after);
    assert!(diff.added.is_empty() && diff.removed.is_empty());
    assert_eq!(diff.changed.len(), 1);
    diff.changed[0].clone()
}

#[test]
fn nothing_changes_without_a_change() {
    assert!(diff(&config(ARI, CLIENT), &config(ARI, CLIENT)).is_empty());
}

#[test]
fn times_and_attempts_are_used_at_the_next_connect() {
    for line in [
        "connection_timeout = 7",
        "reconnect_interval = 70",
        "max_reconnect_interval = 7000",
        "reconnect_attempts = 7",
        "queue_max_bytes = 7",
        "queue_max_messages = 7",
        "queue_overflow = drop_newest",
        "request_concurrency = 7",
        "request_timeout = 7",
        "start_delay = 7",
        "when_down = fail",
        "down_grace = 7",
        "fail_inside = yes",
        "fallback_app = other",
        "standby_connections = 7",
        "standby_max_age = 7",
        "announce_resume = yes",
        "own_app_alias = yes",
    ] {
        let change = changed("", line);
        assert_eq!(change.effect, Effect::NextConnect, "{line}");
        assert_eq!(change.parameters, [line.split(' ').next().unwrap()]);
    }
}

#[test]
fn other_parameters_need_a_new_connection() {
    for line in [
        "uri = ws://127.0.0.1:9101/ari",
        "protocols = ari",
        "tls_enabled = yes",
        "ca_list_file = x",
        "ca_list_path = x",
        "cert_file = x",
        "priv_key_file = x",
        "verify_server_cert = no",
        "verify_server_hostname = no",
        "tls_min_version = 1.3",
        "proxy_host = a:1",
        "header = X: y",
        "write_timeout = 7",
        "max_message_size = 700",
        "delivery = at_least_once",
    ] {
        let change = changed("", line);
        assert_eq!(change.effect, Effect::Reconnect, "{line}");
        assert_eq!(change.parameters, [line.split(' ').next().unwrap()]);
    }
    let change = changed("", "username = u\npassword = p\nenable_pingpongs = yes");
    let expected = [
        "username",
        "password",
        "enable_pingpongs",
        "pingpong_interval",
        "pingpong_probes",
    ];
    assert_eq!(change.parameters, expected);
}

#[test]
fn a_time_within_a_keepalive_is_told_alone() {
    let before = config(ARI, &format!("{CLIENT}enable_pingpongs = yes\nenable_tcp_keepalives = yes\n"));
    let lines = "enable_pingpongs = yes\nenable_tcp_keepalives = yes\n\
        pingpong_interval = 7\ntcp_keepalive_interval = 7";
    let change = changed_from(&before, "", lines);
    assert_eq!(change.parameters, ["tcp_keepalive_interval", "pingpong_interval"]);
}

#[test]
fn applications_are_told_apart() {
    let before = config(&format!("{ARI}apps = c, b, a\n"), CLIENT);
    let change = changed_from(&before, "apps = d, a, e", "");
    assert_eq!(change.effect, Effect::Applications);
    assert_eq!(change.parameters, ["apps"]);
    assert_eq!(change.apps.added, ["d", "e"]);
    assert_eq!(change.apps.removed, ["b", "c"]);
    assert_eq!(change.apps.kept, ["a"]);
}

#[test]
fn another_order_or_spelling_concerns_the_applications() {
    let before = config(&format!("{ARI}apps = a,b\n"), CLIENT);
    for line in ["apps = b,a", "apps = a , b", "apps = \"a,b\""] {
        let change = changed_from(&before, line, "");
        assert_eq!(change.effect, Effect::Applications, "{line}");
        assert!(change.apps.added.is_empty() && change.apps.removed.is_empty());
        assert_eq!(change.apps.kept, change.new.apps);
    }
}

#[test]
fn the_strongest_effect_wins() {
    for (ari, client, effect) in [
        ("apps = x", "reconnect_attempts = 7", Effect::Applications),
        ("apps = x\nsubscribe_all = yes", "", Effect::SubscribeAll),
        ("apps = x\nsubscribe_all = yes", "protocols = ari", Effect::Reconnect),
        (
            "apps = x",
            "protocols = ari\nconnection_type = per_call_config",
            Effect::Replace,
        ),
    ] {
        let change = changed(ari, client);
        assert_eq!(change.effect, effect);
        assert_eq!(change.apps.added, ["x"]);
        assert_eq!(change.apps.removed, ["app1"]);
    }
}

#[test]
fn another_client_with_equal_values_needs_nothing() {
    let clients = format!("{CLIENT}{}", CLIENT.replace("client1", "client2"));
    let before = config(ARI, &clients);
    let after = config(&format!("{ARI}websocket_client_id = client2\n"), &clients);
    let change = &diff(&before, &after).changed[0];
    assert_eq!(change.effect, Effect::NextConnect);
    assert_eq!(change.parameters, ["websocket_client_id"]);
}

#[test]
fn a_user_is_no_part_of_a_connection() {
    let after = config(&ARI.replace("userpass", "other\nread_only = yes"), CLIENT);
    assert!(diff(&config(ARI, CLIENT), &after).is_empty());
}

#[test]
fn another_user_needs_a_new_connection() {
    let users = format!("[user2]\ntype = user\npassword = x\n{ARI}");
    let before = config(&users, CLIENT);
    let after = config(&format!("{users}local_ari_user = user2\n"), CLIENT);
    assert_eq!(diff(&before, &after).changed[0].effect, Effect::Reconnect);
}

#[test]
fn an_invalid_connection_leaves_its_session_alone() {
    let change = changed("local_ari_user = ghost", "connection_type = per_call_config");
    assert_eq!(change.effect, Effect::Validity);
    assert_eq!(change.parameters, ["local_ari_user", "connection_type"]);
}

#[test]
fn what_changed_while_invalid_is_found_against_the_session_s_own_connection() {
    let session = Arc::clone(&config(ARI, CLIENT).connections["connection1"]);
    let invalid = changed("apps = app1,b\nlocal_ari_user = ghost", "").new;
    let mended = changed_from(&config(ARI, CLIENT), "apps = app1,b", "").new;
    assert_eq!(change(&session, &invalid).unwrap().effect, Effect::Validity);
    assert_eq!(change(&session, &mended).unwrap().effect, Effect::Applications);
}

#[test]
fn only_becoming_valid_is_told() {
    let before = reading(&ARI.replace("[user1]", "[user2]"), CLIENT).config;
    let change = changed_from(&before, "", "");
    assert_eq!(change.effect, Effect::Validity);
    assert_eq!(change.parameters, [""; 0]);
}

#[test]
fn a_rename_is_a_removal_and_an_addition() {
    let after = config(&ARI.replace("connection1", "connection0"), CLIENT);
    let diff = diff(&config(ARI, CLIENT), &after);
    assert_eq!(diff.removed[0].name, "connection1");
    assert_eq!(diff.added[0].name, "connection0");
    assert!(diff.changed.is_empty());
}
