//! What an operator can see and do: all that commands and metrics need of an [`Engine`].

use super::Engine;
use super::operations::Operation;
use super::snapshot::Snapshot;
use crate::error::Result;

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

    /// Starts a connection. [`Error::NotFound`](crate::error::Error::NotFound) if none has that id.
    fn start(&self, connection: &str, inside_callback: bool) -> Result<Started>;

    /// Ends a session. [`Error::NotFound`](crate::error::Error::NotFound) if none has that id.
    fn shut_down(&self, session: &str, inside_callback: bool) -> Result<()>;

    /// Ends every session.
    fn shut_down_all(&self, inside_callback: bool) -> Result<()>;
}

impl Operator for Engine {
    fn snapshot(&self) -> Snapshot {
        Engine::snapshot(self)
    }

    fn start(&self, connection: &str, inside_callback: bool) -> Result<Started> {
        self.operate(inside_callback, |answer| {
            Operation::Start(connection.to_owned(), answer)
        })
    }

    fn shut_down(&self, session: &str, inside_callback: bool) -> Result<()> {
        self.operate(inside_callback, |answer| {
            Operation::ShutDown(session.to_owned(), answer)
        })
    }

    fn shut_down_all(&self, inside_callback: bool) -> Result<()> {
        self.operate(inside_callback, Operation::ShutDownAll)
    }
}
