//! Which command runs, what the acting ones say, and completion.

use std::time::Duration;

use super::fixture::{Recorder, connection, session, snapshot, up};
use super::{COMMANDS, complete, execute};
use crate::engine::Started;
use crate::engine::snapshot::SessionKind;
use crate::error::Error;
use crate::net::{Stage, Step};

fn recorder() -> Recorder {
    let names = ["connB", "Conn_c", "other", "connA"];
    let connections = names.map(|name| connection(name, name)).to_vec();
    let sessions = vec![session("connA", &["a"], SessionKind::Persistent(up()))];
    Recorder::new(snapshot(connections, sessions))
}

fn completed(line: &str, prefix: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    complete(&recorder(), &words, prefix)
}

#[test]
fn words_of_a_command_match_without_case_and_ids_with_it() {
    let (page, result) = recorder().run("ARI Show OUTBOUND-websocket connA");
    assert!(result.is_ok());
    assert!(page.starts_with("[connA] \n"));
    let (text, result) = recorder().run("ari show outbound-websocket CONNA");
    assert_eq!(text, "Error getting ARI configuration\n");
    assert!(matches!(result, Err(Error::Command)));
}

#[test]
fn words_that_are_no_command_print_nothing() {
    for line in [
        "",
        "ari",
        "ari show",
        "ari show websocket",
        "ari show websocket session",
        "ari sh outbound-websockets",
        "ari start outbound-websockets",
        "ari shutdown websocket",
        "core show channels",
    ] {
        let (text, result) = recorder().run(line);
        assert_eq!(text, "", "{line}");
        assert!(matches!(result, Err(Error::Usage)), "{line}");
    }
}

#[test]
fn wrong_arguments_print_the_usage() {
    for (line, expected) in [
        ("ari show outbound-websockets extra", "ari show outbound-websockets\n"),
        ("ari show outbound-websocket", "ari show outbound-websocket <connection id>\n"),
        (
            "ari show outbound-websocket connA extra",
            "ari show outbound-websocket <connection id>\n",
        ),
        (
            "ari show outbound-websocket connA detail x",
            "ari show outbound-websocket <connection id>\n",
        ),
        ("ari show sessions extra", "ari show sessions\n"),
        ("ari show websocket sessions extra", "ari show websocket sessions\n"),
        ("ari shutdown websocket session", "ari shutdown websocket session <id>\n"),
        ("ari shutdown websocket session a b", "ari shutdown websocket session <id>\n"),
        ("ari shutdown websocket sessions extra", "ari shutdown websocket sessions\n"),
        (
            "ari start outbound-websocket",
            "ari start outbound-websocket <connection id>\n",
        ),
        (
            "ari start outbound-websocket a b",
            "ari start outbound-websocket <connection id>\n",
        ),
    ] {
        let (text, result) = recorder().run(line);
        assert!(text.starts_with(&format!("Usage: {expected}       ")), "{line}: {text}");
        assert!(text.ends_with(".\n") || text.ends_with("changes.\n"), "{line}: {text}");
        assert!(matches!(result, Err(Error::Usage)), "{line}");
    }
}

#[test]
fn every_command_has_help_that_fits_it() {
    for command in COMMANDS {
        let texts = [command.words, command.arguments, command.summary, command.usage];
        let [words, arguments, summary, usage] = texts.map(|text| text.to_str().unwrap_or_default());
        let syntax = format!("Usage: {words} {arguments}");
        assert!(usage.starts_with(&format!("{}\n", syntax.trim_end())), "{words}");
        assert!(usage.ends_with('\n') && usage.lines().all(|line| line.len() <= 79), "{words}");
        assert!(!summary.is_empty() && !summary.contains('\n'), "{words}");
    }
}

#[test]
fn an_empty_id_is_looked_up_as_it_is() {
    let recorder = recorder();
    let words = ["ari", "show", "outbound-websocket", ""];
    let mut printed = String::new();
    let result = execute(&recorder, &words, false, |text| printed.push_str(text));
    assert_eq!(printed, "Error getting ARI configuration\n");
    assert!(matches!(result, Err(Error::Command)));
}

#[test]
fn a_test_shows_each_stage_with_its_time_and_fails_with_the_last() {
    let step = |stage, milliseconds, outcome: std::result::Result<&str, &str>| Step {
        stage,
        address: None,
        took: Duration::from_millis(milliseconds),
        outcome: outcome.map(str::to_owned).map_err(str::to_owned),
    };
    let mut recorder = recorder();
    let steps = vec![
        step(Stage::Resolve, 2, Ok("server: 192.0.2.1")),
        step(Stage::Tcp, 1234, Err("connection\nrefused")),
    ];
    recorder.tested = vec![("ws://a/".to_owned(), steps)];
    let (text, result) = recorder.run("ari test outbound-websocket connA");
    assert_eq!(
        text,
        concat!(
            "connA does not work\n",
            "  name           2.0 ms  server: 192.0.2.1\n",
            "  TCP         1234.0 ms  FAILED: connection\\nrefused\n",
        )
    );
    assert!(matches!(result, Err(Error::Command)));
    recorder.tested[0].1.pop();
    let (text, result) = recorder.run("ari test outbound-websocket connA");
    assert!(text.starts_with("connA works\n"), "{text}");
    assert!(result.is_ok());
    let steps = vec![step(Stage::Tcp, 1, Err("refused"))];
    recorder.tested.push(("ws://b/".to_owned(), steps));
    let (text, result) = recorder.run("ari test outbound-websocket connA");
    assert_eq!(
        text,
        concat!(
            "connA works\n",
            "  ws://a/ works\n",
            "  name           2.0 ms  server: 192.0.2.1\n",
            "  ws://b/ does not work\n",
            "  TCP            1.0 ms  FAILED: refused\n",
        )
    );
    assert!(result.is_ok());
}

#[test]
fn a_start_says_what_came_of_it() {
    let line = "ari start outbound-websocket connA";
    let starting = "Starting websocket session for outbound-websocket 'connA'\n";
    for (started, more) in [
        (Started::Begun, ""),
        (Started::AlreadyRunning, "'connA' is running already; nothing was changed\n"),
        (
            Started::Invalid("no user".to_owned()),
            "'connA' is invalid and was not started: no user\n",
        ),
    ] {
        let mut recorder = recorder();
        recorder.started = started;
        let (text, result) = recorder.run(line);
        assert_eq!(text, format!("{starting}{more}"));
        assert!(result.is_ok());
        assert_eq!(*recorder.calls.borrow(), ["start connA false"]);
    }
}

#[test]
fn starting_what_is_not_configured_fails() {
    let mut recorder = recorder();
    recorder.failure = || Some(Error::NotFound("nothing".to_owned()));
    let (text, result) = recorder.run("ari start outbound-websocket x\x1b");
    assert_eq!(text, "Error getting ARI configuration\n");
    assert!(matches!(result, Err(Error::Command)));
}

#[test]
fn a_shutdown_names_its_session() {
    let recorder = recorder();
    let (text, result) = recorder.run("ari shutdown websocket session connA");
    assert_eq!(text, "Shutting down websocket session 'connA'\n");
    assert!(result.is_ok());
    let (text, result) = recorder.run("ari shutdown websocket sessions");
    assert_eq!(text, "Shutting down all websocket sessions\n");
    assert!(result.is_ok());
    assert_eq!(*recorder.calls.borrow(), ["shut down connA false", "shut down all false"]);
}

#[test]
fn shutting_down_what_is_not_there_fails() {
    let mut recorder = recorder();
    recorder.failure = || Some(Error::NotFound("nothing".to_owned()));
    let (text, result) = recorder.run("ari shutdown websocket session n\x1bo");
    assert_eq!(text, "Websocket session 'n\\x1bo' not found\n");
    assert!(matches!(result, Err(Error::Command)));
}

#[test]
fn other_failures_print_their_reason() {
    let mut recorder = recorder();
    recorder.failure = || Some(Error::Host("the host\nsaid no".to_owned()));
    for line in ["ari shutdown websocket sessions", "ari start outbound-websocket connA"] {
        let (text, result) = recorder.run(line);
        assert_eq!(text, "the host\\nsaid no\n");
        assert!(matches!(result, Err(Error::Command)));
    }
}

#[test]
fn the_host_hears_of_its_own_mistakes_from_the_error() {
    let mut recorder = recorder();
    recorder.failure = || Some(Error::FromCallback);
    let (text, result) = recorder.run("ari shutdown websocket sessions");
    assert_eq!(text, "");
    assert!(matches!(result, Err(Error::FromCallback)));
}

#[test]
fn words_of_commands_complete_once_each() {
    assert_eq!(completed("", ""), ["ari"]);
    assert_eq!(completed("ari", "S"), ["show", "shutdown", "start"]);
    assert_eq!(
        completed("ari SHOW", ""),
        ["outbound-websocket", "outbound-websockets", "sessions", "websocket"]
    );
    assert_eq!(
        completed("ari show", "outbound-websocket"),
        ["outbound-websocket", "outbound-websockets"]
    );
    assert_eq!(completed("ari show websocket", ""), ["sessions"]);
    assert_eq!(completed("ari shutdown websocket", "s"), ["session", "sessions"]);
    assert!(completed("ari stop", "").is_empty());
}

#[test]
fn ids_complete_without_case_in_asterisks_order() {
    for line in ["ari show outbound-websocket", "ari start outbound-websocket"] {
        assert_eq!(completed(line, ""), ["Conn_c", "connA", "connB", "other"]);
        assert_eq!(completed(line, "C"), ["Conn_c", "connA", "connB"]);
        assert_eq!(completed(line, "connA"), ["connA"]);
        assert!(completed(line, "zzz").is_empty());
        assert!(completed(line, "é").is_empty());
    }
}

#[test]
fn completion_looks_at_nothing_but_ids() {
    let recorder = recorder();
    for line in [
        "ari show outbound-websocket",
        "ari show outbound-websocket connA",
        "ari start outbound-websocket",
        "ari test outbound-websocket",
        "ari shutdown websocket session",
    ] {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(!complete(&recorder, &words, "").is_empty(), "{line}");
    }
    assert_eq!(recorder.snapshots.get(), 0);
}

#[test]
fn only_sessions_that_exist_are_offered_for_shutdown() {
    assert_eq!(completed("ari shutdown websocket session", ""), ["connA"]);
}

#[test]
fn nothing_follows_a_complete_command_but_detail() {
    assert_eq!(completed("ari show outbound-websocket connA", ""), ["detail"]);
    assert!(completed("ari show outbound-websocket nosuch", "").is_empty());
    assert!(completed("ari show outbound-websocket connA detail", "").is_empty());
    assert!(completed("ari start outbound-websocket connA", "").is_empty());
    assert!(completed("ari shutdown websocket session connA", "").is_empty());
    assert!(completed("ari show outbound-websockets", "").is_empty());
}
