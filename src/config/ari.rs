//! `ari.conf` and `ari_outbound.conf`: `[general]`, users and outbound websockets.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::client::WEBSOCKET_CLIENT;
use super::keep::Keeper;
use super::lines::Flaw;
use super::object::{Object, sort};
use super::problem::{Origin, Problems, quoted};
use super::table::{CONNECTION, GENERAL, USER, object};
use super::template::Section;
use super::values::nearest_name;
use super::{Client, Config, Connection, General, User};

/// The types that a section of `ari.conf` may have, and one of `ari_outbound.conf`. There the last one is read elsewhere.
const TYPES: &[&str] = &["user", "outbound_websocket"];
const APPENDED_TYPES: &[&str] = &["user", "outbound_websocket", WEBSOCKET_CLIENT];

fn types(section: &Section) -> &'static [&'static str] {
    if section.appended { APPENDED_TYPES } else { TYPES }
}

/// The names of sections that may have been meant to be websocket clients.
pub(super) fn untyped(sections: &[Section]) -> Vec<&str> {
    let is_untyped = |section: &&Section| {
        !section
            .kind()
            .is_some_and(|kind| APPENDED_TYPES.contains(&kind.value.as_str()))
    };
    let sections = sections.iter().filter(|section| section.appended && !section.template);
    sections.filter(is_untyped).map(|section| section.name.as_str()).collect()
}

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
        "user" => users.had(name),
        WEBSOCKET_CLIENT => previous.is_some_and(|config| config.clients.contains_key(name)),
        _ => connections.had(name),
    };
    let sorted = sort(others, types, loaded_before, problems);
    for (kind, section) in sorted.typed {
        let name = section.name.as_str();
        match kind {
            "user" => {
                if !users.read(name, problems, |problems| read_user(section, problems)) {
                    ari.faulty_users.insert(name.to_owned());
                }
            }
            _ => {
                connections.read(name, problems, |problems| {
                    let object = object(section, CONNECTION, problems);
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
fn read_general(sections: &[&Section], previous: Option<&Config>, problems: &mut Problems) -> General {
    let mark = problems.mark();
    let general = match sections {
        [] => Some(General::default()),
        [section] => {
            let mut object = object(section, GENERAL, problems);
            let general = general(&mut object);
            object.finish(general)
        }
        [first, others @ ..] => {
            for section in others {
                let message = format!("another [general] stands above (line {}); make it one", first.origin.line);
                problems.add(section.origin.error(message).of(&section.name, ""));
            }
            None
        }
    };
    general.unwrap_or_else(|| {
        if previous.is_some() {
            problems.keep_since(mark);
        }
        previous.map(|config| config.general.clone()).unwrap_or_default()
    })
}

fn general(object: &mut Object<'_>) -> General {
    let mut general = General {
        enabled: false,
        pretty: false,
        websocket_write_timeout: None,
        queue_max_total_bytes: None,
    };
    object.read(GENERAL, &mut general);
    general
}

/// As without a line.
impl Default for General {
    fn default() -> Self {
        let section = Section {
            name: String::new(),
            origin: Origin::whole("".as_ref()),
            template: false,
            settings: Vec::new(),
            flaw: Flaw::None,
            appended: false,
        };
        general(&mut Object::new(&section, &mut Problems::default()))
    }
}

fn read_user(section: &Section, problems: &mut Problems) -> Option<User> {
    let mut object = object(section, USER, problems);
    let mut user = User {
        name: section.name.clone(),
        ..User::default()
    };
    object.read(USER, &mut user);
    object.finish(user)
}

fn read_connection(mut object: Object<'_>, clients: Option<Clients<'_>>) -> Option<Connection> {
    let id = object.text("websocket_client_id");
    let client = clients.and_then(|clients| clients.loaded.get(id));
    if let Some(clients) = clients
        && client.is_none()
        && !id.is_empty()
    {
        object.error("websocket_client_id", missing_client(id, clients));
    }
    let mut connection = Connection {
        name: object.section.name.clone(),
        ..Connection::default()
    };
    object.read(CONNECTION, &mut connection);
    connection.client = Arc::clone(client?);
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
            format!("there is no websocket client {shown}; name a section of type websocket_client")
        }
    }
}
