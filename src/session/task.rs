//! The task that owns a session's connection: it makes it, runs it, and makes it again.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant as Timer, sleep, sleep_until, timeout_at};

use super::backoff::{pause, random};
use super::clock::now;
use super::endings::{End, Ending, Stop};
use super::handler::SessionHandler;
use super::life::{Life, Outcome, Step};
use super::listening::Listening;
use super::members::Members;
use super::outbox::Status;
use super::report::Opening;
use super::requests::Websocket;
use super::state::{Plan, Session};
use super::view::count;
use super::wire::{self, Timeouts};
use crate::config::Connection;
use crate::host::{Failed, Optional};
use crate::net::{self, Connected};
use crate::protocol;

/// What the host may take to tell what is in the applications of a connection that was made again: their events wait for it.
const SNAPSHOTS: Duration = Duration::from_secs(1);

/// What the peer of a connection that had been on standby has at least to prove that it is there: one that many calls make busy
/// at a time answers late, and is no less busy when its connections are made anew.
const PATIENCE: Duration = Duration::from_secs(2);

/// A session at work: opening a connection is one thing, running it to the end of the session another, so that whoever makes
/// a call's session can register its application in between.
pub struct Task {
    session: Arc<Session>,
    life: Life,
    wanted: Wanted,
    /// What the step is taken with.
    plan: Plan,
    step: Step,
    /// The connection that is there had been on standby.
    on_standby: bool,
    /// A peer has had the session.
    was_there: bool,
}

impl Task {
    /// The task of a session that has no other.
    pub fn new(session: &Arc<Session>) -> Self {
        let mut wanted = Wanted::new(session.plan());
        Self {
            session: Arc::clone(session),
            life: Life::new(session.is_per_call()),
            plan: wanted.take_up(),
            wanted,
            step: Step::Attempt,
            on_standby: false,
            was_there: false,
        }
    }

    /// The same, with an open connection that has been on standby instead of a first attempt.
    pub fn on_standby(session: &Arc<Session>) -> Self {
        Self {
            on_standby: true,
            ..Self::new(session)
        }
    }

    /// Runs the session from its first attempt to its end.
    pub async fn live(mut self) -> Ending {
        match self.open().await {
            Ok(connected) => self.run(connected).await,
            Err(ending) => ending,
        }
    }

    /// Makes attempts until a connection is open.
    ///
    /// # Errors
    /// The session is at its end before that.
    pub async fn open(&mut self) -> Result<Connected, Ending> {
        loop {
            let outcome = match &self.step {
                Step::Attempt => match self.attempt().await {
                    Ok(connected) => return Ok(connected),
                    Err(outcome) => outcome,
                },
                Step::Pause { .. } => self.pause().await,
                Step::End(ending) => return Err(ending.clone()),
            };
            self.advance(outcome);
        }
    }

    /// Runs the session from an open connection to its end.
    pub async fn run(&mut self, mut connected: Connected) -> Ending {
        loop {
            let began = now();
            let (how, in_doubt) = self.converse(connected).await;
            self.on_standby = false;
            self.was_there |= !in_doubt;
            let outcome = if self.session.is_stopping() {
                Outcome::Stopped
            } else {
                Outcome::Ended {
                    is_over: self.session.is_over(&how),
                    how,
                    lasted: now().saturating_duration_since(began),
                    in_doubt,
                }
            };
            self.advance(outcome);
            connected = match self.open().await {
                Ok(connected) => connected,
                Err(ending) => return ending,
            };
        }
    }

    fn advance(&mut self, outcome: Outcome) {
        self.step = self.life.next(outcome, &self.plan.settings.client);
        self.report_step();
    }

    /// One attempt, with the settings that are in effect now.
    async fn attempt(&mut self) -> Result<Connected, Outcome> {
        self.plan = self.wanted.take_up();
        let session = &self.session;
        session.outbox().note(Status::connecting);
        // Larger than all that a connection at rest needs, and given back before it is.
        let attempt = Box::pin(net::connect(&self.plan.settings.client, session.caller(), &self.plan.memory));
        tokio::select! {
            biased;
            // One that is there gets its Close.
            outcome = attempt => outcome.map_err(|error| Outcome::Failed(error.into())),
            cut = self.wanted.cut_short() => Err(cut),
        }
    }

    /// Waits for the next attempt, unless something else comes.
    async fn pause(&mut self) -> Outcome {
        let settings = &self.plan.settings;
        let pause = pause(&settings.client, self.life.failures(), random());
        let time = Timer::now() + pause;
        let session = &self.session;
        session.outbox().note(|status| status.waiting(time.into_std()));
        tokio::select! {
            biased;
            cut = self.wanted.cut_short() => cut,
            // Nobody is left who would need the connection.
            () = session.time_to_close(), if !session.outbox().has_unproven() => Outcome::Over,
            () = sleep_until(time) => Outcome::Paused,
        }
    }

    /// Tells of a failure that led to this step, if one did.
    fn report_step(&self) {
        let (session, settings) = (&self.session, &*self.plan.settings);
        let (Some(failure), failures) = (self.life.last(), self.life.failures()) else {
            return;
        };
        match &self.step {
            Step::Pause { before } => {
                session.attempt_failed(&failure.cause, failures);
                session.report_failure(settings, failure, failures, before.as_ref());
            }
            Step::End(Ending::OutOfAttempts(..)) => {
                session.attempt_failed(&failure.cause, failures);
                session.report_giving_up(settings, failure, failures);
            }
            Step::Attempt | Step::End(Ending::Stopped | Ending::Over) => {}
        }
    }

    /// Runs an open connection to its end. One that follows a connection which was lost at once is told of only when it has
    /// been up for longer. Gives besides whether the peer is in doubt.
    async fn converse(&mut self, connected: Connected) -> (End, bool) {
        let (session, settings) = (&self.session, &*self.plan.settings);
        let quiet = self.life.quiet(&settings.client);
        let is_first = !self.was_there;
        let (number, dropped) = session.opened(connected.remote, quiet.is_none(), settings, is_first);
        let resumed = session.expect_resume(is_first, settings);
        let opening = Opening::new(settings, connected.remote, self.life.failures(), dropped);
        let events_before = session.counters().totals().events_sent;
        let mut is_told = quiet.is_none() || dropped > 0;
        if is_told {
            session.report_open(&opening);
        }

        let handler = SessionHandler {
            session,
            websocket: Websocket::open(session, number),
            listening: Listening::default(),
        };
        let timeouts = Timeouts {
            write_timeout: session.context().config().write_timeout(&settings.client),
            pingpong: settings.client.pingpong,
            proof: self.on_standby.then(|| settings.client.connection_timeout.max(PATIENCE)),
        };
        if let Err(error) = connected.bound_silence(&settings.client, timeouts.write_timeout) {
            // The connection is as good as any that is at rest.
            session.context().log.warning(
                session.id(),
                format_args!("a server that vanishes may be noticed late: TCP_USER_TIMEOUT: {error}"),
            );
        }
        let closing = pin!(session.closing(&mut self.wanted));
        let conversation = wire::run(
            connected.websocket,
            &connected.meter,
            session.outbox(),
            &handler,
            timeouts,
            closing,
        );
        let mut lasted = pin!(sleep(quiet.unwrap_or_default()));
        let mut doubtful = pin!(handler.listening.is_in_doubt());
        let (mut has_lasted, mut is_doubted) = (quiet.is_none(), false);
        let mut is_resuming = !resumed.is_empty();
        let mut resuming = pin!(session.resume(resumed));
        tokio::pin!(conversation);
        let ended = loop {
            tokio::select! {
                biased;
                ended = &mut conversation => break ended,
                () = &mut lasted, if !has_lasted => {
                    has_lasted = true;
                    session.outbox().settled();
                    if !std::mem::replace(&mut is_told, true) {
                        session.report_open(&opening);
                    }
                }
                () = &mut doubtful, if !is_doubted => {
                    is_doubted = true;
                    session.report_silence(settings);
                }
                () = &mut resuming, if is_resuming => is_resuming = false,
            }
        };
        handler.websocket.close();
        let gone = session.outbox().disconnected(ended.how.cause(), ended.remains);
        // Events may be lost with it.
        is_told |= session.counters().totals().events_sent > events_before;
        session.context().log.connection_ended(&settings.name);
        session.report_end(&ended.how, &gone, ended.in_doubt, is_told);
        if gone.dropped > 0 {
            session.context().log.warning(
                session.id(),
                format_args!(
                    "{} events of applications that are gone were dropped with the connection",
                    gone.dropped
                ),
            );
        }
        (ended.how, ended.in_doubt)
    }
}

impl Session {
    /// A connection is open; gives its number, and how many events were dropped since the last one.
    fn opened(&self, remote: SocketAddr, serves: bool, settings: &Connection, is_first: bool) -> (u64, u64) {
        count(&self.counters().connections_opened);
        let notice = |application: &str| self.registered(application);
        let delay = self.start_delay(settings).filter(|_| is_first);
        self.outbox().connected(remote.to_string(), serves, delay, notice)
    }

    /// A connection that was made again tells its applications so; gives those of which the host is to tell what is in them.
    fn expect_resume(&self, is_first: bool, settings: &Connection) -> Vec<String> {
        let outbox = self.outbox();
        if is_first || !settings.client.announce_resume {
            outbox.nothing_missed();
            return Vec::new();
        }
        outbox.expect_resume(|application, missed| self.resumed(application, missed))
    }

    /// Lets the events go that wait for ApplicationResumed, as soon as the host has said what is in the applications, or has
    /// had its time for that.
    async fn resume(&self, applications: Vec<String>) {
        let calls = &self.context().calls;
        let deadline = Timer::now() + SNAPSHOTS;
        let mut told = Vec::new();
        if calls.offers(Optional::AppSnapshot) {
            for application in applications {
                match timeout_at(deadline, calls.app_snapshot(&application)).await {
                    Ok(Ok(snapshot)) => told.push((application, protocol::inside(&snapshot))),
                    // The host has logged why.
                    Ok(Err(Failed)) => {}
                    Err(_) => {
                        self.report_late_snapshot(&application);
                        break;
                    }
                }
            }
        }
        self.outbox().resume(&told);
    }

    fn attempt_failed(&self, error: &str, failures: u32) {
        count(&self.counters().attempts_failed);
        self.outbox().note(|status| status.attempt_failed(error, failures));
    }

    /// The connection was lost, or left by its peer.
    pub(super) fn lost(&self, unconfirmed: u64) {
        count(&self.counters().connections_lost);
        self.unconfirmed(unconfirmed);
    }

    /// So many messages have been sent, and nothing proves that they have arrived.
    pub(super) fn unconfirmed(&self, messages: u64) {
        let unconfirmed = &self.counters().messages_unconfirmed;
        unconfirmed.fetch_add(messages, Ordering::Relaxed);
    }

    /// How long the first events of a new per-call connection wait.
    fn start_delay(&self, settings: &Connection) -> Option<Duration> {
        let delay = settings.client.start_delay;
        (self.is_per_call() && !delay.is_zero()).then_some(delay)
    }

    /// Waits until this side wants to end the connection.
    async fn closing(&self, wanted: &mut Wanted) -> Stop {
        tokio::select! {
            biased;
            // If it is only to be made anew, what waits is kept for the next connection.
            _ = wanted.cut_short() => wanted.stop().unwrap_or(Stop::Now),
            () = self.time_to_close() => Stop::soon(),
        }
    }

    /// Waits until a per-call session has nothing left to do; for ever in a persistent one. From then on it lets no channel in:
    /// that could not be told of its StasisStart.
    async fn time_to_close(&self) {
        let outbox = self.outbox();
        loop {
            let changed = outbox.members_changed();
            let Some(time) = outbox.members(Members::closing_time) else {
                changed.await;
                continue;
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = sleep_until(Timer::from_std(time)) => {
                    if outbox.with_members(|members| members.close_when_due(now())) {
                        return;
                    }
                }
            }
        }
    }

    /// Whether a per-call session ends with this connection: closed because its time had come, left by a peer that had heard of
    /// every StasisEnd, or lost when nothing was to be sent any more.
    fn is_over(&self, end: &End) -> bool {
        if !self.is_per_call() {
            return false;
        }
        match end {
            End::Closed => self.outbox().with_members(Members::are_over),
            End::ClosedByPeer(..) | End::Lost(_) => {
                let outbox = self.outbox();
                let is_lost = matches!(end, End::Lost(_));
                let waits = outbox.depth().0 > 0 || is_lost && outbox.has_unproven();
                !waits && outbox.with_members(Members::close_if_all_ended)
            }
        }
    }
}

/// The plan of the session, as far as the task has taken it up.
struct Wanted {
    plan: watch::Receiver<Plan>,
    generation: u64,
}

impl Wanted {
    fn new(plan: watch::Receiver<Plan>) -> Self {
        Self { plan, generation: 0 }
    }

    /// Takes it up as it is now.
    fn take_up(&mut self) -> Plan {
        let plan = self.plan.borrow_and_update().clone();
        self.generation = plan.generation;
        plan
    }

    fn stop(&self) -> Option<Stop> {
        self.plan.borrow().stop
    }

    /// Waits until the session is told to stop, or to make its connection anew.
    async fn cut_short(&mut self) -> Outcome {
        let generation = self.generation;
        let changed = self
            .plan
            .wait_for(|plan| plan.stop.is_some() || plan.generation != generation)
            .await;
        match changed {
            Ok(plan) if plan.stop.is_none() => Outcome::Renewed,
            // The session itself holds the sender.
            _ => Outcome::Stopped,
        }
    }
}
