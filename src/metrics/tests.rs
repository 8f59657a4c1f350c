//! The page, read by its lines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::histogram::Histogram;
use crate::net::{SocketsInUse, Stage};

fn snapshot(sessions: Vec<(&str, SessionKind)>) -> Snapshot {
    let entry = |(id, kind): (&str, SessionKind)| SessionEntry {
        id: id.to_owned(),
        kind,
        apps: vec!["app".to_owned()],
    };
    Snapshot {
        config: Arc::new(Config::default()),
        sessions: sessions.into_iter().map(entry).collect(),
        totals: Totals {
            events_sent: 1_000,
            events_dropped_all_queues_full: 6,
            events_dropped_ended: 12,
            responses_replaced_queue_full: 7,
            ..Totals::default()
        },
        times: Vec::new(),
        servers: BTreeMap::new(),
        stasis_starts: 5,
        stasis_starts_failed: 2,
        stasis_fallbacks: 10,
        stasis_down: 11,
        queued: Balance {
            used: 5_000,
            limit: 1 << 30,
        },
        sockets: SocketsInUse {
            open: 8,
            most: 768,
            refused: 9,
        },
        log_messages_dropped: 3,
    }
}

fn busy() -> View {
    View {
        phase: Phase::Up,
        failed_attempts: 4,
        round_trip: Some(Duration::from_micros(1_500)),
        queued_messages: 12,
        queued_bytes: 3_456,
        totals: Totals {
            events_sent: u64::MAX,
            ..Totals::default()
        },
        ..View::default()
    }
}

fn call(view: View) -> SessionKind {
    SessionKind::PerCall {
        connection: "one".to_owned(),
        view,
    }
}

#[test]
fn every_family_is_there_without_any_session() {
    let text = render(&snapshot(vec![]));
    let families = text.lines().filter(|line| line.starts_with("# TYPE "));
    assert_eq!(families.count(), 71);
    assert!(text.ends_with("\n# EOF\n"));
}

#[test]
fn a_persistent_connection_has_series_of_its_own() {
    let text = render(&snapshot(vec![("one", SessionKind::Persistent(busy()))]));
    for expected in [
        "# TYPE ariws_connection_up gauge\n# HELP ariws_connection_up 1 while the websocket is open, else 0.\nariws_connection_up{connection=\"one\"} 1\n",
        "ariws_connection_failed_attempts{connection=\"one\"} 4\n",
        "ariws_connection_queue_messages{connection=\"one\"} 12\n",
        "# UNIT ariws_connection_queue_bytes bytes\n# HELP ariws_connection_queue_bytes Bytes that wait to be sent.\nariws_connection_queue_bytes{connection=\"one\"} 3456\n",
        "ariws_connection_round_trip_seconds{connection=\"one\"} 0.0015\n",
        "# TYPE ariws_connection_events_sent counter\n# HELP ariws_connection_events_sent Events that were handed to the kernel.\nariws_connection_events_sent_total{connection=\"one\"} 18446744073709551615\n",
        "ariws_sessions{kind=\"persistent\",phase=\"up\"} 1\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn calls_are_summed_up_so_that_no_call_makes_a_series() {
    let text = render(&snapshot(vec![
        ("one", SessionKind::PerCallConfig { standby: None }),
        ("one:channel-1", call(busy())),
        ("one:channel-2", call(busy())),
    ]));
    assert!(!text.contains("channel-"));
    for expected in [
        "ariws_sessions{kind=\"per_call\",phase=\"up\"} 2\n",
        "ariws_sessions{kind=\"per_call\",phase=\"waiting\"} 0\n",
        "ariws_per_call_queue_messages 24\n",
        "ariws_per_call_queue_bytes 6912\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn an_unknown_round_trip_has_no_sample() {
    let view = View::default();
    let text = render(&snapshot(vec![("one", SessionKind::Persistent(view))]));
    assert!(!text.contains("round_trip_seconds{"));
    assert!(text.contains("ariws_sessions{kind=\"persistent\",phase=\"connecting\"} 1\n"));
}

#[test]
fn counters_of_the_library_are_totals() {
    let inbound = SessionKind::Inbound {
        remote_address: String::new(),
    };
    let text = render(&snapshot(vec![("id", inbound)]));
    for expected in [
        "ariws_events_sent_total 1000\n",
        "ariws_stasis_starts_total 5\n",
        "ariws_stasis_starts_failed_total 2\n",
        "ariws_stasis_fallbacks_total 10\n",
        "ariws_stasis_down_total 11\n",
        "ariws_log_messages_dropped_total 3\n",
        "ariws_queued_bytes 5000\n",
        "ariws_queued_limit_bytes 1073741824\n",
        "ariws_events_dropped_total{reason=\"queue_full\"} 0\n",
        "ariws_events_dropped_total{reason=\"all_queues_full\"} 6\n",
        "ariws_events_dropped_total{reason=\"no_memory\"} 0\n",
        "ariws_events_dropped_total{reason=\"ended\"} 12\n",
        "ariws_responses_replaced_total{reason=\"queue_full\"} 7\n",
        "ariws_responses_replaced_total{reason=\"all_queues_full\"} 0\n",
        "ariws_sockets 8\n",
        "ariws_sockets_limit 768\n",
        "ariws_sockets_refused_total 9\n",
        "ariws_sessions{kind=\"inbound\",phase=\"up\"} 1\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn times_are_histograms_by_what_took_them() {
    let histogram = Histogram::default();
    histogram.add(Duration::from_millis(3));
    histogram.add(Duration::from_secs(20));
    let took = histogram.distribution();
    let mut snapshot = snapshot(vec![]);
    snapshot.times = vec![
        (What::Start(true), took.clone()),
        (What::Request("2xx"), took.clone()),
        (What::Stage(Stage::Tls), took.clone()),
        (What::RoundTrip, took),
    ];
    let text = render(&snapshot);
    for expected in [
        "# TYPE ariws_stasis_start_seconds histogram\n# UNIT ariws_stasis_start_seconds seconds\n",
        "ariws_stasis_start_seconds_bucket{outcome=\"started\",le=\"0.0025\"} 0\n",
        "ariws_stasis_start_seconds_bucket{outcome=\"started\",le=\"0.005\"} 1\n",
        "ariws_stasis_start_seconds_bucket{outcome=\"started\",le=\"10.0\"} 1\n",
        "ariws_stasis_start_seconds_bucket{outcome=\"started\",le=\"+Inf\"} 2\n",
        "ariws_stasis_start_seconds_count{outcome=\"started\"} 2\nariws_stasis_start_seconds_sum{outcome=\"started\"} 20.003\n",
        "ariws_request_seconds_count{status=\"2xx\"} 2\n",
        "ariws_connect_seconds_count{stage=\"TLS\"} 2\n",
        "ariws_round_trip_seconds_bucket{le=\"1.0\"} 1\n",
        "ariws_round_trip_seconds_count 2\n",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
}

#[test]
fn names_cannot_break_a_line_or_a_label() {
    let text = render(&snapshot(vec![("a\\b\"c\nd", SessionKind::Persistent(busy()))]));
    assert!(text.contains("ariws_connection_up{connection=\"a\\\\b\\\"c\\nd\"} 1\n"));
}
