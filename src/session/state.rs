//! A session as the rest of the library holds it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::clock::now;
use super::context::Context;
use super::endings::Stop;
use super::members::Members;
use super::outbox::{Missed, Outbox};
use super::requests::websockets::AllRequests;
use super::servers::Servers;
use super::view::{Counters, View};
use super::wanted::Plans;
use crate::config::{CallData, Connection};
use crate::error::Result;
use crate::net::Caller;
use crate::protocol::{self, Outage};

/// One connection to an application's server, through all its losses and returns.
pub struct Session {
    id: String,
    context: Arc<Context>,
    /// Which numbers of events are its own: those of one application go on as long as the session lives.
    sequence_id: OnceLock<String>,
    /// The application of a per-call session.
    call: Option<Arc<str>>,
    /// What the server is told of the call, if it wants to hear of it.
    call_data: Option<Box<CallData>>,
    outbox: Outbox,
    /// Where the answers go of a connection whose place another one has taken.
    left: Mutex<Option<Arc<Outbox>>>,
    requests: AllRequests,
    counters: Arc<Counters>,
    /// Whether a persistent session turns channels away when it is down: a copy of its settings for those who take no lock
    /// where it does not.
    pub(super) turns_away: AtomicBool,
    plans: Plans,
}

/// What the task that owns the connection is to do. Nothing else tells it.
#[derive(Clone)]
pub(super) struct Plan {
    /// The configuration that it runs with.
    pub(super) settings: Arc<Connection>,
    /// Where it connects to.
    pub(super) servers: Arc<Servers>,
    /// Grows when the connection is to be made anew.
    pub(super) generation: u64,
    /// Whether the session is to end, and how.
    pub(super) stop: Option<Stop>,
}

impl Session {
    /// The session of a persistent connection.
    pub fn persistent(context: &Arc<Context>, settings: Arc<Connection>, servers: Arc<Servers>) -> Arc<Self> {
        let id = settings.name.clone();
        Self::new(context, id, settings, servers, None, None)
    }

    /// The session of a channel that enters an application of a per-call configuration, and gets one of its own.
    pub fn per_call(
        context: &Arc<Context>,
        settings: Arc<Connection>,
        servers: Arc<Servers>,
        application: &str,
        channel_id: &str,
        channel_name: &str,
        call_data: Option<CallData>,
    ) -> Arc<Self> {
        let id = format!("{}:{channel_name}", settings.name);
        let call = (application.into(), Members::new(channel_id));
        Self::new(context, id, settings, servers, Some(call), call_data)
    }

    fn new(
        context: &Arc<Context>,
        id: String,
        settings: Arc<Connection>,
        servers: Arc<Servers>,
        call: Option<(Arc<str>, Members)>,
        call_data: Option<CallData>,
    ) -> Arc<Self> {
        let counters = Arc::new(Counters::default());
        let (call, members) = call.unzip();
        let outbox = Outbox::new(
            settings.client.queue,
            members.unwrap_or_default(),
            Arc::clone(&counters),
            Arc::clone(&context.queued),
        );
        outbox.set_delivery(settings.client.delivery);
        let session = Self {
            id,
            context: Arc::clone(context),
            outbox,
            sequence_id: OnceLock::new(),
            call,
            left: Mutex::default(),
            call_data: call_data.map(Box::new),
            requests: AllRequests::default(),
            counters,
            turns_away: AtomicBool::default(),
            plans: Plans::new(Plan {
                settings,
                servers,
                generation: 0,
                stop: None,
            }),
        };
        if !session.is_per_call() {
            session.set_client(&session.settings().client);
        }
        Arc::new(session)
    }

    /// The connection id, or `connection:channel`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The configuration that the session runs with.
    pub fn settings(&self) -> Arc<Connection> {
        Arc::clone(&self.plans.now().settings)
    }

    /// What has been counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The application of a per-call session.
    pub fn call_application(&self) -> Option<&str> {
        self.call.as_deref()
    }

    /// The application of a per-call session as it is configured: without the channel's name.
    pub(super) fn base_application(&self) -> Option<&str> {
        let channel_name = self.id.strip_prefix(&self.settings().name)?;
        // Both end with a colon and that name.
        self.call_application()?.strip_suffix(channel_name)
    }

    /// The applications, in configured order.
    pub fn applications(&self) -> Vec<String> {
        match &self.call {
            Some(application) => vec![application.to_string()],
            None => self.settings().apps.clone(),
        }
    }

    /// A channel entered an application of the session; false if that is about to end.
    ///
    /// # Errors
    /// It is down, and channels do not wait for it.
    pub fn entered(&self, application: &str, channel_id: &str) -> Result<bool> {
        if self.is_per_call() {
            return Ok(self.outbox.with_members(|members| members.entered(channel_id)));
        }
        self.enter(application, channel_id).map(|()| true)
    }

    /// Stasis returned for a channel.
    pub fn left(&self, application: &str, channel_id: &str) {
        if self.is_per_call() {
            self.outbox.with_members(|members| members.left(channel_id, now()));
        } else {
            self.leave(application, channel_id);
        }
    }

    /// Waits until a channel that has left is known to the application as such: Stasis may return before the host sends
    /// its StasisEnd.
    pub async fn has_left(&self, channel_id: &str) {
        loop {
            let changed = self.outbox.members_changed();
            if !self.outbox.members(|members| members.is_leaving(channel_id)) {
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
        self.outbox.members(|members| members.are_held_without(leaving))
    }

    /// Lets no channel into a per-call session any more unless one holds it; whether none does.
    pub fn close_unless_held(&self) -> bool {
        self.is_per_call() && self.outbox.with_members(Members::close_unless_held)
    }

    /// A channel comes back to a per-call session: it joins the others that are in its application, or the session lets no
    /// channel in any more. Whether it has joined.
    pub fn join_or_close(&self, channel_id: &str) -> bool {
        self.outbox.with_members(|members| members.join_or_close(channel_id))
    }

    /// Ends the session to channels and events; what waits may still be sent. Gives the channels that are in a per-call
    /// session's application for certain, each once; later those of which events told too late for that.
    pub fn end(&self) -> Vec<String> {
        self.outbox.with_members(Members::end)
    }

    /// Nothing is sent any more: the session has ended, and so has its task.
    pub fn clear(&self) {
        let (dropped, unproven) = self.outbox.clear();
        if dropped > 0 {
            self.context.log.warning(
                &self.id,
                format_args!("{dropped} events were dropped: the session ended before they could be sent"),
            );
        }
        if unproven > 0 {
            self.context.log.warning(
                &self.id,
                format_args!(
                    "{unproven} events that had been sent without proof of arrival are not sent again: the session ended"
                ),
            );
        }
    }

    /// Whether the session has ended.
    pub fn has_ended(&self) -> bool {
        self.outbox.members(Members::have_ended)
    }

    /// Events of the application wait until it is announced or withdrawn; false if they do already.
    pub fn hold(&self, application: &str) -> bool {
        self.outbox.hold(application)
    }

    /// The application is registered: its ApplicationRegistered goes out, now or when a connection opens.
    pub fn announce(&self, application: &str) {
        let notice = self.registered(application);
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

    /// ApplicationRegistered; where events have numbers, it says which of them belong together.
    pub(super) fn registered(&self, application: &str) -> String {
        let mut notice = self.notice("ApplicationRegistered", application);
        if self.outbox.has_numbers() {
            protocol::push_sequence_id(&mut notice, self.sequence_id.get_or_init(sequence_id));
        }
        notice
    }

    /// ApplicationResumed, without what only the host knows.
    pub(super) fn resumed(&self, application: &str, missed: &Missed) -> String {
        let outage = Outage {
            down_ms: u64::try_from(missed.down.as_millis()).unwrap_or(u64::MAX),
            events_queued: missed.queued as u64,
            events_dropped: missed.dropped,
            events_unconfirmed: missed.unconfirmed,
        };
        protocol::resumed(application, &self.context.timestamp(), &self.context.asterisk_id, &outage)
    }

    fn notice(&self, kind: &str, application: &str) -> String {
        protocol::application_event(kind, application, &self.context.timestamp(), &self.context.asterisk_id)
    }

    /// Puts new settings into effect without touching the connection; they are used when they are next needed.
    pub fn set_settings(&self, settings: Arc<Connection>) {
        self.set_client(&settings.client);
        self.outbox.set_delivery(settings.client.delivery);
        self.plans.change(|plan| plan.settings = settings);
    }

    /// Lets connections hear of the applications in the order of the settings.
    pub fn reorder(&self) {
        self.outbox.reorder(&self.settings().apps);
    }

    /// Makes the connection anew, with the settings that are in effect now.
    pub fn reconnect(&self, servers: Arc<Servers>) {
        self.plans.change(|plan| {
            plan.servers = servers;
            plan.generation += 1;
        });
    }

    /// Ends the session; if it was told so before, at the earlier time.
    pub fn stop(&self, stop: Stop) {
        self.plans.change(|plan| {
            plan.stop = Some(plan.stop.map_or(stop, |before| before.min(stop)));
        });
    }

    /// Waits until the session is to end before this time after all; gives the time.
    pub(super) async fn hurried(&self, latest: Option<Instant>) -> Instant {
        let earlier = |plan: &Plan| match plan.stop? {
            Stop::Now => latest.is_none_or(|latest| latest > now()).then(now),
            Stop::Drained(time) => latest.is_none_or(|latest| latest > time).then_some(time),
        };
        self.plans.wait_for(earlier).await
    }

    /// Whether the session was told to end.
    pub fn is_stopping(&self) -> bool {
        self.plans.now().stop.is_some()
    }

    /// Waits until the session is told to end.
    pub async fn stopping(&self) {
        self.plans.wait_for(|plan| plan.stop).await;
    }

    /// The session at this moment.
    pub fn view(&self) -> View {
        let (requests_waiting, requests_under_way) = self.requests.depth();
        View {
            requests_waiting,
            requests_under_way,
            totals: self.counters.totals(),
            ..self.outbox.view()
        }
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Who asks for the upgrade.
    pub(super) fn caller(&self) -> Caller<'_> {
        Caller {
            user_agent: &self.context.user_agent,
            call: self.call_data.as_deref(),
        }
    }

    pub(super) fn is_per_call(&self) -> bool {
        self.call.is_some()
    }

    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Where the answers go of a connection whose place another one has taken.
    pub(super) fn left_connection(&self) -> Option<Arc<Outbox>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_left_connection(&self, left: Option<Arc<Outbox>>) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }

    pub(super) fn requests(&self) -> &AllRequests {
        &self.requests
    }

    pub(super) fn request_concurrency(&self) -> u32 {
        self.plans.now().settings.client.request_concurrency
    }

    /// How long the first events of a new per-call connection wait.
    pub(super) fn start_delay(&self, settings: &Connection) -> Option<Duration> {
        let delay = settings.client.start_delay;
        (self.is_per_call() && !delay.is_zero()).then_some(delay)
    }

    /// So many messages have been sent, and nothing proves that they have arrived.
    pub(super) fn unconfirmed(&self, messages: u64) {
        let unconfirmed = &self.counters.messages_unconfirmed;
        unconfirmed.fetch_add(messages, Ordering::Relaxed);
    }

    pub(super) fn plans(&self) -> &Plans {
        &self.plans
    }

    /// The application that requests and answers carry, by these settings of the session.
    pub(super) fn first_application<'a>(&'a self, settings: &'a Connection) -> &'a str {
        let configured = || settings.apps.first().map(String::as_str);
        self.call_application().or_else(configured).unwrap_or_default()
    }

    /// Keeps what threads share of it locked.
    #[cfg(test)]
    pub(crate) fn locked(&self) -> impl Sized + '_ {
        self.outbox.locked()
    }
}

/// Another one for each session, of this instance and of those before it.
fn sequence_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    format!("{:016x}", RandomState::new().hash_one(0))
}
