//! The operator's commands: a table of them, and what they print. Pure rendering of a
//! [`Snapshot`](crate::engine::snapshot::Snapshot); what changes anything goes through [`Operator`].
//!
//! Tables, pages and messages are Asterisk's byte for byte (recorded), so that scripts written for it go on working; what
//! Asterisk has no place for is behind the word `detail` and in the metrics.

mod completion;
mod connections;
mod detail;
mod sessions;
mod text;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests_commands;
#[cfg(test)]
mod tests_pages;

use std::ffi::CStr;

use crate::engine::Operator;
use crate::error::{Error, Result};

pub use completion::complete;

/// A command, as the host registers it.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// The words that name it, compared without case.
    pub words: &'static CStr,
    /// What follows them, for help; empty if nothing does.
    pub arguments: &'static CStr,
    /// One line for a list of commands.
    pub summary: &'static CStr,
    /// Several lines, the last one ended too, for help and for wrong arguments.
    pub usage: &'static CStr,
    action: Action,
}

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    ShowConnections,
    ShowConnection,
    ShowSessions,
    StartConnection,
    ShutDownSession,
    ShutDownSessions,
    TestConnection,
}

/// Every command, in the order of their words.
pub static COMMANDS: &[Command] = &[
    Command {
        words: c"ari show outbound-websocket",
        arguments: c"<connection id>",
        summary: c"Show one outbound websocket",
        usage: c"Usage: ari show outbound-websocket <connection id>\n       Shows how an outbound websocket is configured.\n       With the word 'detail' after the id also how it is doing.\n",
        action: Action::ShowConnection,
    },
    Command {
        words: c"ari show outbound-websockets",
        arguments: c"",
        summary: c"List the outbound websockets",
        usage: c"Usage: ari show outbound-websockets\n       Lists every outbound websocket that is configured.\n",
        action: Action::ShowConnections,
    },
    Command {
        words: c"ari show sessions",
        arguments: c"",
        summary: c"List the websocket sessions",
        usage: c"Usage: ari show sessions\n       Lists the sessions of all websockets, outbound and inbound.\n",
        action: Action::ShowSessions,
    },
    Command {
        words: c"ari show websocket sessions",
        arguments: c"",
        summary: c"List the websocket sessions",
        usage: c"Usage: ari show websocket sessions\n       Lists the sessions of all websockets, outbound and inbound.\n",
        action: Action::ShowSessions,
    },
    Command {
        words: c"ari shutdown websocket session",
        arguments: c"<id>",
        summary: c"End a websocket session",
        usage: c"Usage: ari shutdown websocket session <id>\n       Ends one session. An outbound one stays down until it is started,\n       or its configuration changes.\n",
        action: Action::ShutDownSession,
    },
    Command {
        words: c"ari shutdown websocket sessions",
        arguments: c"",
        summary: c"End all websocket sessions",
        usage: c"Usage: ari shutdown websocket sessions\n       Ends every session, inbound ones too.\n",
        action: Action::ShutDownSessions,
    },
    Command {
        words: c"ari start outbound-websocket",
        arguments: c"<connection id>",
        summary: c"Start an outbound websocket",
        usage: c"Usage: ari start outbound-websocket <connection id>\n       Starts an outbound websocket that was shut down.\n",
        action: Action::StartConnection,
    },
    Command {
        words: c"ari test outbound-websocket",
        arguments: c"<connection id>",
        summary: c"Try to connect an outbound websocket",
        usage: c"Usage: ari test outbound-websocket <connection id>\n       Makes one attempt beside the connection, whatever state that is in,\n       and shows each stage with its time. Takes connection_timeout at most.\n",
        action: Action::TestConnection,
    },
];

impl Command {
    /// Its words one by one.
    fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        // The table is ASCII.
        self.words.to_str().unwrap_or_default().split(' ')
    }

    /// What follows its words in `words`, if it is the command that they name.
    fn arguments_in<'a>(&self, words: &'a [&'a str]) -> Option<&'a [&'a str]> {
        let mut rest = words;
        for name in self.names() {
            let (first, others) = rest.split_first()?;
            if !first.eq_ignore_ascii_case(name) {
                return None;
            }
            rest = others;
        }
        Some(rest)
    }
}

/// Runs the command that `words` name and hands what it prints to `output`.
///
/// [`Error::Usage`] if they name none, or, with its usage printed, if its arguments do not fit; [`Error::Command`] if it
/// failed and said why. Hosts add what they print for every failed command themselves.
pub fn execute(operator: &impl Operator, words: &[&str], inside_callback: bool, mut output: impl FnMut(&str)) -> Result<()> {
    let found = COMMANDS
        .iter()
        .find_map(|command| Some((command, command.arguments_in(words)?)));
    let Some((command, arguments)) = found else {
        return Err(Error::Usage);
    };
    match (command.action, arguments) {
        (Action::ShowConnections, []) => output(&connections::table(&operator.snapshot())),
        (Action::ShowConnection, [id]) => {
            connections::show(&operator.snapshot(), id, false, output)?;
        }
        (Action::ShowConnection, [id, word]) if word.eq_ignore_ascii_case(connections::DETAIL) => {
            connections::show(&operator.snapshot(), id, true, output)?;
        }
        (Action::ShowSessions, []) => output(&sessions::table(&operator.snapshot())),
        (Action::StartConnection, [id]) => {
            connections::start(operator, id, inside_callback, output)?;
        }
        (Action::TestConnection, [id]) => connections::test(operator, id, output)?,
        (Action::ShutDownSession, [id]) => {
            sessions::shut_down(operator, id, inside_callback, output)?;
        }
        (Action::ShutDownSessions, []) => {
            sessions::shut_down_all(operator, inside_callback, output)?;
        }
        _ => {
            output(command.usage.to_str().unwrap_or_default());
            return Err(Error::Usage);
        }
    }
    Ok(())
}

/// Prints why a command failed, unless the host hears that from the error itself: it asked from where it may not, or of
/// an instance that is gone.
fn failed(error: Error, message: &str, mut output: impl FnMut(&str)) -> Error {
    match error {
        Error::Unloaded | Error::FromCallback | Error::Busy => return error,
        Error::NotFound(_) => output(&format!("{message}\n")),
        error => output(&format!("{}\n", text::shown(&error.to_string()))),
    }
    Error::Command
}
