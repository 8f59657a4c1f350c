//! The task that owns a session's connection: it makes it, runs it, and makes it again.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant as Timer, sleep, sleep_until};

use super::backoff::{pause, random};
use super::clock::now;
use super::endings::{End, Ending, Stop};
use super::handler::SessionHandler;
use super::life::{Life, Outcome, Step};
use super::listening::Listening;
use super::members::Members;
use super::report::Opening;
use super::requests::Websocket;
use super::state::{Plan, Session};
use super::view::Phase;
use super::wire::{self, Timeouts};
use crate::config::Connection;
use crate::error::Result;
use crate::net::{self, Connected};

/// Who starts a per-call session. It is told when the first connection is open, registers the application, and says whether
/// to go on; the websocket waits for that.
pub type Start = oneshot::Sender<Result<oneshot::Sender<bool>>>;

impl Session {
    /// Runs the session to its end. Takes `start` when the first connection is open.
    pub async fn run(self: &Arc<Self>, start: &mut Option<Start>) -> Ending {
        let mut wanted = Wanted::new(self.plan());
        let mut life = Life::new(self.call().is_some());
        let mut plan = wanted.take_up();
        let mut step = Step::Attempt;
        let ending = loop {
            let outcome = match step {
                Step::Attempt => {
                    plan = wanted.take_up();
                    self.attempt(&plan, &life, &mut wanted, start).await
                }
                Step::Pause { .. } => self.pause(&plan.settings, &life, &mut wanted).await,
                Step::End(ending) => break ending,
            };
            step = life.next(outcome, &plan.settings.client);
            self.report_step(&plan.settings, &life, &step);
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
    async fn attempt(
        self: &Arc<Self>,
        plan: &Plan,
        life: &Life,
        wanted: &mut Wanted,
        start: &mut Option<Start>,
    ) -> Outcome {
        self.enter(Phase::Connecting);
        let settings = &*plan.settings;
        // Larger than all that a connection at rest needs, and given back before it is.
        let attempt = Box::pin(net::connect(
            &settings.client,
            &self.context().user_agent,
            &plan.memory,
        ));
        let connected = tokio::select! {
            outcome = attempt => match outcome {
                Ok(connected) => connected,
                Err(error) => return Outcome::Failed(error.into()),
            },
            cut = wanted.cut_short() => return cut,
        };
        if let Some(start) = start.take() {
            let (go_on, answer) = oneshot::channel();
            if start.send(Ok(go_on)).is_err() || !answer.await.unwrap_or(false) {
                // The peer still gets its Close.
                self.stop(Stop::Now);
            }
        }
        let began = now();
        let how = self.converse(connected, settings, life, wanted).await;
        if self.is_stopping() {
            return Outcome::Stopped;
        }
        Outcome::Ended {
            is_over: self.is_over(&how),
            how,
            lasted: now().saturating_duration_since(began),
        }
    }

    /// Waits for the next attempt, unless something else comes.
    async fn pause(&self, settings: &Connection, life: &Life, wanted: &mut Wanted) -> Outcome {
        let pause = pause(&settings.client, life.failures(), random());
        let time = Timer::now() + pause;
        self.waits_until(time.into_std());
        tokio::select! {
            () = sleep_until(time) => Outcome::Paused,
            // Nobody is left who would need the connection.
            () = self.time_to_close() => Outcome::Over,
            cut = wanted.cut_short() => cut,
        }
    }

    /// Tells of a failure that led to this step, if one did.
    fn report_step(&self, settings: &Connection, life: &Life, step: &Step) {
        let (Some(failure), failures) = (life.last(), life.failures()) else {
            return;
        };
        match step {
            Step::Pause { before } => {
                self.attempt_failed(&failure.cause, failures);
                self.report_failure(settings, failure, failures, before.as_ref());
            }
            Step::End(Ending::OutOfAttempts(_)) => {
                self.attempt_failed(&failure.cause, failures);
                self.report_giving_up(settings, failure, failures);
            }
            Step::Attempt | Step::End(Ending::Stopped | Ending::Over) => {}
        }
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

    /// Runs an open connection to its end. One that follows a connection which was lost at once is told of only when it has
    /// been up for longer.
    async fn converse(
        self: &Arc<Self>,
        connected: Connected,
        settings: &Connection,
        life: &Life,
        wanted: &mut Wanted,
    ) -> End {
        let quiet = life.quiet(&settings.client);
        self.opened(connected.remote.to_string());
        let (number, dropped) = self
            .outbox()
            .connected(self.start_delay(settings), |application| {
                self.notice("ApplicationRegistered", application)
            });
        let opening = Opening::new(settings, connected.remote, life.failures(), dropped);
        let events_before = self.counters().totals().events_sent;
        let mut is_told = quiet.is_none() || dropped > 0;
        if is_told {
            self.report_open(&opening);
        }

        let handler = SessionHandler {
            session: self,
            websocket: Websocket::open(self, number),
            listening: Listening::default(),
        };
        let timeouts = Timeouts {
            write_timeout: self.context().config().write_timeout(&settings.client),
            pingpong: settings.client.pingpong,
        };
        if let Err(error) = connected.bound_silence(&settings.client, timeouts.write_timeout) {
            // The connection is as good as any that is at rest.
            self.context().log.warning(
                self.id(),
                format_args!(
                    "a server that vanishes may be noticed late: TCP_USER_TIMEOUT: {error}"
                ),
            );
        }
        let closing = pin!(self.closing(wanted));
        let conversation = wire::run(
            connected.websocket,
            &connected.meter,
            self.outbox(),
            &handler,
            timeouts,
            closing,
        );
        let mut lasted = pin!(sleep(quiet.unwrap_or_default()));
        let mut doubtful = pin!(handler.listening.is_in_doubt());
        let mut is_doubted = false;
        tokio::pin!(conversation);
        let ended = loop {
            tokio::select! {
                ended = &mut conversation => break ended,
                () = &mut lasted, if !is_told => {
                    is_told = true;
                    self.report_open(&opening);
                }
                () = &mut doubtful, if !is_doubted => {
                    is_doubted = true;
                    self.report_silence(settings);
                }
            }
        };
        handler.websocket.close();
        let dropped = self.outbox().disconnected(ended.unsent);
        // Events may be lost with it.
        is_told |= self.counters().totals().events_sent > events_before;
        self.context().log.connection_ended(&settings.name);
        self.report_end(&ended.how, ended.unconfirmed, is_told);
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
    async fn closing(&self, wanted: &mut Wanted) -> Stop {
        tokio::select! {
            // If it is only to be made anew, what waits is kept for the next connection.
            _ = wanted.cut_short() => wanted.stop().unwrap_or(Stop::Now),
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

/// The plan of the session, as far as the task has taken it up.
struct Wanted {
    plan: watch::Receiver<Plan>,
    generation: u64,
}

impl Wanted {
    fn new(plan: watch::Receiver<Plan>) -> Self {
        Self {
            plan,
            generation: 0,
        }
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
