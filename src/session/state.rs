//! A session as the rest of the library holds it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};

use super::clock::now;
use super::context::Context;
use super::endings::Stop;
use super::members::Members;
use super::outbox::Outbox;
use super::requests::websockets::AllRequests;
use super::view::{Counters, Phase, View, count};
use crate::config::Connection;
use crate::net::Memory;
use crate::protocol;

/// One connection to an application's server, through all its losses and returns.
pub struct Session {
    id: String,
    context: Arc<Context>,
    /// The channel that a per-call session is made for.
    call: Option<Call>,
    outbox: Outbox,
    requests: AllRequests,
    counters: Arc<Counters>,
    state: Mutex<State>,
    plan: watch::Sender<Plan>,
}

/// What a per-call session has besides.
pub(super) struct Call {
    pub(super) application: Arc<str>,
    pub(super) members: Mutex<Members>,
    pub(super) members_changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    since: Option<Instant>,
    remote_address: Option<String>,
    last_error: Option<String>,
    failed_attempts: u32,
    next_attempt: Option<Instant>,
    round_trip: Option<Duration>,
}

impl State {
    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.since = Some(now());
        self.next_attempt = None;
    }
}

/// What the task that owns the connection is to do. Nothing else tells it.
#[derive(Clone)]
pub(super) struct Plan {
    /// The configuration that it runs with.
    pub(super) settings: Arc<Connection>,
    /// What attempts share.
    pub(super) memory: Arc<Memory>,
    /// Grows when the connection is to be made anew.
    pub(super) generation: u64,
    /// Whether the session is to end, and how.
    pub(super) stop: Option<Stop>,
}

impl Session {
    /// The session of a persistent connection.
    pub fn persistent(
        context: &Arc<Context>,
        settings: Arc<Connection>,
        memory: Arc<Memory>,
    ) -> Arc<Self> {
        let id = settings.name.clone();
        Self::new(context, id, settings, memory, None)
    }

    /// The session of a channel that enters `app` of a per-call configuration.
    pub fn per_call(
        context: &Arc<Context>,
        settings: Arc<Connection>,
        memory: Arc<Memory>,
        app: &str,
        channel_id: &str,
        channel_name: &str,
    ) -> Arc<Self> {
        let id = format!("{}:{channel_name}", settings.name);
        let call = Call {
            application: format!("{app}:{channel_name}").into(),
            members: Mutex::new(Members::new(channel_id)),
            members_changed: Notify::new(),
        };
        Self::new(context, id, settings, memory, Some(call))
    }

    fn new(
        context: &Arc<Context>,
        id: String,
        settings: Arc<Connection>,
        memory: Arc<Memory>,
        call: Option<Call>,
    ) -> Arc<Self> {
        let counters = Arc::new(Counters::default());
        Arc::new(Self {
            id,
            context: Arc::clone(context),
            outbox: Outbox::new(
                settings.client.queue,
                Arc::clone(&counters),
                Arc::clone(&context.queued),
            ),
            call,
            requests: AllRequests::default(),
            counters,
            state: Mutex::default(),
            plan: watch::Sender::new(Plan {
                settings,
                memory,
                generation: 0,
                stop: None,
            }),
        })
    }

    /// The connection id, or `connection:channel`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The configuration that the session runs with.
    pub fn settings(&self) -> Arc<Connection> {
        Arc::clone(&self.plan.borrow().settings)
    }

    /// What has been counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The application of a per-call session.
    pub fn call_application(&self) -> Option<&str> {
        self.call.as_ref().map(|call| &*call.application)
    }

    /// The applications, in configured order.
    pub fn applications(&self) -> Vec<String> {
        match &self.call {
            Some(call) => vec![call.application.to_string()],
            None => self.settings().apps.clone(),
        }
    }

    /// A channel entered the application; false if the session is about to end.
    pub fn entered(&self, channel_id: &str) -> bool {
        match &self.call {
            Some(call) => call.with_members(|members| members.entered(channel_id)),
            None => true,
        }
    }

    /// Stasis returned for a channel.
    pub fn left(&self, channel_id: &str) {
        if let Some(call) = &self.call {
            call.with_members(|members| members.left(channel_id, now()));
        }
    }

    /// Waits until a channel that has left is known to the application as such: Stasis may return before the host sends
    /// its StasisEnd.
    pub async fn has_left(&self, channel_id: &str) {
        let Some(call) = &self.call else { return };
        loop {
            let changed = call.members_changed.notified();
            if !call.with(|members| members.is_leaving(channel_id)) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until the application has the answer to every request that it sent.
    pub async fn has_answered(&self) {
        self.requests.answered().await;
    }

    /// Whether other channels are in a per-call session's application than one that leaves it.
    pub fn has_channels_besides(&self, leaving: &str) -> bool {
        self.call
            .as_ref()
            .is_some_and(|call| call.with(|members| members.are_held_without(leaving)))
    }

    /// Lets no channel into a per-call session any more unless one holds it; whether none does.
    pub fn close_unless_held(&self) -> bool {
        self.call
            .as_ref()
            .is_some_and(|call| call.with_members(Members::close_unless_held))
    }

    /// A channel comes back to a per-call session: it joins the others that are in its application, or the session lets no
    /// channel in any more. Whether it has joined.
    pub fn join_or_close(&self, channel_id: &str) -> bool {
        self.call
            .as_ref()
            .is_some_and(|call| call.with_members(|members| members.join_or_close(channel_id)))
    }

    /// Lets no channel into a per-call session any more.
    pub fn shut_to_channels(&self) {
        if let Some(call) = &self.call {
            call.with_members(Members::shut);
        }
    }

    /// Lets no channel into a per-call session any more; gives those that are in its application for certain, each once.
    pub fn close_to_channels(&self) -> Vec<String> {
        match &self.call {
            Some(call) => call.with_members(Members::close),
            None => Vec::new(),
        }
    }

    /// Channels that came into a per-call session's application when it had ended.
    pub fn stranded(&self) -> Vec<String> {
        self.call
            .as_ref()
            .map_or_else(Vec::new, |call| call.with_members(Members::stranded))
    }

    /// Events of the application wait until it is announced or withdrawn; false if they do already.
    pub fn hold(&self, application: &str) -> bool {
        self.outbox.hold(application)
    }

    /// The application is registered: its ApplicationRegistered goes out, now or when a connection opens.
    pub fn announce(&self, application: &str) {
        let notice = self.notice("ApplicationRegistered", application);
        self.outbox.announce(application, notice);
    }

    /// The application is not registered any more: its ApplicationUnregistered goes out on an open connection.
    pub fn withdraw(&self, application: &str) {
        let notice = self.notice("ApplicationUnregistered", application);
        let dropped = self.outbox.withdraw(application, notice);
        if dropped > 0 {
            self.context.log.warning(
                &self.id,
                format_args!("{dropped} events of application {application}, which is gone, were dropped: there was no connection to send them"),
            );
        }
    }

    /// The application is not registered, but about to be again: its ApplicationUnregistered goes out on an open connection,
    /// and its events wait until it is announced or withdrawn.
    pub fn suspend(&self, application: &str) {
        let notice = self.notice("ApplicationUnregistered", application);
        self.outbox.suspend(application, notice);
    }

    /// Whether the application is announced: registered, that is.
    pub fn is_announced(&self, application: &str) -> bool {
        self.outbox.is_announced(application)
    }

    pub(super) fn notice(&self, kind: &str, application: &str) -> String {
        protocol::application_event(
            kind,
            application,
            &self.context.timestamp(),
            &self.context.asterisk_id,
        )
    }

    /// Puts new settings into effect without touching the connection; they are used when they are next needed.
    pub fn set_settings(&self, settings: Arc<Connection>) {
        self.outbox.set_limits(settings.client.queue);
        self.plan.send_modify(|plan| plan.settings = settings);
    }

    /// Lets connections hear of the applications in the order of the settings.
    pub fn reorder(&self) {
        self.outbox.reorder(&self.settings().apps);
    }

    /// Makes the connection anew, with the settings that are in effect now.
    pub fn reconnect(&self, memory: Arc<Memory>) {
        self.plan.send_modify(|plan| {
            plan.memory = memory;
            plan.generation += 1;
        });
    }

    /// Ends the session.
    pub fn stop(&self, stop: Stop) {
        self.plan.send_modify(|plan| plan.stop = Some(stop));
    }

    /// Whether the session was told to end.
    pub fn is_stopping(&self) -> bool {
        self.plan.borrow().stop.is_some()
    }

    /// The session at this moment.
    pub fn view(&self) -> View {
        let (queued_messages, queued_bytes) = self.outbox.depth();
        let (requests_waiting, requests_under_way) = self.requests.depth();
        let state = self.state();
        let now = now();
        View {
            phase: state.phase.clone(),
            phase_age: state
                .since
                .map_or(Duration::ZERO, |since| now.saturating_duration_since(since)),
            remote_address: state.remote_address.clone(),
            last_error: state.last_error.clone(),
            failed_attempts: state.failed_attempts,
            next_attempt: state
                .next_attempt
                .map(|time| time.saturating_duration_since(now)),
            round_trip: state.round_trip,
            requests_waiting,
            requests_under_way,
            queued_messages,
            queued_bytes,
            totals: self.counters.totals(),
        }
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    pub(super) fn call(&self) -> Option<&Call> {
        self.call.as_ref()
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(super) fn requests(&self) -> &AllRequests {
        &self.requests
    }

    pub(super) fn request_concurrency(&self) -> u32 {
        self.settings().client.request_concurrency
    }

    pub(super) fn plan(&self) -> watch::Receiver<Plan> {
        self.plan.subscribe()
    }

    /// The application that answers carry.
    pub(super) fn first_application(&self) -> String {
        self.applications().into_iter().next().unwrap_or_default()
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.state().enter(phase);
    }

    /// The websocket is open. Whoever looks sees all that comes with it, or none.
    pub(super) fn opened(&self, remote: String) {
        count(&self.counters.connections_opened);
        let mut state = self.state();
        state.enter(Phase::Up);
        state.remote_address = Some(remote);
        state.failed_attempts = 0;
        state.round_trip = None;
    }

    pub(super) fn attempt_failed(&self, error: &str, failures: u32) {
        count(&self.counters.attempts_failed);
        let mut state = self.state();
        state.last_error = Some(error.to_owned());
        state.failed_attempts = failures;
    }

    pub(super) fn lost(&self, error: &str, unconfirmed: u64) {
        count(&self.counters.connections_lost);
        self.counters
            .messages_unconfirmed
            .fetch_add(unconfirmed, Ordering::Relaxed);
        self.state().last_error = Some(error.to_owned());
    }

    pub(super) fn waits_until(&self, time: Instant) {
        let mut state = self.state();
        state.enter(Phase::Waiting);
        state.next_attempt = Some(time);
    }

    pub(super) fn set_round_trip(&self, time: Duration) {
        self.state().round_trip = Some(time);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps its state locked.
    #[cfg(test)]
    pub(crate) fn locked(&self) -> impl Sized + '_ {
        self.state()
    }
}

impl Call {
    pub(super) fn with<R>(&self, look: impl FnOnce(&Members) -> R) -> R {
        look(&self.members.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn with_members<R>(&self, change: impl FnOnce(&mut Members) -> R) -> R {
        let outcome = change(&mut self.members.lock().unwrap_or_else(PoisonError::into_inner));
        self.members_changed.notify_waiters();
        outcome
    }
}
