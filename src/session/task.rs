//! The task that owns a session's connection: it makes it, runs it, and makes it again.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant as Timer, sleep, sleep_until, timeout};

use super::backoff::{pause, random};
use super::clock::now;
use super::endings::{End, Ending, Failure, LAST_WORDS, Stop, Wish};
use super::handler::SessionHandler;
use super::handover::{self, Left};
use super::life::{Life, Outcome, Step};
use super::listening::Listening;
use super::members::Members;
use super::outbox::Status;
use super::report::{FailedAttempt, Opening};
use super::requests::Websocket;
use super::state::{Plan, Session};
use super::view::count;
use super::waits::if_any;
use super::wanted::Wanted;
use super::wire::{self, Timeouts};
use crate::config::{Connection, ConnectionType};
use crate::net::{Connected, told};

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
    /// What ends the connection whose place another one has taken.
    leaving: Option<JoinHandle<()>>,
    /// The connection that is there had been on standby.
    on_standby: bool,
    /// A peer has had the session.
    was_there: bool,
}

/// What has come of an open connection.
enum Conversed {
    /// And whether the peer is in doubt.
    Ended(End, bool),
    /// One to a preferred server has taken its place.
    Moved(usize, Box<Connected>),
}

impl Task {
    /// The task of a session that has no other.
    pub fn new(session: &Arc<Session>) -> Self {
        let mut wanted = Wanted::new(session);
        Self {
            session: Arc::clone(session),
            life: Life::new(session.is_per_call()),
            plan: wanted.take_up(),
            wanted,
            step: Step::Choose,
            leaving: None,
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
    pub async fn live(&mut self) -> Ending {
        match self.open().await {
            Ok(connected) => self.run(connected).await,
            Err(ending) => ending,
        }
    }

    /// Makes attempts until a connection is open. It is boxed, as whoever passes it on has a place for it in its future.
    ///
    /// # Errors
    /// The session is at its end before that.
    pub async fn open(&mut self) -> Result<Box<Connected>, Ending> {
        loop {
            let outcome = match &self.step {
                Step::Choose => self.choose(),
                Step::Attempt(server) => match self.attempt(*server).await {
                    Ok(connected) => return Ok(Box::new(connected)),
                    Err(outcome) => outcome,
                },
                Step::Pause { .. } => self.pause(self.interval()).await,
                Step::LeaveAlone(time) => self.pause(*time).await,
                Step::Await(longest) => self.wait_for_server(*longest).await,
                Step::End(ending) => return Err(ending.clone()),
            };
            self.advance(outcome);
        }
    }

    /// Runs the session from an open connection to its end.
    pub async fn run(&mut self, connected: Box<Connected>) -> Ending {
        let ending = self.run_connections(connected).await;
        self.left().await;
        ending
    }

    async fn run_connections(&mut self, mut connected: Box<Connected>) -> Ending {
        loop {
            let began = now();
            self.life.connected(connected.server);
            let conversed = match connected.watch_here() {
                Ok(()) => self.converse(connected).await,
                Err(error) => Conversed::Ended(End::Lost(told(&error)), false),
            };
            let (how, in_doubt) = match conversed {
                Conversed::Ended(how, in_doubt) => (how, in_doubt),
                Conversed::Moved(server, next) => {
                    self.on_standby = false;
                    self.was_there = true;
                    self.life.moved(server);
                    connected = next;
                    continue;
                }
            };
            if let (Some(failure), Some(server)) = (how.sent_away(), self.life.server()) {
                self.note_failure(server, &failure);
            }
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

    /// Waits until a connection whose place another one has taken has ended.
    async fn left(&mut self) {
        if let Some(leaving) = self.leaving.take() {
            // It fails only if it panicked.
            let _ = leaving.await;
        }
    }

    fn advance(&mut self, outcome: Outcome) {
        let (server, failures) = (self.life.server(), self.life.failures());
        self.step = self.life.next(outcome, &self.plan.settings.client);
        if self.life.failures() > failures
            && let (Some(server), Some(failure)) = (server, self.life.last())
        {
            self.note_failure(server, failure);
            self.report_failure(server, failure);
        }
    }

    /// The servers of a round, with the settings that are in effect now.
    fn choose(&mut self) -> Outcome {
        self.plan = self.wanted.take_up();
        let client = &self.plan.settings.client;
        let choice = self.plan.servers.choose(client, self.life.own(), self.life.without());
        Outcome::Chosen(choice)
    }

    /// One attempt at a server.
    async fn attempt(&mut self, server: usize) -> Result<Connected, Outcome> {
        let session = &self.session;
        session.outbox().note(Status::connecting);
        // Larger than all that a connection at rest needs, and given back before it is.
        let client = &self.plan.settings.client;
        let (servers, next) = (&self.plan.servers, self.life.next_server());
        let attempt = Box::pin(async {
            let attempt = servers.connect(server, client, session.caller(), session.context());
            let Some(next) = next else {
                return attempt.await.map_err(Outcome::Failed);
            };
            tokio::select! {
                biased;
                outcome = attempt => outcome.map_err(Outcome::Failed),
                () = servers.is_in_vain(server, next) => {
                    session.report_given_up(servers.display(server), servers.display(next));
                    Err(Outcome::GivenUp)
                }
            }
        });
        tokio::select! {
            biased;
            // One that is there gets its Close.
            outcome = attempt => outcome,
            cut = self.wanted.cut_short() => Err(cut),
        }
    }

    /// Waits for a server that answers whoever looks after them, as all are known to be down.
    async fn wait_for_server(&mut self, longest: Duration) -> Outcome {
        self.plan.servers.look_after(self.session.context());
        tokio::select! {
            biased;
            cut = self.wanted.cut_short() => cut,
            answer = timeout(longest, self.plan.servers.answer()) => match answer {
                Ok(()) => Outcome::Paused,
                Err(_) => Outcome::Unanswered,
            }
        }
    }

    /// How long to wait after a round that failed.
    fn interval(&self) -> Duration {
        let client = &self.plan.settings.client;
        let pause = pause(client, self.life.rounds(), random());
        match client.connection_type {
            ConnectionType::Persistent => pause.max(self.plan.servers.all_ready_in()),
            // A caller is not held for longer.
            ConnectionType::PerCallConfig => pause,
        }
    }

    /// Waits for the next attempt, unless something else comes.
    async fn pause(&mut self, pause: Duration) -> Outcome {
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

    /// Lets all sessions of the connection know.
    fn note_failure(&self, server: usize, failure: &Failure) {
        let client = &self.plan.settings.client;
        self.plan.servers.failed(server, failure, client, self.session.context());
    }

    /// Tells of a failure, and of the step that it led to.
    fn report_failure(&self, server: usize, failure: &Failure) {
        let (session, settings, servers) = (&self.session, &*self.plan.settings, &self.plan.servers);
        let failures = self.life.failures();
        session.attempt_failed(&failure.cause, failures);
        let failed = FailedAttempt {
            client: &settings.client,
            uri: servers.display(server),
            failure,
            number: failures,
        };
        match &self.step {
            Step::Attempt(next) => session.report_next(&failed, servers.display(*next)),
            Step::Pause { before } => session.report_failure(settings, &failed, before.as_ref()),
            Step::End(Ending::OutOfAttempts(..)) => session.report_giving_up(settings, failure, failures),
            Step::Choose | Step::LeaveAlone(_) | Step::Await(_) | Step::End(Ending::Stopped | Ending::Over) => {}
        }
    }

    /// Runs an open connection to its end. One that follows a connection which was lost at once is told of only when it has
    /// been up for longer.
    async fn converse(&mut self, connected: Box<Connected>) -> Conversed {
        let (session, settings, servers) = (&self.session, &*self.plan.settings, &self.plan.servers);
        let quiet = self.life.quiet(&settings.client);
        let is_first = !self.was_there;
        let server = servers.display(self.life.server().unwrap_or_default());
        let (number, dropped) = session.opened(connected.remote, quiet.is_none(), settings, is_first);
        if servers.are_several() {
            session.outbox().note(|status| status.at(server));
        }
        let resumed = session.expect_resume(is_first, settings);
        let opening = Opening::new(server, connected.remote, self.life.failures(), dropped);
        let events_before = session.counters().totals().events_sent;
        let mut is_told = quiet.is_none() || dropped > 0;
        if is_told {
            session.report_open(&opening);
        }

        let handler = SessionHandler {
            session,
            outbox: session.outbox(),
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
        let preferred = Mutex::new(None);
        let (leaving, current) = (&mut self.leaving, self.life.server());
        let ended = {
            let closing = pin!(async {
                tokio::select! {
                    biased;
                    stop = session.closing(&mut self.wanted) => Wish::Stop(stop),
                    (server, connected) = handover::preferred(servers, current, session) => {
                        let next = (server, Box::new(connected));
                        *preferred.lock().unwrap_or_else(PoisonError::into_inner) = Some(next);
                        Wish::HandOver(now() + LAST_WORDS)
                    }
                }
            });
            let conversation = wire::run(
                connected.websocket,
                &connected.meter,
                session.outbox(),
                &handler,
                &timeouts,
                closing,
            );
            // What few connections wait for is boxed: most would have the room for nothing.
            let mut lasted = quiet.map(|quiet| Box::pin(sleep(quiet)));
            let mut resuming = (!resumed.is_empty()).then(|| Box::pin(session.resume(resumed)));
            let mut doubtful = pin!(handler.listening.is_in_doubt());
            let mut is_doubted = false;
            tokio::pin!(conversation);
            loop {
                tokio::select! {
                    biased;
                    ended = &mut conversation => break ended,
                    () = if_any(&mut lasted) => {
                        lasted = None;
                        session.outbox().settled();
                        if !std::mem::replace(&mut is_told, true) {
                            session.report_open(&opening);
                        }
                    }
                    () = &mut doubtful, if !is_doubted => {
                        is_doubted = true;
                        session.report_silence(settings);
                    }
                    () = if_any(&mut resuming) => resuming = None,
                }
            }
        };
        let preferred = preferred.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((to, _)) = &preferred {
            session.report_move(server, servers.display(*to));
        }
        let gone = match ended.websocket {
            Some(websocket) => {
                if let Some(before) = leaving.take() {
                    let _ = before.await;
                }
                let left = Left {
                    websocket,
                    meter: connected.meter,
                    place: connected.place,
                    requests: handler.websocket,
                    timeouts,
                };
                let (end, gone) = left.end(session, number, ended.remains);
                *leaving = Some(end);
                gone
            }
            None => {
                handler.websocket.close();
                session.outbox().disconnected(ended.how.cause(), ended.remains)
            }
        };
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
        match preferred {
            Some((to, connected)) => Conversed::Moved(to, connected),
            None => Conversed::Ended(ended.how, ended.in_doubt),
        }
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

    fn attempt_failed(&self, error: &str, failures: u32) {
        count(&self.counters().attempts_failed);
        self.outbox().note(|status| status.attempt_failed(error, failures));
    }

    /// The connection was lost, or left by its peer.
    pub(super) fn lost(&self, unconfirmed: u64) {
        count(&self.counters().connections_lost);
        self.unconfirmed(unconfirmed);
    }

    /// Waits until this side wants to end the connection.
    async fn closing(&self, wanted: &mut Wanted) -> Stop {
        let mut time_to_close = self.is_per_call().then(|| Box::pin(self.time_to_close()));
        tokio::select! {
            biased;
            // If it is only to be made anew, what waits is kept for the next connection.
            _ = wanted.cut_short() => wanted.stop().unwrap_or(Stop::Now),
            () = if_any(&mut time_to_close) => Stop::soon(),
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
                () = Box::pin(sleep_until(Timer::from_std(time))) => {
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
            End::Closed | End::HandedOver => self.outbox().with_members(Members::are_over),
            End::ClosedByPeer(..) | End::Lost(_) => {
                let outbox = self.outbox();
                let is_lost = matches!(end, End::Lost(_));
                let waits = outbox.depth().0 > 0 || is_lost && outbox.has_unproven();
                !waits && outbox.with_members(Members::close_if_all_ended)
            }
        }
    }
}
