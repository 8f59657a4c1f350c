//! What per-call connections with connections on standby have a series of.

use super::page::{Kind, Page};
use crate::engine::snapshot::{SessionKind, Snapshot};
use crate::session::{Counts, StandbyView};

/// A counter of [`Counts`]: its name, what it counts, and where it is.
type Counter = (&'static str, &'static str, fn(&Counts) -> u64);

/// The same of a [`StandbyView`].
type Gauge = (&'static str, &'static str, fn(&StandbyView) -> usize);

const COUNTERS: [Counter; 5] = [
    (
        "standby_opened",
        "Connections that were opened to wait for a call",
        |counts| counts.opened,
    ),
    ("standby_hits", "Calls that took one", |counts| counts.hits),
    ("standby_misses", "Calls for which none was open", |counts| counts.misses),
    (
        "standby_lost",
        "Connections that were lost, or left by the application, before a call took them",
        |counts| counts.lost,
    ),
    (
        "standby_closed",
        "Connections that were closed before a call took them: too old, of other settings or files, too many, or for want of a socket",
        |counts| counts.closed,
    ),
];

pub(super) fn families(page: &mut Page, snapshot: &Snapshot) {
    let views: Vec<(&str, &StandbyView)> = snapshot
        .sessions
        .iter()
        .filter_map(|session| match &session.kind {
            SessionKind::PerCallConfig { standby } => Some((session.id.as_str(), standby.as_ref()?)),
            _ => None,
        })
        .collect();
    let gauges: [Gauge; 2] = [
        ("connection_standby_open", "Connections that wait for a call", |view| {
            view.open
        }),
        (
            "connection_standby_wanted",
            "How many should wait (standby_connections)",
            |view| view.wanted,
        ),
    ];
    for (name, help, value) in gauges {
        page.family(name, Kind::Gauge, "", help);
        for (connection, view) in &views {
            page.sample(name, &[("connection", connection)], value(view));
        }
    }
    for (name, help, value) in COUNTERS {
        let name = format!("connection_{name}");
        page.family(&name, Kind::Counter, "", help);
        for (connection, view) in &views {
            let sample = format!("{name}{}", Kind::Counter.suffix());
            page.sample(&sample, &[("connection", connection)], value(&view.counts));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fixture;

    #[test]
    fn a_connection_with_others_on_standby_has_series_of_its_own() {
        let counts = Counts {
            opened: 9,
            hits: 3,
            misses: 1,
            lost: 2,
            closed: 4,
        };
        let standby = |standby| SessionKind::PerCallConfig { standby };
        let view = StandbyView {
            open: 2,
            elsewhere: 0,
            wanted: 5,
            counts,
        };
        let one = fixture::session("one", &["app1"], standby(Some(view)));
        let two = fixture::session("two", &["app2"], standby(None));
        let text = super::super::render(&fixture::snapshot(vec![], vec![one, two]));
        for expected in [
            "ariws_connection_standby_open{connection=\"one\"} 2\n",
            "ariws_connection_standby_wanted{connection=\"one\"} 5\n",
            "ariws_connection_standby_opened_total{connection=\"one\"} 9\n",
            "ariws_connection_standby_hits_total{connection=\"one\"} 3\n",
            "ariws_connection_standby_misses_total{connection=\"one\"} 1\n",
            "ariws_connection_standby_lost_total{connection=\"one\"} 2\n",
            "ariws_connection_standby_closed_total{connection=\"one\"} 4\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(!text.contains("standby_open{connection=\"two\"}"));
    }
}
