//! What an instance has: connections, sessions of calls, starts. Plain data behind one lock, which is never held while the
//! host is called or anything is waited for.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::early_cancels::EarlyCancels;
use crate::config::Connection;
use crate::session::{Servers, Session, Standbys, Totals};

/// What an instance has.
#[derive(Default)]
pub(super) struct Table {
    /// What the connections of the configuration are at, by connection id. Those that never began are not here.
    pub(super) connections: BTreeMap<String, Running>,
    /// Sessions of calls, by the application that each has of its own: by their ids two connections could have the same one,
    /// where a reload has given an application to another connection.
    pub(super) per_call: BTreeMap<String, PerCall>,
    /// Sessions that are not listed any more and have not ended.
    pub(super) leaving: Vec<Arc<Session>>,
    /// Starts that are under way, by channel id.
    pub(super) starting: BTreeMap<String, CancellationToken>,
    /// Channels whose cancel came before their start.
    pub(super) early_cancels: EarlyCancels,
    /// Channels whose sessions have ended, behind their application: the host is still to be told to end Stasis for them.
    pub(super) failing: BTreeSet<(String, String)>,
    /// Websockets that applications opened to the host, by the host's session id.
    pub(super) inbound: BTreeMap<String, Inbound>,
    /// The servers of each connection that has been made, by connection id.
    pub(super) servers: BTreeMap<String, Arc<Servers>>,
    /// What sessions that have ended had counted.
    ended: Totals,
}

/// What a connection of the configuration is at.
#[derive(Clone)]
pub(super) enum Running {
    /// A persistent connection.
    Persistent(Arc<Session>),
    /// A per-call configuration, from which sessions are made.
    Listed(Listing),
    /// Shut down by a command, and as it was then: it stays down until a command or a change of it.
    ShutDown(Arc<Connection>),
}

/// A per-call configuration.
#[derive(Clone)]
pub(super) struct Listing {
    pub(super) apps: Vec<String>,
    /// Connections that wait for calls, if there are to be any.
    pub(super) standbys: Option<Arc<Standbys>>,
}

impl Table {
    /// The connections that wait for the calls of a per-call configuration.
    pub(super) fn standbys(&self, name: &str) -> Option<&Arc<Standbys>> {
        match self.connections.get(name) {
            Some(Running::Listed(listing)) => listing.standbys.as_ref(),
            _ => None,
        }
    }

    /// The session of a persistent connection.
    pub(super) fn persistent(&self, name: &str) -> Option<&Arc<Session>> {
        match self.connections.get(name) {
            Some(Running::Persistent(session)) => Some(session),
            _ => None,
        }
    }

    /// The sessions of persistent connections, sorted by name.
    pub(super) fn all_persistent(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.connections.values().filter_map(|running| match running {
            Running::Persistent(session) => Some(session),
            Running::Listed(_) | Running::ShutDown(_) => None,
        })
    }

    /// The connections that have begun and not ended.
    pub(super) fn begun(&self) -> impl Iterator<Item = &String> {
        let is_begun = |running: &Running| !matches!(running, Running::ShutDown(_));
        let begun = self.connections.iter();
        begun.filter_map(move |(name, running)| is_begun(running).then_some(name))
    }

    /// Whether the connection has begun and not ended.
    pub(super) fn is_begun(&self, name: &str) -> bool {
        let running = self.connections.get(name);
        running.is_some_and(|running| !matches!(running, Running::ShutDown(_)))
    }

    /// The ids of everything that `ari show sessions` lists.
    pub(super) fn session_ids(&self) -> impl Iterator<Item = &str> {
        let calls = self.per_call.values().map(|call| call.session.id());
        let listed = self.begun().chain(self.inbound.keys());
        listed.map(String::as_str).chain(calls)
    }

    /// Lists the session of a call, unless its application has one.
    pub(super) fn list(&mut self, application: &str, call: &PerCall) -> bool {
        match self.per_call.entry(application.to_owned()) {
            Entry::Vacant(vacant) => {
                vacant.insert(call.clone());
                true
            }
            Entry::Occupied(_) => false,
        }
    }

    /// The session of a call by its id.
    pub(super) fn call(&self, id: &str) -> Option<&PerCall> {
        self.per_call.values().find(|call| call.session.id() == id)
    }

    /// Whether a connection of the configuration, or one of a call, is listed under the id.
    pub(super) fn has_outbound_session(&self, id: &str) -> bool {
        self.is_begun(id) || self.call(id).is_some()
    }

    /// Whether a websocket that an application opened to the host has it.
    pub(super) fn is_inbound(&self, app: &str) -> bool {
        let mut inbound = self.inbound.values();
        inbound.any(|inbound| inbound.apps.iter().any(|its| its == app))
    }

    /// The session is not listed any more.
    pub(super) fn leave(&mut self, session: &Arc<Session>) {
        self.leaving.push(Arc::clone(session));
    }

    /// The session has ended. In one step, so that no counter ever goes back.
    pub(super) fn ended(&mut self, session: &Arc<Session>) {
        self.leaving.retain(|leaving| !Arc::ptr_eq(leaving, session));
        self.ended += session.counters().totals();
    }

    /// What all sessions have counted, those that have ended included.
    pub(super) fn totals(&self) -> Totals {
        let per_call = self.per_call.values().map(|call| &call.session);
        let sessions = self.all_persistent().chain(per_call).chain(&self.leaving);
        sessions.fold(self.ended, |mut totals, session| {
            totals += session.counters().totals();
            totals
        })
    }
}

/// A session of a call.
#[derive(Clone)]
pub(super) struct PerCall {
    pub(super) session: Arc<Session>,
    /// Cancelled when the session has left its application and the list, for a successor.
    pub(super) unlisted: CancellationToken,
}

/// A websocket that an application opened to the host.
#[derive(Debug, Clone)]
pub(super) struct Inbound {
    pub(super) remote_address: String,
    pub(super) apps: Vec<String>,
}
