//! What an operator can see and do: all that commands and metrics need of an [`Engine`].

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::Engine;
use super::operations::Operation;
use super::snapshot::Snapshot;
use crate::error::{Error, Result};
use crate::net::{self, Step};

/// What starting a connection came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// A session was begun.
    Begun,
    /// It has a session; nothing was done.
    AlreadyRunning,
    /// The connection is marked invalid, and why; nothing was done.
    Invalid(String),
}

/// What the commands act on.
pub trait Operator {
    /// The library at this moment.
    fn snapshot(&self) -> Snapshot;

    /// The ids of the connections.
    fn connection_ids(&self) -> Vec<String>;

    /// The ids of the sessions, in no order.
    fn session_ids(&self) -> Vec<String>;

    /// Starts a connection. [`Error::NotFound`] if none has that id.
    fn start(&self, connection: &str, inside_callback: bool) -> Result<Started>;

    /// Makes one attempt at each server of a connection aside, whatever state that is in, and closes what came of it.
    /// Blocks for `connection_timeout` at most for each, and some time for the Close. Gives what came of each, with its uri.
    /// [`Error::NotFound`] if none has that id.
    fn test(&self, connection: &str) -> Result<Vec<(String, Vec<Step>)>>;

    /// Ends a session. [`Error::NotFound`] if none has that id.
    fn shut_down(&self, session: &str, inside_callback: bool) -> Result<()>;

    /// Ends every session.
    fn shut_down_all(&self, inside_callback: bool) -> Result<()>;
}

impl Operator for Engine {
    fn snapshot(&self) -> Snapshot {
        Engine::snapshot(self)
    }

    fn connection_ids(&self) -> Vec<String> {
        self.context.config().connections.keys().cloned().collect()
    }

    fn session_ids(&self) -> Vec<String> {
        self.table().session_ids().map(str::to_owned).collect()
    }

    fn start(&self, connection: &str, inside_callback: bool) -> Result<Started> {
        self.operate(inside_callback, |answer| Operation::Start(connection.to_owned(), answer))
    }

    fn test(&self, connection: &str) -> Result<Vec<(String, Vec<Step>)>> {
        let config = self.context.config();
        let Some(settings) = config.connections.get(connection) else {
            return Err(Error::NotFound(format!("no connection {connection}")));
        };
        let client = Arc::clone(&settings.client);
        let context = Arc::clone(&self.context);
        let (answer, answered) = sync_channel(1);
        // Nothing waits for it: it ends with the thread.
        self.threads.io.runtime().spawn(async move {
            let probed = net::probe_all(&client, &context.user_agent, &context.resources).await;
            // Whoever asked waits.
            let _ = answer.send(probed);
        });
        answered.recv().map_err(|_| Error::Unloaded)
    }

    fn shut_down(&self, session: &str, inside_callback: bool) -> Result<()> {
        self.operate(inside_callback, |answer| Operation::ShutDown(session.to_owned(), answer))
    }

    fn shut_down_all(&self, inside_callback: bool) -> Result<()> {
        self.operate(inside_callback, Operation::ShutDownAll)
    }
}
