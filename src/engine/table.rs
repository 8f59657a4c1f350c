//! What an instance has: sessions, listed configurations, contexts. Plain data behind one lock, which is never held
//! while the host is called or anything is waited for.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::config::{Client, Connection};
use crate::net::Memory;
use crate::session::{Session, Totals};

/// What an instance has.
#[derive(Default)]
pub(super) struct Table {
    /// Sessions of persistent connections, by connection id.
    pub(super) persistent: BTreeMap<String, Arc<Session>>,
    /// Sessions of calls, by session id.
    pub(super) per_call: BTreeMap<String, PerCall>,
    /// Per-call configurations that are listed, by connection id, with their applications.
    pub(super) listed: BTreeMap<String, Vec<String>>,
    /// Sessions that are not listed any more and have not ended.
    pub(super) leaving: Vec<Arc<Session>>,
    /// Connections that a command shut down, as they were then: they stay down until a command or a change of theirs.
    pub(super) shut_down: BTreeMap<String, Arc<Connection>>,
    /// Starts that are under way, by channel id.
    pub(super) starting: HashMap<String, CancellationToken>,
    /// Websockets that applications opened to the host, by the host's session id.
    pub(super) inbound: BTreeMap<String, Inbound>,
    /// Dialplan contexts that this instance created.
    pub(super) contexts: BTreeSet<String>,
    /// What attempts of a connection share, by connection id, and the settings that it was made with.
    pub(super) memories: HashMap<String, (Arc<Client>, Arc<Memory>)>,
    /// What sessions that have ended had counted.
    pub(super) ended: Totals,
}

impl Table {
    /// Whether a connection that has begun, other than `owner`, has the application.
    pub(super) fn has_application_besides(&self, owner: &str, app: &str) -> bool {
        let has = |apps: &[String]| apps.iter().any(|its| its == app);
        let mut persistent = self.persistent.iter();
        let mut listed = self.listed.iter();
        persistent.any(|(name, session)| name != owner && has(&session.settings().apps))
            || listed.any(|(name, apps)| name != owner && has(apps))
    }

    /// The ids of everything that `ari show sessions` lists.
    pub(super) fn session_ids(&self) -> impl Iterator<Item = &String> {
        let outbound = self.persistent.keys().chain(self.listed.keys());
        outbound
            .chain(self.per_call.keys())
            .chain(self.inbound.keys())
    }

    /// Whether a connection of the configuration, or one of a call, is listed under the id.
    pub(super) fn has_outbound_session(&self, id: &str) -> bool {
        self.persistent.contains_key(id)
            || self.listed.contains_key(id)
            || self.per_call.contains_key(id)
    }

    /// The session is not listed any more.
    pub(super) fn leave(&mut self, session: &Arc<Session>) {
        self.leaving.push(Arc::clone(session));
    }

    /// The session has ended. In one step, so that no counter ever goes back.
    pub(super) fn ended(&mut self, session: &Arc<Session>) {
        self.leaving
            .retain(|leaving| !Arc::ptr_eq(leaving, session));
        self.ended += session.counters().totals();
    }
}

/// A session of a call.
#[derive(Clone)]
pub(super) struct PerCall {
    pub(super) session: Arc<Session>,
    /// Cancelled to make the session leave its application to a successor.
    pub(super) superseded: CancellationToken,
    /// Cancelled when the application is unregistered and the session no longer listed.
    pub(super) gone: CancellationToken,
}

/// A websocket that an application opened to the host.
#[derive(Debug, Clone)]
pub(super) struct Inbound {
    pub(super) remote_address: String,
    pub(super) apps: Vec<String>,
}
