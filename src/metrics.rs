//! Metrics as text of OpenMetrics 1.0.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).
//!
//! Each persistent connection has a label; connections of calls are only summed up, because a label for each call would
//! let the number of series grow without bound.

mod page;
mod servers;
mod standby;
#[cfg(test)]
mod tests;

use crate::config::Connection;
use crate::engine::snapshot::{SessionEntry, SessionKind, Snapshot, Timed, What};
use crate::session::{Balance, Phase, Totals, View};
use Counted::{ByReason, Whole};
use page::{Kind, Page};

/// A counter of [`Totals`]: its name, what it counts, and where it is.
type Counter = (&'static str, &'static str, Counted);

/// Where a counter is.
enum Counted {
    Whole(Value),
    /// One series for each reason, which are to be told apart: `reason` says which.
    ByReason(&'static [(&'static str, Value)]),
}

type Value = fn(&Totals) -> u64;

const COUNTERS: [Counter; 15] = [
    (
        "websockets_opened",
        "Websockets that were opened",
        Whole(|totals| totals.connections_opened),
    ),
    (
        "attempts_failed",
        "Attempts to connect that failed",
        Whole(|totals| totals.attempts_failed),
    ),
    (
        "websockets_lost",
        "Websockets that ended without being closed by this side",
        Whole(|totals| totals.connections_lost),
    ),
    (
        "events_offered",
        "Events that the host offered",
        Whole(|totals| totals.events_offered),
    ),
    (
        "events_sent",
        "Events that were handed to the kernel",
        Whole(|totals| totals.events_sent),
    ),
    (
        "events_repeated",
        "Events that were handed to the kernel again, on another connection (delivery = at_least_once)",
        Whole(|totals| totals.events_repeated),
    ),
    (
        "events_dropped",
        "Events that were dropped: their queue was full (queue_max_messages, queue_max_bytes), all queues together were \
         (queue_max_total_bytes), the system had no memory, or their application or session ended while they waited",
        ByReason(&[
            ("queue_full", |totals| totals.events_dropped_queue_full),
            ("all_queues_full", |totals| totals.events_dropped_all_queues_full),
            ("no_memory", |totals| totals.events_dropped_no_memory),
            ("ended", |totals| totals.events_dropped_ended),
        ]),
    ),
    (
        "messages_unconfirmed",
        "Messages on a connection when it was lost, or closed without an answer, no proof that they arrived, and not sent again",
        Whole(|totals| totals.messages_unconfirmed),
    ),
    (
        "applications_resumed",
        "ApplicationResumed that were given to connections (announce_resume)",
        Whole(|totals| totals.applications_resumed),
    ),
    (
        "requests_received",
        "Requests that applications sent",
        Whole(|totals| totals.requests_received),
    ),
    (
        "requests_timed_out",
        "Requests that the host did not answer, or could not be given, within request_timeout",
        Whole(|totals| totals.requests_timed_out),
    ),
    (
        "requests_refused",
        "Requests that were refused because too many waited",
        Whole(|totals| totals.requests_refused),
    ),
    (
        "responses_sent",
        "Answers that were handed to the kernel",
        Whole(|totals| totals.responses_sent),
    ),
    (
        "responses_undelivered",
        "Answers whose connection had ended before they could be sent",
        Whole(|totals| totals.responses_undelivered),
    ),
    (
        "responses_replaced",
        "Answers that were replaced by a short one, of status 507: too much waited for their connection (queue_max_bytes), or \
         over all sessions (queue_max_total_bytes)",
        ByReason(&[
            ("queue_full", |totals| totals.responses_replaced_queue_full),
            ("all_queues_full", |totals| totals.responses_replaced_all_queues_full),
        ]),
    ),
];

impl Counted {
    /// Adds its samples to the family that was begun last.
    fn samples(&self, page: &mut Page, name: &str, labels: &[(&str, &str)], totals: &Totals) {
        let name = format!("{name}{}", Kind::Counter.suffix());
        match self {
            Whole(value) => page.sample(&name, labels, value(totals)),
            ByReason(values) => {
                for (reason, value) in *values {
                    let labels = [labels, &[("reason", *reason)]].concat();
                    page.sample(&name, &labels, value(totals));
                }
            }
        }
    }
}

const PHASES: [Phase; 4] = [Phase::Connecting, Phase::Up, Phase::Waiting, Phase::Closing];

/// Every metric at one moment.
pub fn render(snapshot: &Snapshot) -> String {
    let mut page = Page::default();
    page.family("build", Kind::Info, "", "The library");
    page.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    connections(&mut page, snapshot);
    servers::families(&mut page, &snapshot.servers);
    standby::families(&mut page, snapshot);
    sessions(&mut page, snapshot);
    for (name, help, counted) in COUNTERS {
        let help = format!("{help}, over all sessions, those that ended included");
        page.family(name, Kind::Counter, "", &help);
        counted.samples(&mut page, name, &[], &snapshot.totals);
    }
    page.counter(
        "stasis_starts",
        "Connections that were begun for a call",
        snapshot.stasis_starts,
    );
    page.counter(
        "stasis_starts_failed",
        "Connections for a call that could not be made",
        snapshot.stasis_starts_failed,
    );
    let help = "Channels whose application nobody served, and that were sent to its fallback_app";
    page.counter("stasis_fallbacks", help, snapshot.stasis_fallbacks);
    page.counter(
        "stasis_down",
        "Channels that were not let in, or had to leave, because a persistent connection was down (when_down, fail_inside)",
        snapshot.stasis_down,
    );
    times(&mut page, &snapshot.times);
    queues(&mut page, &snapshot.queued);
    page.gauge("sockets", "Sockets to applications", snapshot.sockets.open);
    page.gauge(
        "sockets_limit",
        "Sockets to applications that may be open at a time (max_sockets)",
        snapshot.sockets.most,
    );
    page.counter(
        "sockets_refused",
        "Attempts to connect that found no socket left of those that may be open",
        snapshot.sockets.refused,
    );
    page.counter(
        "log_messages_dropped",
        "Log messages that the host did not take in time",
        snapshot.log_messages_dropped,
    );
    page.finished()
}

/// How long things took.
fn times(page: &mut Page, times: &[Timed]) {
    let mut family = |name: &str, help, label: &dyn Fn(What) -> Option<Vec<(&'static str, &'static str)>>| {
        page.family(name, Kind::Histogram, "seconds", help);
        for (what, distribution) in times {
            if let Some(labels) = label(*what) {
                page.distribution(name, &labels, distribution);
            }
        }
    };
    let help = "From a channel that enters to the open connection of its call, or to the failure of its start";
    family("stasis_start_seconds", help, &|what| match what {
        What::Start(worked) => Some(vec![("outcome", if worked { "started" } else { "failed" })]),
        _ => None,
    });
    let help = "Stages of attempts to connect that went well";
    family("connect_seconds", help, &|what| match what {
        What::Stage(stage) => Some(vec![("stage", stage.as_str())]),
        _ => None,
    });
    let help = "From the arrival of a request to its answer, by the class of its status";
    family("request_seconds", help, &|what| match what {
        What::Request(class) => Some(vec![("status", class)]),
        _ => None,
    });
    let help = "From the ping behind what was sent to its pong";
    family("round_trip_seconds", help, &|what| (what == What::RoundTrip).then(Vec::new));
}

/// What waits over all sessions.
fn queues(page: &mut Page, queued: &Balance) {
    let mut bytes = |name, help, value| {
        page.family(name, Kind::Gauge, "bytes", help);
        page.sample(name, &[], value);
    };
    let help = "What waits to be sent over all sessions: events and answers";
    bytes("queued_bytes", help, queued.used);
    let help = "What may wait to be sent over all sessions (queue_max_total_bytes)";
    bytes("queued_limit_bytes", help, queued.limit);
}

/// What each persistent connection has a series of.
fn connections(page: &mut Page, snapshot: &Snapshot) {
    let configured = &snapshot.config.connections;
    let invalid = configured.values().filter(|connection| !Connection::is_valid(connection));
    page.gauge(
        "connections_configured",
        "Outbound websockets in the configuration",
        configured.len(),
    );
    page.gauge(
        "connections_invalid",
        "Outbound websockets that are marked invalid",
        invalid.count(),
    );
    let views: Vec<(&str, &View)> = snapshot.sessions.iter().filter_map(persistent).collect();
    let mut each = |name: &str, unit, help: &str, value: &dyn Fn(&View) -> Option<String>| {
        let name = format!("connection_{name}");
        page.family(&name, Kind::Gauge, unit, help);
        for (connection, view) in &views {
            if let Some(value) = value(view) {
                page.sample(&name, &[("connection", connection)], value);
            }
        }
    };
    each("up", "", "1 while the websocket is open, else 0", &|view| {
        Some(u8::from(view.phase == Phase::Up).to_string())
    });
    each(
        "failed_attempts",
        "",
        "Attempts that failed since the last connection",
        &|view| Some(view.failed_attempts.to_string()),
    );
    each("queue_messages", "", "Messages that wait to be sent", &|view| {
        Some(view.queued_messages.to_string())
    });
    each("queue_bytes", "bytes", "Bytes that wait to be sent", &|view| {
        Some(view.queued_bytes.to_string())
    });
    each(
        "unproven_events",
        "",
        "Events that were sent and are kept until a pong proves that they have arrived (delivery = at_least_once)",
        &|view| Some(view.unproven_events.to_string()),
    );
    each("unproven_bytes", "bytes", "Their bytes", &|view| {
        Some(view.unproven_bytes.to_string())
    });
    each("requests_waiting", "", "Requests that wait for their turn", &|view| {
        Some(view.requests_waiting.to_string())
    });
    each(
        "requests_under_way",
        "",
        "Requests that the host has and has not answered",
        &|view| Some(view.requests_under_way.to_string()),
    );
    each(
        "round_trip_seconds",
        "seconds",
        "From the last confirmation ping to its pong",
        &|view| view.round_trip.map(|time| time.as_secs_f64().to_string()),
    );
    for (name, help, counted) in COUNTERS {
        let name = format!("connection_{name}");
        page.family(&name, Kind::Counter, "", help);
        for (connection, view) in &views {
            counted.samples(page, &name, &[("connection", connection)], &view.totals);
        }
    }
}

/// Sessions by kind and phase, and what the connections of all calls have together.
fn sessions(page: &mut Page, snapshot: &Snapshot) {
    let views: Vec<&View> = snapshot.sessions.iter().filter_map(per_call).collect();
    let persistent: Vec<&View> = snapshot
        .sessions
        .iter()
        .filter_map(|session| Some(persistent(session)?.1))
        .collect();
    page.family("sessions", Kind::Gauge, "", "Sessions by kind and phase");
    for (kind, views) in [("persistent", &persistent), ("per_call", &views)] {
        for phase in &PHASES {
            let count = views.iter().filter(|view| view.phase == *phase).count();
            let labels = [("kind", kind), ("phase", phase.as_str())];
            page.sample("sessions", &labels, count);
        }
    }
    let inbound = snapshot
        .sessions
        .iter()
        .filter(|session| matches!(session.kind, SessionKind::Inbound { .. }));
    let labels = [("kind", "inbound"), ("phase", Phase::Up.as_str())];
    page.sample("sessions", &labels, inbound.count());
    page.gauge(
        "per_call_queue_messages",
        "Messages that wait to be sent on connections of calls",
        views.iter().map(|view| view.queued_messages).sum::<usize>(),
    );
    page.gauge(
        "per_call_unproven_events",
        "Events that were sent on connections of calls and are kept until a pong proves that they have arrived",
        views.iter().map(|view| view.unproven_events).sum::<usize>(),
    );
    page.gauge(
        "per_call_requests_waiting",
        "Requests of calls that wait for their turn",
        views.iter().map(|view| view.requests_waiting).sum::<usize>(),
    );
    page.gauge(
        "per_call_requests_under_way",
        "Requests of calls that the host has and has not answered",
        views.iter().map(|view| view.requests_under_way).sum::<usize>(),
    );
    let bytes: usize = views.iter().map(|view| view.queued_bytes).sum();
    page.family(
        "per_call_queue_bytes",
        Kind::Gauge,
        "bytes",
        "Bytes that wait to be sent on connections of calls",
    );
    page.sample("per_call_queue_bytes", &[], bytes);
}

fn persistent(session: &SessionEntry) -> Option<(&str, &View)> {
    match &session.kind {
        SessionKind::Persistent(view) => Some((&session.id, view)),
        _ => None,
    }
}

fn per_call(session: &SessionEntry) -> Option<&View> {
    match &session.kind {
        SessionKind::PerCall { view, .. } => Some(view),
        _ => None,
    }
}
