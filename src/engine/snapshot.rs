//! The whole library at one moment, for commands and metrics to render.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Engine;
use super::table::{Inbound, Running};
use crate::config::Config;
use crate::histogram::{Distribution, Histogram};
use crate::net::{SocketsInUse, Stage};
use crate::session::{Balance, ServerView, Servers, Session, StandbyView, Totals, View};

/// The library at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The configuration in effect.
    pub config: Arc<Config>,
    /// Every session and every per-call configuration that is listed, sorted by id.
    pub sessions: Vec<SessionEntry>,
    /// The counters of all sessions, those that have ended included.
    pub totals: Totals,
    /// The servers of each connection that has been made, by connection id.
    pub servers: BTreeMap<String, Vec<ServerView>>,
    /// How many per-call connections were begun.
    pub stasis_starts: u64,
    /// How many of them failed.
    pub stasis_starts_failed: u64,
    /// How long things took.
    pub times: Vec<Timed>,
    /// How many starts went on with a `fallback_app`.
    pub stasis_fallbacks: u64,
    /// How many channels were not let in, or made to leave, because a persistent connection was down.
    pub stasis_down: u64,
    /// What waits to be sent over all sessions.
    pub queued: Balance,
    /// Sockets to applications.
    pub sockets: SocketsInUse,
    /// Log messages that were dropped because the host did not take them in time.
    pub log_messages_dropped: u64,
}

/// What took time, and how it was distributed.
pub type Timed = (What, Distribution);

/// What took time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A start of a channel that needed a connection, and whether it succeeded.
    Start(bool),
    /// A stage of an attempt, where it went well.
    Stage(Stage),
    /// A request, by the class of its status.
    Request(&'static str),
    /// From the ping behind what was sent to its pong.
    RoundTrip,
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
    PerCallConfig {
        /// The connections that wait for calls, if there are to be any.
        standby: Option<StandbyView>,
    },
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

impl Snapshot {
    /// The connections that wait for the calls of a per-call configuration.
    pub fn standby(&self, connection: &str) -> Option<&StandbyView> {
        self.sessions.iter().find_map(|session| match &session.kind {
            SessionKind::PerCallConfig { standby } if session.id == connection => standby.as_ref(),
            _ => None,
        })
    }
}

impl Engine {
    /// Everything at this moment.
    pub fn snapshot(&self) -> Snapshot {
        let copy = self.copy();
        let mut sessions = Vec::new();
        for (id, running) in copy.connections {
            let (kind, apps) = match running {
                Running::Persistent(session) => (SessionKind::Persistent(session.view()), session.applications()),
                Running::Listed(listing) => {
                    let standby = listing.standbys.map(|standbys| standbys.view());
                    (SessionKind::PerCallConfig { standby }, listing.apps)
                }
                Running::ShutDown(_) => continue,
            };
            sessions.push(SessionEntry { id, kind, apps });
        }
        for session in copy.per_call {
            sessions.push(SessionEntry {
                id: session.id().to_owned(),
                kind: SessionKind::PerCall {
                    connection: session.settings().name.clone(),
                    view: session.view(),
                },
                apps: session.applications(),
            });
        }
        for (id, inbound) in copy.inbound {
            sessions.push(SessionEntry {
                id,
                kind: SessionKind::Inbound {
                    remote_address: inbound.remote_address,
                },
                apps: inbound.apps,
            });
        }
        sessions.sort_by(|one, other| one.id.cmp(&other.id));
        Snapshot {
            config: self.context.config(),
            sessions,
            totals: copy.totals,
            servers: copy
                .servers
                .iter()
                .map(|(id, servers)| (id.clone(), servers.view()))
                .collect(),
            stasis_starts: self.stasis_starts.load(Ordering::Relaxed),
            stasis_starts_failed: self.stasis_starts_failed.load(Ordering::Relaxed),
            stasis_fallbacks: self.stasis_fallbacks.load(Ordering::Relaxed),
            stasis_down: self.stasis_down.load(Ordering::Relaxed),
            times: self.times(),
            queued: self.context.queued.balance(),
            sockets: self.context.resources.sockets.in_use(),
            log_messages_dropped: self.log().dropped(),
        }
    }

    fn times(&self) -> Vec<Timed> {
        let (times, resources) = (&self.context.times, &self.context.resources);
        let timed = |what, histogram: &Histogram| (what, histogram.distribution());
        let stages = Stage::ALL.into_iter();
        let stages = stages.map(|stage| timed(What::Stage(stage), resources.stage(stage)));
        let requests = times
            .requests()
            .map(|(class, histogram)| timed(What::Request(class), histogram));
        [
            timed(What::Start(true), &times.started),
            timed(What::Start(false), &times.start_failed),
            timed(What::RoundTrip, &times.round_trip),
        ]
        .into_iter()
        .chain(stages)
        .chain(requests)
        .collect()
    }

    /// What of the table a snapshot is made from. Whoever starts a call waits for the table: no session is looked at before it
    /// is free again, but for its counters, which take no lock, and never go back because they are read in one step.
    fn copy(&self) -> Copied {
        let table = self.table();
        let per_call = table.per_call.values();
        Copied {
            connections: table.connections.clone(),
            per_call: per_call.map(|call| Arc::clone(&call.session)).collect(),
            inbound: table.inbound.clone(),
            totals: table.totals(),
            servers: table.servers.clone(),
        }
    }
}

struct Copied {
    connections: BTreeMap<String, Running>,
    per_call: Vec<Arc<Session>>,
    inbound: BTreeMap<String, Inbound>,
    totals: Totals,
    servers: BTreeMap<String, Arc<Servers>>,
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;
    use crate::cli::fixture::connection;
    use crate::engine::{Operator, Options};
    use crate::host::Level;
    use crate::host::Silent;

    fn wait_for(what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !condition() {
            assert!(Instant::now() < deadline, "no {what}");
            thread::yield_now();
        }
    }

    #[test]
    fn nobody_who_needs_the_table_waits_for_a_session_that_is_looked_at() {
        let options = Options::new(None, "id", "", 1, 1, 0, Level::Debug).expect("options");
        let engine = Engine::start(Arc::new(Silent), options).expect("threads");
        let settings = Arc::new(connection("connA", "app1"));
        let servers = Servers::new("connA", &settings.client, &engine.context.resources, None);
        let session = Session::persistent(&engine.context, settings, servers);
        let running = Running::Persistent(Arc::clone(&session));
        engine.table().connections.insert("connA".to_owned(), running);
        let unlooked = Arc::strong_count(&session);
        // Another thread has the session's lock.
        let busy = session.locked();
        thread::scope(|scope| {
            let snapshot = scope.spawn(|| engine.snapshot());
            wait_for("copy", || Arc::strong_count(&session) > unlooked);
            wait_for("free table", || engine.table.try_lock().is_ok());
            assert_eq!(engine.session_ids(), ["connA"]);
            drop(busy);
            let snapshot = snapshot.join().expect("a snapshot");
            assert_eq!(snapshot.sessions.len(), 1);
        });
    }
}
