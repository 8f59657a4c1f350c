//! Text to a validated, immutable [`Config`]: no input or output but reading files.
//!
//! [`read`] takes the files of a directory apart and puts a [`Config`] together, with a list of
//! every [`Problem`] on the way; [`diff()`] tells what a reload changes. From text to meaning, each knowing only those before:
//! `lines` (comments), `include` (directives), `dialect` (sections and settings, over rust-ini), `template` (what a section
//! inherits), `values` and `parameter` (what a value is), `object` (the parameters of a section), `uri`, `applications` and
//! `credentials` (those that take more), `table` (all of them, a row for each), `client` and `ari` (the objects), `keep` (those
//! that stay as they were), `validate` (what takes the whole configuration to see). `page` is the table for people.

mod applications;
mod ari;
mod client;
mod credentials;
mod dialect;
mod diff;
mod files;
mod include;
mod keep;
mod lines;
mod model;
mod object;
mod page;
mod parameter;
mod problem;
mod table;
mod template;
mod uri;
mod validate;
mod values;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub use diff::{
    AppChanges, ConnectionChange, Diff, UserChanges, change, diff, general_changes, needs_new_connection, user_changes,
};
pub(crate) use files::read_file;
pub use model::*;
pub use page::parameters;
pub use parameter::Effect;
pub use problem::{Problem, Severity};

use ari::Clients;
use include::is_absent;
use problem::{Origin, Problems};
use template::sections;
use validate::validate;

/// What [`read`] found.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What is in effect from now on.
    pub config: Config,
    /// Every problem of every file, errors and warnings.
    pub problems: Vec<Problem>,
}

/// Reads `ari.conf`, an optional `ari_outbound.conf` as if appended to it, and
/// `websocket_client.conf` in `directory`.
///
/// `previous` is what was in effect: an object that fails alone keeps the one of the same name.
///
/// # Errors
/// `ari.conf` is missing, or a file cannot be read or parsed: nothing may change. The list has the
/// problems of every file. That `websocket_client.conf` is missing is only a warning as long as no
/// client of it is in effect.
pub fn read(directory: &Path, previous: Option<&Config>) -> Result<Reading, Vec<Problem>> {
    let ari_file = directory.join("ari.conf");
    let client_file = directory.join("websocket_client.conf");
    let mut ari_problems = Problems::default();
    let mut client_problems = Problems::default();

    let outbound_file = directory.join("ari_outbound.conf");
    let ari_sections = sections(&ari_file, Some(&outbound_file), &mut ari_problems);
    // Who has no outbound websockets needs no such file; but clients in effect do not end with it.
    let client_sections = if is_absent(&client_file) && previous.is_none_or(no_clients) {
        let message = "the file is missing, so there is no websocket client; create it";
        client_problems.add(Origin::whole(&client_file).warning(message));
        Vec::new()
    } else {
        sections(&client_file, None, &mut client_problems)
    };

    let mut clients = client::read(&client_sections, directory, previous, &mut client_problems);
    if let Some(previous) = previous {
        // Before the connections hold them.
        share(&mut clients, &previous.clients);
    }
    // A template is no client.
    let named = client_sections.iter().filter(|section| !section.template);
    let named = named.map(|section| section.name.as_str()).collect();
    // If the clients are unknown for a fault of their file, that is no fault of a connection.
    let known = (!client_problems.fatal).then_some(Clients {
        loaded: &clients,
        sections: &named,
    });
    let mut ari = ari::read(&ari_sections, known, previous, &mut ari_problems);
    let refused = ari_problems.fatal || client_problems.fatal;
    if !refused {
        validate(&mut ari, &ari_file, &mut ari_problems);
    }
    let mut problems = ari_problems.into_list(&ari_file);
    problems.extend(client_problems.into_list(&client_file));
    if refused {
        for problem in &mut problems {
            problem.kept = previous.is_some() && problem.severity == Severity::Error;
        }
        return Err(problems);
    }
    let mut config = Config {
        general: ari.general,
        users: ari.users,
        connections: ari.connections,
        clients,
    };
    if let Some(previous) = previous {
        share(&mut config.users, &previous.users);
        share(&mut config.connections, &previous.connections);
    }
    Ok(Reading { config, problems })
}

fn no_clients(config: &Config) -> bool {
    config.clients.is_empty()
}

/// Keeps the object from before where the new one is equal.
fn share<T: PartialEq>(new: &mut BTreeMap<String, Arc<T>>, previous: &BTreeMap<String, Arc<T>>) {
    for (name, object) in new {
        if let Some(before) = previous.get(name).filter(|before| *before == object) {
            *object = Arc::clone(before);
        }
    }
}
