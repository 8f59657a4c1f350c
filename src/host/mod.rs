//! What the library needs of the PBX that loads it: the safe view of the host's table.

mod calls;
mod log;
mod rates;

use zeroize::Zeroizing;

#[cfg(test)]
pub(crate) use calls::tests::Silent;
pub use calls::{Calls, ChannelThread, Turn};
pub use log::Log;
pub use rates::Kind;

use crate::secret::Secret;

/// The callbacks of a host. They may block, so they run only where nothing waits for input or output: as
/// [`Calls`] makes them, on the thread of [`Log`], or on the host's own thread.
pub trait Host: Send + Sync + 'static {
    /// Takes one message for the log.
    fn log(&self, level: Level, subject: &str, message: &str);
    /// Begins an ARI request; the answer comes through the engine.
    fn ari_request(&self, request: &HostRequest<'_>);
    /// Nobody waits for the answer to a request any more.
    fn request_cancelled(&self, id: u64);
    /// Registers a Stasis application.
    fn app_register(&self, app: &str, subscribe_all: bool) -> Result<Registration, Failed>;
    /// Ends the registration of a Stasis application.
    fn app_unregister(&self, app: &str);
    /// Whether anybody has registered the Stasis application.
    fn app_is_registered(&self, app: &str) -> bool;
    /// Creates the dialplan context of an application.
    fn context_create(&self, context: &str, app: &str) -> Result<ContextState, Failed>;
    /// Destroys a context that `context_create` created.
    fn context_destroy(&self, context: &str);
    /// Ends Stasis for a channel in an application whose connection is lost for good.
    fn stasis_failed(&self, channel_id: &str, application: &str);
    /// Closes a websocket that an application opened; false if the host cannot.
    fn inbound_shutdown(&self, session_id: &str) -> bool;
    /// Whether the host has a callback that it need not have.
    fn offers(&self, _: Optional) -> bool {
        false
    }
    /// A persistent connection is up, or is not any more.
    fn connection_state(&self, _: &ConnectionState) {}
    /// Evaluates an expression for a channel.
    fn expand(&self, _channel_id: &str, _expression: &str) -> Result<String, Failed> {
        Err(Failed)
    }
    /// What is in an application now, as JSON.
    fn app_snapshot(&self, _app: &str) -> Result<String, Failed> {
        Err(Failed)
    }
    /// The text of a part of the configuration, of at most so many bytes; none if there is no such part.
    fn config_read(&self, _name: &str, _limit: usize) -> Result<Option<Zeroizing<Vec<u8>>>, Failed> {
        Err(Failed)
    }
    /// The last call.
    fn finalize(&self);
}

/// A callback that a host need not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optional {
    /// `connection_state`
    ConnectionState,
    /// `expand`
    Expand,
    /// `app_snapshot`
    AppSnapshot,
    /// `config_read`
    ConfigRead,
}

/// What a persistent connection has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionState {
    /// Its id.
    pub connection: String,
    /// The server while it is up, else why it is down.
    pub state: Result<String, String>,
}

/// How grave a log message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something does not work.
    Error,
    /// Something may not work as the operator expects.
    Warning,
    /// A change that operators want to see.
    Notice,
    /// The ordinary course of things.
    Info,
    /// For finding faults.
    Debug,
}

/// What registering an application did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// Nobody had it.
    New,
    /// It was taken over; the handler before was told by the host.
    Replaced,
}

/// What creating a context did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextState {
    /// It is ours to destroy.
    Created,
    /// It was there already and stays.
    Existed,
}

/// A callback reported a failure; the host has logged why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// An ARI request on its way to the host.
#[derive(Debug, Clone, Copy)]
pub struct HostRequest<'a> {
    /// The number that the answer carries.
    pub id: u64,
    /// The first application of the connection.
    pub application: &'a str,
    /// The session that it came over.
    pub session_id: &'a str,
    /// The method, upper case.
    pub method: &'static str,
    /// The path without query, as it was sent.
    pub path: &'a str,
    /// Decoded parameters; the last of a name counts.
    pub parameters: &'a [(String, String)],
    /// The content type of the body.
    pub content_type: Option<&'a str>,
    /// The JSON body.
    pub body: Option<&'a str>,
    /// The local ARI user.
    pub user: &'a str,
    /// Its password.
    pub password: &'a Secret,
    /// Whether it is read-only.
    pub read_only: bool,
}
