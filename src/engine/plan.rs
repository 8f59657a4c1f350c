//! What a load or reload does, decided by pure code before any of it is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::{self, Config, Connection, ConnectionType, Diff, Effect};

/// What differs, and what is to be done about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) diff: Diff,
    /// In their order. What is taken away comes before what is added, so that an application may move from one connection to
    /// another.
    pub(super) steps: Vec<Step>,
}

/// What a connection is at before a reload.
#[derive(Debug, Clone)]
pub(super) enum Was {
    /// A persistent connection that runs with these settings: the last ones that were valid.
    Persistent(Arc<Connection>),
    /// A per-call configuration that is listed with these applications.
    Listed(Vec<String>),
    /// A connection that a command shut down, as it was then.
    ShutDown(Arc<Connection>),
}

/// One step of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// What runs under the name ends, if anything does.
    End(String),
    /// Nothing is remembered of the connection any more.
    Forget(String),
    /// The new configuration is in effect: for new calls, and for what follows.
    TakeUp,
    /// The connection begins.
    Begin(Arc<Connection>),
    /// A per-call configuration gives an application up.
    DestroyContext(String, String),
    /// A persistent connection goes on, changed.
    Change(String, Change),
}

/// A change of a persistent connection that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It gives an application up.
    Unregister(String),
    /// The registration of an application ends, for another one.
    Suspend(String),
    /// It runs with these settings.
    Settings(Arc<Connection>),
    /// It has one more application.
    Add(String),
    /// The application whose registration ended is registered.
    Register(String),
    /// An application is registered on top of its registration.
    RegisterAnew(String),
    /// Its applications are in the order of the settings.
    Reorder,
    /// It is made anew.
    Reconnect,
}

/// What has to be done to have `new` in effect instead of `old`. An invalid connection begins nothing, and what runs of it goes
/// on as it is.
pub(super) fn plan(old: &Config, new: &Config, running: &BTreeMap<String, Was>) -> Plan {
    let diff = config::diff(old, new);
    let (mut taken, mut given) = (Vec::new(), Vec::new());
    for connection in &diff.removed {
        let name = &connection.name;
        taken.push(Step::End(name.clone()));
        // Until the new configuration is in effect, calls may begin that remember it.
        given.push(Step::Forget(name.clone()));
    }
    let changed = diff.changed.iter().map(|change| &change.new);
    for connection in changed.filter(|connection| connection.is_valid()) {
        change(connection, running.get(&connection.name), &mut taken, &mut given);
    }
    let added = diff.added.iter().filter(|connection| connection.is_valid());
    given.extend(added.cloned().map(Step::Begin));
    taken.push(Step::TakeUp);
    taken.append(&mut given);
    Plan { diff, steps: taken }
}

/// The steps for a connection that differs: those that take something away, and those that add something.
fn change(new: &Arc<Connection>, was: Option<&Was>, taken: &mut Vec<Step>, given: &mut Vec<Step>) {
    let name = &new.name;
    match (was, new.client.connection_type) {
        (Some(Was::Persistent(settings)), ConnectionType::Persistent) => {
            go_on(settings, new, taken, given);
        }
        (Some(Was::Listed(apps)), ConnectionType::PerCallConfig) => {
            let gone = apps.iter().filter(|app| !new.apps.contains(app));
            taken.extend(gone.map(|app| Step::DestroyContext(name.clone(), app.clone())));
            given.push(Step::Begin(Arc::clone(new)));
        }
        (Some(Was::ShutDown(before)), _) => {
            if config::change(before, new).is_some() {
                given.push(Step::Begin(Arc::clone(new)));
            }
        }
        (Some(Was::Persistent(_) | Was::Listed(_)), _) => {
            taken.push(Step::End(name.clone()));
            given.push(Step::Begin(Arc::clone(new)));
        }
        (None, _) => given.push(Step::Begin(Arc::clone(new))),
    }
}

/// A persistent connection stays one. `settings` is what it runs with: while a connection is invalid, that is not what the
/// configuration has.
fn go_on(settings: &Arc<Connection>, new: &Arc<Connection>, taken: &mut Vec<Step>, given: &mut Vec<Step>) {
    let Some(change) = config::change(settings, new) else {
        return;
    };
    let step = |change| Step::Change(new.name.clone(), change);
    let every_one = settings.subscribe_all != new.subscribe_all;
    let mut leaving = change.apps.removed.clone();
    if every_one {
        leaving.extend(change.apps.kept.iter().cloned());
    }
    // Sorted, whether they come again or not (recorded).
    leaving.sort_unstable();
    for app in leaving {
        let is_removed = change.apps.removed.contains(&app);
        let how = if is_removed { Change::Unregister } else { Change::Suspend };
        taken.push(step(how(app)));
    }
    given.push(step(Change::Settings(Arc::clone(new))));
    for app in &new.apps {
        let how = match change.apps.kept.contains(app) {
            false => Change::Add,
            true if every_one => Change::Register,
            true if change.effect == Effect::Applications => Change::RegisterAnew,
            true => continue,
        };
        given.push(step(how(app.clone())));
    }
    given.push(step(Change::Reorder));
    if change.effect == Effect::Reconnect {
        given.push(step(Change::Reconnect));
    }
}

#[cfg(test)]
#[path = "tests_plan.rs"]
mod tests;
