//! One open websocket: events out, requests in, until one side ends it.
//!
//! Reading and writing are two futures of one task, so that a peer that does not read stops the writing only.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant as Timer, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

use super::clock::now;
use super::delivery::{Delivery, Proof, Remains};
use super::endings::{End, Stop, Wish, described};
use super::keepalive::probe;
use super::message::Load;
use super::outbox::{Next, Outbox};
use super::pace::WINDOW;
use super::waits::{earliest, rarely_until};
use crate::config::Keepalive;
use crate::net::{CLOSE_TIME, Link, Meter, Metered, NotMinimal, Outgoing, told};

/// Frames that are read before the writing, the closing and the time get their turn: reading costs them most of what a task
/// may do at a time, and a peer that floods never lets it wait.
const FRAMES: usize = 32;
/// Pings that may come while nothing goes out. The pong to each of them takes memory until it does.
const PINGS: usize = 64;
/// After the first message that is not known to have arrived, and so at most ten times a second.
const CONFIRM_AFTER: Duration = Duration::from_millis(100);

/// What is done with what passes over it.
pub(super) trait Handler {
    /// A message came from the application, before it is looked at.
    fn heard(&self);
    /// A text message from the application. While it waits, nothing more is read.
    fn received(&self, text: &str) -> impl Future<Output = ()> + Send;
    /// The kernel has taken the messages; the place of the first of them among those of the connection.
    fn sent(&self, first: u64, sent: Load);
    /// A ping was answered.
    fn proven(&self, proof: &Proof);
    /// Puts the messages of a burst one behind the other as they go out, but those that the system has no memory for.
    fn framed(&self, burst: &mut Load, frames: &mut Outgoing);
    /// Waits until the connection is to end before this time after all; gives the time.
    fn hurried(&self, latest: Option<Instant>) -> impl Future<Output = Instant> + Send;
}

/// How to treat a slow or silent peer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    /// Without a byte taken for so long, the peer is given up.
    pub(super) write_timeout: Duration,
    /// `enable_pingpongs`.
    pub(super) pingpong: Option<Keepalive>,
    /// The connection had been on standby: how long its peer may take to prove that it is still there.
    pub(super) proof: Option<Duration>,
}

/// A connection that has ended.
pub(super) struct Ended<S> {
    pub(super) how: End,
    /// What became of its messages.
    pub(super) remains: Remains,
    /// Where another connection has taken its place: what is still open.
    pub(super) websocket: Option<Box<WebSocketStream<Metered<S>>>>,
    /// The connection had been on standby, and nothing proves that the peer was still there.
    pub(super) in_doubt: bool,
}

/// Runs a websocket to its end, or until another one takes its place.
pub(super) async fn run<S: Link>(
    websocket: Box<WebSocketStream<Metered<S>>>,
    meter: &Meter,
    outbox: &Outbox,
    handler: &(impl Handler + Sync),
    timeouts: &Timeouts,
    mut closing: Pin<&mut impl Future<Output = Wish>>,
) -> Ended<S> {
    let (mut sink, mut stream) = websocket.split();
    let shared = Shared {
        delivery: Mutex::new(match timeouts.proof {
            Some(_) => Delivery::in_doubt(),
            None => Delivery::after(meter.texts()),
        }),
        closing: Mutex::default(),
        reading: Mutex::default(),
        flushed: Notify::new(),
        meter,
        outbox,
        timeouts,
    };
    let mut is_answered = false;
    let (how, code) = {
        let reading = read(&mut stream, &shared, handler);
        let writing = write(&mut sink, &shared, handler);
        tokio::pin!(reading, writing);
        let mut last_moment: Option<Timer> = None;
        // Until when what waits may be sent.
        let mut drained = None;
        let mut proof = timeouts.proof.map(|patience| Timer::now() + patience);
        loop {
            tokio::select! {
                biased;
                end = &mut reading => break end,
                end = &mut writing => match end {
                    Ok(Written::All) => break (End::HandedOver, None),
                    // What remains is its answer.
                    Ok(Written::Close) => {
                        // Whatever comes instead of an answer, the connection was closed by this side.
                        let _ = Box::pin(timeout(CLOSE_TIME, &mut reading)).await;
                        // Whether the peer also ends the connection in time is another matter.
                        is_answered = *shared.reading() == Reading::PeerCloses;
                        break (End::Closed, None);
                    }
                    // Nothing can be sent past the answer to its Close, which reading is about to end with.
                    Err(_) if *shared.reading() == Reading::PeerCloses => break reading.await,
                    Err(cause) => break (End::Lost(cause), None),
                },
                wish = closing.as_mut(), if last_moment.is_none() => {
                    let latest = match wish {
                        Wish::Stop(Stop::Now) => now() + CLOSE_TIME,
                        Wish::Stop(Stop::Drained(latest)) => {
                            outbox.close();
                            drained = Some(latest);
                            latest + CLOSE_TIME
                        }
                        Wish::HandOver(latest) => latest,
                    };
                    last_moment = Some(Timer::from_std(latest));
                    *shared.closing() = Some(wish);
                    outbox.wake();
                }
                latest = handler.hurried(drained), if drained.is_some() => {
                    drained = Some(latest);
                    last_moment = Some(Timer::from_std(latest + CLOSE_TIME));
                    *shared.closing() = Some(Wish::Stop(Stop::Drained(latest)));
                    outbox.wake();
                }
                () = rarely_until(earliest([last_moment, proof])) => {
                    if last_moment.is_some_and(|time| time <= Timer::now()) {
                        break (End::Closed, None);
                    }
                    proof = None;
                    if shared.is_in_doubt() {
                        break (End::Lost("nothing came from the peer of a connection that had been on standby".into()), None);
                    }
                }
            }
        }
    };
    if let Some(code) = code {
        // The peer broke the protocol; whether it hears of it is its own affair.
        let _ = Box::pin(timeout(CLOSE_TIME, sink.send(close(code)))).await;
    }
    let in_doubt = {
        let mut delivery = shared.delivery();
        // Nothing more is to come of one that was to end.
        if how == End::Closed {
            delivery.believe();
        }
        delivery.is_in_doubt()
    };
    shared.account(handler);
    let mut remains = shared.delivery.into_inner().unwrap_or_else(PoisonError::into_inner).end();
    if is_answered {
        // Whoever answers a Close has read what came before it.
        outbox.proven(u64::MAX);
        (remains.unconfirmed, remains.unconfirmed_events) = (0, 0);
    }
    let is_left = how == End::HandedOver;
    Ended {
        how,
        remains,
        in_doubt,
        // The halves are of one.
        websocket: is_left.then(|| sink.reunite(stream).ok()).flatten(),
    }
}

/// What reading does, for the writing beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Reading {
    /// It takes what comes.
    #[default]
    Open,
    /// The application asks faster than it is answered: pongs may be waiting behind its requests.
    Paused,
    /// The peer takes nothing and goes on asking for pongs: nothing is read before what is owed has gone out.
    Owes,
    /// The peer's Close has come.
    PeerCloses,
}

struct Shared<'a> {
    delivery: Mutex<Delivery>,
    closing: Mutex<Option<Wish>>,
    reading: Mutex<Reading>,
    /// Tells a reading that waits for it that everything has gone out.
    flushed: Notify,
    meter: &'a Meter,
    outbox: &'a Outbox,
    timeouts: &'a Timeouts,
}

impl Shared<'_> {
    fn delivery(&self) -> MutexGuard<'_, Delivery> {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closing(&self) -> MutexGuard<'_, Option<Wish>> {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of what the kernel has taken.
    fn account(&self, handler: &impl Handler) {
        let (first, sent) = self.delivery().sent(self.meter.texts());
        if !sent.messages.is_empty() {
            handler.sent(first, sent);
        }
    }

    /// Whether the connection had been on standby, and nothing proves yet that the peer is still there.
    fn is_in_doubt(&self) -> bool {
        self.timeouts.proof.is_some() && self.delivery().is_in_doubt()
    }

    /// Something came that only a peer that is there can have sent.
    fn believe(&self, handler: &impl Handler) {
        if self.is_in_doubt() {
            self.delivery().believe();
            self.account(handler);
        }
    }

    /// Waits until a frame may be given to the websocket.
    async fn ready<S: Link>(&self, sink: &mut Sink<S>) -> Result<(), String> {
        self.progressing(poll_fn(|context| sink.poll_ready_unpin(context))).await
    }

    /// Waits for a write, as long as the kernel takes something.
    async fn progressing(&self, write: impl Future<Output = Result<(), Error>>) -> Result<(), String> {
        tokio::pin!(write);
        // Most of them end at once, and need no timer.
        let at_once = poll_fn(|context| Poll::Ready(write.as_mut().poll(context))).await;
        if let Poll::Ready(outcome) = at_once {
            return outcome.map_err(|error| failed(&error).0);
        }
        loop {
            let before = self.meter.bytes();
            // Boxed here and elsewhere: a connection at rest has no room for what it hardly ever needs.
            match Box::pin(timeout(self.timeouts.write_timeout, &mut write)).await {
                Ok(outcome) => return outcome.map_err(|error| failed(&error).0),
                Err(_) if self.meter.bytes() == before => {
                    return Err(format!(
                        "the peer took no byte for {} ms (write_timeout)",
                        self.timeouts.write_timeout.as_millis()
                    ));
                }
                Err(_) => {}
            }
        }
    }
}

type Sink<S> = SplitSink<Box<WebSocketStream<Metered<S>>>, Frame>;

/// What the writing has come to.
enum Written {
    /// The Close.
    Close,
    /// All that is to go over this connection, and it is known to have arrived.
    All,
}

/// Writes until it is to close, and the Close; or until another connection takes its place.
async fn write<S: Link>(sink: &mut Sink<S>, shared: &Shared<'_>, handler: &impl Handler) -> Result<Written, String> {
    let mut confirm: Option<Timer> = None;
    let keepalive = shared.timeouts.pingpong.as_ref();
    let mut keepalive_ping = keepalive.map(|keepalive| Timer::now() + keepalive.time);
    loop {
        let wish = *shared.closing();
        if wish == Some(Wish::Stop(Stop::Now)) {
            break;
        }
        let leaves = matches!(wish, Some(Wish::HandOver(_)));
        if *shared.reading() == Reading::Owes {
            shared.progressing(sink.flush()).await?;
            shared.flushed.notify_one();
        }
        let mut burst = if leaves {
            shared.outbox.answers()
        } else {
            shared.outbox.burst()
        };
        if !burst.messages.is_empty() {
            let mut frames = shared.meter.take();
            handler.framed(&mut burst, &mut frames);
            shared.meter.put(frames);
            // All at once: should it fail among them, those behind have to come back too.
            shared.delivery().wrote(burst);
            shared.progressing(sink.flush()).await?;
            shared.account(handler);
        } else if leaves && shared.delivery().is_proven() {
            return Ok(Written::All);
        } else if wish.is_some() && !leaves {
            break;
        }
        let next = match wish {
            None => shared.outbox.next(),
            Some(Wish::Stop(_)) => Next::Write,
            Some(Wish::HandOver(_)) => {
                // The proof is waited for.
                confirm = shared.delivery().wants_proof().then(Timer::now);
                if confirm.is_some() { Next::Write } else { Next::Wait }
            }
        };
        if next == Next::Wait {
            // What is at rest has no memory for frames.
            drop(shared.meter.take());
        }
        if next != Next::Write {
            let latest = match next {
                Next::Gather => Some(Timer::now() + WINDOW),
                Next::Until(time) => Some(Timer::from_std(time)),
                Next::Write | Next::Wait => None,
            };
            tokio::select! {
                biased;
                () = shared.outbox.filled() => {}
                () = rarely_until(earliest([latest, confirm, keepalive_ping])) => {}
            }
        }
        let now = Timer::now();
        let mut ping = false;
        if confirm.is_some_and(|time| time <= now) {
            confirm = None;
            ping = shared.delivery().wants_proof();
        }
        if let (Some(keepalive), Some(time)) = (keepalive, keepalive_ping)
            && time <= now
        {
            if *shared.reading() == Reading::Open {
                ping = probe(&shared.delivery(), *keepalive, now)?;
            }
            keepalive_ping = Some(now + keepalive.interval);
        }
        if ping {
            let payload = shared.delivery().ping(now.into_std());
            shared.ready(sink).await?;
            put(sink, Frame::Ping(payload.to_vec().into()))?;
            shared.progressing(sink.flush()).await?;
        }
        if confirm.is_none() && shared.delivery().wants_proof() {
            // A peer that is in doubt is asked at once.
            let is_urgent = shared.is_in_doubt();
            confirm = Some(if is_urgent { now } else { now + CONFIRM_AFTER });
        }
    }
    shared.ready(sink).await?;
    put(sink, close(CloseCode::Normal))?;
    shared.progressing(sink.flush()).await?;
    Ok(Written::Close)
}

/// A Close.
fn close(code: CloseCode) -> Frame {
    Frame::Close(Some(CloseFrame { code, reason: "".into() }))
}

/// Gives a frame to a websocket that is ready for one. What waits until it is has no frame, nor room for one.
fn put<S: Link>(sink: &mut Sink<S>, frame: Frame) -> Result<(), String> {
    sink.start_send_unpin(frame).map_err(|error| failed(&error).0)
}

/// Reads until the peer ends the connection, or breaks the protocol: then with the code to close with.
async fn read<S: Link>(
    stream: &mut SplitStream<Box<WebSocketStream<Metered<S>>>>,
    shared: &Shared<'_>,
    handler: &impl Handler,
) -> (End, Option<CloseCode>) {
    let (mut frames, mut pings) = (0, 0);
    while let Some(frame) = stream.next().await {
        frames += 1;
        if frames % FRAMES == 0 {
            yield_now().await;
        }
        match frame {
            Ok(Frame::Text(text)) => {
                *shared.reading() = Reading::Paused;
                shared.believe(handler);
                handler.heard();
                handler.received(&text).await;
                *shared.reading() = Reading::Open;
            }
            Ok(Frame::Pong(payload)) => {
                let proof = shared.delivery().pong(&payload, Timer::now().into_std());
                if let Some(proof) = proof {
                    if shared.timeouts.proof.is_some() {
                        shared.account(handler);
                    }
                    handler.proven(&proof);
                    // Messages that were written after the ping want one of their own.
                    shared.outbox.wake();
                }
            }
            // Asterisk ignores binary messages.
            Ok(Frame::Binary(_)) => {
                shared.believe(handler);
                handler.heard();
            }
            // Pings are answered by the websocket itself.
            Ok(Frame::Ping(_)) => {
                pings = if shared.meter.is_blocked() { pings + 1 } else { 0 };
                if pings >= PINGS {
                    *shared.reading() = Reading::Owes;
                    shared.outbox.wake();
                    shared.flushed.notified().await;
                    *shared.reading() = Reading::Open;
                    pings = 0;
                }
            }
            Ok(Frame::Frame(_)) => {}
            Ok(Frame::Close(frame)) => {
                let code = frame.as_ref().map(|frame| u16::from(frame.code));
                let how = End::ClosedByPeer(code, described(frame.as_ref()));
                let deadline = Timer::now() + CLOSE_TIME;
                *shared.reading() = Reading::PeerCloses;
                // The websocket sends its own Close while it is read to its end.
                while let Ok(Some(Ok(_))) = Box::pin(timeout_at(deadline, stream.next())).await {}
                return (how, None);
            }
            Err(error) => {
                let (cause, code) = failed(&error);
                return (End::Lost(cause), code);
            }
        }
    }
    (End::Lost("the peer closed the connection".into()), None)
}

/// What went wrong, in words, and the code to close with, if the peer broke the protocol.
pub(super) fn failed(error: &Error) -> (String, Option<CloseCode>) {
    match error {
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::ConnectionClosed => {
            ("the peer closed the connection".into(), None)
        }
        Error::Capacity(cause) => (format!("{cause} (max_message_size)"), Some(CloseCode::Size)),
        Error::Utf8(_) => ("a message is not UTF-8".into(), Some(CloseCode::Invalid)),
        Error::Protocol(cause) => (cause.to_string(), Some(CloseCode::Protocol)),
        Error::Io(cause) if cause.get_ref().is_some_and(|cause| cause.is::<NotMinimal>()) => {
            (cause.to_string(), Some(CloseCode::Protocol))
        }
        // The kernel gave up: what was sent was not acknowledged, or the last keepalive not answered.
        Error::Io(cause) if cause.kind() == io::ErrorKind::TimedOut => (
            "nothing came from the peer for too long (write_timeout, enable_tcp_keepalives)".into(),
            None,
        ),
        Error::Io(cause) => (told(cause), None),
        other => (other.to_string(), None),
    }
}
