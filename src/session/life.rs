//! The task that owns a session's connection: it makes it, runs it, and makes it again.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant as Timer, sleep, sleep_until};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::backoff::{pause, random, steady};
use super::clock::now;
use super::listening::Listening;
use super::members::Members;
use super::message::{ChannelEvent, Kind, Message};
use super::report::{Failure, Opening};
use super::requests::Websocket;
use super::state::{Control, Session};
use super::stop::Stop;
use super::view::Phase;
use super::wire::{self, End, Owner, Patience};
use crate::config::Connection;
use crate::error::Result;
use crate::net::{self, Connected};
use crate::protocol;

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was told to.
    Stopped,
    /// A per-call session has nothing left to do.
    Over,
    /// A per-call session had no attempt left; the last failure.
    OutOfAttempts(String),
}

/// What one attempt, with the connection that came of it, or one pause leads to.
enum Round {
    /// The next attempt at once, as if it were the first.
    Again,
    /// The next attempt after a pause.
    Failed(Failure),
    /// None.
    Ended(Ending),
}

/// Who starts a per-call session. It is told when the first connection is open, registers the application, and says whether
/// to go on; the websocket waits for that.
pub type Start = oneshot::Sender<Result<oneshot::Sender<bool>>>;

impl Session {
    /// Runs the session to its end. Takes `start` when the first connection is open.
    pub async fn run(self: &Arc<Self>, start: &mut Option<Start>) -> Ending {
        let mut wishes = Wishes::new(self.control());
        let mut failures = 0;
        let mut last: Option<Failure> = None;
        let ending = loop {
            // Before the settings are taken, so that a change in between is noticed.
            wishes.renew();
            let settings = self.settings();
            let mut round = self
                .round(&settings, failures, last.as_ref(), &mut wishes, start)
                .await;
            if let Round::Failed(failure) = round {
                failures += 1;
                let ending = self.failed(&settings, &failure, failures, last.as_ref());
                last = Some(failure);
                round = match ending {
                    Some(ending) => Round::Ended(ending),
                    None => match self.pause(&settings, failures, &mut wishes).await {
                        None => continue,
                        Some(cut) => cut,
                    },
                };
            }
            match round {
                Round::Ended(ending) => break ending,
                Round::Again | Round::Failed(_) => (failures, last) = (0, None),
            }
        };
        self.enter(Phase::Closing);
        let dropped = self.outbox().clear();
        if dropped > 0 {
            self.context().log.warning(
                self.id(),
                format_args!(
                    "{dropped} events were dropped: the session ended before they could be sent"
                ),
            );
        }
        ending
    }

    /// One attempt, and the connection that comes of it, to its end.
    async fn round(
        self: &Arc<Self>,
        settings: &Connection,
        failures: u32,
        last: Option<&Failure>,
        wishes: &mut Wishes,
        start: &mut Option<Start>,
    ) -> Round {
        self.enter(Phase::Connecting);
        let memory = self.memory();
        // Larger than all that a connection at rest needs, and given back before it is.
        let attempt = Box::pin(net::connect(
            &settings.client,
            &self.context().user_agent,
            &memory,
        ));
        let connected = tokio::select! {
            outcome = attempt => match outcome {
                Ok(connected) => connected,
                Err(error) => return Round::Failed(error.into()),
            },
            cut = wishes.cut_short() => return cut,
        };
        if let Some(start) = start.take() {
            let (go_on, answer) = oneshot::channel();
            if start.send(Ok(go_on)).is_err() || !answer.await.unwrap_or(false) {
                // The peer still gets its Close.
                self.stop(Stop::Now);
            }
        }
        let began = now();
        let steady = steady(&settings.client, failures);
        let quiet = last.is_some_and(|last| last.connected);
        let end = self
            .converse(
                connected,
                settings,
                wishes,
                quiet.then_some(steady),
                failures,
            )
            .await;
        if self.is_stopping() {
            return Round::Ended(Ending::Stopped);
        }
        if self.is_over(&end) {
            return Round::Ended(Ending::Over);
        }
        match end {
            // To make it anew.
            End::Closed => Round::Again,
            // A peer that accepts and drops is no better than one that refuses.
            End::ClosedByPeer(code, cause) if now().saturating_duration_since(began) < steady => {
                Round::Failed(Failure::dropped(cause, code))
            }
            End::Lost(cause) if now().saturating_duration_since(began) < steady => {
                Round::Failed(Failure::dropped(cause, None))
            }
            End::ClosedByPeer(..) | End::Lost(_) => Round::Again,
        }
    }

    /// Waits for the next attempt; gives what cut that short.
    async fn pause(
        &self,
        settings: &Connection,
        failures: u32,
        wishes: &mut Wishes,
    ) -> Option<Round> {
        let time = Timer::now() + pause(&settings.client, failures, random());
        self.waits_until(time.into_std());
        tokio::select! {
            () = sleep_until(time) => None,
            // Nobody is left who would need the connection.
            () = self.time_to_close() => Some(Round::Ended(Ending::Over)),
            cut = wishes.cut_short() => Some(cut),
        }
    }

    /// An attempt failed; an ending if it was the last one.
    fn failed(
        &self,
        settings: &Connection,
        failure: &Failure,
        failures: u32,
        last: Option<&Failure>,
    ) -> Option<Ending> {
        self.attempt_failed(&failure.cause, failures);
        if self.call().is_some() && failures >= settings.client.attempts() {
            self.report_giving_up(settings, failure, failures);
            return Some(Ending::OutOfAttempts(failure.cause.clone()));
        }
        self.report_failure(settings, failure, failures, last);
        None
    }

    /// Has the host register the application of a per-call session.
    pub async fn register(&self) -> bool {
        let Some(call) = self.call() else {
            return false;
        };
        let subscribe_all = self.settings().subscribe_all;
        let calls = &self.context().calls;
        let outcome = calls.app_register(&call.application, subscribe_all).await;
        if outcome.is_ok() {
            self.announce(&call.application);
        }
        outcome.is_ok()
    }

    /// Runs an open connection to its end. A `quiet` one is spoken of only when it has been up for that long.
    async fn converse(
        self: &Arc<Self>,
        connected: Connected,
        settings: &Connection,
        wishes: &mut Wishes,
        quiet: Option<Duration>,
        failures: u32,
    ) -> End {
        self.opened(connected.remote.to_string());
        let (number, dropped) = self
            .outbox()
            .connected(self.start_delay(settings), |application| {
                self.notice("ApplicationRegistered", application)
            });
        let opening = Opening::new(settings, connected.remote, failures, dropped);
        let events_before = self.counters().totals().events_sent;
        let mut spoken_of = quiet.is_none() || dropped > 0;
        if spoken_of {
            self.report_open(&opening);
        }

        let owner = Wire {
            session: self,
            websocket: Websocket::open(self, number),
            listening: Listening::default(),
        };
        let patience = Patience {
            write_timeout: self.context().config().write_timeout(&settings.client),
            pingpong: settings.client.pingpong,
        };
        if let Err(error) = connected.bound_silence(&settings.client, patience.write_timeout) {
            // The connection is as good as any that is at rest.
            self.context().log.warning(
                self.id(),
                format_args!(
                    "a server that vanishes may be noticed late: TCP_USER_TIMEOUT: {error}"
                ),
            );
        }
        let closing = pin!(self.closing(wishes));
        let conversation = wire::run(
            connected.websocket,
            &connected.meter,
            self.outbox(),
            &owner,
            patience,
            closing,
        );
        let mut lasted = pin!(sleep(quiet.unwrap_or_default()));
        let mut doubtful = pin!(owner.listening.is_in_doubt());
        let mut is_doubted = false;
        tokio::pin!(conversation);
        let ended = loop {
            tokio::select! {
                ended = &mut conversation => break ended,
                () = &mut lasted, if !spoken_of => {
                    spoken_of = true;
                    self.report_open(&opening);
                }
                () = &mut doubtful, if !is_doubted => {
                    is_doubted = true;
                    self.report_silence(settings);
                }
            }
        };
        owner.websocket.close();
        let dropped = self.outbox().disconnected(ended.unsent);
        // Events may be lost with it.
        spoken_of |= self.counters().totals().events_sent > events_before;
        self.context().log.connection_ended(&settings.name);
        self.report_end(&ended.how, ended.unconfirmed, spoken_of);
        if dropped > 0 {
            self.context().log.warning(
                self.id(),
                format_args!("{dropped} events of applications that are gone were dropped with the connection"),
            );
        }
        ended.how
    }

    /// How long the first events of a new per-call connection wait.
    fn start_delay(&self, settings: &Connection) -> Option<Duration> {
        let delay = settings.client.start_delay;
        (self.call().is_some() && !delay.is_zero()).then_some(delay)
    }

    /// Waits until this side wants to end the connection.
    async fn closing(&self, wishes: &mut Wishes) -> Stop {
        tokio::select! {
            // If it is only to be made anew, what waits is kept for the next connection.
            _ = wishes.cut_short() => wishes.stop().unwrap_or(Stop::Now),
            () = self.time_to_close() => Stop::soon(),
        }
    }

    /// Waits until a per-call session has nothing left to do; for ever in a persistent one. From then on it lets no channel in:
    /// that could not be told of its StasisStart.
    async fn time_to_close(&self) {
        let Some(call) = self.call() else {
            return std::future::pending().await;
        };
        loop {
            let changed = call.members_changed.notified();
            let Some(time) = call.with(Members::closing_time) else {
                changed.await;
                continue;
            };
            tokio::select! {
                () = changed => {}
                () = sleep_until(Timer::from_std(time)) => {
                    if call.with_members(|members| members.close_when_due(now())) {
                        return;
                    }
                }
            }
        }
    }

    /// Whether a per-call session ends with this connection: closed because its time had come, or left by a peer that had
    /// heard of every StasisEnd.
    fn is_over(&self, end: &End) -> bool {
        let Some(call) = self.call() else {
            return false;
        };
        match end {
            End::Closed => call.with_members(Members::is_over),
            End::ClosedByPeer(..) | End::Lost(_) => {
                self.outbox().depth().0 == 0 && call.with_members(Members::close_if_all_ended)
            }
        }
    }
}

/// What passes over one websocket of a session.
struct Wire<'a> {
    session: &'a Arc<Session>,
    websocket: Websocket,
    listening: Listening,
}

impl Owner for Wire<'_> {
    fn heard(&self) {
        if self.listening.heard() {
            self.session.outbox().heard();
            self.session
                .context()
                .silent
                .forget(&self.session.settings().name);
        }
    }

    async fn received(&self, text: &str) {
        self.websocket.receive(text).await;
    }

    fn handed(&self, messages: impl Iterator<Item = Message>) {
        let (mut events, mut responses) = (0, 0);
        for message in messages {
            match message.kind {
                Kind::Notice => {}
                Kind::Response { .. } => responses += 1,
                Kind::Event { channel, .. } => {
                    events += 1;
                    if let (Some(event), Some(call)) = (channel, self.session.call()) {
                        call.with_members(|members| match *event {
                            ChannelEvent::Started(_) => self.listening.started(),
                            ChannelEvent::Ended(channel) => members.ended(&channel, now()),
                            ChannelEvent::Destroyed(channel) => {
                                members.destroyed(&channel, now());
                            }
                        });
                    }
                }
            }
        }
        // Once for all of them: the threads of the host add to what lies beside.
        let counters = self.session.counters();
        counters.events_sent.fetch_add(events, Ordering::Relaxed);
        counters
            .responses_sent
            .fetch_add(responses, Ordering::Relaxed);
    }

    fn round_trip(&self, time: Duration) {
        self.session.set_round_trip(time);
    }

    fn spelled(&self, message: &Message) -> Frame {
        // Looked up for each message: a reload changes it on connections that are open.
        let pretty = self.session.context().config().general.pretty;
        let indented = pretty.then(|| protocol::indented(&message.text)).flatten();
        match indented {
            Some(text) => Frame::text(text),
            // Where there is no memory for it to be pretty, it goes as it is.
            None => Frame::Text(message.text.clone()),
        }
    }

    fn given_up(&self, message: &Message) -> Option<Frame> {
        self.session.given_up(message).map(Frame::text)
    }
}

/// What others want of the session, since it last took up its settings.
struct Wishes {
    control: watch::Receiver<Control>,
    generation: u64,
}

impl Wishes {
    fn new(control: watch::Receiver<Control>) -> Self {
        let generation = control.borrow().generation;
        Self {
            control,
            generation,
        }
    }

    /// The settings are about to be taken up.
    fn renew(&mut self) {
        self.generation = self.control.borrow_and_update().generation;
    }

    fn stop(&self) -> Option<Stop> {
        self.control.borrow().stop
    }

    /// Waits until the session is told to stop, or to make its connection anew.
    async fn cut_short(&mut self) -> Round {
        let generation = self.generation;
        let wished = self
            .control
            .wait_for(|control| control.stop.is_some() || control.generation != generation)
            .await;
        match wished {
            Ok(control) if control.stop.is_none() => Round::Again,
            // The session itself holds the sender.
            _ => Round::Ended(Ending::Stopped),
        }
    }
}
