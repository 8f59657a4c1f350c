//! What a replay does and what it expects: a recorded case in terms of the library.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use serde_json::value::RawValue;

use super::case::{Files, Tls};
use super::dialplan::channel_of;
use super::{terminal, timeline};

/// A case in terms of the library.
#[derive(Debug, Clone)]
pub struct Story {
    /// The files at the beginning.
    pub files: Files,
    /// User events that another application got, as it is connected to Asterisk itself.
    pub elsewhere: BTreeSet<String>,
    /// What the recorder did, in words.
    pub steps: Vec<(f64, String)>,
    /// What is done, in order.
    pub acts: Vec<Act>,
    /// The connections that Asterisk made, in the order in which they were accepted.
    pub links: Vec<Link>,
    /// The case begins with connections that exist already; their beginnings were not recorded.
    pub begun: bool,
    /// Ports of the application's servers, as they were recorded.
    pub ports: BTreeSet<u16>,
    /// How it was recorded under load, if it was.
    pub load: Option<Load>,
    /// What STASISSTATUS was.
    pub statuses: Vec<Status>,
    /// What its servers show and want, if they speak TLS.
    pub tls: Option<Tls>,
    /// It is about the library's timeouts: they are as long as they were.
    pub about_time: bool,
    /// Texts of which the library's log must have each.
    pub logs: Vec<String>,
    /// What the runner cannot replay.
    pub unknown: Vec<String>,
}

/// What is asked of connections under load.
#[derive(Debug, Clone, Copy, Default)]
pub struct Load {
    /// Attempts to connect are at least this far apart.
    pub apart: Option<Duration>,
    /// Each connection ends in a way that loses nothing.
    pub clean: bool,
}

/// One thing that is done.
#[derive(Debug, Clone)]
pub struct Act {
    /// When it was done. All that Asterisk did before is waited for before it is done again.
    pub at: f64,
    pub what: What,
}

/// What is done.
#[derive(Debug, Clone)]
pub enum What {
    Load,
    /// Asterisk ends by itself, or what there is of websockets in it.
    Unload,
    /// Asterisk is stopped.
    End,
    Listen(u16),
    StopListening(u16),
    /// Whoever connects to this port gets no answer.
    Silence(u16),
    Write(Files),
    Reload,
    Command(Command),
    Http(Http),
    /// The application sends something on a connection.
    Say(usize, Saying),
    /// The application is about to send a request by itself.
    Expect(Request),
    /// The application stops reading on a connection, or reads again.
    Deaf(usize, bool),
    /// The application reads slowly from now on.
    Slow(usize),
    /// Asterisk has many long events; they are waited for, or only so many of them.
    Flood(usize, Option<usize>),
    /// Asterisk has an event for an application.
    Event(Event),
    /// A channel enters `Stasis(app)`.
    Enter(Channel),
    /// An application connects to Asterisk.
    Inbound {
        name: String,
        id: String,
        address: String,
        apps: Vec<String>,
    },
    /// It leaves.
    InboundGone(String),
}

/// A command line and what Asterisk printed.
#[derive(Debug, Clone)]
pub struct Command {
    pub line: String,
    pub output: String,
    pub compare: Compare,
}

/// How a command's output is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    Whole,
    /// Only the first line.
    FirstLine,
    /// More lines may follow.
    Beginning,
    /// These texts are in it.
    Contains(Vec<String>),
    /// It is what another command prints.
    As(String),
    /// One more line may say that nothing was started, and why.
    Started,
}

/// A request over HTTP and its answer.
#[derive(Debug, Clone)]
pub struct Http {
    pub method: String,
    /// Without the leading `/ari/`.
    pub path: String,
    pub query: String,
    pub status: u16,
}

/// What an application sends.
#[derive(Debug, Clone)]
pub enum Saying {
    /// Frames, written as they are.
    Bytes(Vec<u8>),
    /// The same in pieces of this size, with a pause between them.
    Pieces(Vec<u8>, usize, Duration, Option<Request>),
    /// The beginning of a frame.
    Half(Vec<u8>),
    /// Its end.
    Rest(Vec<u8>, Option<Request>),
    /// A request: its frame, and what it is about.
    Request(Vec<u8>, Request),
    /// Frames, and the end of the connection in the same segment.
    Last(Vec<u8>),
    /// The end of the connection without a Close.
    Finish,
    Reset,
}

/// A request, and how Asterisk answered.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub transaction_id: String,
    pub request_id: String,
    /// The whole message.
    pub text: String,
    pub answer: Option<String>,
    /// The answer is not Asterisk's, which did something else.
    pub ours: bool,
}

/// An event.
#[derive(Debug, Clone)]
pub struct Event {
    /// The connection that it was sent on.
    pub link: usize,
    pub application: String,
    pub kind: String,
    /// The channel that it is about.
    pub channel: Option<Channel>,
    /// As the library sends it.
    pub text: String,
}

/// A channel, and the application that it enters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub id: String,
    pub name: String,
    pub app: String,
}

/// What STASISSTATUS was when a channel had been in an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The channel's name.
    pub channel: String,
    /// Which of its times it was, from 0 up.
    pub time: usize,
    pub status: String,
}

/// A connection that Asterisk made.
#[derive(Debug, Clone, Default)]
pub struct Link {
    /// Its number in the recording.
    pub number: u32,
    pub port: u16,
    /// When it was made; `None` if it exists already when the case begins.
    pub made: Option<f64>,
    /// The upgrade request.
    pub request: Option<String>,
    /// What the application's server answered, and how long after the request.
    pub answers: Vec<(Duration, String)>,
    /// What Asterisk sent, with the times.
    pub items: Vec<(f64, Item)>,
    /// Frames that leave the server in one write with the answer.
    pub beside: Vec<u8>,
    /// Whether the server answers a Close.
    pub answers_close: bool,
    /// When Asterisk closed it.
    pub closed: Option<f64>,
}

/// Something that the library sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An event.
    Event(String),
    /// An answer to a request.
    Answer(String),
    /// A Close with its code.
    Close(Option<u16>),
    /// The beginning of a TLS handshake with a server that does not speak TLS.
    Hello,
    /// A pong with its payload in hexadecimal.
    Pong(String),
    /// Anything with this summary; only expected, never sent.
    Like(String),
    /// Something that should never be sent.
    Fault(String),
}

impl Saying {
    /// The request that it is.
    pub fn request(&mut self) -> Option<&mut Request> {
        match self {
            Self::Request(_, request) => Some(request),
            Self::Pieces(_, _, _, request) | Self::Rest(_, request) => request.as_mut(),
            Self::Bytes(_) | Self::Half(_) | Self::Last(_) | Self::Finish | Self::Reset => None,
        }
    }
}

impl Request {
    /// Whether an answer of Asterisk's may be meant for it.
    pub fn is_answered_by(&self, answer: &str) -> bool {
        let says = |name: &str, text: &str| member(answer, name).is_some_and(|value| value == text);
        // What Asterisk cannot read it answers without ids and uri.
        says("uri", "")
            || says("uri", &self.path)
                && says("transaction_id", &self.transaction_id)
                && says("request_id", &self.request_id)
    }
}

impl Item {
    /// Text of the library by what it is.
    pub fn text(text: String) -> Self {
        if type_of(&text) == "RESTResponse" {
            Self::Answer(text)
        } else {
            Self::Event(text)
        }
    }

    /// It in a few words: the type, the application, and what an event is about.
    pub fn summary(&self) -> String {
        match self {
            Self::Event(text) | Self::Answer(text) => {
                let about = channel_of(text).map(|channel| channel.id);
                let parts = [
                    member(text, "type"),
                    member(text, "application"),
                    member(text, "eventname").or(about),
                ];
                parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
            }
            Self::Close(Some(code)) => format!("Close {code}"),
            Self::Close(None) => "Close".to_owned(),
            Self::Hello => "Hello".to_owned(),
            Self::Pong(payload) => format!("Pong {payload}"),
            Self::Like(summary) => summary.clone(),
            Self::Fault(fault) => format!("a fault: {fault}"),
        }
    }

    /// Whether it is an answer. No order between answers and the rest is promised.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Answer(_))
    }
}

impl Story {
    /// Whether anything is in it that a library can do like Asterisk or not.
    pub fn shows_anything(&self) -> bool {
        let shows = |act: &Act| match &act.what {
            What::Command(command) => terminal::is_compared(&command.line),
            What::Http(http) => http.path.starts_with("events/user/") || self.hangs_up(http),
            _ => false,
        };
        !self.links.is_empty()
            || !self.statuses.is_empty()
            || !self.logs.is_empty()
            || self.acts.iter().any(shows)
    }

    /// Whether a channel is hung up that enters an application.
    fn hangs_up(&self, http: &Http) -> bool {
        let hung_up = timeline::hung_up(http);
        self.acts
            .iter()
            .any(|act| matches!(&act.what, What::Enter(channel) if hung_up == Some(&channel.id)))
    }

    /// Of a case that was recorded under load only the ends of connections are compared as they were.
    pub fn put_under_load(&mut self, apart: Option<Duration>) {
        let is_reset = |act: &Act| matches!(act.what, What::Say(_, Saying::Reset));
        self.load = Some(Load {
            apart,
            clean: !self.acts.iter().any(is_reset),
        });
        // Asterisk crashed when it had made the last connection, or the recording is cut there: the server would have answered
        // as before, and the library lives.
        let answered = self.links.iter().rfind(|link| !link.answers.is_empty());
        let answers = answered.map(|link| link.answers.clone());
        for link in &mut self.links {
            link.items
                .retain(|(_, item)| matches!(item, Item::Close(_)));
            if let Some(answers) = &answers
                && link.request.is_none()
            {
                link.answers.clone_from(answers);
                link.closed = None;
            }
        }
        self.acts
            .retain(|act| !matches!(act.what, What::Event(_) | What::Http(_)));
    }

    /// What STASISSTATUS is after the first time of a channel in an application.
    pub fn end_stasis(&mut self, channel: &str, status: &str) {
        self.statuses
            .retain(|known| known.channel != channel || known.time != 0);
        self.statuses.push(Status {
            channel: channel.to_owned(),
            time: 0,
            status: status.to_owned(),
        });
    }

    /// A connection is not made.
    pub fn remove_link(&mut self, index: usize) {
        self.links.remove(index);
        self.acts.retain(|act| match &act.what {
            What::Say(its, _) => *its != index,
            What::Event(event) => event.link != index,
            _ => true,
        });
        for act in &mut self.acts {
            match &mut act.what {
                What::Say(its, _) if *its > index => *its -= 1,
                What::Event(event) if event.link > index => event.link -= 1,
                _ => {}
            }
        }
    }
}

impl Link {
    /// The application of the first text, by which connections that are made at the same time are told apart.
    pub fn application(&self) -> Option<String> {
        self.items.iter().find_map(|(_, item)| match item {
            Item::Event(text) | Item::Answer(text) => member(text, "application"),
            Item::Like(summary) => summary.split(' ').nth(1).map(str::to_owned),
            _ => None,
        })
    }
}

/// The `type` of a message.
pub fn type_of(text: &str) -> String {
    member(text, "type").unwrap_or_default()
}

/// A member of a message that is a string.
pub fn member(text: &str, name: &str) -> Option<String> {
    // Raw values may be nested as deeply as a recording likes.
    let members: HashMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
    serde_json::from_str(members.get(name)?.get()).ok()
}
