//! The words of the table: what a peer does, step by step, and what is promised then.

use std::time::Duration;

use super::tls::Server;

/// Rows that are tried together, on connections of one instance of the library.
pub struct Group {
    /// The first part of the names of its tests, and its heading.
    pub name: &'static str,
    /// What goes for all of its rows.
    pub about: &'static str,
    /// Parameters of every connection, "name = value".
    pub settings: &'static [&'static str],
    /// What every server of the group has to do before the upgrade request comes.
    pub before: Vec<Step>,
    pub rows: Vec<Row>,
}

/// One behaviour.
#[derive(Clone)]
pub struct Row {
    /// What the peer does, the end of a sentence that begins with "The peer".
    pub peer: String,
    pub script: Vec<Step>,
    pub promise: Promise,
}

/// Rows as a list, each an expression or `"what the peer does", [its steps] => what is promised`.
macro_rules! rows {
    ($($row:expr;)*) => { vec![$($row),*] };
    ($($peer:expr, [$($step:expr),* $(,)?] => $promise:expr;)*) => {
        vec![$(crate::row::row($peer, [$($step),*], $promise)),*]
    };
}
pub(crate) use rows;

/// What a peer does, and what happens at the host meanwhile.
#[derive(Clone)]
pub enum Step {
    /// Reads the head of the upgrade request, or of the request to a proxy.
    Head,
    /// Reads the request and answers it as it should be.
    Up,
    /// Sends it; `{accept}` stands for the right Sec-WebSocket-Accept.
    Send(Vec<u8>),
    /// The same in pieces of so many bytes, with a pause of so many milliseconds after each.
    Pieces(Vec<u8>, usize, u64),
    /// Sends the same so many times, and a request with the id `last`, while the script goes on.
    Flood(Vec<u8>, usize),
    /// Sends the same until the connection ends, and reads nothing.
    Unread(Vec<u8>),
    /// Reads until this comes.
    Expect(Seen),
    /// Reads so many pieces of so many bytes at most, with a pause of so many milliseconds after each.
    Read(usize, usize, u64),
    /// Does nothing until the library ends the connection; nothing is read either.
    Stall,
    /// Ends its own direction.
    HalfClose,
    Close,
    Reset,
    /// Does its part of a TLS handshake, as far as the library does its own.
    Tls(Server),
    /// Sends bytes past TLS.
    Below(Vec<u8>),
    /// Changes its keys so many times (RFC 8446 section 4.6.3).
    Keys(usize),
    /// The host offers so many events, each with a text of so many bytes.
    Events(usize, usize),
    /// The operator shuts the session down.
    ShutDown,
    /// The channel of the call leaves the application.
    Leave,
    /// The caller hangs up while the connection is being made.
    HangUp,
    /// The host begins to unload the library.
    Unload,
}

/// What a peer gets to see. What comes in between and is not waited for is passed over, but for the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// ApplicationRegistered.
    Registered,
    StasisEnd,
    /// The event that the host offered last.
    Event,
    /// The answer to a request, with this status.
    Answer(u16),
    /// One with this request_id, too.
    AnswerTo(&'static str, u16),
    /// A pong with a payload of this length.
    Pong(usize),
    Ping,
    Close(u16),
    CloseWithoutCode,
    /// The end of the connection without a Close.
    End,
    /// A TLS alert, by its name in RFC 8446 without blanks, and the end.
    Alert(&'static str),
}

/// What is promised.
#[derive(Clone)]
pub struct Promise {
    pub outcome: Outcome,
    /// What the peer sees after its script, in this order.
    pub sees: Vec<Seen>,
    /// A part of a line of the log about the connection.
    pub log: &'static str,
    /// The time from the beginning of a round to all of that.
    pub within: Duration,
    /// Further parameters of its connection.
    pub settings: &'static [&'static str],
    /// Whether fewer rounds must do.
    pub takes_time: bool,
}

/// What becomes of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It stays: an event arrives on it, and a request is answered.
    StaysUp,
    /// The library makes it again.
    MadeAgain,
    /// There is none; the library tries again.
    AttemptFails,
    /// The operator shut it down, and it is gone.
    ShutDown,
    /// The call goes on over the same connection, to its end.
    CallGoesOn,
    /// The call goes on over another connection, to its end.
    CallGoesOnAnew,
    /// The start fails for want of a server when all attempts went like this one.
    StartFails,
    /// The start ends with ARIWS_ERROR_CANCELLED.
    StartCancelled,
    /// The host's `stasis_failed` is called when all attempts went like this one.
    StasisFails,
    /// The connection ends with the call.
    CallEnds,
    /// `ariws_unload` returns.
    Unloaded,
}

impl Outcome {
    pub fn is_of_a_call(self) -> bool {
        !matches!(
            self,
            Self::StaysUp | Self::MadeAgain | Self::AttemptFails | Self::ShutDown | Self::Unloaded
        )
    }
}

pub fn row(peer: &str, script: impl Into<Vec<Step>>, promise: Promise) -> Row {
    Row {
        peer: peer.to_owned(),
        script: script.into(),
        promise,
    }
}

/// When the websocket is up, sends a message that is answered with this status. Large ones take time.
pub fn asked(peer: &str, message: Vec<u8>, status: u16) -> Row {
    let promise = match message.len() {
        ..100_000 => answered(status),
        _ => answered(status).takes_time(5000),
    };
    row(peer, [Step::Up, Step::Send(message)], promise)
}

/// Any outcome.
pub fn comes_to(outcome: Outcome) -> Promise {
    Promise {
        outcome,
        sees: vec![],
        log: "",
        within: Duration::from_secs(1),
        settings: &[],
        takes_time: false,
    }
}

pub fn stays_up() -> Promise {
    comes_to(Outcome::StaysUp)
}

/// The request is answered with this status, and the connection stays.
pub fn answered(status: u16) -> Promise {
    stays_up().sees([Seen::Answer(status)])
}

/// The peer has ended it by itself.
pub fn made_again() -> Promise {
    comes_to(Outcome::MadeAgain)
}

/// The library closes it with this code.
pub fn closed(code: u16) -> Promise {
    made_again().sees([Seen::Close(code)])
}

/// The library ends it without a Close.
pub fn dropped() -> Promise {
    made_again().sees([Seen::End])
}

/// The library ends the attempt.
pub fn refused(log: &'static str) -> Promise {
    comes_to(Outcome::AttemptFails).sees([Seen::End]).logs(log)
}

/// The peer has ended the attempt by itself, or does not see its end.
pub fn fails(log: &'static str) -> Promise {
    comes_to(Outcome::AttemptFails).logs(log)
}

impl Promise {
    pub fn sees(mut self, sees: impl IntoIterator<Item = Seen>) -> Self {
        self.sees = sees.into_iter().collect();
        self
    }

    pub fn logs(mut self, text: &'static str) -> Self {
        self.log = text;
        self
    }

    /// With further parameters of the connection.
    pub fn with(mut self, settings: &'static [&'static str]) -> Self {
        self.settings = settings;
        self
    }

    pub fn within(mut self, milliseconds: u64) -> Self {
        self.within = Duration::from_millis(milliseconds);
        self
    }

    /// It takes much of it, so that a twentieth of the rounds must do.
    pub fn takes_time(mut self, milliseconds: u64) -> Self {
        self.takes_time = true;
        self.within(milliseconds)
    }
}
