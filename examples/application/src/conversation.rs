// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application says to the PBX: messages in, messages out, no socket.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::board::{Action, Board, CallView, Command, Direction};
use crate::call::{Call, CallState};
use crate::journal::Journal;
use crate::log::Log;
use crate::text_at;

/// What a call hears first, and what digit 1 plays.
const MENU: &str = "sound:hello-world";
const CHOICE: &str = "sound:digits/1";

/// What must be encoded in a segment of a path: all but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Who leads the calls.
#[derive(Clone, Copy)]
pub(crate) enum Lead {
    /// The application: it answers and plays, and hangs up when no digit comes for so long after a playback.
    Application { digit_timeout: Duration },
    /// Whoever has the page before them.
    Page,
}

/// What all conversations share.
pub(crate) struct Shared {
    pub(crate) lead: Lead,
    pub(crate) log: Log,
    /// What all conversations have handled.
    pub(crate) journal: Mutex<Journal>,
    /// Where there is a page to look at.
    pub(crate) board: Option<Arc<Board>>,
}

/// A request that waits for its response.
struct Pending {
    purpose: Action,
    channel: String,
    /// `POST channels/…`, for the log.
    line: String,
}

/// What is said on one connection: texts come in by `receive`, go out by `outgoing`.
pub(crate) struct Conversation {
    number: usize,
    shared: Arc<Shared>,
    /// Whether the PBX has said anything.
    begun: bool,
    registered: BTreeSet<String>,
    /// How many calls there have been.
    numbered: usize,
    /// By the channel's id.
    calls: HashMap<String, Call>,
    /// By the request's id.
    pending: HashMap<String, Pending>,
    requests: usize,
    pub(crate) outgoing: Vec<String>,
    pub(crate) finished: usize,
    pub(crate) errors: usize,
}

impl Conversation {
    pub(crate) fn new(number: usize, shared: Arc<Shared>) -> Self {
        Self {
            number,
            shared,
            begun: false,
            registered: BTreeSet::new(),
            numbered: 0,
            calls: HashMap::new(),
            pending: HashMap::new(),
            requests: 0,
            outgoing: Vec::new(),
            finished: 0,
            errors: 0,
        }
    }

    pub(crate) fn say(&self, text: impl fmt::Display) {
        self.shared.log.line(self.number, text);
    }

    fn error(&mut self, text: impl fmt::Display) {
        self.errors += 1;
        self.shared.log.always(format_args!("#{} ERROR {text}", self.number));
        if let Some(board) = self.board() {
            board.error(self.number, &text.to_string());
        }
    }

    /// Whether no call is on this connection.
    pub(crate) fn is_idle(&self) -> bool {
        self.calls.is_empty()
    }

    /// The connection was closed with this code, by the PBX, or by an application that is leaving.
    pub(crate) fn closed(&mut self, code: u16, leaving: bool) {
        if self.is_idle() && (code == 1000 || leaving && code == 1001) {
            self.say(format_args!("closed with {code}"));
        } else {
            let calls = self.calls.len();
            self.lost(format_args!("closed with {code} during {calls} calls"));
        }
    }

    /// The connection ended without a Close. Before the first message that is an attempt that the PBX gave up, because it
    /// took longer than its connection_timeout: no call is harmed.
    pub(crate) fn broken(&mut self, reason: impl fmt::Display) {
        if self.begun {
            self.lost(reason);
        } else {
            self.say(format_args!("given up by the PBX before its first message ({reason})"));
        }
    }

    /// The connection did not end as it should: its calls do not count.
    pub(crate) fn lost(&mut self, reason: impl fmt::Display) {
        self.error(reason);
        self.finished = 0;
    }

    pub(crate) fn receive(&mut self, text: &str) {
        self.begun = true;
        let Some(message) = serde_json::from_str::<Value>(text).ok().filter(Value::is_object) else {
            self.error(format_args!("not a JSON object: {text}"));
            return;
        };
        if let Some(board) = self.board() {
            board.message(self.number, Direction::FromPbx, &message, text);
        }
        if self.journal().has(&message) {
            self.say(format_args!("<- once more, and handled: {}", message["ariws_sequence"]));
            return;
        }
        let missing = self.journal().missing_before(&message);
        if missing > 0 {
            self.error(format_args!(
                "{missing} events are missing before {}",
                message["ariws_sequence"]
            ));
        }
        self.handle(&message);
        let handled = self.journal().handled(&message);
        if let Err(error) = handled {
            self.error(format_args!("the journal: {error}"));
        }
    }

    fn board(&self) -> Option<&Board> {
        self.shared.board.as_deref()
    }

    fn show_applications(&self) {
        if let Some(board) = self.board() {
            board.applications(self.number, self.registered.iter());
        }
    }

    fn show_call(&self, channel: &str) {
        if let (Some(board), Some(call)) = (self.board(), self.calls.get(channel)) {
            let view = CallView {
                number: call.number,
                channel,
                name: &call.name,
                state: call.state.as_str(),
                start: call.start,
            };
            board.call(self.number, &view, self.calls.len());
        }
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.shared.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&mut self, message: &Value) {
        let kind = text_at(message, "/type");
        let channel = text_at(message, "/channel/id");
        let target = text_at(message, "/playback/target_uri");
        match kind {
            "RESTResponse" => self.response(message),
            "ApplicationRegistered" | "ApplicationReplaced" => {
                let application = text_at(message, "/application");
                self.say(format_args!("<- {kind} {application}"));
                self.registered.insert(application.to_owned());
                self.show_applications();
                if kind == "ApplicationRegistered" {
                    let inside = self.journal().registered(message);
                    inside.iter().for_each(|channel| self.go_on(channel));
                }
            }
            "ApplicationResumed" => self.resumed(message),
            "ApplicationUnregistered" => {
                let application = text_at(message, "/application");
                self.say(format_args!("<- {kind} {application}"));
                self.registered.remove(application);
                self.show_applications();
            }
            "StasisStart" => self.stasis_start(message, channel),
            "ChannelDtmfReceived" => self.digit(channel, text_at(message, "/digit")),
            "PlaybackFinished" => self.playback_finished(target),
            "StasisEnd" => self.stasis_end(channel),
            _ => self.say(format_args!("<- {kind} {channel}{target}")),
        }
    }

    fn stasis_start(&mut self, event: &Value, channel: &str) {
        let name = text_at(event, "/channel/name");
        let arguments = event.pointer("/args").unwrap_or(&Value::Null);
        self.say(format_args!("<- StasisStart {channel} {name} {arguments}"));
        let application = text_at(event, "/application");
        if !self.registered.contains(application) {
            self.error(format_args!("StasisStart of {application} before its ApplicationRegistered"));
            return;
        }
        self.add_call(channel, name, CallState::Ringing);
        if matches!(self.shared.lead, Lead::Application { .. }) {
            self.answer(channel);
        }
    }

    fn add_call(&mut self, channel: &str, name: &str, state: CallState) {
        self.numbered += 1;
        let call = Call {
            number: self.numbered,
            name: name.to_owned(),
            start: Instant::now(),
            state,
        };
        self.calls.insert(channel.to_owned(), call);
        self.show_call(channel);
    }

    /// A call that waits for a digit from now on.
    fn waiting(&self) -> CallState {
        CallState::Waiting(match self.shared.lead {
            Lead::Application { digit_timeout } => Some(Instant::now() + digit_timeout),
            Lead::Page => None,
        })
    }

    /// The connection was made again. Where events were dropped, a StasisStart may be among them.
    fn resumed(&mut self, message: &Value) {
        let number = |name: &str| message[name].as_u64().unwrap_or_default();
        self.say(format_args!(
            "<- ApplicationResumed {} after {} ms: {} events follow, {} were dropped",
            text_at(message, "/application"),
            number("down_ms"),
            number("events_queued"),
            number("events_dropped"),
        ));
        if number("events_dropped") > 0 {
            let channels = message["channels"].as_array().into_iter().flatten();
            channels.filter_map(Value::as_str).for_each(|channel| self.go_on(channel));
        }
    }

    /// A call that came on another connection, perhaps to another process: it has the digit timeout to go on.
    fn go_on(&mut self, channel: &str) {
        if self.calls.contains_key(channel) {
            return;
        }
        self.say(format_args!("goes on with the call {channel}"));
        self.add_call(channel, "", self.waiting());
    }

    fn digit(&mut self, channel: &str, digit: &str) {
        self.say(format_args!("<- ChannelDtmfReceived {channel} digit {digit}"));
        match digit {
            "1" => self.play(channel, CHOICE),
            "2" => self.leave(channel, Action::Continue),
            "#" => self.leave(channel, Action::HangUp),
            _ => {
                let waiting = self.waiting();
                if let Some(call) = self.calls.get_mut(channel)
                    && matches!(call.state, CallState::Waiting(_))
                {
                    call.state = waiting;
                }
            }
        }
    }

    fn playback_finished(&mut self, target: &str) {
        self.say(format_args!("<- PlaybackFinished {target}"));
        if let Some(channel) = target.strip_prefix("channel:") {
            self.played(channel);
        }
    }

    /// A playback is over, well or not: after the last one, the caller has the digit timeout to go on.
    fn played(&mut self, channel: &str) {
        let waiting = self.waiting();
        if let Some(call) = self.calls.get_mut(channel)
            && let CallState::Playing(count) = call.state
        {
            call.state = match count {
                0 | 1 => waiting,
                _ => CallState::Playing(count - 1),
            };
            self.show_call(channel);
        }
    }

    fn stasis_end(&mut self, channel: &str) {
        match self.calls.remove(channel) {
            Some(call) => {
                self.finished += 1;
                if let Some(board) = self.board() {
                    board.call_ended(self.number, call.number, self.calls.len());
                }
                let time = call.start.elapsed().as_millis();
                self.say(format_args!("<- StasisEnd {channel}: the call took {time} ms"));
            }
            None => self.error(format_args!("StasisEnd {channel}: no such call")),
        }
    }

    fn response(&mut self, response: &Value) {
        let status = response.pointer("/status_code").and_then(Value::as_u64).unwrap_or(0);
        let reason = text_at(response, "/reason_phrase");
        let Some(request) = self.pending.remove(text_at(response, "/request_id")) else {
            self.error(format_args!("a response to no request: {response}"));
            return;
        };
        let channel = request.channel.as_str();
        self.say(format_args!("<- {status} {reason} ({})", request.line));
        if (200..300).contains(&status) {
            if request.purpose == Action::Answer {
                self.answered(channel);
            }
            return;
        }
        // The caller may hang up at any time: then the channel is gone (404) or about to go (409).
        if !matches!(status, 404 | 409) {
            self.error(format_args!("{}: {status} {reason}", request.line));
        }
        match request.purpose {
            Action::Answer => self.leave(channel, Action::HangUp),
            Action::Play => self.played(channel),
            Action::Continue | Action::HangUp => {}
        }
    }

    /// Does what a button of the page asks for, if the call is still there and in a state for it.
    pub(crate) fn command(&mut self, command: Command) {
        let channel = self.calls.iter().find(|(_, call)| call.number == command.call);
        let Some(channel) = channel.map(|(channel, _)| channel.clone()) else {
            return;
        };
        match command.action {
            Action::Answer => self.answer(&channel),
            Action::Play => self.play(&channel, CHOICE),
            Action::Continue | Action::HangUp => self.leave(&channel, command.action),
        }
    }

    fn answer(&mut self, channel: &str) {
        if let Some(call) = self.calls.get_mut(channel)
            && matches!(call.state, CallState::Ringing)
        {
            call.state = CallState::Answering;
            self.request(Action::Answer, channel, &json!([]));
        }
    }

    fn answered(&mut self, channel: &str) {
        let state = self.waiting();
        match self.shared.lead {
            Lead::Application { .. } => self.play(channel, MENU),
            Lead::Page => {
                if let Some(call) = self.calls.get_mut(channel)
                    && matches!(call.state, CallState::Answering)
                {
                    call.state = state;
                    self.show_call(channel);
                }
            }
        }
    }

    fn play(&mut self, channel: &str, media: &str) {
        let Some(call) = self.calls.get_mut(channel) else {
            return;
        };
        call.state = match call.state {
            CallState::Playing(count) => CallState::Playing(count + 1),
            CallState::Answering | CallState::Waiting(_) => CallState::Playing(1),
            CallState::Ringing | CallState::Leaving => return,
        };
        self.request(Action::Play, channel, &json!([{"name": "media", "value": media}]));
    }

    /// Ends the call's stay.
    fn leave(&mut self, channel: &str, purpose: Action) {
        let Some(call) = self.calls.get_mut(channel) else {
            return;
        };
        if !matches!(call.state, CallState::Leaving) {
            call.state = CallState::Leaving;
            self.request(purpose, channel, &json!([]));
        }
    }

    fn request(&mut self, purpose: Action, channel: &str, parameters: &Value) {
        self.show_call(channel);
        let id = utf8_percent_encode(channel, SEGMENT);
        let (method, uri) = match purpose {
            Action::Answer => ("POST", format!("channels/{id}/answer")),
            Action::Play => ("POST", format!("channels/{id}/play")),
            Action::Continue => ("POST", format!("channels/{id}/continue")),
            Action::HangUp => ("DELETE", format!("channels/{id}")),
        };
        self.requests += 1;
        let request_id = format!("request-{}", self.requests);
        let line = format!("{method} {uri}");
        self.say(format_args!("-> {line}"));
        let message = json!({
            "type": "RESTRequest",
            "transaction_id": channel,
            "request_id": request_id,
            "method": method,
            "uri": uri,
            "query_strings": parameters,
        });
        let text = message.to_string();
        if let Some(board) = self.board() {
            board.message(self.number, Direction::ToPbx, &message, &text);
        }
        self.outgoing.push(text);
        self.pending.insert(
            request_id,
            Pending {
                purpose,
                channel: channel.to_owned(),
                line,
            },
        );
    }

    /// The next time at which a call has waited long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.calls.values().filter_map(Call::deadline).min()
    }

    pub(crate) fn time_is_up(&mut self) {
        let now = Instant::now();
        let late = |call: &Call| call.deadline().is_some_and(|until| until <= now);
        let silent: Vec<String> = self
            .calls
            .iter()
            .filter(|(_, call)| late(call))
            .map(|(channel, _)| channel.clone())
            .collect();
        for channel in silent {
            self.say(format_args!("no digit from {channel}"));
            self.leave(&channel, Action::HangUp);
        }
    }
}
