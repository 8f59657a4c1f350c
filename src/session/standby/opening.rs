//! An attempt to open a connection that waits for calls, and what comes of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::waiting::{Left, Wish, close, wait};
use super::{Place, Settings, Standbys, Waiting};
use crate::net::{Caller, Connected, Version};
use crate::session::backoff::random;
use crate::session::clock::now;

/// An attempt that is under way, counted as such until it has ended, whatever becomes of it.
pub(super) struct Opening {
    pub(super) standbys: Arc<Standbys>,
    pub(super) settings: Settings,
    pub(super) place: Place,
    /// Why every server is down, if it is so.
    pub(super) down: Option<String>,
}

impl Drop for Opening {
    fn drop(&mut self) {
        if self.standbys.state().ends(self.place) {
            self.standbys.changed.notify_one();
        }
    }
}

/// What has come of an attempt.
enum Opened {
    Open(Connected, Option<Version>),
    /// Failed, and another server is to be tried.
    Elsewhere,
    Failed(String),
}

impl Opening {
    /// Opens a connection and has it wait.
    pub(super) async fn run(self) {
        let (standbys, settings) = (&self.standbys, &self.settings);
        let opened = tokio::select! {
            biased;
            // One that is there gets its Close.
            opened = Box::pin(self.attempt()) => opened,
            () = settings.renewed.cancelled() => return,
        };
        let (mut connected, version) = match opened {
            Opened::Open(connected, version) => (connected, version),
            Opened::Elsewhere => return,
            Opened::Failed(cause) => return standbys.failed(settings, &cause),
        };
        let (client, context) = (&settings.client, &standbys.context);
        // One that is at rest is as good without.
        let _ = connected.bound_silence(client, context.config().write_timeout(client));
        let (wish, wished) = oneshot::channel();
        if !self.waits(version, wish) {
            // Until then it counts as an attempt.
            return close(&mut connected.websocket).await;
        }
        let since = now();
        let waiting = wait(connected, &context.resources.sockets, client.pingpong, wished);
        // Whatever happens to it, it is counted no more.
        let left = AssertUnwindSafe(waiting).catch_unwind().await;
        let left = left.unwrap_or_else(|_| Left::lost("it failed inside the library"));
        standbys.left(self.place, settings, left, now().saturating_duration_since(since));
    }

    async fn attempt(&self) -> Opened {
        let (client, servers, context) = (&self.settings.client, &self.settings.servers, &self.standbys.context);
        // Before the attempt: should the files change meanwhile, it is replaced once more than it had to be.
        let version = servers.version(client).await;
        let Some(server) = self.place.server else {
            let down = self.down.clone();
            return Opened::Failed(down.unwrap_or_else(|| "every server asks to be left alone".into()));
        };
        let caller = Caller {
            user_agent: &context.user_agent,
            call: None,
        };
        match servers.connect(server, client, caller, context).await {
            Ok(connected) => Opened::Open(connected, version),
            Err(failure) => {
                servers.failed(server, &failure, client, context);
                // As with calls, the next one is tried at once.
                match servers.are_all_down() {
                    true => Opened::Failed(failure.cause),
                    false => Opened::Elsewhere,
                }
            }
        }
    }

    /// The connection is there and waits from now on, if it is still wanted.
    fn waits(&self, version: Option<Version>, wish: oneshot::Sender<Wish>) -> bool {
        let mut state = self.standbys.state();
        state.counts.opened += 1;
        if self.settings.renewed.is_cancelled() {
            state.counts.closed += 1;
            return false;
        }
        state.ends(self.place);
        state.health.opened(now());
        state.version.clone_from(&version);
        state.waiting.push(Waiting {
            place: self.place,
            since: now(),
            version,
            runtime: Handle::current(),
            wish,
        });
        drop(state);
        self.standbys.changed.notify_one();
        true
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
    fn left(&self, place: Place, settings: &Settings, left: Left, lasted: Duration) {
        let Place { number, server } = place;
        let mut state = self.state();
        let before = state.waiting.len();
        state.waiting.retain(|waiting| waiting.place.number != number);
        state.closing.retain(|closing| closing.number != number);
        let had_it = state.waiting.len() < before;
        let settings = state.settings.clone().filter(|_| !settings.renewed.is_cancelled());
        match &left {
            Left::AsWished => {}
            Left::GaveWay => state.counts.closed += u64::from(had_it),
            Left::Lost(_) => {
                // One that a call was about to take, or that was to be closed, was counted as that, or is here.
                state.counts.lost += 1;
                if let Some(settings) = &settings {
                    state.health.lost(&settings.client, lasted, now(), random());
                }
            }
        }
        drop(state);
        if let (Left::Lost(end), Some(Settings { client, servers, .. }), Some(server)) = (left, settings, server) {
            let (log, uri, cause) = (&self.context.log, servers.display(server), end.cause().unwrap_or_default());
            log.debug(
                &self.name,
                format_args!("a connection to {uri} that waited for a call is lost ({cause})"),
            );
            if let Some(failure) = end.sent_away() {
                servers.failed(server, &failure, &client, &self.context);
            }
        }
        self.changed.notify_one();
    }
}
