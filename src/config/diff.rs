//! What a reload changes: the difference of two configurations, and what it asks of a session.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::object::Parameter;
use super::table::{CLIENT, CONNECTION, GENERAL, USER};
use super::{Client, Config, Connection, Effect, General, User};

/// The connections that differ between two configurations, each list sorted by name.
///
/// A renamed connection is one removed and one added. What a user may do is no part of a
/// connection; it is looked up in the new configuration at the next request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diff {
    /// Connections that are gone.
    pub removed: Vec<Arc<Connection>>,
    /// Connections that are new.
    pub added: Vec<Arc<Connection>>,
    /// Connections that differ.
    pub changed: Vec<ConnectionChange>,
}

impl Diff {
    /// Whether no connection differs.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.added.is_empty() && self.changed.is_empty()
    }
}

/// How one connection differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionChange {
    /// The connection as it was.
    pub old: Arc<Connection>,
    /// The connection as it is to be.
    pub new: Arc<Connection>,
    /// What the change asks of a running session.
    pub effect: Effect,
    /// What becomes of the applications, whatever the effect.
    pub apps: AppChanges,
    /// The parameters that differ, in the order in which `ari show outbound-websocket` and the
    /// sample files have them.
    pub parameters: Vec<&'static str>,
}

/// What becomes of the applications of a changed connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppChanges {
    /// Only in the new connection, in its order.
    pub added: Vec<String>,
    /// Only in the old connection, sorted.
    pub removed: Vec<String>,
    /// In both, in the order of the new connection.
    pub kept: Vec<String>,
}

/// Compares two configurations.
pub fn diff(old: &Config, new: &Config) -> Diff {
    let (old, new) = (&old.connections, &new.connections);
    let changed = old.iter();
    Diff {
        removed: only(old, new),
        added: only(new, old),
        changed: changed
            .filter_map(|(name, connection)| change(connection, new.get(name)?))
            .collect(),
    }
}

/// Compares two states of one connection; nothing if they are equal.
///
/// A session that went on while its connection was invalid still has the values from before;
/// compare with the connection that the session was made with, not with the invalid one.
pub fn change(old: &Arc<Connection>, new: &Arc<Connection>) -> Option<ConnectionChange> {
    if Arc::ptr_eq(old, new) || old == new {
        return None;
    }
    let mut found = Found::default();
    found.compare::<Connection>(CONNECTION, old, new);
    found.compare(CLIENT, &*old.client, &*new.client);
    let effect = match new.is_valid() {
        true => found.effect.unwrap_or(Effect::Validity),
        false => Effect::Validity,
    };
    Some(ConnectionChange {
        old: Arc::clone(old),
        new: Arc::clone(new),
        effect,
        apps: app_changes(old, new),
        parameters: found.parameters,
    })
}

/// Whether a connection that was made with the one client is of no use to the other.
pub fn needs_new_connection(old: &Client, new: &Client) -> bool {
    let mut found = Found::default();
    found.compare(CLIENT, old, new);
    found.effect >= Some(Effect::Reconnect)
}

/// The users that differ between two configurations, each list sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserChanges {
    /// Users that are gone.
    pub removed: Vec<Arc<User>>,
    /// Users that are new.
    pub added: Vec<Arc<User>>,
    /// Users that differ, with their parameters that do.
    pub changed: Vec<(String, Vec<&'static str>)>,
}

/// Compares the users of two configurations.
pub fn user_changes(old: &Objects<User>, new: &Objects<User>) -> UserChanges {
    let changed = old.iter().filter_map(|(name, user)| {
        let parameters = differing::<User>(USER, user, new.get(name)?);
        (!parameters.is_empty()).then(|| (name.clone(), parameters))
    });
    UserChanges {
        removed: only(old, new),
        added: only(new, old),
        changed: changed.collect(),
    }
}

type Objects<T> = BTreeMap<String, Arc<T>>;

/// The objects of the one that the other does not have.
fn only<T>(one: &Objects<T>, other: &Objects<T>) -> Vec<Arc<T>> {
    let missing = one.iter().filter(|(name, _)| !other.contains_key(*name));
    missing.map(|(_, object)| Arc::clone(object)).collect()
}

/// The parameters of `[general]` that differ.
pub fn general_changes(old: &General, new: &General) -> Vec<&'static str> {
    differing(GENERAL, old, new)
}

fn differing<T>(table: &[Parameter<T>], old: &T, new: &T) -> Vec<&'static str> {
    let mut found = Found::default();
    found.compare(table, old, new);
    found.parameters
}

fn app_changes(old: &Connection, new: &Connection) -> AppChanges {
    let before: HashSet<&String> = old.apps.iter().collect();
    let after: HashSet<&String> = new.apps.iter().collect();
    let (kept, added) = new.apps.iter().cloned().partition(|app| before.contains(app));
    let mut removed: Vec<String> = old.apps.iter().filter(|app| !after.contains(app)).cloned().collect();
    removed.sort();
    AppChanges { added, removed, kept }
}

/// The parameters that differ, and the strongest of their effects.
#[derive(Default)]
struct Found {
    parameters: Vec<&'static str>,
    effect: Option<Effect>,
}

impl Found {
    fn compare<T>(&mut self, table: &[Parameter<T>], old: &T, new: &T) {
        for Parameter { about, place } in table {
            if (place.differs)(old, new) {
                self.parameters.push(about.name);
                self.effect = self.effect.max(Some(about.effect));
            }
        }
    }
}
