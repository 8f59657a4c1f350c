//! Connections that wait for calls (`standby_connections`): open, upgraded, and without an application.
//!
//! [`Standbys`] has those of one per-call connection, and replaces what goes. `plan` decides how many to open and which to
//! close, `waiting` is one of them.

mod plan;
mod waiting;

use std::mem::take;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant as Timer, sleep_until};
use tokio_util::sync::CancellationToken;

use super::backoff::random;
use super::clock::now;
use super::context::Context;
use crate::config::{Client, needs_new_connection};
use crate::net::{Caller, Connected, Version};
use crate::session::servers::Servers;
use crate::session::waits::until;
use plan::{Health, Known, Stock, Todo, decide};
use waiting::{Left, Wish, close, wait};

/// How often the files of TLS are looked at: connections that wait are replaced when they have changed.
const LOOK: Duration = Duration::from_secs(10);
/// When to look again whether there is a socket for one.
const SOCKETS: Duration = Duration::from_secs(1);

/// The connections on standby of one per-call connection.
pub struct Standbys {
    name: String,
    context: Arc<Context>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// None when it is over.
    settings: Option<Settings>,
    /// The oldest first.
    waiting: Vec<Waiting>,
    /// Attempts that are under way.
    opening: usize,
    /// Those that were closed, and the server still has.
    closing: Vec<u64>,
    health: Health,
    /// Of the connection that was opened last, or of the files as they are now.
    version: Option<Version>,
    counts: Counts,
}

/// What they are opened with.
#[derive(Clone)]
struct Settings {
    client: Arc<Client>,
    servers: Arc<Servers>,
    /// Cancelled when other settings need other connections.
    renewed: CancellationToken,
}

/// A connection that waits.
struct Waiting {
    number: u64,
    since: Instant,
    version: Option<Version>,
    /// Of the thread that serves it.
    runtime: Handle,
    wish: oneshot::Sender<Wish>,
}

/// What has come of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were opened.
    pub opened: u64,
    /// Calls that took one.
    pub hits: u64,
    /// Calls for which there was none.
    pub misses: u64,
    /// Connections that were lost, or left by the application, before a call took them.
    pub lost: u64,
    /// Connections that were closed: too old, of other settings or files, too many, or for want of a socket.
    pub closed: u64,
}

/// Connections on standby at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StandbyView {
    /// Those that wait.
    pub open: usize,
    /// How many should (`standby_connections`).
    pub wanted: usize,
    /// What has come of them.
    pub counts: Counts,
}

impl Standbys {
    /// None yet. [`Standbys::keep`] has to run.
    pub fn new(context: &Arc<Context>, name: &str, client: &Arc<Client>, servers: Arc<Servers>) -> Arc<Self> {
        let settings = Settings {
            client: Arc::clone(client),
            servers,
            renewed: CancellationToken::new(),
        };
        Arc::new(Self {
            name: name.to_owned(),
            context: Arc::clone(context),
            state: Mutex::new(State {
                settings: Some(settings),
                ..State::default()
            }),
            changed: Notify::new(),
        })
    }

    /// Puts other settings into effect. Connections that these would make otherwise are closed.
    pub fn set(&self, client: &Arc<Client>, servers: Arc<Servers>) {
        let mut state = self.state();
        let Some(settings) = &mut state.settings else {
            return;
        };
        if needs_new_connection(&settings.client, client) {
            settings.renewed.cancel();
            settings.renewed = CancellationToken::new();
            state.close_all();
            state.health = Health::default();
            state.version = None;
        }
        if let Some(settings) = &mut state.settings {
            settings.client = Arc::clone(client);
            settings.servers = servers;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Closes them all; no more are opened.
    pub fn end(&self) {
        let mut state = self.state();
        if let Some(settings) = state.settings.take() {
            settings.renewed.cancel();
        }
        state.close_all();
        drop(state);
        self.changed.notify_one();
    }

    /// Gives one to a call with these settings, the freshest that is alive, with the runtime that serves it.
    pub async fn take(&self, client: &Arc<Client>) -> Option<(Connected, Handle)> {
        loop {
            let waiting = {
                let mut state = self.state();
                let settings = state.settings.as_ref();
                // A call that came before or after a reload may have others.
                let fits = settings.is_some_and(|settings| Arc::ptr_eq(&settings.client, client));
                let found = if fits { state.waiting.pop() } else { None };
                let Some(waiting) = found else {
                    state.counts.misses += 1;
                    return None;
                };
                waiting
            };
            self.changed.notify_one();
            let (reply, given) = oneshot::channel();
            // It may have died in this moment.
            if waiting.wish.send(Wish::Give(reply)).is_ok()
                && let Ok(connected) = given.await
            {
                self.state().counts.hits += 1;
                return Some((connected, waiting.runtime));
            }
        }
    }

    /// What can be seen of them.
    pub fn view(&self) -> StandbyView {
        let state = self.state();
        StandbyView {
            open: state.waiting.len(),
            wanted: state
                .settings
                .as_ref()
                .map_or(0, |settings| settings.client.standby_connections),
            counts: state.counts,
        }
    }

    /// Opens and closes them until it is over; `spawn` begins a task on a thread for input and output.
    pub async fn keep(self: Arc<Self>, spawn: impl Fn(BoxFuture<'static, ()>)) {
        let mut look = Timer::now() + LOOK;
        while let Some((settings, todo)) = self.todo() {
            for _ in 0..todo.open {
                let opening = Opening(Some(Arc::clone(&self)));
                spawn(Box::pin(opening.run(settings.clone())));
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = until(todo.again.map(Timer::from_std)) => {}
                () = sleep_until(look), if settings.client.use_tls() => {
                    let version = tokio::select! {
                        biased;
                        () = settings.renewed.cancelled() => None,
                        version = settings.servers.version(&settings.client) => version,
                    };
                    // What cannot be read for the moment changes nothing.
                    if version.is_some() && !settings.renewed.is_cancelled() {
                        self.state().version = version;
                    }
                    look = Timer::now() + LOOK;
                }
            }
        }
    }

    /// What is to be done now, of which the closing is done; none when it is over.
    fn todo(&self) -> Option<(Settings, Todo)> {
        let mut state = self.state();
        let settings = state.settings.clone()?;
        let known: Vec<_> = state.waiting.iter().map(|waiting| waiting.known(&state.version)).collect();
        let stock = Stock {
            waiting: &known,
            opening: state.opening,
            closing: state.closing.len(),
            health: &state.health,
        };
        let mut todo = decide(&stock, &settings.client, now());
        for number in &todo.close {
            if let Some(place) = state.waiting.iter().position(|waiting| waiting.number == *number) {
                let waiting = state.waiting.remove(place);
                state.close(waiting);
            }
        }
        if todo.open > 0 && self.context.resources.sockets.are_all_in_use() {
            todo.open = 0;
            todo.again = Some(now() + SOCKETS);
        }
        state.opening += todo.open;
        Some((settings, todo))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close_all(&mut self) {
        for waiting in take(&mut self.waiting) {
            self.close(waiting);
        }
    }

    fn close(&mut self, waiting: Waiting) {
        // It may be at its end by itself.
        if waiting.wish.send(Wish::Close).is_ok() {
            self.counts.closed += 1;
        }
        self.closing.push(waiting.number);
    }
}

impl Waiting {
    fn known(&self, version: &Option<Version>) -> Known {
        Known {
            id: self.number,
            since: self.since,
            is_outdated: self.version != *version,
        }
    }
}

/// An attempt that is under way, counted as such until it has ended, whatever becomes of it.
struct Opening(Option<Arc<Standbys>>);

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(standbys) = &self.0 {
            standbys.state().opening -= 1;
            standbys.changed.notify_one();
        }
    }
}

impl Opening {
    /// Opens a connection and has it wait.
    async fn run(mut self, settings: Settings) {
        let Some(standbys) = self.0.clone() else {
            return;
        };
        let (client, context) = (&settings.client, &standbys.context);
        let attempt = async {
            // Before the attempt: should the files change meanwhile, it is replaced once more than it had to be.
            let version = settings.servers.version(client).await;
            let caller = Caller {
                user_agent: &context.user_agent,
                call: None,
            };
            let servers = &settings.servers;
            let mut choice = servers.choose(client, None, &[]);
            let Some(server) = choice.first.take() else {
                return Err(choice.down.unwrap_or_else(|| "every server asks to be left alone".into()));
            };
            match servers.connect(server, client, caller, context).await {
                Ok(connected) => Ok((connected, version)),
                Err(failure) => {
                    servers.failed(server, &failure, client, context);
                    Err(failure.cause)
                }
            }
        };
        let outcome = tokio::select! {
            biased;
            // One that is there gets its Close.
            outcome = Box::pin(attempt) => outcome,
            () = settings.renewed.cancelled() => return,
        };
        let (mut connected, version) = match outcome {
            Ok(opened) => opened,
            Err(cause) => return standbys.failed(&settings, &cause),
        };
        // One that is at rest is as good without.
        let _ = connected.bound_silence(client, context.config().write_timeout(client));
        let (wish, wished) = oneshot::channel();
        let Some(number) = self.waits(&settings, version, wish) else {
            // Until then it counts as an attempt.
            return close(&mut connected.websocket).await;
        };
        let since = now();
        let waiting = wait(connected, &context.resources.sockets, client.pingpong, wished);
        // Whatever happens to it, it is counted no more.
        let left = AssertUnwindSafe(waiting).catch_unwind().await;
        let left = left.unwrap_or_else(|_| Left::Lost("it failed inside the library".into()));
        standbys.left(number, &settings, left, now().saturating_duration_since(since));
    }

    /// The connection is there and waits from now on; gives its number, or nothing if it is not wanted any more.
    fn waits(&mut self, settings: &Settings, version: Option<Version>, wish: oneshot::Sender<Wish>) -> Option<u64> {
        let standbys = self.0.clone()?;
        let mut state = standbys.state();
        state.counts.opened += 1;
        let number = state.counts.opened;
        if settings.renewed.is_cancelled() {
            state.counts.closed += 1;
            return None;
        }
        self.0 = None;
        state.opening -= 1;
        state.health.opened(now());
        state.version.clone_from(&version);
        state.waiting.push(Waiting {
            number,
            since: now(),
            version,
            runtime: Handle::current(),
            wish,
        });
        drop(state);
        standbys.changed.notify_one();
        Some(number)
    }
}

impl Standbys {
    /// An attempt has failed: told of once in an outage.
    fn failed(&self, settings: &Settings, cause: &str) {
        let client = &settings.client;
        let is_new = {
            let mut state = self.state();
            let before = state.health.failures();
            state.health.failed(client, now(), random());
            before != state.health.failures() && state.health.failures() == 1
        };
        let line = format_args!(
            "no connection to {} can wait for calls ({cause}); trying again, calls connect as without",
            client.displayed_servers()
        );
        match is_new {
            true => self.context.log.warning(&self.name, line),
            false => self.context.log.debug(&self.name, line),
        }
    }

    /// A connection waits no more.
    fn left(&self, number: u64, settings: &Settings, left: Left, lasted: Duration) {
        let mut state = self.state();
        let before = state.waiting.len();
        state.waiting.retain(|waiting| waiting.number != number);
        state.closing.retain(|closing| *closing != number);
        let had_it = state.waiting.len() < before;
        match &left {
            Left::AsWished => {}
            Left::GaveWay => state.counts.closed += u64::from(had_it),
            Left::Lost(_) => {
                // One that a call was about to take, or that was to be closed, was counted as that, or is here.
                state.counts.lost += 1;
                if !settings.renewed.is_cancelled() {
                    state.health.lost(&settings.client, lasted, now(), random());
                }
            }
        }
        drop(state);
        self.changed.notify_one();
        if let Left::Lost(cause) = left {
            let (log, uri) = (&self.context.log, settings.client.displayed_servers());
            log.debug(
                &self.name,
                format_args!("a connection to {uri} that waited for a call is lost ({cause})"),
            );
        }
    }
}
