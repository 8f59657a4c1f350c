//! The task that owns a session's connection: it makes it, runs it, and makes it again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant as Timer, sleep_until};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::backoff::{pause, steady};
use super::members::Members;
use super::message::{ChannelEvent, Kind, Message};
use super::requests;
use super::state::{Call, Control, Session, Stop, now};
use super::view::{Phase, count};
use super::wire::{self, Closing, End, Owner, Patience};
use crate::config::Connection;
use crate::net::{self, Connected};
use crate::protocol;

/// How long a per-call connection that is over may take to send what still waits.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Where neither `write_timeout` nor `websocket_write_timeout` is set.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was told to.
    Stopped,
    /// A per-call session has nothing left to do.
    Over,
    /// A per-call session had no attempt left; the last failure.
    OutOfAttempts(String),
    /// The host did not register the application of a per-call session.
    NotRegistered,
}

/// What one attempt, with the connection that came of it, or one pause leads to.
enum Round {
    /// The next attempt at once, as if it were the first.
    Again,
    /// The next attempt after a pause.
    Failed(String),
    /// None.
    Ended(Ending),
}

impl Session {
    /// Runs the session to its end. `opened` is called once, when the first connection of a per-call session is open and its
    /// application registered.
    pub async fn run(self: &Arc<Self>, mut opened: Option<Box<dyn FnOnce() + Send>>) -> Ending {
        let mut wishes = Wishes::new(self.control());
        let mut failures = 0;
        let ending = loop {
            // Before the settings are taken, so that a change in between is noticed.
            wishes.renew();
            let settings = self.settings();
            let mut round = self
                .round(&settings, failures, &mut wishes, &mut opened)
                .await;
            if let Round::Failed(cause) = &round {
                failures += 1;
                round = match self.failed(&settings, cause, failures) {
                    Some(ending) => Round::Ended(ending),
                    None => match self.pause(&settings, failures, &mut wishes).await {
                        None => continue,
                        Some(cut) => cut,
                    },
                };
            }
            match round {
                Round::Ended(ending) => break ending,
                Round::Again | Round::Failed(_) => failures = 0,
            }
        };
        self.enter(Phase::Closing);
        let dropped = self.outbox().clear();
        if dropped > 0 {
            self.context().log.warning(
                self.id(),
                format!(
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
        wishes: &mut Wishes,
        opened: &mut Option<Box<dyn FnOnce() + Send>>,
    ) -> Round {
        self.enter(Phase::Connecting);
        let memory = self.memory();
        let attempt = net::connect(&settings.client, &self.context().user_agent, &memory);
        let connected = tokio::select! {
            outcome = attempt => match outcome {
                Ok(connected) => connected,
                Err(error) => return Round::Failed(error.to_string()),
            },
            cut = wishes.cut_short() => return cut,
        };
        let mut registered = true;
        if let (Some(call), Some(opened)) = (self.call(), opened.take()) {
            registered = self.register(call).await;
            if !registered {
                // The peer still gets its Close.
                self.stop(Stop::Now);
            } else if !self.is_stopping() {
                opened();
            }
        }
        let began = now();
        let end = self.converse(connected, settings, wishes, failures).await;
        if !registered {
            return Round::Ended(Ending::NotRegistered);
        }
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
            End::ClosedByPeer(cause) | End::Lost(cause)
                if now().saturating_duration_since(began) < steady(&settings.client) =>
            {
                Round::Failed(cause)
            }
            End::ClosedByPeer(_) | End::Lost(_) => Round::Again,
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

    /// An attempt failed, or a connection was lost as soon as it was made; an ending if it was the last one.
    fn failed(&self, settings: &Connection, error: &str, failures: u32) -> Option<Ending> {
        self.attempt_failed(error, failures);
        let attempts = settings.client.attempts();
        let log = &self.context().log;
        let uri = &settings.client.uri.display;
        if self.call().is_some() && failures >= attempts {
            log.warning(
                self.id(),
                format!("no connection to {uri} after {failures} attempts ({error}); giving up"),
            );
            return Some(Ending::OutOfAttempts(error.to_owned()));
        }
        if (failures - 1).is_multiple_of(attempts) {
            let interval = settings.client.reconnect_interval.as_millis();
            let next = match settings.client.max_reconnect_interval {
                None => format!("every {interval} ms"),
                Some(longest) => format!("after {interval} to {} ms", longest.as_millis()),
            };
            log.warning(
                self.id(),
                format!("no lasting connection to {uri} at attempt {failures} ({error}); trying again {next}"),
            );
        }
        None
    }

    async fn register(&self, call: &Call) -> bool {
        let subscribe_all = self.settings().subscribe_all;
        let outcome = self
            .context()
            .calls
            .app_register(&call.application, subscribe_all)
            .await;
        if outcome.is_ok() {
            self.announce(&call.application);
        }
        outcome.is_ok()
    }

    /// Runs an open connection to its end.
    async fn converse(
        self: &Arc<Self>,
        connected: Connected,
        settings: &Connection,
        wishes: &mut Wishes,
        failures: u32,
    ) -> End {
        self.enter(Phase::Up);
        self.opened(connected.remote.to_string());
        let (number, dropped) = self
            .outbox()
            .connected(|application| self.notice("ApplicationRegistered", application));
        self.report_open(&connected, settings, failures, dropped);

        let owner = Wire {
            session: self,
            number,
        };
        let patience = Patience {
            write_timeout: settings
                .client
                .write_timeout
                .or(self.context().config().general.websocket_write_timeout)
                .unwrap_or(WRITE_TIMEOUT),
            pingpong: settings.client.pingpong,
        };
        let ended = wire::run(
            connected.websocket,
            &connected.meter,
            self.outbox(),
            &owner,
            patience,
            self.closing(wishes),
        )
        .await;
        let dropped = self.outbox().disconnected(ended.unsent);
        self.report_end(&ended.how, ended.unconfirmed);
        if dropped > 0 {
            self.context().log.warning(
                self.id(),
                format!("{dropped} events of applications that are gone were dropped with the connection"),
            );
        }
        ended.how
    }

    /// Waits until this side wants to end the connection.
    async fn closing(&self, wishes: &mut Wishes) -> Closing {
        tokio::select! {
            _ = wishes.cut_short() => match wishes.stop() {
                Some(Stop::Drained(latest)) => Closing::Drained(latest),
                // What waits is kept for the next connection.
                Some(Stop::Now) | None => Closing::Now,
            },
            () = self.time_to_close() => Closing::Drained(now() + LAST_WORDS),
        }
    }

    /// Waits until a per-call session has nothing left to do; for ever in a persistent one.
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
                () = sleep_until(Timer::from_std(time)) => return,
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
            End::Closed => call
                .with(Members::closing_time)
                .is_some_and(|time| time <= now()),
            End::ClosedByPeer(_) | End::Lost(_) => {
                call.with(Members::all_ended) && self.outbox().depth().0 == 0
            }
        }
    }

    fn report_open(
        &self,
        connected: &Connected,
        settings: &Connection,
        failures: u32,
        dropped: u64,
    ) {
        let mut text = format!(
            "connected to {} at {}",
            settings.client.uri.display, connected.remote
        );
        if failures > 0 {
            text.push_str(&format!(" after {failures} failed attempts"));
        }
        if dropped > 0 {
            text.push_str(&format!(
                "; {dropped} events were dropped meanwhile (queue_max_messages, queue_max_bytes)"
            ));
        }
        self.context().log.notice(self.id(), text);
    }

    fn report_end(&self, how: &End, unconfirmed: u64) {
        let log = &self.context().log;
        let (cause, text) = match how {
            End::Closed => {
                log.notice(self.id(), "closed with 1000");
                return;
            }
            End::ClosedByPeer(code) => (
                code,
                format!("the application closed the connection ({code})"),
            ),
            End::Lost(cause) => (cause, format!("connection lost ({cause})")),
        };
        self.lost(cause, unconfirmed);
        let (waiting, _) = self.outbox().depth();
        log.warning(
            self.id(),
            format!(
                "{text}; {unconfirmed} messages had been sent without proof of arrival, {waiting} events wait for the next connection"
            ),
        );
    }
}

/// What passes over one websocket of a session.
struct Wire<'a> {
    session: &'a Arc<Session>,
    number: u64,
}

impl Owner for Wire<'_> {
    async fn received(&self, text: &str) {
        requests::receive(self.session, self.number, text).await;
    }

    fn handed(&self, message: &Message) {
        let counters = self.session.counters();
        match &message.kind {
            Kind::Notice => {}
            Kind::Response { .. } => count(&counters.responses_sent),
            Kind::Event { channel, .. } => {
                counters.events_sent.fetch_add(1, Ordering::Relaxed);
                if let (Some(event), Some(call)) = (channel, self.session.call()) {
                    call.with_members(|members| match &**event {
                        ChannelEvent::Started(_) => {}
                        ChannelEvent::Ended(channel) => members.ended(channel, now()),
                        ChannelEvent::Destroyed(channel) => members.destroyed(channel),
                    });
                }
            }
        }
    }

    fn round_trip(&self, time: Duration) {
        self.session.set_round_trip(time);
    }

    fn spelled(&self, message: &Message) -> Frame {
        // Looked up for each message: a reload changes it on connections that are open.
        if self.session.context().config().general.pretty {
            Frame::text(protocol::indented(&message.text))
        } else {
            Frame::Text(message.text.clone())
        }
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

/// A number from 0 to 1. Spreads attempts, nothing more, so the clock's last digits will do.
fn random() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}
