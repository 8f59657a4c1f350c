//! What an operator may type next.

use super::connections::DETAIL;
use super::{Action, COMMANDS, Command};
use crate::engine::Operator;
use crate::engine::snapshot::Snapshot;

/// The candidates for the word after `words` that begin with `prefix`, compared without case and sorted likewise
/// (recorded). Nothing is offered after a complete command; Asterisk offers its ids again there.
pub fn complete(operator: &impl Operator, words: &[&str], prefix: &str) -> Vec<String> {
    let mut snapshot = None;
    let mut candidates: Vec<String> = COMMANDS
        .iter()
        .flat_map(|command| match following_name(command, words) {
            Some(name) => vec![name.to_owned()],
            None => match command.arguments_in(words) {
                Some(arguments) if command.action.takes_id() => {
                    let snapshot = snapshot.get_or_insert_with(|| operator.snapshot());
                    arguments_after(command.action, arguments, snapshot)
                }
                _ => Vec::new(),
            },
        })
        // An id with control characters cannot be typed, and must not reach the terminal.
        .filter(|word| begins_with(word, prefix) && !word.contains(char::is_control))
        .collect();
    candidates.sort_by_cached_key(|word| (word.to_ascii_lowercase(), word.clone()));
    candidates.dedup();
    candidates
}

impl Action {
    fn takes_id(self) -> bool {
        matches!(
            self,
            Self::ShowConnection
                | Self::StartConnection
                | Self::ShutDownSession
                | Self::TestConnection
        )
    }
}

/// The word of the command's own that comes after `words`, if they are its beginning.
fn following_name(command: &Command, words: &[&str]) -> Option<&'static str> {
    let mut names = command.names();
    for word in words {
        if !names.next()?.eq_ignore_ascii_case(word) {
            return None;
        }
    }
    names.next()
}

fn arguments_after(action: Action, arguments: &[&str], snapshot: &Snapshot) -> Vec<String> {
    let connections = &snapshot.config.connections;
    match (action, arguments) {
        (Action::ShutDownSession, []) => {
            let sessions = snapshot.sessions.iter();
            sessions.map(|session| session.id.clone()).collect()
        }
        (_, []) => connections.keys().cloned().collect(),
        (Action::ShowConnection, [id]) if connections.contains_key(*id) => {
            vec![DETAIL.to_owned()]
        }
        _ => Vec::new(),
    }
}

fn begins_with(word: &str, prefix: &str) -> bool {
    word.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
