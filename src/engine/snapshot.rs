//! The whole library at one moment, for commands and metrics to render.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Engine;
use crate::config::Config;
use crate::session::{Totals, View};

/// The library at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The configuration in effect.
    pub config: Arc<Config>,
    /// Every session and every per-call configuration that is listed, sorted by id.
    pub sessions: Vec<SessionEntry>,
    /// The counters of all sessions, those that have ended included.
    pub totals: Totals,
    /// How many per-call connections were begun.
    pub stasis_starts: u64,
    /// How many of them failed.
    pub stasis_starts_failed: u64,
    /// Log messages that were dropped because the host did not take them in time.
    pub log_messages_dropped: u64,
}

/// One line of `ari show sessions`.
#[derive(Debug, Clone)]
pub struct SessionEntry {
    /// The connection id, `connection:channel`, or the host's id of an inbound session.
    pub id: String,
    /// What it is.
    pub kind: SessionKind,
    /// Its applications, in configured order.
    pub apps: Vec<String>,
}

/// What an entry stands for.
#[derive(Debug, Clone)]
pub enum SessionKind {
    /// A persistent connection.
    Persistent(View),
    /// A per-call configuration, from which sessions are made.
    PerCallConfig,
    /// The connection of a call.
    PerCall {
        /// The connection id of its configuration.
        connection: String,
        /// The session.
        view: View,
    },
    /// A websocket that an application opened to the host.
    Inbound {
        /// "address:port", empty if unknown.
        remote_address: String,
    },
}

impl Engine {
    /// Everything at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let table = self.table();
        let mut totals = table.ended;
        for session in &table.leaving {
            totals += session.counters().totals();
        }
        let mut sessions = Vec::new();
        for session in table.persistent.values() {
            let view = session.view();
            totals += view.totals;
            sessions.push(SessionEntry {
                id: session.id().to_owned(),
                kind: SessionKind::Persistent(view),
                apps: session.applications(),
            });
        }
        for call in table.per_call.values() {
            let view = call.session.view();
            totals += view.totals;
            sessions.push(SessionEntry {
                id: call.session.id().to_owned(),
                kind: SessionKind::PerCall {
                    connection: call.session.settings().name.clone(),
                    view,
                },
                apps: call.session.applications(),
            });
        }
        for (id, apps) in &table.listed {
            sessions.push(SessionEntry {
                id: id.clone(),
                kind: SessionKind::PerCallConfig,
                apps: apps.clone(),
            });
        }
        for (id, inbound) in &table.inbound {
            sessions.push(SessionEntry {
                id: id.clone(),
                kind: SessionKind::Inbound {
                    remote_address: inbound.remote_address.clone(),
                },
                apps: inbound.apps.clone(),
            });
        }
        drop(table);
        sessions.sort_by(|one, other| one.id.cmp(&other.id));
        Snapshot {
            config: self.context.config(),
            sessions,
            totals,
            stasis_starts: self.stasis_starts.load(Ordering::Relaxed),
            stasis_starts_failed: self.stasis_starts_failed.load(Ordering::Relaxed),
            log_messages_dropped: self.log().dropped(),
        }
    }
}
