//! Plays rows: round after round, each with its script, and what is promised.

use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Handle, Library, Started};
use serde_json::json;

use super::bytes;
use super::group::configuration;
use super::notes::{Notebook, Noted, Notes, host};
use super::peer::{Fault, Frame, PATIENCE, Peer, accept};
use super::row::{Group, Outcome, Row, Seen, Step};

/// What `ariws_unload` may take for queued events.
pub const GRACE: Duration = Duration::from_millis(300);

/// A row with its connection.
pub struct Player<'a> {
    group: &'a Group,
    pub row: &'a Row,
    /// Of the connection, and of its application.
    pub name: String,
    pub listener: TcpListener,
    pub notes: Arc<Notes>,
    pub library: Handle,
    /// The next connection, where a round had to wait for it.
    next: Option<TcpStream>,
    /// The number of the event that was offered last, and of the one that arrived last.
    offered: u64,
    arrived: u64,
    /// The channel of the call, and the application that events are for.
    pub channel: String,
    pub application: String,
    pub started: Option<Receiver<Started>>,
    unloading: Option<JoinHandle<(i32, Duration)>>,
    /// Whether the connection is shut down.
    at_rest: bool,
    /// How long the rounds took.
    pub took: Vec<Duration>,
}

impl<'a> Player<'a> {
    pub fn new(group: &'a Group, row: &'a Row, name: &str, listener: TcpListener) -> Self {
        Self {
            group,
            row,
            name: name.to_owned(),
            listener,
            notes: Notes::wanting(row.promise.log),
            library: Handle::dead(),
            next: None,
            offered: 0,
            arrived: 0,
            channel: String::new(),
            application: name.to_owned(),
            started: None,
            unloading: None,
            at_rest: false,
            took: Vec::with_capacity(1000),
        }
    }

    /// Plays so many rounds; afterwards there is no connection.
    pub fn play(&mut self, rounds: usize) -> Result<(), Fault> {
        match self.row.promise.outcome {
            Outcome::Unloaded => (0..rounds).try_for_each(|_| self.unload()),
            outcome if outcome.is_of_a_call() => (0..rounds).try_for_each(|_| self.call()),
            _ => {
                self.wake();
                (0..rounds).try_for_each(|_| self.round())?;
                self.rest()
            }
        }
    }

    fn wake(&mut self) {
        if std::mem::take(&mut self.at_rest) {
            let command = format!("ari start outbound-websocket {}", self.name);
            self.library.command(&command);
        }
    }

    fn shut_down(&self) {
        let command = format!("ari shutdown websocket session {}", self.name);
        self.library.command(&command);
    }

    /// Lets the next connection come up and shuts it down.
    fn rest(&mut self) -> Result<(), Fault> {
        let mut peer = Peer::new(self.next_connection()?)?;
        self.steps(&mut peer, &self.group.before)?;
        self.step(&mut peer, &Step::Up)?;
        self.prove(&mut peer)?;
        self.shut_down();
        self.expect(&mut peer, &Seen::Close(1000))?;
        peer.send(&bytes::close(1000, ""))?;
        // The library waits for the server to end TCP (RFC 6455 section 7.1.1).
        drop(peer);
        self.wait_for_rest()
    }

    fn wait_for_rest(&mut self) -> Result<(), Fault> {
        let command = format!("ari show outbound-websocket {} detail", self.name);
        self.at_rest = true;
        wait_for("the connection is not shut down", || {
            let (_, page) = self.library.command(&command);
            page.contains("not running").then_some(())
        })
    }

    fn next_connection(&mut self) -> Result<TcpStream, Fault> {
        match self.next.take() {
            Some(stream) => Ok(stream),
            None => accept(&self.listener),
        }
    }

    fn round(&mut self) -> Result<(), Fault> {
        let stream = self.next_connection()?;
        let began = Instant::now();
        let mut peer = Peer::new(stream)?;
        self.script(&mut peer)?;
        match self.row.promise.outcome {
            Outcome::StaysUp => {
                self.prove(&mut peer)?;
                self.took.push(began.elapsed());
                return peer.leave();
            }
            Outcome::ShutDown => {
                self.wait_for_rest()?;
                self.wake();
            }
            _ => {
                // A peer that stalls may not notice the end; but then the library makes the next connection.
                let held = matches!(self.row.script.last(), Some(Step::Stall)).then_some(peer);
                self.next = Some(accept(&self.listener)?);
                drop(held);
            }
        }
        self.took.push(began.elapsed());
        Ok(())
    }

    /// The script, and what the peer sees then.
    pub fn script(&mut self, peer: &mut Peer) -> Result<(), Fault> {
        let row = self.row;
        self.steps(peer, &row.script)?;
        row.promise.sees.iter().try_for_each(|seen| self.expect(peer, seen))
    }

    fn steps(&mut self, peer: &mut Peer, steps: &[Step]) -> Result<(), Fault> {
        steps.iter().try_for_each(|step| self.step(peer, step))
    }

    pub fn step(&mut self, peer: &mut Peer, step: &Step) -> Result<(), Fault> {
        match step {
            Step::Head => peer.head()?,
            Step::Up => {
                peer.head()?;
                peer.send(&peer.filled_in(&bytes::switching("")))?;
            }
            Step::Send(bytes) => drop(peer.send(&peer.filled_in(bytes))?),
            Step::Pieces(bytes, piece, pause) => {
                for piece in peer.filled_in(bytes).chunks(*piece) {
                    if !peer.send(piece)? {
                        break;
                    }
                    // Part of the behaviour: nothing is waited for.
                    thread::sleep(Duration::from_millis(*pause));
                }
            }
            Step::Flood(bytes, times) => peer.flood(bytes.clone(), *times)?,
            Step::Unread(bytes) => while peer.send(bytes)? {},
            Step::Expect(seen) => self.expect(peer, seen)?,
            Step::Read(pieces, most, pause) => {
                for _ in 0..*pieces {
                    if !peer.fill(*most)? {
                        break;
                    }
                    thread::sleep(Duration::from_millis(*pause));
                }
            }
            // What follows waits.
            Step::Stall => {}
            Step::HalfClose => peer.half_close(),
            Step::Close => peer.close(),
            Step::Reset => peer.reset(),
            Step::Tls(server) => peer.tls(*server)?,
            Step::Below(bytes) => peer.below(bytes),
            Step::Keys(times) => peer.keys(*times)?,
            Step::Events(count, bytes) => (0..*count).try_for_each(|_| self.offer(*bytes))?,
            Step::ShutDown => self.shut_down(),
            Step::Leave => {
                self.has_started()?;
                self.leave_application();
            }
            Step::HangUp => drop(self.library.stasis_cancel(&self.channel)),
            Step::Unload => {
                let library = self.library;
                self.unloading = Some(thread::spawn(move || {
                    let began = Instant::now();
                    (library.unload(GRACE), began.elapsed())
                }));
            }
        }
        Ok(())
    }

    /// Offers an event with the next number.
    fn offer(&mut self, bytes: usize) -> Result<(), Fault> {
        self.offered += 1;
        let event = json!({"type": "Numbered", "number": self.offered, "text": "x".repeat(bytes)});
        match self.library.event(&self.application, &event.to_string()) {
            ARIWS_OK => Ok(()),
            code => Err(format!("an event was refused with {code}")),
        }
    }

    /// Shows that a connection is up: an event arrives, and a request is answered.
    pub fn prove(&mut self, peer: &mut Peer) -> Result<(), Fault> {
        self.offer(0)?;
        self.expect(peer, &Seen::Event)?;
        peer.send(&bytes::with(r#""request_id":"proof""#))?;
        self.expect(peer, &Seen::AnswerTo("proof", 204))
    }

    /// Reads until this is seen. An answer that was to come later, and an event, may have come before.
    pub fn expect(&mut self, peer: &mut Peer, wanted: &Seen) -> Result<(), Fault> {
        let has_come = match wanted {
            Seen::AnswerTo(id, status) => peer.take_kept(id, *status),
            Seen::Event => self.arrived == self.offered,
            _ => false,
        };
        if has_come {
            return Ok(());
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let frame = peer.frame();
            match frame.map_err(|fault| format!("{fault}; {wanted:?} was to come"))? {
                Some(frame) if self.is(&frame, wanted)? => return Ok(()),
                Some(frame) => peer.keep(frame),
                None if peer.end() == *wanted => return Ok(()),
                None => return Err(format!("{:?} was seen; {wanted:?} was to come", peer.end())),
            }
        }
        Err(format!("{wanted:?} did not come"))
    }

    /// Whether a frame is what was to come; an error if that cannot come any more.
    fn is(&mut self, frame: &Frame, wanted: &Seen) -> Result<bool, Fault> {
        let fault = || Err(format!("{frame:?} was seen; {wanted:?} was to come"));
        match (wanted, frame) {
            (Seen::Close(code), Frame::Close(Some(seen))) if code == seen => Ok(true),
            (Seen::CloseWithoutCode, Frame::Close(None)) => Ok(true),
            (_, Frame::Close(_)) => fault(),
            (Seen::Ping, Frame::Ping) => Ok(true),
            (Seen::Pong(length), Frame::Pong(seen)) => Ok(length == seen),
            (_, Frame::Text(text)) => {
                // Events come in order and none comes twice, whatever the peer does.
                if let Some(number) = text.number {
                    if number <= self.arrived {
                        return Err(format!("event {number} came after event {}", self.arrived));
                    }
                    self.arrived = number;
                }
                match (wanted, text.kind.as_str()) {
                    (Seen::Registered, "ApplicationRegistered") | (Seen::StasisEnd, "StasisEnd") => Ok(true),
                    (Seen::Event, "Numbered") => Ok(text.number == Some(self.offered)),
                    (Seen::Answer(status), "RESTResponse") => match text.status_code {
                        Some(seen) if seen == *status => Ok(true),
                        _ => fault(),
                    },
                    (Seen::AnswerTo(id, status), "RESTResponse") => {
                        let id_fits = text.request_id.as_deref() == Some(id);
                        Ok(id_fits && text.status_code == Some(*status))
                    }
                    _ => Ok(false),
                }
            }
            _ => Ok(false),
        }
    }

    /// An instance of its own is loaded and unloaded; the time is that of the unloading.
    fn unload(&mut self) -> Result<(), Fault> {
        let address = self.listener.local_addr().expect("an address");
        let configuration = configuration(self.group, [(self.name.as_str(), self.row, address)]);
        let handle = Arc::new(OnceLock::new());
        let notebook = Notebook::from([(self.name.clone(), Arc::clone(&self.notes))]);
        let host = host(notebook, Arc::clone(&handle));
        let library = Library::load(&host, &configuration);
        handle.get_or_init(|| library.handle());
        self.library = library.handle();
        let mut peer = Peer::new(accept(&self.listener)?)?;
        let played = self.script(&mut peer);
        if self.unloading.is_none() {
            self.step(&mut peer, &Step::Unload)?;
        }
        // The host has to outlive it.
        let unloading = self.unloading.take().map(JoinHandle::join);
        let Some(Ok((code, took))) = unloading else {
            return Err("unloading panicked".into());
        };
        played?;
        self.took.push(took);
        match code {
            ARIWS_OK => Ok(()),
            code => Err(format!("unloading came to {code}")),
        }
    }

    /// Begins one more round, which may come to any end; says when it has begun.
    pub fn play_into_an_unloading(&mut self, begun: impl FnOnce()) {
        match self.row.promise.outcome.is_of_a_call() {
            true => self.start_call(),
            false => self.wake(),
        }
        let peer = accept(&self.listener).and_then(Peer::new);
        begun();
        if let Ok(mut peer) = peer {
            let _ = self.script(&mut peer);
            // It lasts as long as the listener.
            while let Ok(tcp) = accept(&self.listener) {
                drop(tcp);
            }
        }
    }

    /// Whether the promises of all rounds together were kept.
    pub fn kept(&mut self) -> Result<(), Fault> {
        let promise = &self.row.promise;
        wait_for(&format!("no line of the log has \"{}\"", promise.log), || {
            self.notes.lock().found.then_some(())
        })?;
        self.took.sort();
        let (rounds, median) = (self.took.len(), self.took[self.took.len() / 2]);
        if median > promise.within {
            return Err(format!("half of the rounds took {median:?} or more"));
        }
        let Noted {
            connected,
            lines,
            longest,
            ..
        } = *self.notes.lock();
        // The two that come between and after the rounds.
        if promise.outcome == Outcome::AttemptFails && connected > 2 {
            return Err(format!("{connected} connections came up"));
        }
        if lines > 20 * (rounds + 2) || longest > 4096 {
            return Err(format!("{lines} lines of the log, the longest of {longest} bytes"));
        }
        Ok(())
    }
}

/// Waits until there is an outcome.
pub fn wait_for<T>(fault: &str, mut outcome: impl FnMut() -> Option<T>) -> Result<T, Fault> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(outcome) = outcome() {
            return Ok(outcome);
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(fault.into())
}
