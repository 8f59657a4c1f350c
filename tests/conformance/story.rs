//! What a replay does and what it expects, as `tests/reference/story` tells it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::process::Command as Process;

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use super::frames;

/// Configuration files by name; `None` for one that does not exist.
pub type Files = BTreeMap<String, Option<String>>;

/// What `differences.json` says to the runner.
#[derive(Debug, Clone, Deserialize)]
pub struct Table {
    /// Where each difference is documented.
    pub rules: BTreeMap<String, String>,
    /// Parts of messages with which the library refuses what Asterisk accepts, and the differences that say so.
    pub refusals: Vec<(String, String)>,
}

/// A case: what is to be replayed, or why it cannot be.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    /// Its area and its name.
    pub id: String,
    /// It cannot be read.
    pub failed: Option<String>,
    pub not_applicable: Option<String>,
    #[serde(flatten)]
    pub story: Option<Story>,
}

/// A case in terms of the library.
#[derive(Debug, Clone, Deserialize)]
pub struct Story {
    /// The files at the beginning.
    pub files: Files,
    /// What is done, in order.
    pub acts: Vec<Act>,
    /// The connections that the library is to make, in the order in which they are accepted.
    pub links: Vec<Link>,
    /// It begins with connections that exist already; their beginnings were not recorded.
    pub begun: bool,
    /// Ports of the application's servers, as they were recorded.
    pub ports: BTreeSet<u16>,
    /// How it was recorded under load, if it was.
    pub load: Option<Load>,
    /// What STASISSTATUS is: the channel's name, which of its times it is from 0 up, and the status.
    pub statuses: Vec<(String, usize, String)>,
    pub server: Server,
    /// Texts of which the library's log must have each.
    pub logs: Vec<String>,
    /// What nobody knows how to replay.
    pub unknown: Vec<String>,
    /// The differences that are part of it already.
    pub met: BTreeSet<String>,
    /// The connections that are configured at the beginning.
    pub connections: Vec<String>,
    /// The first application of them.
    pub application: String,
    pub objects: Vec<Object>,
}

/// What is asked of connections under load.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Load {
    /// How many milliseconds attempts to connect are apart at least.
    pub apart: Option<u32>,
    /// Each connection ends in a way that loses nothing.
    pub clean: bool,
}

/// What the servers show and want, if they speak TLS.
#[derive(Debug, Clone, Deserialize)]
pub struct Server {
    pub certificate: Option<String>,
    /// What the certificate is for.
    pub names: Vec<String>,
    #[serde(default)]
    pub demands_certificate: bool,
}

/// A section of `ari.conf`, its websocket client and its applications.
#[derive(Debug, Clone, Deserialize)]
pub struct Object {
    pub name: String,
    pub client: Option<String>,
    pub apps: Vec<String>,
}

/// One thing that is done, after all that is to have happened before its time.
#[derive(Debug, Clone, Deserialize)]
pub struct Act {
    pub at: f64,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", content = "with", rename_all = "snake_case")]
pub enum What {
    Load,
    /// Asterisk ends by itself, or what there is of websockets in it.
    Unload,
    /// The case is over.
    End,
    Reload,
    Write(Files),
    Listen(u16),
    StopListening(u16),
    /// Whoever connects to this port gets no answer.
    Silent(u16),
    Say(Said),
    /// The application is about to send a request by itself.
    Expect(Request),
    /// The application stops reading on a connection, or reads again.
    Deaf(usize, bool),
    /// The application reads slowly from now on.
    Slow(usize),
    /// The host has many long events; they are waited for, or only so many of them.
    Flood(usize, Option<usize>),
    Command(Command),
    Event(Event),
    /// A channel enters `Stasis(app)`.
    Enter(Channel),
    /// A channel hangs up, and with it the other half of a local one.
    HangUp(Vec<String>),
    /// Somebody asks for a user event for an application; the status tells whether it is registered.
    UserEvent(String, String, u16),
    /// An application connects to the host.
    Inbound(Inbound),
    /// It leaves.
    InboundGone(String),
}

/// A command line and what it is to print.
#[derive(Debug, Clone, Deserialize)]
pub struct Command {
    pub line: String,
    pub words: Vec<String>,
    pub run: Run,
    /// It changes nothing.
    pub shows: bool,
    /// The beginning of the word that is to be completed, and what the host completes it to besides.
    #[serde(default)]
    pub prefix: String,
    #[serde(default)]
    pub hosts: Vec<String>,
    /// Without regard to case.
    #[serde(default)]
    pub folded: bool,
    pub output: String,
    pub compare: Compare,
}

/// Whose command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Run {
    Library,
    /// The host's list of applications.
    Apps,
    /// The host's page of a context.
    Context,
    /// Completion.
    Complete,
}

/// How a command's output is compared.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    Whole,
    /// These texts are in it.
    Contains(Vec<String>),
    /// It is what another command prints.
    As(Vec<String>),
    /// One more line may say that nothing was started, and why.
    Started,
}

/// What an application sends.
#[derive(Debug, Clone, Deserialize)]
pub struct Said {
    pub link: usize,
    #[serde(deserialize_with = "hexadecimal")]
    pub bytes: Vec<u8>,
    /// The size of the pieces that they are written in, and the milliseconds between.
    pub pieces: Option<(usize, f64)>,
    /// They end in the middle of a frame.
    pub unfinished: Option<bool>,
    pub request: Option<Request>,
    /// How the connection ends with them, if it does.
    pub then: Option<Ending>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    Fin,
    Rst,
}

impl Said {
    /// Whether the application ends its connection by this.
    pub fn ends(&self) -> bool {
        self.then.is_some() || self.bytes.first() == Some(&(frames::FINAL | frames::CLOSE))
    }
}

/// A request, and how Asterisk answered.
#[derive(Debug, Clone, Deserialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub answer: Answer,
    /// The answer is the library's, not the host's.
    pub librarys: bool,
    /// The answer is not Asterisk's, which did something else.
    pub ours: bool,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub struct Answer {
    pub status: i32,
    pub reason: String,
    pub body: Option<String>,
}

/// An event that the host has for an application.
#[derive(Debug, Clone, Deserialize)]
pub struct Event {
    pub application: String,
    pub text: String,
    /// It tells that a channel is in the application now.
    pub enters: bool,
    /// The channel that has left by it.
    pub leaves: Option<String>,
}

/// A channel, and the application that it enters.
#[derive(Debug, Clone, Deserialize)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub app: String,
}

/// An application that connects to the host.
#[derive(Debug, Clone, Deserialize)]
pub struct Inbound {
    pub name: String,
    pub id: String,
    pub address: String,
    pub apps: Vec<String>,
}

/// A connection that the library is to make.
#[derive(Debug, Clone, Deserialize)]
pub struct Link {
    /// Its number in the recording.
    pub number: u32,
    pub port: u16,
    /// When it is made; `None` if it exists already when the case begins.
    pub made: Option<f64>,
    /// The upgrade request; `None` if it never asks.
    pub request: Option<String>,
    /// What the server answers, and how many milliseconds after the request.
    pub answers: Vec<(f64, String)>,
    /// What the library sends, with the times.
    pub items: Vec<(f64, Item)>,
    /// Frames that leave the server in one write with the answer.
    #[serde(deserialize_with = "hexadecimal")]
    pub beside: Vec<u8>,
    /// Whether the server answers a Close.
    pub answers_close: bool,
    /// When the library ends it.
    pub closed: Option<f64>,
    /// The application of the first message, by which connections that are made at the same time are told apart.
    pub application: Option<String>,
}

/// Something that the library sends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "lowercase")]
pub enum Item {
    Event(String),
    /// An answer to a request.
    Answer(String),
    /// A Close with its code.
    Close(Option<u16>),
    /// The beginning of a TLS handshake with a server that does not speak TLS.
    Hello(()),
    /// A pong with its payload in hexadecimal.
    Pong(String),
    /// Anything with this summary; only expected, never sent.
    Like(String),
    /// Something that should never be sent.
    Fault(String),
}

/// What comes in order on a connection: no order between these is promised.
pub const ORDERS: [&str; 3] = ["answers", "pongs", "messages"];

impl Item {
    pub fn text(text: String) -> Self {
        if member(&text, "type").is_some_and(|kind| kind == "RESTResponse") {
            Self::Answer(text)
        } else {
            Self::Event(text)
        }
    }

    /// It in a few words: the type, the application, and what an event is about.
    pub fn summary(&self) -> String {
        let (Self::Event(text) | Self::Answer(text)) = self else {
            return self.to_string();
        };
        let channel = member_of(text, "channel").and_then(|channel| member(channel.get(), "id"));
        let about = member(text, "eventname").or(channel);
        let parts = [member(text, "type"), member(text, "application"), about];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// Which of the orders it is in.
    pub fn order(&self) -> &'static str {
        match self {
            Self::Answer(_) => ORDERS[0],
            Self::Pong(_) => ORDERS[1],
            _ => ORDERS[2],
        }
    }

    pub fn is_close(&self) -> bool {
        matches!(self, Self::Close(_))
    }

    /// The number of an event whose name is a mark and a number.
    pub fn number(&self, mark: char) -> Option<usize> {
        let Self::Event(text) = self else { return None };
        member(text, "eventname")?.strip_prefix(mark)?.parse().ok()
    }
}

impl std::fmt::Display for Item {
    fn fmt(&self, output: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Event(text) | Self::Answer(text) | Self::Like(text) => output.write_str(text),
            Self::Close(Some(code)) => write!(output, "Close {code}"),
            Self::Close(None) => output.write_str("Close"),
            Self::Hello(()) => output.write_str("Hello"),
            Self::Pong(payload) => write!(output, "Pong {payload}"),
            Self::Fault(fault) => write!(output, "a fault: {fault}"),
        }
    }
}

/// Reads the table, and the cases of a folder.
pub fn read(root: &Path, folder: &Path) -> Result<(Table, Vec<Case>), String> {
    let mut python = Process::new("python3");
    python.arg(root.join("tests/reference/story")).arg(folder);
    let output = python.env("PYTHONDONTWRITEBYTECODE", "1").output();
    let output = output.map_err(|error| format!("python3, which reads the cases: {error}"))?;
    if !output.status.success() || !output.stderr.is_empty() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let said = |error: serde_json::Error| error.to_string();
    let mut lines = output.stdout.split(|byte| *byte == b'\n');
    let table = serde_json::from_slice(lines.next().unwrap_or_default()).map_err(said)?;
    let lines = lines.filter(|line| !line.is_empty());
    let cases: Result<_, _> = lines.map(serde_json::from_slice).collect();
    Ok((table, cases.map_err(said)?))
}

/// A member of a message that is a string.
pub fn member(text: &str, name: &str) -> Option<String> {
    serde_json::from_str(member_of(text, name)?.get()).ok()
}

/// A member of a message; raw values may be nested as deeply as a recording likes.
fn member_of(text: &str, name: &str) -> Option<Box<RawValue>> {
    let mut members: HashMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
    members.remove(name)
}

fn hexadecimal<'de, D: Deserializer<'de>>(digits: D) -> Result<Vec<u8>, D::Error> {
    let digits = String::deserialize(digits)?;
    let pair = |at: usize| u8::from_str_radix(digits.get(at..at + 2).unwrap_or_default(), 16);
    let bytes: Result<_, _> = (0..digits.len()).step_by(2).map(pair).collect();
    bytes.map_err(de::Error::custom)
}
