//! What takes the whole configuration to see: applications in two connections, and users.
//!
//! Asterisk finds these faults only after everything has been loaded, too, and marks the
//! connection invalid: no new session is made with it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::ari::Ari;
use super::problem::{Origin, Problems, shown};
use super::values::nearest_name;
use super::{Connection, PasswordFormat, User};

/// What Asterisk reads of `name:password` in an Authorization header; the rest it cuts off.
const CREDENTIALS: usize = 255;

/// How many other connections a message names.
const NAMED: usize = 3;

/// Marks the connections that are invalid, and no others. `file` is where those stand that stayed
/// in effect without being in it.
pub(super) fn validate(ari: &mut Ari, file: &Path, problems: &mut Problems) {
    let owners = owners(&ari.connections);
    let mut marked = BTreeMap::new();
    for (name, connection) in &ari.connections {
        let (apps_origin, user_origin) = match ari.places.get(name) {
            Some(places) => (places.apps.clone(), places.local_ari_user.clone()),
            None => (Origin::whole(file), Origin::whole(file)),
        };
        let apps_fault = apps_fault(connection, &owners);
        if let Some(fault) = &apps_fault {
            let message = format!("{fault}; an application may be in one connection only");
            problems.add(apps_origin.error(message).of(name, "apps"));
        }
        if !connection.client.fallback_app.is_empty() && connection.fallback().is_none() {
            let app = shown(&connection.client.fallback_app);
            let message = format!(
                "{app} is also the fallback_app of this connection's client, and is not entered in place of itself; \
                 name an application of another connection there"
            );
            problems.add(apps_origin.warning(message).of(name, "apps"));
        }
        let user_fault = user_fault(connection, &ari.users, &ari.faulty_users);
        if let Some(fault) = &user_fault {
            let remedy = user_remedy(connection, ari);
            let message = format!("{fault}; {remedy}");
            problems.add(user_origin.error(message).of(name, "local_ari_user"));
        }
        let connection = if (&apps_fault, &user_fault) == (&connection.apps_fault, &connection.user_fault) {
            Arc::clone(connection)
        } else {
            Arc::new(Connection {
                apps_fault,
                user_fault,
                ..Connection::clone(connection)
            })
        };
        marked.insert(name.clone(), connection);
    }
    ari.connections = marked;
}

/// The connections of each application, by name.
fn owners(connections: &BTreeMap<String, Arc<Connection>>) -> HashMap<String, Vec<String>> {
    let mut owners: HashMap<String, Vec<String>> = HashMap::new();
    for (name, connection) in connections {
        for app in &connection.apps {
            owners.entry(app.clone()).or_default().push(name.clone());
        }
    }
    owners
}

fn apps_fault(connection: &Connection, owners: &HashMap<String, Vec<String>>) -> Option<String> {
    let (app, owners) = connection
        .apps
        .iter()
        .filter_map(|app| Some((app, owners.get(app)?)))
        .find(|(_, owners)| owners.len() > 1)?;
    let mut others: Vec<String> = owners
        .iter()
        .filter(|owner| **owner != connection.name)
        .take(NAMED)
        .map(|owner| shown(owner))
        .collect();
    let unnamed = (owners.len() - 1).saturating_sub(others.len());
    if unnamed > 0 {
        others.push(format!("{unnamed} more"));
    }
    Some(format!("application {} is also in {}", shown(app), others.join(" and "),))
}

fn user_fault(connection: &Connection, users: &BTreeMap<String, Arc<User>>, faulty: &HashSet<String>) -> Option<String> {
    let name = shown(&connection.local_ari_user);
    match users.get(&connection.local_ari_user) {
        None if faulty.contains(&connection.local_ari_user) => Some(format!("user {name} has an error")),
        None => Some(format!("there is no user {name}")),
        Some(user) if user.password_format == PasswordFormat::Crypt => Some(format!("the password of user {name} is crypted")),
        Some(user) => credentials_fault(user).map(|(fault, _)| fault),
    }
}

/// Why no host could authenticate a user's requests, and what to do: hosts such as Asterisk 20.15 or 22 do it for each of
/// them, as their HTTP server does.
fn credentials_fault(user: &User) -> Option<(String, &'static str)> {
    let name = shown(&user.name);
    let length = user.name.len() + ":".len() + user.password.reveal().len();
    if user.name.contains(':') {
        // RFC 7617 section 2.
        let fault = format!("what follows the colon in the name of user {name} would be the password");
        Some((fault, "name a user without a colon"))
    } else if length > CREDENTIALS {
        let fault = format!(
            "name and password of user {name} have {} bytes together, of which {} count",
            length - 1,
            CREDENTIALS - 1
        );
        Some((fault, "shorten the password"))
    } else {
        None
    }
}

/// What to do about a fault of the user.
fn user_remedy(connection: &Connection, ari: &Ari) -> String {
    let name = &connection.local_ari_user;
    if ari.faulty_users.contains(name) {
        return "mend that first".to_owned();
    }
    let user = ari.users.get(name);
    if let Some((_, remedy)) = user.and_then(|user| credentials_fault(user)) {
        return remedy.to_owned();
    }
    let plain = ari.users.iter();
    let plain = plain.filter(|(_, user)| user.password_format == PasswordFormat::Plain);
    match nearest_name(name, plain.map(|(name, _)| name)) {
        Some(near) if !ari.users.contains_key(name) => format!("perhaps {near} is meant"),
        _ => "name a user with a plain password".to_owned(),
    }
}
