//! `docs/reliability.md`, made of the rows.

use std::fmt::Write;
use std::{env, fs};

use libtest_mimic::{Failed, Trial};

use super::group::{GROWTH, PEAK, SLOW, THREADS};
use super::row::{Group, Outcome, Promise, Seen};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reliability.md");

/// With ARIWS_WRITE_RELIABILITY set, the file is written instead.
pub fn trial(groups: &[Group]) -> Trial {
    let text = text(groups);
    Trial::test("docs/reliability.md is what the rows say", move || {
        if env::var_os("ARIWS_WRITE_RELIABILITY").is_some() {
            fs::write(DOCUMENT, &text)?;
        }
        match fs::read_to_string(DOCUMENT)? == text {
            true => Ok(()),
            false => Err(Failed::from("it is not; `make reliability` writes it anew")),
        }
    })
}

fn text(groups: &[Group]) -> String {
    let rows: usize = groups.iter().map(|group| group.rows.len()).sum();
    let mut text = format!(
        "# What is promised when the other side misbehaves\n\n\
         {rows} things that a server may do, and what becomes of the connection then. Each row is a test: `make test-hostile` \
         does each a hundred times ({} times what waits for seconds or sends megabytes, \
         marked with an asterisk), `cargo test` twice. \
         `make reliability` makes this document of the tests, and they fail when it differs.\n\n\
         The rows of a table run at the same time, each on a connection of its own, in one instance of the library. For all of \
         them goes:\n\n\
         - *Within* is what half of the rounds or more take from the connection to all that the row says. No single wait is \
         longer than 20 s, whatever else the machine does.\n\
         - Events arrive in the order in which they were offered, and none twice.\n\
         - When all connections are shut down after the second half of the rounds, the process has no more descriptors \
         than after the first half, at most {} threads, and at most {} KiB more on the heap: one KiB that one row leaves behind \
         in each round is found. Meanwhile it never has more than {} MiB there, the peers included.\n\
         - A round writes at most 20 lines to the log, of at most 4,096 bytes.\n\
         - `ariws_unload` with a grace of 300 ms returns within it and four seconds while all rows of a table are in the middle \
         of what they do, and leaves no descriptor and no thread.\n",
        2 * 50usize.div_ceil(SLOW),
        THREADS,
        GROWTH >> 10,
        PEAK >> 20,
    );
    for group in groups {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n\n| the peer | what becomes of it | it sees | the log has | within |\n|---|---|---|---|---|\n",
            heading(group.name),
            group.about
        );
        for row in &group.rows {
            let Promise {
                outcome,
                sees,
                log,
                within,
                settings,
                takes_time,
                ..
            } = &row.promise;
            let seen: Vec<_> = sees.iter().map(seen).collect();
            let with = match settings.join("`, `") {
                settings if settings.is_empty() => settings,
                settings => format!(" (`{settings}`)"),
            };
            let log = match log.replace('|', "\\|") {
                log if log.is_empty() => log,
                log => format!("`{}`", log.trim()),
            };
            let _ = writeln!(
                text,
                "| {}{with} | {} | {} | {log} | {} s{} |",
                row.peer,
                become_of(*outcome),
                seen.join(", "),
                within.as_secs_f32(),
                if *takes_time { " *" } else { "" }
            );
        }
    }
    text
}

fn heading(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn become_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::StaysUp => "stays up",
        Outcome::MadeAgain => "is made again",
        Outcome::AttemptFails => "is not made; the next attempt follows",
        Outcome::ShutDown => "is shut down",
        Outcome::CallGoesOn => "the call goes on",
        Outcome::CallGoesOnAnew => "the call goes on over the next connection",
        Outcome::StartFails => "`ARIWS_ERROR_CONNECT`, `_REFUSED` or `_TIMEOUT` after the last attempt",
        Outcome::StartCancelled => "`ARIWS_ERROR_CANCELLED`",
        Outcome::StasisFails => "`stasis_failed` after the last attempt",
        Outcome::CallEnds => "ends with the call",
        Outcome::Unloaded => "the library is unloaded",
    }
}

fn seen(seen: &Seen) -> String {
    match seen {
        Seen::Registered => "ApplicationRegistered".into(),
        Seen::StasisEnd => "StasisEnd".into(),
        Seen::Event => "the event".into(),
        Seen::Answer(status) | Seen::AnswerTo(_, status) => status.to_string(),
        Seen::Pong(_) => "the pong".into(),
        Seen::Ping => "a ping".into(),
        Seen::Close(code) => format!("Close {code}"),
        Seen::CloseWithoutCode => "Close without a code".into(),
        Seen::End => "the end".into(),
        Seen::Alert(name) => format!("alert {name}"),
    }
}
