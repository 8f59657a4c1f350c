//! What was found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ariws::config::{Config, Connection, Problem, Severity};
use ariws::net::{self, Step};
use serde_json::{Value, json};

use crate::plan::plan;

/// Everything loads.
const FINE: u8 = 0;
/// Something is refused or invalid.
const FAULTY: u8 = 1;
/// Nothing could be read.
pub(crate) const UNREADABLE: u8 = 2;
/// A connection could not be made.
const UNREACHABLE: u8 = 3;

/// One server that was tried.
pub(crate) struct Attempt {
    pub(crate) connection: String,
    /// Its uri, if the connection has several.
    pub(crate) server: Option<String>,
    pub(crate) steps: Vec<Step>,
}

/// What the files say.
pub(crate) struct Report {
    pub(crate) folder: PathBuf,
    /// A file that must be there is missing, or one cannot be read or parsed, so that nothing would be loaded.
    pub(crate) unreadable: bool,
    pub(crate) config: Config,
    pub(crate) problems: Vec<Problem>,
    pub(crate) attempts: Vec<Attempt>,
}

impl Report {
    pub(crate) fn read(folder: &Path, config: Config, problems: Vec<Problem>) -> Self {
        Self {
            folder: folder.to_owned(),
            unreadable: false,
            config,
            problems,
            attempts: Vec::new(),
        }
    }

    pub(crate) fn unreadable(folder: &Path, problems: Vec<Problem>) -> Self {
        Self {
            unreadable: true,
            ..Self::read(folder, Config::default(), problems)
        }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> u8 {
        let refused = self.problems.iter().any(|problem| problem.severity == Severity::Error);
        let invalid = self.config.connections.values().any(|connection| !connection.is_valid());
        if self.unreadable {
            UNREADABLE
        } else if refused || invalid {
            FAULTY
        } else if self.attempts.iter().any(|attempt| !attempt.works()) {
            UNREACHABLE
        } else {
            FINE
        }
    }

    /// Websocket clients that no connection uses.
    pub(crate) fn unused_clients(&self) -> Vec<&str> {
        let used: BTreeSet<_> = self
            .config
            .connections
            .values()
            .map(|connection| connection.websocket_client_id.as_str())
            .collect();
        let names = self.config.clients.keys().map(String::as_str);
        names.filter(|name| !used.contains(name)).collect()
    }

    pub(crate) fn to_json(&self) -> String {
        let value = json!({
            "folder": self.folder.display().to_string(),
            "status": self.status(),
            "connections": self.config.connections.values().map(|it| connection(it)).collect::<Vec<_>>(),
            "users": self.config.users.keys().collect::<Vec<_>>(),
            "unused_clients": self.unused_clients(),
            "problems": self.problems.iter().map(problem).collect::<Vec<_>>(),
            "attempts": self.attempts.iter().map(Attempt::to_json).collect::<Vec<_>>(),
        });
        format!("{value:#}\n")
    }
}

impl Attempt {
    pub(crate) fn works(&self) -> bool {
        net::worked(&self.steps)
    }

    fn to_json(&self) -> Value {
        let stages = self.steps.iter().map(|step| {
            let (Ok(told) | Err(told)) = &step.outcome;
            json!({
                "stage": step.stage.as_str(),
                "address": step.address.map(|address| address.to_string()),
                "milliseconds": milliseconds(step),
                "passed": step.outcome.is_ok(),
                "message": told,
            })
        });
        json!({
            "connection": self.connection,
            "server": self.server,
            "works": self.works(),
            "stages": stages.collect::<Vec<_>>(),
        })
    }
}

/// To a tenth.
fn milliseconds(step: &Step) -> f64 {
    (step.took.as_secs_f64() * 10_000.0).round() / 10.0
}

fn connection(connection: &Connection) -> Value {
    json!({
        "name": connection.name,
        "type": connection.client.connection_type.as_str(),
        "uri": connection.client.servers.first().map(|uri| &uri.display),
        "servers": connection.client.servers.iter().map(|uri| &uri.display).collect::<Vec<_>>(),
        "plan": plan(&connection.client),
        "apps": connection.apps,
        "valid": connection.is_valid(),
        "fault": connection.fault(),
    })
}

fn problem(problem: &Problem) -> Value {
    json!({
        "severity": severity(problem),
        "file": problem.file.display().to_string(),
        "line": problem.line,
        "section": problem.section,
        "key": problem.key,
        "message": problem.message,
    })
}

/// Its word.
pub(crate) fn severity(problem: &Problem) -> &'static str {
    match problem.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}
