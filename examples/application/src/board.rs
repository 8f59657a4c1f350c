// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the page shows: connections, calls, and the last messages, bounded, as JSON for whoever looks.
//!
//! All that comes from the PBX is shortened and without characters that a reader cannot see; the page shows it as text.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::text_at;

/// Messages that a page which is opened now still gets.
const MESSAGES: usize = 200;
/// Connections, and calls, that are shown; more are counted only.
const MOST: usize = 100;
/// Connections that have ended and are still shown.
const ENDED: usize = 4;
/// Changes that a slow page may be behind before it gets all anew.
const BEHIND: usize = 256;
/// Commands that wait for one connection; more are dropped.
const COMMANDS: usize = 16;
/// Characters of a name, and of a message.
const NAME: usize = 128;
const TEXT: usize = 2048;

#[derive(Clone, Copy)]
pub(crate) enum Direction {
    FromPbx,
    ToPbx,
}

/// What is asked of a PBX for a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Answer,
    Play,
    Continue,
    HangUp,
}

/// What a button of the page asks for.
pub(crate) struct Command {
    /// The call's number on its connection.
    pub(crate) call: usize,
    pub(crate) action: Action,
}

/// A call as it is now.
pub(crate) struct CallView<'a> {
    pub(crate) number: usize,
    pub(crate) channel: &'a str,
    pub(crate) name: &'a str,
    pub(crate) state: &'static str,
    pub(crate) start: Instant,
}

/// What the page shows, for all who look at it.
pub(crate) struct Board {
    start: Instant,
    shown: Mutex<Shown>,
    changes: broadcast::Sender<Utf8Bytes>,
}

/// Values are what the page gets of each.
#[derive(Default)]
struct Shown {
    connections: BTreeMap<usize, Value>,
    /// By connection and call.
    calls: BTreeMap<(usize, usize), Value>,
    messages: VecDeque<Value>,
    /// To the connections that are open.
    commands: HashMap<usize, mpsc::Sender<Command>>,
}

impl Board {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            shown: Mutex::default(),
            changes: broadcast::Sender::new(BEHIND),
        }
    }

    /// A connection has been opened; what its calls are asked for comes out of the receiver.
    pub(crate) fn opened(&self, number: usize, address: SocketAddr) -> mpsc::Receiver<Command> {
        let (sender, receiver) = mpsc::channel(COMMANDS);
        let mut shown = self.shown();
        shown.commands.insert(number, sender);
        let connection = json!({
            "kind": "connection", "number": number, "address": address.to_string(), "applications": [], "calls": 0,
            "since": self.time(Instant::now()), "ended": null,
        });
        if shown.connections.len() < MOST {
            shown.connections.insert(number, connection.clone());
            self.tell(&connection);
        }
        self.count(&shown);
        receiver
    }

    pub(crate) fn applications<'a>(&self, number: usize, names: impl Iterator<Item = &'a String>) {
        let names: Vec<String> = names.take(8).map(|name| readable(name, NAME)).collect();
        self.change(&mut self.shown(), number, |connection| {
            connection["applications"] = json!(names)
        });
    }

    /// A connection has ended, and its calls are not this application's any more.
    pub(crate) fn ended(&self, number: usize, text: &str) {
        let mut shown = self.shown();
        shown.commands.remove(&number);
        shown.calls.retain(|(connection, _), _| *connection != number);
        let ended = json!(readable(text, NAME));
        self.change(&mut shown, number, |connection| {
            connection["ended"] = ended;
            connection["calls"] = json!(0);
        });
        let over: Vec<usize> = shown
            .connections
            .iter()
            .filter(|(_, connection)| !connection["ended"].is_null())
            .map(|(number, _)| *number)
            .collect();
        for number in over.iter().take(over.len().saturating_sub(ENDED)) {
            shown.connections.remove(number);
            self.tell(&json!({"kind": "connection gone", "number": number}));
        }
        self.count(&shown);
    }

    /// A call is new or has changed; `calls` are those of its connection.
    pub(crate) fn call(&self, connection: usize, call: &CallView, calls: usize) {
        let mut shown = self.shown();
        let key = (connection, call.number);
        let value = json!({
            "kind": "call", "connection": connection, "number": call.number,
            "channel": readable(call.channel, NAME), "name": readable(call.name, NAME),
            "state": call.state, "since": self.time(call.start),
        });
        if shown.calls.contains_key(&key) || shown.calls.len() < MOST {
            self.tell(&value);
            shown.calls.insert(key, value);
        }
        self.change(&mut shown, connection, |connection| connection["calls"] = json!(calls));
    }

    pub(crate) fn call_ended(&self, connection: usize, number: usize, calls: usize) {
        let mut shown = self.shown();
        if shown.calls.remove(&(connection, number)).is_some() {
            self.tell(&json!({"kind": "call gone", "connection": connection, "number": number}));
        }
        self.change(&mut shown, connection, |connection| connection["calls"] = json!(calls));
    }

    pub(crate) fn message(&self, connection: usize, direction: Direction, message: &Value, text: &str) {
        self.add(json!({
            "kind": "message", "connection": connection, "time": self.time(Instant::now()),
            "direction": match direction { Direction::FromPbx => "in", Direction::ToPbx => "out" },
            "title": readable(&title(message), NAME), "about": readable(about(message), NAME),
            "text": readable(text, TEXT), "whole": text.len() <= TEXT,
        }));
    }

    pub(crate) fn error(&self, connection: usize, text: &str) {
        self.add(json!({
            "kind": "message", "connection": connection, "time": self.time(Instant::now()),
            "direction": "error", "title": readable(text, NAME), "about": "", "text": readable(text, TEXT), "whole": false,
        }));
    }

    /// All there is to show, and what changes from here on.
    pub(crate) fn watch(&self) -> (Utf8Bytes, broadcast::Receiver<Utf8Bytes>) {
        let shown = self.shown();
        let all = json!({
            "kind": "all", "now": self.time(Instant::now()), "open": shown.commands.len(),
            "connections": shown.connections.values().collect::<Vec<_>>(),
            "calls": shown.calls.values().collect::<Vec<_>>(),
            "messages": shown.messages,
        });
        (all.to_string().into(), self.changes.subscribe())
    }

    /// What a page says. What does not make sense, or comes too fast, is dropped.
    pub(crate) fn command(&self, text: &str) {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let number = |name: &str| message[name].as_u64().and_then(|number| usize::try_from(number).ok());
        let action = match text_at(&message, "/action") {
            "answer" => Action::Answer,
            "play" => Action::Play,
            "continue" => Action::Continue,
            "hang up" => Action::HangUp,
            _ => return,
        };
        if let (Some(connection), Some(call)) = (number("connection"), number("call"))
            && let Some(commands) = self.shown().commands.get(&connection)
        {
            let _ = commands.try_send(Command { call, action });
        }
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In milliseconds since the start.
    fn time(&self, at: Instant) -> f64 {
        (at.duration_since(self.start).as_secs_f64() * 10_000.0).round() / 10.0
    }

    fn add(&self, message: Value) {
        let mut shown = self.shown();
        self.tell(&message);
        if shown.messages.len() == MESSAGES {
            shown.messages.pop_front();
        }
        shown.messages.push_back(message);
    }

    fn change(&self, shown: &mut Shown, number: usize, change: impl FnOnce(&mut Value)) {
        if let Some(connection) = shown.connections.get_mut(&number) {
            let before = connection.clone();
            change(connection);
            if *connection != before {
                self.tell(connection);
            }
        }
    }

    fn count(&self, shown: &Shown) {
        self.tell(&json!({"kind": "count", "open": shown.commands.len()}));
    }

    /// Under the lock of what is shown, so that whoever begins to watch misses nothing and gets nothing twice.
    fn tell(&self, change: &Value) {
        if self.changes.receiver_count() > 0 {
            let _ = self.changes.send(change.to_string().into());
        }
    }
}

/// A message in a few words.
fn title(message: &Value) -> String {
    match text_at(message, "/type") {
        "RESTRequest" => format!("{} {}", text_at(message, "/method"), text_at(message, "/uri")),
        "RESTResponse" => format!("{} {}", message["status_code"], text_at(message, "/reason_phrase")),
        kind => kind.to_owned(),
    }
}

/// What it is about.
fn about(message: &Value) -> &str {
    ["/channel/name", "/playback/target_uri", "/uri", "/application"]
        .into_iter()
        .map(|pointer| text_at(message, pointer))
        .find(|text| !text.is_empty())
        .filter(|_| text_at(message, "/type") != "RESTRequest")
        .unwrap_or_default()
}

/// The first characters, without those that are not seen or change the order of what is.
fn readable(text: &str, most: usize) -> String {
    let mut characters = text.chars();
    let mut readable: String = characters
        .by_ref()
        .take(most)
        .map(|character| match character {
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => '\u{fffd}',
            '\n' | '\r' | '\t' => ' ',
            character if character.is_control() => '\u{fffd}',
            character => character,
        })
        .collect();
    if characters.next().is_some() {
        readable.push('…');
    }
    readable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(board: &Board) -> Value {
        serde_json::from_str(&board.watch().0).expect("JSON")
    }

    fn open(board: &Board, number: usize) -> mpsc::Receiver<Command> {
        board.opened(number, ([127, 0, 0, 1], 5000).into())
    }

    fn call(number: usize) -> CallView<'static> {
        CallView {
            number,
            channel: "1.1",
            name: "Mini/100",
            state: "ringing",
            start: Instant::now(),
        }
    }

    #[test]
    fn messages_are_bounded() {
        let board = Board::new(Instant::now());
        for _ in 0..3 * MESSAGES {
            board.message(1, Direction::FromPbx, &json!({"type": "X"}), &"x".repeat(3 * TEXT));
        }
        let all = all(&board);
        assert_eq!(all["messages"].as_array().map(Vec::len), Some(MESSAGES));
        assert!(text_at(&all, "/messages/0/text").chars().count() <= TEXT + 1);
    }

    #[test]
    fn calls_are_bounded_and_counted() {
        let board = Board::new(Instant::now());
        let _commands = open(&board, 1);
        for number in 1..=3 * MOST {
            board.call(1, &call(number), number);
        }
        let all = all(&board);
        assert_eq!(all["calls"].as_array().map(Vec::len), Some(MOST));
        assert_eq!(all["connections"][0]["calls"], 3 * MOST);
    }

    #[test]
    fn connections_that_ended_are_bounded() {
        let board = Board::new(Instant::now());
        for number in 1..=3 * MOST {
            let _commands = open(&board, number);
            board.ended(number, "closed with 1000");
        }
        let all = all(&board);
        assert_eq!(all["connections"].as_array().map(Vec::len), Some(ENDED));
        assert_eq!(all["open"], 0);
    }

    #[test]
    fn calls_go_with_their_connection() {
        let board = Board::new(Instant::now());
        let _commands = (open(&board, 1), open(&board, 2));
        board.call(1, &call(1), 1);
        board.call(2, &call(1), 1);
        board.ended(1, "lost");
        assert_eq!(all(&board)["calls"].as_array().map(Vec::len), Some(1));
        assert_eq!(all(&board)["calls"][0]["connection"], 2);
    }

    #[test]
    fn who_watches_gets_what_changes_after_it_began() {
        let board = Board::new(Instant::now());
        let (_, mut changes) = board.watch();
        board.message(7, Direction::ToPbx, &json!({"type": "X"}), "{}");
        let change = changes.try_recv().expect("a change");
        assert!(change.contains("\"connection\":7"), "{change}");
        assert!(changes.try_recv().is_err());
    }

    #[test]
    fn commands_reach_the_connection_of_the_call() {
        let board = Board::new(Instant::now());
        let (mut first, mut second) = (open(&board, 1), open(&board, 2));
        board.command(r#"{"connection": 2, "call": 5, "action": "hang up"}"#);
        let command = second.try_recv().expect("a command");
        assert!(command.call == 5 && command.action == Action::HangUp);
        assert!(first.try_recv().is_err());
    }

    #[test]
    fn what_is_no_command_is_dropped() {
        let board = Board::new(Instant::now());
        let mut commands = open(&board, 1);
        for text in [
            "",
            "[]",
            "{}",
            "7",
            r#"{"connection": -1}"#,
            r#"{"connection": 1, "call": 1, "action": "shell"}"#,
        ] {
            board.command(text);
        }
        assert!(commands.try_recv().is_err());
    }

    #[test]
    fn what_cannot_be_seen_is_replaced() {
        assert_eq!(readable("a\u{202e}b\u{0}c\nd", 99), "a\u{fffd}b\u{fffd}c d");
        assert_eq!(readable("abc", 2), "ab…");
    }
}
