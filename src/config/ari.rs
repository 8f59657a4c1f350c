//! `ari.conf`: `[general]`, users and outbound websockets.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::keep::Keeper;
use super::keys;
use super::object::{Object, sort};
use super::problem::{Origin, Problems, quoted};
use super::template::Section;
use super::values::{apps, nearest_name};
use super::{Client, Config, Connection, General, PasswordFormat, Secret, User};

const USER: &str = "user";
const OUTBOUND_WEBSOCKET: &str = "outbound_websocket";

/// What `ari.conf` says.
#[derive(Default)]
pub(super) struct Ari {
    pub(super) general: General,
    pub(super) users: BTreeMap<String, Arc<User>>,
    /// The names of users that have an error and are not in effect.
    pub(super) faulty_users: HashSet<String>,
    pub(super) connections: BTreeMap<String, Arc<Connection>>,
    /// Where the parameters of each connection stand, for what is found out later.
    pub(super) places: HashMap<String, Places>,
}

/// Where the parameters stand that only the whole configuration can judge.
pub(super) struct Places {
    pub(super) apps: Origin,
    pub(super) local_ari_user: Origin,
}

/// The websocket clients that a connection may name.
#[derive(Clone, Copy)]
pub(super) struct Clients<'a> {
    /// Those that are in effect.
    pub(super) loaded: &'a BTreeMap<String, Arc<Client>>,
    /// The names of all sections in their file, also of those that are refused.
    pub(super) sections: &'a HashSet<&'a str>,
}

/// Reads the sections of `ari.conf`. Without `clients` those could not be read; then it is not
/// checked whether a connection's client exists.
pub(super) fn read(
    sections: &[Section],
    clients: Option<Clients<'_>>,
    previous: Option<&Config>,
    problems: &mut Problems,
) -> Ari {
    let (general, others): (Vec<&Section>, Vec<&Section>) = sections
        .iter()
        .filter(|section| !section.template)
        .partition(|section| section.name.eq_ignore_ascii_case("general"));
    let mut ari = Ari {
        general: read_general(&general, previous, problems),
        ..Ari::default()
    };
    let mut users = Keeper::new(previous.map(|config| &config.users));
    let mut connections = Keeper::new(previous.map(|config| &config.connections));
    let loaded_before = |kind: &str, name: &str| match kind {
        USER => users.had(name),
        _ => connections.had(name),
    };
    let sorted = sort(others, &[USER, OUTBOUND_WEBSOCKET], loaded_before, problems);
    for (kind, section) in sorted.typed {
        let name = section.name.as_str();
        match kind {
            USER => {
                if !users.read(name, problems, |problems| read_user(section, problems)) {
                    ari.faulty_users.insert(name.to_owned());
                }
            }
            _ => {
                connections.read(name, problems, |problems| {
                    let object = Object::new(section, keys::CONNECTION, problems);
                    let places = Places {
                        apps: object.origin("apps").clone(),
                        local_ari_user: object.origin("local_ari_user").clone(),
                    };
                    ari.places.insert(name.to_owned(), places);
                    read_connection(object, clients)
                });
            }
        }
    }
    // A missing or misspelt type is no deletion.
    for name in sorted.untyped {
        users.keep(name);
        connections.keep(name);
    }
    ari.users = users.into_objects();
    ari.connections = connections.into_objects();
    ari
}

/// `[general]`. An error in it must not harm any connection: what was in effect stays.
fn read_general(
    sections: &[&Section],
    previous: Option<&Config>,
    problems: &mut Problems,
) -> General {
    let mark = problems.mark();
    let general = match sections {
        [] => Some(General::default()),
        [section] => {
            let mut object = Object::new(section, keys::GENERAL, problems);
            let general = General {
                enabled: object.boolean("enabled", true),
                pretty: object.boolean("pretty", false),
                websocket_write_timeout: object.milliseconds("websocket_write_timeout", 1),
                queue_max_total_bytes: object
                    .has("queue_max_total_bytes")
                    .then(|| object.number("queue_max_total_bytes", 1 << 20..=1 << 40, 0)),
            };
            object.finish(general)
        }
        [first, others @ ..] => {
            for section in others {
                let message = format!(
                    "another [general] stands above (line {}); make it one",
                    first.origin.line
                );
                problems.add(section.origin.error(message).of(&section.name, ""));
            }
            None
        }
    };
    general.unwrap_or_else(|| {
        if previous.is_some() {
            problems.keep_since(mark);
        }
        previous
            .map(|config| config.general.clone())
            .unwrap_or_default()
    })
}

fn read_user(section: &Section, problems: &mut Problems) -> Option<User> {
    let mut object = Object::new(section, keys::USER, problems);
    let formats = [
        ("plain", PasswordFormat::Plain),
        ("crypt", PasswordFormat::Crypt),
    ];
    let user = User {
        name: section.name.clone(),
        password: Secret::new(object.required("password")),
        read_only: object.boolean("read_only", false),
        password_format: object
            .choice("password_format", &formats)
            .unwrap_or_default(),
    };
    object.wire_text("password");
    object.finish(user)
}

fn read_connection(mut object: Object<'_>, clients: Option<Clients<'_>>) -> Option<Connection> {
    let websocket_client_id = object.required("websocket_client_id");
    let client = clients.and_then(|clients| clients.loaded.get(websocket_client_id));
    if let Some(clients) = clients
        && client.is_none()
        && !websocket_client_id.is_empty()
    {
        let message = missing_client(websocket_client_id, clients);
        object.error("websocket_client_id", message);
    }
    let apps_as_written = object.required("apps");
    let apps = match apps(apps_as_written) {
        Ok(apps) => {
            if apps.repeated {
                object.warning("apps", "an application stands here twice; once is enough");
            }
            if object.is_appended("apps") {
                let message = "+= adds a blank and no comma; \
                               begin the value with a comma to add an application";
                object.warning("apps", message);
            }
            if apps.names.iter().any(|name| name.contains(['“', '”', '„'])) {
                let message = "typographic quotes belong to the name; remove them";
                object.warning("apps", message);
            }
            apps.names
        }
        Err(message) => {
            if !apps_as_written.is_empty() {
                object.error("apps", message);
            }
            Vec::new()
        }
    };
    let subscribe_all = object.boolean("subscribe_all", false);
    let local_ari_user = object.required("local_ari_user").to_owned();
    let connection = Connection {
        name: object.section.name.clone(),
        websocket_client_id: websocket_client_id.to_owned(),
        apps,
        apps_as_written: apps_as_written.to_owned(),
        subscribe_all,
        local_ari_user,
        client: Arc::clone(client?),
        apps_fault: None,
        user_fault: None,
    };
    object.finish(connection)
}

/// What to say about a client that is not there.
fn missing_client(name: &str, clients: Clients<'_>) -> String {
    let shown = quoted(name);
    if clients.sections.contains(name) {
        return format!("the websocket client {shown} has an error; mend that first");
    }
    match nearest_name(name, clients.loaded.keys()) {
        Some(near) => format!("there is no websocket client {shown}; perhaps {near} is meant"),
        None => {
            format!("there is no websocket client {shown}; name a section of websocket_client.conf")
        }
    }
}
