//! The command line.

use crate::story::{Command, Compare, Item, Story, What, member, type_of};
use crate::terminal;

/// The library's usage texts say in their own words what its commands do; Asterisk's first line is theirs too.
pub fn usage(story: &mut Story) -> bool {
    change(story, |command| {
        let shown = command.output.starts_with("Usage: ari ");
        if shown {
            command.compare = Compare::FirstLine;
        }
        shown
    })
}

/// `ari show sessions` exists here.
pub fn sessions(story: &mut Story) -> bool {
    change(story, |command| {
        let spelled = command.line.eq_ignore_ascii_case("ari show sessions")
            && command.output.starts_with("No such command");
        if spelled {
            command.compare = Compare::As("ari show websocket sessions".to_owned());
        }
        spelled
    })
}

/// A connection without a `connection_type` is of an unknown type for Asterisk, and connects like a persistent one; here it is
/// one.
pub fn connection_type(story: &mut Story) -> bool {
    change(story, |command| {
        let output = command
            .output
            .replace(" unknown         ", " persistent      ");
        let output = output.replace(
            "connection_type =        unknown\n",
            "connection_type =        persistent\n",
        );
        let changed = output != command.output && terminal::is_the_librarys(&command.line);
        if changed {
            command.output = output;
        }
        changed
    })
}

/// When a call's connection is shut down, Asterisk leaves its application behind; here it is gone, and Stasis ends.
pub fn calls_shut_down(story: &mut Story) -> bool {
    let mut unregistered: Vec<(f64, String)> = Vec::new();
    for (at, item) in story.links.iter().flat_map(|link| &link.items) {
        if let Item::Event(text) = item
            && type_of(text) == "ApplicationUnregistered"
            && let Some(app) = member(text, "application").filter(|app| app.contains(':'))
        {
            unregistered.push((*at, app));
        }
    }
    let mut changed = false;
    for (_, app) in &unregistered {
        if let Some((_, channel)) = app.split_once(':')
            && story.enters(channel)
        {
            story.end_stasis(channel, "FAILED");
            changed = true;
        }
    }
    for act in &mut story.acts {
        let What::Command(command) = &mut act.what else {
            continue;
        };
        if command.line == "ari show apps" {
            let gone = |line: &str| {
                unregistered
                    .iter()
                    .any(|(at, app)| *at < act.at && line == app)
            };
            let output: String = command
                .output
                .split_inclusive('\n')
                .filter(|line| !gone(line.trim_end()))
                .collect();
            changed |= output != command.output;
            command.output = output;
        }
    }
    changed
}

/// Asterisk offers an id again after an id; the library offers what may follow it. It also offers `ari show sessions`
/// and `ari test`.
pub fn completion(story: &mut Story) -> bool {
    change(story, |command| {
        let words = terminal::words(&command.line);
        let ["_command", "matchesarray", line, word] =
            words.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            return false;
        };
        let before = terminal::words(line);
        let expected = match before
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["ari", "show", "outbound-websocket", _] if word.is_empty() => {
                "detail detail _EOF_".to_owned()
            }
            ["ari", "start", "outbound-websocket", _]
            | ["ari", "shutdown", "websocket", "session", _]
                if word.is_empty() =>
            {
                "_EOF_".to_owned()
            }
            ["ari", "show"] if word.is_empty() => {
                command.output.replace(" status ", " sessions status ")
            }
            ["ari"] if word.is_empty() => command.output.replace(" start ", " start test "),
            _ => return false,
        };
        let changed = command.output != expected;
        command.output = expected;
        changed
    })
}

/// Asterisk says "Starting" of a connection that it does not start; the library says that it was not started, and why. Whether
/// it was shows only when it is run, so this is no difference by itself.
pub fn starting(story: &mut Story) -> bool {
    change(story, |command| {
        if command
            .output
            .starts_with("Starting websocket session for ")
        {
            command.compare = Compare::Started;
        }
        false
    })
}

fn change(story: &mut Story, mut change: impl FnMut(&mut Command) -> bool) -> bool {
    let mut changed = false;
    for act in &mut story.acts {
        if let What::Command(command) = &mut act.what {
            changed |= change(command);
        }
    }
    changed
}
