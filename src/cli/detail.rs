//! The part of `ari show outbound-websocket <connection id> detail` that Asterisk has nothing like.

use std::time::Duration;

use super::text::{push_setting, yes_or_no};
use crate::config::{Client, Connection, ConnectionType};
use crate::engine::snapshot::{SessionKind, Snapshot};
use crate::session::{Phase, ServerView, Stand, StandbyView, View};

/// How a connection is doing: its session, or for a per-call configuration the session of each call.
pub(super) fn page(snapshot: &Snapshot, connection: &Connection) -> String {
    let mut page = String::new();
    if let Some(fault) = &connection.apps_fault {
        push_setting(&mut page, "apps_fault", fault);
    }
    if let Some(fault) = &connection.user_fault {
        push_setting(&mut page, "local_ari_user_fault", fault);
    }
    push_down(&mut page, connection);
    push_setting(&mut page, "delivery", connection.client.delivery.as_str());
    push_setting(&mut page, "announce_resume", yes_or_no(connection.client.announce_resume));
    push_routing(&mut page, &connection.client);
    push_setting(&mut page, "notices_silence", &notices_silence(snapshot, &connection.client));
    push_servers(&mut page, snapshot, connection);
    if connection.client.connection_type == ConnectionType::PerCallConfig {
        if let Some(standby) = snapshot.standby(&connection.name) {
            push_standby(&mut page, standby);
        }
        push_calls(&mut page, snapshot, connection);
        return page;
    }
    let view = snapshot.sessions.iter().find_map(|session| match &session.kind {
        SessionKind::Persistent(view) if session.id == connection.name => Some(view),
        _ => None,
    });
    match view {
        Some(view) => push_view(&mut page, view),
        None => push_setting(&mut page, "state", "not running"),
    }
    page
}

/// How each of several servers is doing, and what that means for who connects.
fn push_servers(page: &mut String, snapshot: &Snapshot, connection: &Connection) {
    let client = &connection.client;
    if let Some(longest) = client.fail_fast {
        push_setting(page, "fail_fast", &longest.as_millis().to_string());
    }
    if client.servers.len() < 2 {
        return;
    }
    push_setting(page, "servers", client.preference.as_str());
    push_setting(page, "failback_interval", &client.failback_interval.as_millis().to_string());
    let longest = client.longest_retry_after().unwrap_or_default();
    push_setting(page, "max_retry_after", &longest.as_millis().to_string());
    for server in snapshot.servers.get(&connection.name).into_iter().flatten() {
        push_setting(page, "server", &described(server));
    }
}

fn described(server: &ServerView) -> String {
    let mut text = format!("{} {}", server.uri, server.stand.as_str());
    if server.stand != Stand::Unknown {
        text.push_str(&format!(" for {}", duration(server.since)));
    }
    if let Some(left_alone) = server.left_alone {
        text.push_str(&format!(", left alone for {}", duration(left_alone)));
    }
    if let Some(failure) = &server.last_failure {
        text.push_str(&format!(", last failure: {failure}"));
    }
    text
}

/// What channels meet when nobody serves them, where it is not what Asterisk does.
fn push_down(page: &mut String, connection: &Connection) {
    let client = &connection.client;
    if let (ConnectionType::Persistent, Some(grace)) = (client.connection_type, client.down.fails_after()) {
        let inside = if client.down.inside {
            ", also for channels inside"
        } else {
            ""
        };
        push_setting(page, "when_down", &format!("fail after {}{inside}", duration(grace)));
    }
    if let Some(app) = connection.fallback() {
        push_setting(page, "fallback_app", app);
    }
}

fn push_standby(page: &mut String, standby: &StandbyView) {
    let counts = &standby.counts;
    let mut open = format!("{} of {} open", standby.open, standby.wanted);
    if standby.elsewhere > 0 {
        open += &format!(", {} at another server than calls go to", standby.elsewhere);
    }
    push_setting(page, "standby_connections", &open);
    for (label, count) in [
        ("standby_hits", counts.hits),
        ("standby_misses", counts.misses),
        ("standby_opened", counts.opened),
        ("standby_lost", counts.lost),
        ("standby_closed", counts.closed),
    ] {
        push_setting(page, label, &count.to_string());
    }
}

/// What the server is told of calls and from files, and what requests mean; nothing where that is as usual.
fn push_routing(page: &mut String, client: &Client) {
    if client.has_call_data() {
        push_setting(page, "call_data", &client.call_data().join(", "));
    }
    for (parameter, path) in client.secret_files.named() {
        if let Some(path) = path {
            push_setting(page, parameter, &path.display().to_string());
        }
    }
    if client.own_app_alias {
        push_setting(page, "own_app_alias", "yes");
    }
}

fn push_calls(page: &mut String, snapshot: &Snapshot, connection: &Connection) {
    let calls = snapshot.sessions.iter().filter_map(|session| match &session.kind {
        SessionKind::PerCall { connection: name, view } if *name == connection.name => Some((session, view)),
        _ => None,
    });
    let mut count = 0_usize;
    let mut pages = String::new();
    for (session, view) in calls {
        count += 1;
        push_setting(&mut pages, "session", &session.id);
        push_view(&mut pages, view);
    }
    push_setting(page, "sessions", &count.to_string());
    page.push_str(&pages);
}

fn push_view(page: &mut String, view: &View) {
    let mut add = |label: &str, value: &str| push_setting(page, label, value);
    let age = duration(view.phase_age);
    add("state", &format!("{} for {age}", view.phase.as_str()));
    if let Some(server) = &view.server {
        add("connected_to", server);
    }
    add("remote_address", view.remote_address.as_deref().unwrap_or("N/A"));
    add("last_error", view.last_error.as_deref().unwrap_or("none"));
    add("failed_attempts", &view.failed_attempts.to_string());
    let next_attempt = match (&view.phase, view.next_attempt) {
        (Phase::Waiting, Some(wait)) => format!("in {}", duration(wait)),
        _ => "none".to_owned(),
    };
    add("next_attempt", &next_attempt);
    add("requests_waiting", &view.requests_waiting.to_string());
    add("requests_under_way", &view.requests_under_way.to_string());
    add("queued_messages", &view.queued_messages.to_string());
    add("queued_bytes", &view.queued_bytes.to_string());
    if !view.highest_numbers.is_empty() {
        let numbers = view.highest_numbers.iter();
        let numbers: Vec<_> = numbers
            .map(|(application, number)| format!("{application} {number}"))
            .collect();
        add("highest_sequence", &numbers.join(", "));
        add("unproven_events", &view.unproven_events.to_string());
    }
    add("dropped_events", &view.totals.events_dropped().to_string());
    add("unconfirmed_messages", &view.totals.messages_unconfirmed.to_string());
    let round_trip = view.round_trip.map(duration);
    add("round_trip", round_trip.as_deref().unwrap_or("N/A"));
}

/// The longest time until a peer is given up that has vanished without a word.
fn notices_silence(snapshot: &Snapshot, client: &Client) -> String {
    let when_sending = client
        .tcp_keepalive
        .map_or(snapshot.config.write_timeout(client), |keepalive| keepalive.longest());
    let sending = format!("within {} when something is sent", duration(when_sending));
    let at_rest = [
        (client.pingpong, "enable_pingpongs"),
        (client.tcp_keepalive, "enable_tcp_keepalives"),
    ]
    .into_iter()
    .filter_map(|(keepalive, parameter)| Some((keepalive?.longest(), parameter)))
    .min();
    match at_rest {
        Some((longest, parameter)) => {
            format!("{sending}, within {} at rest ({parameter})", duration(longest))
        }
        None => format!("{sending}, not at rest (enable_pingpongs, enable_tcp_keepalives)"),
    }
}

/// A duration for people: tenths below a minute, two whole units above.
fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{:.1} ms", duration.as_secs_f64() * 1000.0),
        1..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86400, seconds % 86400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_fits() {
        let cases = [
            (0, "0.0 ms"),
            (1_234, "1.2 ms"),
            (1_500_000, "1.5 s"),
            (61_000_000, "1 min 1 s"),
            (3_661_000_000, "1 h 1 min"),
            (90_061_000_000, "1 d 1 h"),
        ];
        for (microseconds, expected) in cases {
            assert_eq!(duration(Duration::from_micros(microseconds)), expected);
        }
    }
}
