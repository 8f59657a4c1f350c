//! Connections that wait for calls (`standby_connections`): open, upgraded, and without an application.
//!
//! [`Standbys`] has those of one per-call connection, and replaces what goes. `plan` decides how many to open and which to
//! close, `opening` opens one, `waiting` is one that is open.

mod opening;
mod plan;
mod waiting;

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant as Timer, sleep_until};
use tokio_util::sync::CancellationToken;

use super::clock::now;
use super::context::Context;
use super::health::Worth;
use super::servers::Servers;
use super::waits::until;
use crate::config::{Client, needs_new_connection};
use crate::net::{Connected, Version};
use opening::Opening;
use plan::{Health, Known, Stock, decide};
use waiting::Wish;

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
    opening: Vec<Place>,
    /// Those that were closed, and the server still has.
    closing: Vec<Place>,
    /// Attempts so far.
    attempts: u64,
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

/// One of them, and where it is.
#[derive(Clone, Copy)]
struct Place {
    /// That of its attempt.
    number: u64,
    /// None if there is no such server, or not any more.
    server: Option<usize>,
}

/// A connection that waits.
struct Waiting {
    place: Place,
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
    /// Those of them that wait at another server than a call would go to, and are replaced.
    pub elsewhere: usize,
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
                let Some(waiting) = state.take_best(client) else {
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
        let worths = state.worths();
        let elsewhere = state.waiting.iter().filter(|waiting| is_elsewhere(&worths, waiting.place));
        StandbyView {
            open: state.waiting.len(),
            elsewhere: elsewhere.count(),
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
        while let Some(settings) = self.settings() {
            let turned = settings.servers.turned();
            let (openings, again) = self.decide();
            for opening in openings {
                spawn(Box::pin(opening.run()));
            }
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = turned => {}
                () = until(again.map(Timer::from_std)) => {}
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

    /// What they are opened with; none when it is over.
    fn settings(&self) -> Option<Settings> {
        self.state().settings.clone()
    }

    /// Closes what is to be closed now; gives the attempts that are to be made, and when to decide again.
    fn decide(self: &Arc<Self>) -> (Vec<Opening>, Option<Instant>) {
        let mut state = self.state();
        let Some(settings) = state.settings.clone() else {
            return (Vec::new(), None);
        };
        let worths = state.worths();
        let known = |waiting: &Waiting| waiting.known(&state.version, &worths);
        let known: Vec<_> = state.waiting.iter().map(known).collect();
        let here = |places: &[Place]| places.iter().filter(|place| !is_elsewhere(&worths, **place)).count();
        let stock = Stock {
            waiting: &known,
            opening: here(&state.opening),
            closing: here(&state.closing),
            health: &state.health,
        };
        let mut todo = decide(&stock, &settings.client, now());
        for number in &todo.close {
            if let Some(at) = state.waiting.iter().position(|waiting| waiting.place.number == *number) {
                let waiting = state.waiting.remove(at);
                let place = waiting.place;
                state.close(waiting, place);
            }
        }
        if todo.open > 0 && self.context.resources.sockets.are_all_in_use() {
            todo.open = 0;
            todo.again = Some(now() + SOCKETS);
        }
        let openings = (0..todo.open).map(|_| {
            let choice = settings.servers.choose(&settings.client, None, &[]);
            state.attempts += 1;
            let place = Place {
                number: state.attempts,
                server: choice.first,
            };
            state.opening.push(place);
            Opening {
                standbys: Arc::clone(self),
                settings: settings.clone(),
                place,
                down: choice.down,
            }
        });
        (openings.collect(), todo.again)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// An attempt is under way no more; whether it was.
    fn ends(&mut self, place: Place) -> bool {
        let before = self.opening.len();
        self.opening.retain(|opening| opening.number != place.number);
        self.opening.len() < before
    }

    /// Closes them all, as there are other settings, maybe with other servers.
    fn close_all(&mut self) {
        for waiting in take(&mut self.waiting) {
            let number = waiting.place.number;
            self.close(waiting, Place { number, server: None });
        }
        let places = self.opening.iter_mut().chain(&mut self.closing);
        places.for_each(|place| place.server = None);
    }

    fn close(&mut self, waiting: Waiting, place: Place) {
        // It may be at its end by itself.
        if waiting.wish.send(Wish::Close).is_ok() {
            self.counts.closed += 1;
        }
        self.closing.push(place);
    }

    /// The freshest of those that are worth most to a call with these settings.
    fn take_best(&mut self, client: &Arc<Client>) -> Option<Waiting> {
        let settings = self.settings.as_ref()?;
        // A call that came before or after a reload may have others.
        if !Arc::ptr_eq(&settings.client, client) {
            return None;
        }
        let worths = self.worths();
        let each = self.waiting.iter().map(|waiting| worth(&worths, waiting.place)).enumerate();
        let (at, worth) = each.max_by_key(|(_, worth)| *worth)?;
        (worth > Worth::None).then(|| self.waiting.remove(at))
    }

    fn worths(&self) -> Vec<Worth> {
        let settings = self.settings.as_ref();
        settings.map_or_else(Vec::new, |settings| settings.servers.worths(&settings.client))
    }
}

/// What a connection there is worth to a call.
fn worth(worths: &[Worth], place: Place) -> Worth {
    let worth = place.server.and_then(|server| worths.get(server));
    worth.copied().unwrap_or(Worth::Full)
}

fn is_elsewhere(worths: &[Worth], place: Place) -> bool {
    worth(worths, place) < Worth::Full
}

impl Waiting {
    fn known(&self, version: &Option<Version>, worths: &[Worth]) -> Known {
        Known {
            id: self.place.number,
            since: self.since,
            is_outdated: self.version != *version,
            is_elsewhere: is_elsewhere(worths, self.place),
        }
    }
}
