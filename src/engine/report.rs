//! What a load or reload reports: one entry for each object that it concerns.

use std::path::PathBuf;

use crate::config::{self, Config, Connection, ConnectionChange, Diff, Problem, Severity, User};

/// One line of what a load or reload did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportEntry {
    /// What happened to the object.
    pub kind: ReportKind,
    /// The object's name, "" for a whole file.
    pub object: String,
    /// What happened and why.
    pub message: String,
    /// The file, empty if none is concerned.
    pub file: PathBuf,
    /// The line in it, 0 if none.
    pub line: u32,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// It is new.
    Added,
    /// It differs.
    Changed,
    /// It is gone.
    Removed,
    /// It is faulty.
    Refused,
    /// It is accepted, with a doubt.
    Warning,
}

/// What differs between two configurations: the general settings, users, connections; what is gone first, what is new last.
pub(super) fn changes(old: &Config, new: &Config, diff: &Diff) -> Vec<ReportEntry> {
    use ReportKind::{Added, Changed, Removed};
    let mut entries = Vec::new();
    let general = config::general_changes(&old.general, &new.general);
    if !general.is_empty() {
        entries.push(ReportEntry::change(Changed, "general", general.join(", ")));
    }
    let users = config::user_changes(&old.users, &new.users);
    for user in &users.removed {
        entries.push(ReportEntry::change(Removed, &user.name, described_user(user)));
    }
    for (name, parameters) in &users.changed {
        let message = format!("user: {}", parameters.join(", "));
        entries.push(ReportEntry::change(Changed, name, message));
    }
    for user in &users.added {
        entries.push(ReportEntry::change(Added, &user.name, described_user(user)));
    }
    for connection in &diff.removed {
        let message = described(connection);
        entries.push(ReportEntry::change(Removed, &connection.name, message));
    }
    for change in &diff.changed {
        let message = described_change(change);
        entries.push(ReportEntry::change(Changed, &change.new.name, message));
    }
    for connection in &diff.added {
        let message = described(connection);
        entries.push(ReportEntry::change(Added, &connection.name, message));
    }
    entries
}

fn described_user(user: &User) -> String {
    if user.read_only {
        "user, read-only".to_owned()
    } else {
        "user".to_owned()
    }
}

fn described(connection: &Connection) -> String {
    format!(
        "{}, {}, applications {}",
        connection.client.connection_type.as_str(),
        connection.client.displayed_servers(),
        connection.apps.join(", ")
    )
}

/// The parameters, and whether new sessions may be made with it from now on. Why they may not is an entry of its own.
fn described_change(change: &ConnectionChange) -> String {
    let mut parts: Vec<_> = change.parameters.iter().map(ToString::to_string).collect();
    match (change.old.is_valid(), change.new.is_valid()) {
        (true, false) => parts.push("invalid from now on; a session that it has goes on as it is".to_owned()),
        (false, true) => parts.push("valid again".to_owned()),
        (false, false) if parts.is_empty() => parts.push("invalid for another reason".to_owned()),
        _ => {}
    }
    parts.join(", ")
}

impl ReportEntry {
    pub(super) fn problem(problem: Problem) -> Self {
        Self {
            kind: match problem.severity {
                Severity::Error => ReportKind::Refused,
                Severity::Warning => ReportKind::Warning,
            },
            message: if problem.key.is_empty() {
                problem.message
            } else {
                format!("{}: {}", problem.key, problem.message)
            },
            object: problem.section,
            file: problem.file,
            line: problem.line,
        }
    }

    fn change(kind: ReportKind, object: &str, message: String) -> Self {
        Self {
            kind,
            object: object.to_owned(),
            message,
            file: PathBuf::new(),
            line: 0,
        }
    }
}
