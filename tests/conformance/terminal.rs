//! Asterisk's command line: the library's commands run by it, and those of Asterisk's own whose output shows what the library
//! did.

use ariws::ffi::{ARIWS_ERROR_COMMAND, ARIWS_ERROR_USAGE};

use super::abi;
use super::asterisk::Asterisk;
use super::support::library::Handle;

/// Commands of `ari` that are not outbound websockets' but the host's.
const HOSTS: [&str; 9] = [
    "ari mkpasswd",
    "ari set debug",
    "ari show app",
    "ari show apps",
    "ari show status",
    "ari show user",
    "ari show users",
    "ari debug",
    "ari reload",
];

/// What a command prints; `None` if it is none of the library's business.
pub fn run(handle: Option<Handle>, asterisk: &Asterisk, line: &str) -> Option<String> {
    let words = words(line);
    let lower: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    match lower.as_slice() {
        ["ari", "show", "apps"] => Some(apps(asterisk)),
        ["dialplan", "show", context] => Some(context_page(
            asterisk,
            words.last().map_or(context, String::as_str),
        )),
        ["_command", "matchesarray", ..] => Some(matches(
            handle?,
            words.get(2)?,
            words.get(3).map_or("", String::as_str),
        )),
        _ if is_the_librarys(line) => Some(execute(handle, &words, line)),
        _ => None,
    }
}

/// Whether a line is a command of the library's.
pub fn is_the_librarys(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    let lower: Vec<&str> = lower.split_whitespace().collect();
    lower.first() == Some(&"ari") && !HOSTS.iter().any(|host| is_start(host, &lower))
}

/// Whether the output of a command is compared.
pub fn is_compared(line: &str) -> bool {
    let others = ["ari show apps", "dialplan show ", "_command matchesarray "];
    is_the_librarys(line) || others.iter().any(|other| line.starts_with(other))
}

/// Whether a line begins with the words of a command.
fn is_start(command: &str, line: &[&str]) -> bool {
    let command: Vec<&str> = command.split(' ').collect();
    line.starts_with(&command)
}

fn execute(handle: Option<Handle>, words: &[String], line: &str) -> String {
    let unknown = || {
        let typed = words.join(" ");
        format!("No such command '{typed}'\n")
    };
    let Some(handle) = handle else {
        return unknown();
    };
    let (code, output) = abi::execute(handle, words);
    match code {
        ARIWS_ERROR_USAGE if output.is_empty() => unknown(),
        ARIWS_ERROR_COMMAND => format!("{output}Command '{line}' failed.\n"),
        _ => output,
    }
}

/// Whether an output shows a connection: a row below the dashes of a table, or a page.
pub fn has_rows(output: &str) -> bool {
    let rows = output
        .lines()
        .skip_while(|line| !line.starts_with("---"))
        .skip(1);
    rows.count() > 0 || output.starts_with('[')
}

/// How the line begins that says why `ari start` starts nothing, if it does not: the connection is invalid, or it runs.
pub fn explained(line: &str, run: impl Fn(&str) -> Option<String>) -> Option<String> {
    let id = words(line).pop()?;
    let row = |list: &str| {
        run(list)?
            .lines()
            .find(|row| row.split_whitespace().next() == Some(&id))
            .map(str::to_owned)
    };
    let invalid = row("ari show outbound-websockets")?.contains(" INVALID ");
    match (invalid, row("ari show websocket sessions")) {
        (true, _) => Some(format!("'{id}' is invalid and was not started: ")),
        (false, Some(_)) => Some(format!("'{id}' is running already; nothing was changed")),
        (false, None) => None,
    }
}

fn apps(asterisk: &Asterisk) -> String {
    let mut output = "Application Name         \n=========================\n".to_owned();
    for app in asterisk.apps() {
        output.push_str(&app);
        output.push('\n');
    }
    output
}

fn context_page(asterisk: &Asterisk, context: &str) -> String {
    match asterisk.context(context) {
        Some(app) => format!("context for Stasis({app})"),
        None => "no context".to_owned(),
    }
}

/// What of Asterisk's output is compared: of a context that it exists, and for which application; of an unknown command that
/// it is unknown.
pub fn comparable(line: &str, output: &str) -> String {
    if let Some((unknown, _)) = output.split_once(" (type 'core show help") {
        return format!("{unknown}\n");
    }
    if !line.to_ascii_lowercase().starts_with("dialplan show ") {
        return output.to_owned();
    }
    match output
        .split_once(" Stasis(")
        .and_then(|(_, rest)| rest.split_once(')'))
    {
        Some((app, _)) => format!("context for Stasis({app})"),
        None => "no context".to_owned(),
    }
}

/// The candidates for the word that is being typed, as `_command matchesarray` prints them: what they have in common, then
/// all of them. Those of the host's own commands are among them.
fn matches(handle: Handle, line: &str, word: &str) -> String {
    let mut before = words(line);
    let prefix = if word.is_empty() { None } else { before.pop() }.unwrap_or_default();
    let mut candidates = abi::complete_word(handle, &before, &prefix);
    let hosts = match before
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["ari"] => ["mkpasswd", "set"].as_slice(),
        ["ari", "show"] => ["app", "apps", "status", "user", "users"].as_slice(),
        _ => [].as_slice(),
    };
    candidates.extend(
        hosts
            .iter()
            .filter(|host| host.starts_with(&prefix))
            .map(|host| (*host).to_owned()),
    );
    candidates.sort_by_cached_key(|candidate| (candidate.to_ascii_lowercase(), candidate.clone()));
    let mut output = String::new();
    if let Some(first) = candidates.first() {
        output.push_str(&first[..common(&candidates)]);
        output.push(' ');
    }
    for candidate in candidates {
        output.push_str(&candidate);
        output.push(' ');
    }
    output + "_EOF_"
}

/// How many bytes all the texts have in common at their beginning, without regard to case.
fn common(texts: &[String]) -> usize {
    let Some((first, rest)) = texts.split_first() else {
        return 0;
    };
    let alike = |text: &String| {
        let pairs = first.char_indices().zip(text.chars());
        let different = pairs
            .clone()
            .find(|((_, one), other)| !one.eq_ignore_ascii_case(other));
        different.map_or(first.len().min(text.len()), |((index, _), _)| index)
    };
    rest.iter().map(alike).min().unwrap_or(first.len())
}

/// A line's words: quotes hold blanks together, a backslash takes the next character as it is.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let (mut quoted, mut characters) = (false, line.chars());
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' => word.get_or_insert_default().extend(characters.next()),
            ' ' | '\t' if !quoted => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}
