//! The one error type of the library.

use std::fmt::Write as _;

use crate::config::Problem;
use crate::net::Lack;

/// What went wrong, in words for an operator or for the author of a host.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pointer was NULL; the name of the argument.
    #[error("{0} is NULL")]
    Null(&'static str),
    /// A string was not UTF-8; the name of the argument.
    #[error("{0} is not UTF-8")]
    Utf8(&'static str),
    /// A text was not the JSON that it had to be.
    #[error("not the JSON expected here: {0}")]
    Json(String),
    /// An argument was out of range or missing.
    #[error("{0}")]
    Argument(String),
    /// The caller's buffer is too small.
    #[error("the buffer has {given} bytes, {needed} are needed")]
    Buffer {
        /// What the caller gave.
        given: usize,
        /// What the result needs, its NUL included.
        needed: usize,
    },
    /// The configuration could not be read.
    #[error("{}", listed(.0))]
    Config(Vec<Problem>),
    /// Nothing has that name.
    #[error("{0}")]
    NotFound(String),
    /// The connection may not be used for new sessions.
    #[error("{0}")]
    InvalidConnection(String),
    /// Every attempt to connect failed.
    #[error("{0}")]
    Connect(String),
    /// Likewise: the servers would not have the connection.
    #[error("{0}")]
    Refused(String),
    /// Likewise: no server answered in time.
    #[error("{0}")]
    Timeout(String),
    /// The connection of the application has been down for longer than channels wait for it.
    #[error("{0}")]
    Down(String),
    /// The start was cancelled.
    #[error("cancelled: the channel left before it was let in")]
    Cancelled,
    /// Done before.
    #[error("{0}")]
    Duplicate(String),
    /// The queue is full and keeps what it has.
    #[error("the queue of this application is full; the event was dropped and counted")]
    Full,
    /// The event is larger than what may wait.
    #[error("{0}")]
    TooLarge(String),
    /// The instance is gone or going.
    #[error("the instance is being unloaded or was unloaded")]
    Unloaded,
    /// The function may not be called from inside a callback.
    #[error("not allowed from inside a callback")]
    FromCallback,
    /// Waiting could never end.
    #[error("a load or reload is running; try again after the callback has returned")]
    Busy,
    /// A callback of the host failed.
    #[error("{0}")]
    Host(String),
    /// The system refused a resource.
    #[error("{0}")]
    System(String),
    /// The process is a child of the one that has the instance.
    #[error("this process was made by fork() while the library was loaded; its threads are in the parent only")]
    Forked,
    /// The words name no command, or do not fit one; in that case its usage was written.
    #[error("no such command, or wrong arguments")]
    Usage,
    /// A command failed and said why.
    #[error("the command failed")]
    Command,
    /// A fault of the library.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// The failure of a call's last attempt.
    pub fn out_of_attempts(lack: Lack, cause: String) -> Self {
        match lack {
            Lack::Server => Self::Connect(cause),
            Lack::Consent => Self::Refused(cause),
            Lack::Answer => Self::Timeout(cause),
        }
    }

    /// Whether it says that nobody serves an application, which another application may do instead.
    pub fn is_for_want_of_a_server(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Refused(_) | Self::Timeout(_) | Self::Down(_))
    }
}

/// The result of everything in the library that can fail.
pub type Result<T> = std::result::Result<T, Error>;

fn listed(problems: &[Problem]) -> String {
    let mut text = String::new();
    for (index, problem) in problems.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{problem}");
    }
    text
}
