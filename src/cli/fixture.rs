//! Configurations and sessions for the tests of commands.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{CallText, Client, Config, Connection, Uri};
use crate::engine::snapshot::{SessionEntry, SessionKind, Snapshot};
use crate::engine::{Operator, Started};
use crate::error::{Error, Result};
use crate::net::{SocketsInUse, Step};
use crate::session::{Balance, Phase, Totals, View};

/// The connection of most recordings.
pub(crate) fn connection(name: &str, apps: &str) -> Connection {
    let client = Client {
        name: name.to_owned(),
        servers: vec![uri("ws://127.0.0.1:9100/ari")],
        protocols: "ari".to_owned(),
        username: "myuser".to_owned(),
        connection_timeout: Duration::from_millis(1000),
        reconnect_interval: Duration::from_millis(500),
        reconnect_attempts: 10,
        verify_server_cert: true,
        verify_server_hostname: true,
        ..Client::default()
    };
    Connection {
        name: name.to_owned(),
        websocket_client_id: name.to_owned(),
        apps: apps.split(',').map(|app| app.trim().to_owned()).collect(),
        apps_as_written: apps.to_owned(),
        subscribe_all: false,
        local_ari_user: "user1".to_owned(),
        client: Arc::new(client),
        apps_fault: None,
        user_fault: None,
    }
}

/// Changes the websocket client of a connection.
pub(crate) fn client(connection: &mut Connection) -> &mut Client {
    Arc::make_mut(&mut connection.client)
}

/// A URI as the table shows it.
pub(super) fn uri(display: &str) -> Arc<Uri> {
    Arc::new(Uri {
        display: display.to_owned(),
        tls: false,
        host: "127.0.0.1".to_owned(),
        port: None,
        path_and_query: CallText::fixed("/"),
        credentials: None,
    })
}

/// A session that is up.
pub(super) fn up() -> View {
    View {
        phase: Phase::Up,
        remote_address: Some("127.0.0.1:9100".to_owned()),
        ..View::default()
    }
}

/// One line of the table of sessions.
pub(crate) fn session(id: &str, apps: &[&str], kind: SessionKind) -> SessionEntry {
    SessionEntry {
        id: id.to_owned(),
        kind,
        apps: apps.iter().map(|app| String::from(*app)).collect(),
    }
}

/// Everything at one moment.
pub(crate) fn snapshot(connections: Vec<Connection>, sessions: Vec<SessionEntry>) -> Snapshot {
    let connections = connections
        .into_iter()
        .map(|connection| (connection.name.clone(), Arc::new(connection)));
    let config = Config {
        connections: connections.collect(),
        ..Config::default()
    };
    Snapshot {
        config: Arc::new(config),
        sessions,
        totals: Totals::default(),
        times: Vec::new(),
        servers: BTreeMap::new(),
        stasis_starts: 0,
        stasis_starts_failed: 0,
        stasis_fallbacks: 0,
        stasis_down: 0,
        queued: Balance::default(),
        sockets: SocketsInUse::default(),
        log_messages_dropped: 0,
    }
}

/// Shows a snapshot and notes what it is asked to do.
pub(super) struct Recorder {
    pub(super) snapshot: Snapshot,
    /// How often the whole was looked at.
    pub(super) snapshots: Cell<usize>,
    pub(super) failure: fn() -> Option<Error>,
    pub(super) started: Started,
    pub(super) tested: Vec<(String, Vec<Step>)>,
    pub(super) calls: RefCell<Vec<String>>,
}

impl Recorder {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            snapshots: Cell::default(),
            failure: || None,
            started: Started::Begun,
            tested: Vec::new(),
            calls: RefCell::default(),
        }
    }

    /// Runs a line and returns what it printed with how it ended.
    pub(super) fn run(&self, line: &str) -> (String, Result<()>) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut printed = String::new();
        let result = super::execute(self, &words, false, |text| printed.push_str(text));
        (printed, result)
    }

    fn note(&self, call: String) -> Result<()> {
        self.calls.borrow_mut().push(call);
        (self.failure)().map_or(Ok(()), Err)
    }
}

impl Operator for Recorder {
    fn snapshot(&self) -> Snapshot {
        self.snapshots.set(self.snapshots.get() + 1);
        self.snapshot.clone()
    }

    fn connection_ids(&self) -> Vec<String> {
        self.snapshot.config.connections.keys().cloned().collect()
    }

    fn session_ids(&self) -> Vec<String> {
        let sessions = self.snapshot.sessions.iter();
        sessions.map(|session| session.id.clone()).collect()
    }

    fn start(&self, connection: &str, inside_callback: bool) -> Result<Started> {
        self.note(format!("start {connection} {inside_callback}"))?;
        Ok(self.started.clone())
    }

    fn test(&self, connection: &str) -> Result<Vec<(String, Vec<Step>)>> {
        self.note(format!("test {connection}"))?;
        Ok(self.tested.clone())
    }

    fn shut_down(&self, session: &str, inside_callback: bool) -> Result<()> {
        self.note(format!("shut down {session} {inside_callback}"))
    }

    fn shut_down_all(&self, inside_callback: bool) -> Result<()> {
        self.note(format!("shut down all {inside_callback}"))
    }
}
