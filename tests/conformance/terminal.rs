//! Asterisk's command line: the library's commands run by it, and those of Asterisk's own whose output shows what the library
//! did.

use ariws::ffi::{ARIWS_ERROR_COMMAND, ARIWS_ERROR_USAGE};

use super::abi;
use super::asterisk::Asterisk;
use super::story::{Command, Run};
use super::support::library::Handle;

pub const SESSIONS: &str = "ari show websocket sessions";
pub const CONNECTIONS: &str = "ari show outbound-websockets";

/// What a command prints.
pub fn run(asterisk: &Asterisk, command: &Command) -> String {
    match command.run {
        Run::Library => execute(asterisk.handle(), &command.line, &command.words),
        Run::Apps => {
            let apps = asterisk.apps().into_iter().map(|app| app + "\n");
            let heading = "Application Name         \n=========================\n";
            heading.to_owned() + &apps.collect::<String>()
        }
        Run::Context => {
            let name = command.words.last().map_or("", String::as_str);
            let context = asterisk.context(name);
            let page = context.map(|app| format!("context for Stasis({app})"));
            page.unwrap_or_else(|| "no context".to_owned())
        }
        Run::Complete if command.folded => matches(asterisk.handle(), command).to_lowercase(),
        Run::Complete => matches(asterisk.handle(), command),
    }
}

/// What a command of the library's prints that has no quotes.
pub fn list(asterisk: &Asterisk, line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    execute(asterisk.handle(), line, &words)
}

fn execute(handle: Option<Handle>, line: &str, words: &[String]) -> String {
    let ran = handle.map(|handle| abi::execute(handle, words));
    match ran {
        Some((code, output)) if code != ARIWS_ERROR_USAGE || !output.is_empty() => match code {
            ARIWS_ERROR_COMMAND => format!("{output}Command '{line}' failed.\n"),
            _ => output,
        },
        _ => format!("No such command '{}'\n", words.join(" ")),
    }
}

/// Whether an output shows a connection: a row below the dashes of a table, or a page.
pub fn has_rows(output: &str) -> bool {
    let mut rows = output.lines().skip_while(|line| !line.starts_with("---"));
    rows.nth(1).is_some() || output.starts_with('[')
}

/// How the line begins that says why `ari start` starts nothing, if it does not: the connection is invalid, or it runs.
pub fn explained(asterisk: &Asterisk, command: &Command) -> Option<String> {
    let id = command.words.last()?;
    let row = |line: &str| {
        let output = list(asterisk, line);
        let mut rows = output.lines();
        let row = rows.find(|row| row.split_whitespace().next() == Some(id));
        row.map(str::to_owned)
    };
    if row(CONNECTIONS)?.contains(" INVALID ") {
        return Some(format!("'{id}' is invalid and was not started: "));
    }
    row(SESSIONS).map(|_| format!("'{id}' is running already; nothing was changed"))
}

/// The candidates for the word that is being typed, as `_command matchesarray` prints them: what they have in common, then
/// all of them. Those of the host's own commands are among them.
fn matches(handle: Option<Handle>, command: &Command) -> String {
    let complete = |handle| abi::complete_word(handle, &command.words, &command.prefix);
    let mut candidates = handle.map(complete).unwrap_or_default();
    let hosts = command.hosts.iter();
    candidates.extend(hosts.filter(|host| host.starts_with(&command.prefix)).cloned());
    // Asterisk shows one of those that differ in case only.
    candidates.sort_by_cached_key(|candidate| candidate.to_ascii_lowercase());
    candidates.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    let common = candidates.first().map(|first| &first[..common(&candidates)]);
    let shown = common.into_iter().chain(candidates.iter().map(String::as_str));
    shown.map(|word| format!("{word} ")).collect::<String>() + "_EOF_"
}

/// How many bytes all the texts have in common at their beginning, without regard to case.
fn common(texts: &[String]) -> usize {
    let Some((first, rest)) = texts.split_first() else {
        return 0;
    };
    let alike = |text: &String| {
        let mut pairs = first.char_indices().zip(text.chars());
        let different = pairs.find(|((_, one), other)| !one.eq_ignore_ascii_case(other));
        different.map_or(first.len().min(text.len()), |((at, _), _)| at)
    };
    rest.iter().map(alike).min().unwrap_or(first.len())
}
