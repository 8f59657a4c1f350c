//! The configuration: what is read from files, and what a reload changes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod call_data;
mod diff;
mod files;
mod hostile;
mod linear;
mod objects;
mod presented;
mod properties;
mod reload;
mod values;
mod writer;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ariws::config::{Client, Config, Problem, Reading, Severity, read};
use tempfile::TempDir;

/// `ari.conf` with one user and one connection.
const ARI: &str = "[general]
enabled = yes
[user1]
type = user
password = userpass
[connection1]
type = outbound_websocket
websocket_client_id = client1
apps = app1
local_ari_user = user1
";

/// `websocket_client.conf` with one client.
const CLIENT: &str = "[client1]
type = websocket_client
uri = ws://127.0.0.1:9100/ari
connection_type = persistent
";

/// A directory with configuration files.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new(ari: &str, client: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Self { directory };
        files.write("ari.conf", ari);
        files.write("websocket_client.conf", client);
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn try_read(&self, previous: Option<&Config>) -> Result<Reading, Vec<Problem>> {
        read(self.directory.path(), previous)
    }

    /// Reads what can be parsed.
    fn read(&self) -> Reading {
        self.try_read(None).expect("files that can be parsed")
    }

    /// Reads again, with the files of `self`, what was read before.
    fn reread(&self, previous: &Config) -> Reading {
        self.try_read(Some(previous)).expect("files that can be parsed")
    }

    /// The problems of what cannot be parsed, shown without the directory.
    fn refused(&self) -> Vec<String> {
        let problems = self.try_read(None).expect_err("files that cannot be parsed");
        self.shown(&problems)
    }

    fn shown(&self, problems: &[Problem]) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        let shown = problems.iter().map(ToString::to_string);
        shown.map(|text| text.replace(&directory, "")).collect()
    }
}

/// Reads the two files.
fn reading(ari: &str, client: &str) -> Reading {
    Files::new(ari, client).read()
}

/// Reads the two files, in which nothing may be wrong.
fn config(ari: &str, client: &str) -> Config {
    let reading = reading(ari, client);
    assert_eq!(reading.problems, []);
    reading.config
}

/// `client1` of the usual files with more lines in its section.
fn client(lines: &str) -> Arc<Client> {
    let client = format!("{CLIENT}{lines}\n");
    Arc::clone(&config(ARI, &client).clients["client1"])
}

/// Reads the usual files with more lines in the section of `client1`.
fn client_reading(lines: &str) -> Reading {
    reading(ARI, &format!("{CLIENT}{lines}\n"))
}

/// What is wrong with `client1` when more lines stand in its section. It is not loaded then.
fn client_errors(lines: &str) -> Vec<Problem> {
    let reading = client_reading(lines);
    let problems = errors_of(&reading, "client1");
    let loaded = reading.config.clients.contains_key("client1");
    assert_eq!(problems.is_empty(), loaded, "{lines}");
    problems
}

/// The one thing that is wrong with it.
#[track_caller]
fn client_is_refused(lines: &str) -> Problem {
    let [problem] = &client_errors(lines)[..] else {
        panic!("{lines}: {:?}", client_errors(lines));
    };
    problem.clone()
}

fn errors_of(reading: &Reading, section: &str) -> Vec<Problem> {
    let problems = reading.problems.iter();
    problems
        .filter(|problem| problem.severity == Severity::Error && problem.section == section)
        .cloned()
        .collect()
}

/// The warnings among the problems, as text.
fn warnings(reading: &Reading) -> Vec<String> {
    let problems = reading.problems.iter();
    problems
        .filter(|problem| problem.severity == Severity::Warning)
        .map(ToString::to_string)
        .collect()
}
