//! Text to a validated, immutable [`Config`]: no input or output but reading files, or what the host has in their place.
//!
//! [`read`] takes the files of a directory apart and puts a [`Config`] together, with a list of
//! every [`Problem`] on the way; [`diff()`] tells what a reload changes. From text to meaning, each knowing only those before:
//! `lines` (comments), `include` (directives), `dialect` (sections and settings, over rust-ini), `template` (what a section
//! inherits), `values` and `parameter` (what a value is), `object` (the parameters of a section), `uri`, `applications` and
//! `credentials` with `secret_files` (those that take more), `table` (all of them, a row for each), `client` and `ari` (the
//! objects), `keep` (those that stay as they were), `validate` (what takes the whole configuration to see). `page` is the table
//! for people.

mod applications;
mod ari;
mod call_data;
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
mod secret_files;
mod table;
mod template;
mod uri;
mod validate;
mod values;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

pub use call_data::{CallData, CallText, CallValue};
pub use diff::{
    AppChanges, ConnectionChange, Diff, UserChanges, change, diff, general_changes, needs_new_connection, user_changes,
};
pub(crate) use files::read_file;
pub use model::*;
pub use page::parameters;
pub use parameter::Effect;
pub use problem::{Problem, Severity};
pub use secret_files::{FileSecrets, SecretFiles};

use ari::Clients;
use client::WEBSOCKET_CLIENT;
use problem::{Origin, Problems};
use template::{Section, sections};
use validate::validate;

use crate::host::Failed;
pub use crate::secret::Secret;

/// What [`read`] found.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What is in effect from now on.
    pub config: Config,
    /// Every problem of every file, errors and warnings.
    pub problems: Vec<Problem>,
}

/// Where a configuration is read from, and whom it is for.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The folder with the files, to which the paths of secrets are relative, if there is one.
    pub directory: Option<&'a Path>,
    /// Gives what the host has in place of files.
    pub texts: Option<&'a Texts<'a>>,
    /// Whether the host evaluates `${...}` for a channel.
    pub expands: bool,
}

/// Gives a text by its name, of so many bytes at most; none if there is no such text.
pub type Texts<'a> = dyn Fn(&str, usize) -> Result<Option<Zeroizing<Vec<u8>>>, Failed> + 'a;

impl<'a> Source<'a> {
    /// The files in a folder, for a host that evaluates `${...}`.
    pub fn folder(directory: &'a Path) -> Self {
        Self {
            directory: Some(directory),
            texts: None,
            expands: true,
        }
    }

    /// The path of a file.
    fn file(&self, name: &str) -> Option<PathBuf> {
        self.directory.map(|directory| directory.join(name))
    }
}

/// Reads the files in a folder for a host that evaluates `${...}`; see [`read_from`].
///
/// # Errors
/// As [`read_from`].
pub fn read(directory: &Path, previous: Option<&Config>) -> Result<Reading, Vec<Problem>> {
    read_from(&Source::folder(directory), previous)
}

/// Reads `ari.conf`, an optional `ari_outbound.conf` as if appended to it, and
/// `websocket_client.conf`. Websocket clients may stand in `ari_outbound.conf` as well.
///
/// `previous` is what was in effect: an object that fails alone keeps the one of the same name.
///
/// # Errors
/// `ari.conf` is missing, or a file cannot be read or parsed: nothing may change. The list has the
/// problems of every file. That `websocket_client.conf` is missing is one only if a connection names a client
/// that was in effect and stands nowhere else.
pub fn read_from(source: &Source<'_>, previous: Option<&Config>) -> Result<Reading, Vec<Problem>> {
    let mut ari_problems = Problems::default();
    let mut client_problems = Problems::default();

    let (ari_part, mut ari_sections) = sections(source, "ari.conf", Some("ari_outbound.conf"), &mut ari_problems);
    if !ari_part.is_there {
        ari_problems.refuse(ari_part.missing(source));
    }
    let outbound: Vec<Section> = ari_sections.extract_if(.., |section| is_outbound_client(section)).collect();
    // Who has no clients, or has them in the other file, needs no such file; but clients in effect do not end with it.
    let (client_part, mut client_sections) = sections(source, "websocket_client.conf", None, &mut client_problems);
    let is_missing = !client_part.is_there;
    if is_missing && lacks_clients(&ari_sections, &outbound, previous) {
        client_problems.refuse(client_part.missing(source));
    } else if is_missing && outbound.is_empty() {
        let message = "the file is missing, so there is no websocket client; create it";
        client_problems.add(Origin::whole(&client_part.path).warning(message));
    }
    let some_unknown = client_problems.fatal || (ari_problems.fatal && !outbound.is_empty());
    client_sections.extend(outbound);

    let mut clients = client::read(
        &client_sections,
        &ari::untyped(&ari_sections),
        source,
        previous,
        &mut client_problems,
    );
    if let Some(previous) = previous {
        // Before the connections hold them.
        share(&mut clients, &previous.clients);
    }
    // A template is no client.
    let named = client_sections.iter().filter(|section| !section.template);
    let named = named.map(|section| section.name.as_str()).collect();
    // If clients are unknown for a fault of their file, that is no fault of a connection.
    let known = (!some_unknown && !client_problems.fatal).then_some(Clients {
        loaded: &clients,
        sections: &named,
    });
    let mut ari = ari::read(&ari_sections, known, previous, &mut ari_problems);
    let refused = ari_problems.fatal || client_problems.fatal;
    if !refused {
        validate(&mut ari, &ari_part.path, &mut ari_problems);
    }
    let mut problems = ari_problems.into_list(&ari_part.path);
    problems.extend(client_problems.into_list(&client_part.path));
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

/// Whether a section of `ari.conf` and `ari_outbound.conf` is a websocket client. In `ari.conf` none may be, which is an error.
fn is_outbound_client(section: &Section) -> bool {
    let kind = section.kind().filter(|_| section.appended && !section.template);
    kind.is_some_and(|kind| kind.value == WEBSOCKET_CLIENT)
}

/// Whether a connection names a client that was in effect and stands in no other file than `websocket_client.conf`.
fn lacks_clients(ari: &[Section], outbound: &[Section], previous: Option<&Config>) -> bool {
    let named = ari.iter().flat_map(|section| &section.settings);
    let named = named.filter(|setting| setting.key == "websocket_client_id");
    let in_effect = |name: &str| previous.is_some_and(|config| config.clients.contains_key(name));
    let stands = |name: &str| outbound.iter().any(|section| section.name == name);
    let mut missing = named.filter(|setting| in_effect(&setting.value) && !stands(&setting.value));
    missing.next().is_some()
}

/// Keeps the object from before where the new one is equal.
fn share<T: PartialEq>(new: &mut BTreeMap<String, Arc<T>>, previous: &BTreeMap<String, Arc<T>>) {
    for (name, object) in new {
        if let Some(before) = previous.get(name).filter(|before| *before == object) {
            *object = Arc::clone(before);
        }
    }
}
