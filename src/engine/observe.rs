//! What commands and metrics see and do.

use std::sync::atomic::Ordering;

use super::Engine;
use super::operations::Operation;
use super::snapshot::{SessionEntry, SessionKind, Snapshot};
use crate::cli::{Operator, Started};
use crate::error::Result;

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
                kind: SessionKind::PerCall(view),
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

impl Operator for Engine {
    fn snapshot(&self) -> Snapshot {
        Engine::snapshot(self)
    }

    fn start(&self, connection: &str, inside_callback: bool) -> Result<Started> {
        self.operate(inside_callback, |answer| {
            Operation::Start(connection.to_owned(), answer)
        })
    }

    fn shut_down(&self, session: &str, inside_callback: bool) -> Result<()> {
        self.operate(inside_callback, |answer| {
            Operation::ShutDown(session.to_owned(), answer)
        })
    }

    fn shut_down_all(&self, inside_callback: bool) -> Result<()> {
        self.operate(inside_callback, Operation::ShutDownAll)
    }
}
