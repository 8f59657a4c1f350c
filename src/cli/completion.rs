//! What an operator may type next.

use super::connections::DETAIL;
use super::{Action, COMMANDS, Command};
use crate::engine::Operator;

/// The candidates for the word after `words` that begin with `prefix`, compared without case and sorted likewise
/// (recorded). Nothing is offered after a complete command; Asterisk offers its ids again there.
pub fn complete(operator: &impl Operator, words: &[&str], prefix: &str) -> Vec<String> {
    let mut candidates: Vec<String> = COMMANDS
        .iter()
        .flat_map(|command| match following_name(command, words) {
            Some(name) => vec![name.to_owned()],
            None => match command.arguments_in(words) {
                Some(arguments) => arguments_after(command.action, arguments, operator),
                None => Vec::new(),
            },
        })
        // An id with control characters cannot be typed, and must not reach the terminal.
        .filter(|word| begins_with(word, prefix) && !word.contains(char::is_control))
        .collect();
    candidates.sort_by_cached_key(|word| (word.to_ascii_lowercase(), word.clone()));
    candidates.dedup();
    candidates
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

/// Ids are asked for alone: everything else that is known of a session costs those who make one time.
fn arguments_after(action: Action, arguments: &[&str], operator: &impl Operator) -> Vec<String> {
    match (action, arguments) {
        (Action::ShutDownSession, []) => operator.session_ids(),
        (Action::ShowConnection | Action::StartConnection | Action::TestConnection, []) => operator.connection_ids(),
        (Action::ShowConnection, [id]) if operator.connection_ids().iter().any(|known| known == id) => {
            vec![DETAIL.to_owned()]
        }
        _ => Vec::new(),
    }
}

fn begins_with(word: &str, prefix: &str) -> bool {
    word.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
