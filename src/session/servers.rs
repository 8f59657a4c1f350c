//! The servers of one connection: what attempts at each of them share, how each is doing, and who looks after those that are
//! down. One for all sessions of the connection.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::backoff::{pause, restart};
use super::clock::now;
use super::context::Context;
use super::endings::{Failure, NotNow};
use super::health::{Choice, Health, Stand, Worth};
use super::state::Session;
use super::view::count;
use crate::config::{Client, ConnectionType, Preference};
use crate::net::{self, Caller, Connected, Lack, Resources, Server, TlsContext, Version};

/// The servers of one connection.
pub struct Servers {
    connection: String,
    client: Arc<Client>,
    list: Vec<(Server, Arc<Attempts>)>,
    health: Mutex<Health>,
    /// Told of each server that goes down or answers again.
    turned: Notify,
    /// Numbers that were drawn.
    drawn: AtomicU64,
    /// One task looks after those that are down.
    is_probing: AtomicBool,
    /// The connection is gone, or has other servers.
    closed: CancellationToken,
}

/// What came of the attempts at one server.
#[derive(Debug, Default)]
struct Attempts {
    opened: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    /// Told when one of them was not answered in time.
    unanswered: Notify,
}

/// One server at this moment.
#[derive(Debug, Clone)]
pub struct ServerView {
    /// Its uri, for display.
    pub uri: String,
    /// Whether it can be connected to, as far as is known.
    pub stand: Stand,
    /// For how long that has been so.
    pub since: Duration,
    /// Why an attempt at it failed last.
    pub last_failure: Option<String>,
    /// For how long it asks to be left alone.
    pub left_alone: Option<Duration>,
    /// Attempts that came to a connection.
    pub opened: u64,
    /// Attempts that it refused: 401, 403, 404, or a certificate that is not to be trusted.
    pub refused: u64,
    /// Attempts that failed otherwise.
    pub failed: u64,
}

impl Servers {
    /// The servers of a client. What was known of those that it had `before` is known.
    pub fn new(connection: &str, client: &Arc<Client>, resources: &Arc<Resources>, before: Option<&Self>) -> Arc<Self> {
        let mut standings = Vec::with_capacity(client.servers.len());
        let tls = TlsContext::default();
        let list = client.servers.iter().enumerate().map(|(place, uri)| {
            let known = before.and_then(|before| {
                let place = before.list.iter().position(|(server, _)| server.uri == *uri)?;
                let attempts = Arc::clone(&before.list.get(place)?.1);
                Some((before.health().servers.get(place)?.clone(), attempts))
            });
            let (standing, attempts) = known.unwrap_or_default();
            standings.push(standing);
            (Server::new(uri, place, &tls, resources), attempts)
        });
        let list = list.collect();
        Arc::new(Self {
            connection: connection.to_owned(),
            client: Arc::clone(client),
            list,
            health: Mutex::new(Health::of(standings)),
            turned: Notify::new(),
            drawn: AtomicU64::new(0),
            is_probing: AtomicBool::new(false),
            closed: CancellationToken::new(),
        })
    }

    /// The client that they were made for.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Nobody looks after them any more.
    pub fn close(&self) {
        self.closed.cancel();
    }

    #[cfg(test)]
    pub(crate) fn are_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// Each of them at this moment.
    pub fn view(&self) -> Vec<ServerView> {
        let now = now();
        let health = self.health();
        let servers = self.list.iter().zip(&health.servers).enumerate();
        servers
            .map(|(place, ((server, attempts), standing))| {
                let left_alone = health.ready_in(place, now);
                let since = standing.since.unwrap_or(now);
                ServerView {
                    uri: server.uri.display.clone(),
                    stand: standing.stand,
                    since: now.saturating_duration_since(since),
                    last_failure: standing.last_failure.clone(),
                    left_alone: (!left_alone.is_zero()).then_some(left_alone),
                    opened: attempts.opened.load(Ordering::Relaxed),
                    refused: attempts.refused.load(Ordering::Relaxed),
                    failed: attempts.failed.load(Ordering::Relaxed),
                }
            })
            .collect()
    }

    /// Which state of the files of TLS connections are made with from now on; see [`Server::version`].
    pub(super) async fn version(&self, client: &Client) -> Option<Version> {
        let mut servers = self.list.iter().map(|(server, _)| server);
        servers.find(|server| client.uses_tls(&server.uri))?.version(client).await
    }

    /// Whether there is more than one.
    pub(super) fn are_several(&self) -> bool {
        self.list.len() > 1
    }

    /// The uri of a server for display.
    pub(super) fn display(&self, server: usize) -> &str {
        self.list.get(server).map_or("", |(server, _)| &server.uri.display)
    }

    /// The servers of a round of attempts; see [`Health::choose`].
    pub(super) fn choose(&self, client: &Client, own: Option<usize>, without: &[usize]) -> Choice {
        let preference = match client.connection_type {
            ConnectionType::PerCallConfig => client.preference,
            ConnectionType::Persistent => Preference::Failover,
        };
        self.health().choose(preference, own, without, now())
    }

    /// What an open connection to each of them is worth to a call.
    pub(super) fn worths(&self, client: &Client) -> Vec<Worth> {
        self.health().worths(client.preference)
    }

    /// Waits until one of them goes down or answers again, from this call on.
    pub(super) fn turned(&self) -> Notified<'_> {
        self.turned.notified()
    }

    /// Waits until a server answers that is preferred to the one that is connected to.
    pub(super) async fn failback(self: &Arc<Self>, from: usize, session: &Session) -> (usize, Connected) {
        let context = session.context();
        loop {
            let interval = session.settings().client.failback_interval;
            // Not everybody comes back at one moment.
            sleep(interval.mul_f64(0.5 + self.random(context) / 2.0)).await;
            let settings = session.settings();
            for server in 0..from {
                if !self.health().ready_in(server, now()).is_zero() {
                    continue;
                }
                match Box::pin(self.connect(server, &settings.client, session.caller(), context)).await {
                    Ok(connected) => return (server, connected),
                    Err(failure) => self.failed(server, &failure, &settings.client, context),
                }
            }
        }
    }

    /// For how long all of them ask to be left alone.
    pub(super) fn all_ready_in(&self) -> Duration {
        let (health, now) = (self.health(), now());
        let servers = 0..self.list.len();
        servers.map(|server| health.ready_in(server, now)).min().unwrap_or_default()
    }

    /// One attempt at a server. A success is known at once; a failure is [`Servers::failed`].
    pub(super) async fn connect(
        &self,
        server: usize,
        client: &Client,
        caller: Caller<'_>,
        context: &Context,
    ) -> Result<Connected, Failure> {
        let Some((at, attempts)) = self.list.get(server) else {
            return Err(Failure::dropped("there is no such server".into(), None));
        };
        match net::connect(client, caller, at).await {
            Ok(connected) => {
                count(&attempts.opened);
                let was_down = self.health().succeeded(server, now());
                if was_down {
                    self.turned.notify_waiters();
                }
                if was_down && self.are_several() {
                    let line = format_args!("server {} answers again", at.uri.display);
                    context.log.notice(&self.connection, line);
                }
                Ok(connected)
            }
            Err(error) => {
                count(if error.refused { &attempts.refused } else { &attempts.failed });
                Err(error.into())
            }
        }
    }

    /// Waits until an attempt at a server is in vain: another one was not answered in time, while the `next` server is not
    /// known to be down. Whoever came when that was not known yet need not find it out again.
    pub(super) async fn is_in_vain(&self, server: usize, next: usize) {
        let Some((_, attempts)) = self.list.get(server) else {
            return;
        };
        loop {
            let unanswered = attempts.unanswered.notified();
            if self.health().is_worse(server, next) {
                return;
            }
            unanswered.await;
        }
    }

    /// An attempt at a server failed, its connection was lost at once, or it sends everybody away.
    pub(super) fn failed(self: &Arc<Self>, server: usize, failure: &Failure, client: &Client, context: &Arc<Context>) {
        let left_alone = client.longest_retry_after().and_then(|longest| match failure.not_now? {
            NotNow::For(time) => Some(time.min(longest)),
            NotNow::Restarting => Some(restart(client, self.random(context)).min(longest)),
        });
        let is_news = self.health().failed(server, &failure.cause, left_alone, now());
        if failure.lack == Lack::Answer
            && let Some((_, attempts)) = self.list.get(server)
        {
            attempts.unanswered.notify_waiters();
        }
        if !self.are_several() && client.fail_fast.is_none() {
            return;
        }
        if is_news {
            self.turned.notify_waiters();
        }
        if is_news && self.are_several() {
            let line = format_args!("server {} is down ({})", self.display(server), failure.cause);
            context.log.warning(&self.connection, line);
        }
        self.look_after(context);
    }

    /// Begins to look after servers of calls that are down, if there are any, and nobody does.
    pub(crate) fn look_after(self: &Arc<Self>, context: &Arc<Context>) {
        let is_worth_it = self.are_several() || self.client.fail_fast.is_some();
        // A persistent connection does it itself.
        let is_of_calls = self.client.connection_type == ConnectionType::PerCallConfig;
        let is_needed = is_worth_it && is_of_calls && self.health().any_and_all_down().0;
        if !is_needed || self.closed.is_cancelled() || self.is_probing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (servers, context) = (Arc::clone(self), Arc::clone(context));
        tokio::spawn(async move {
            let closed = servers.closed.clone();
            closed.run_until_cancelled(servers.probe_while_down(&context)).await;
        });
    }

    async fn probe_while_down(self: &Arc<Self>, context: &Arc<Context>) {
        let mut rounds = 0;
        let caller = Caller {
            user_agent: &context.user_agent,
            call: None,
        };
        loop {
            let turned = self.turned();
            let (any_down, all_down) = self.health().any_and_all_down();
            if !any_down {
                break;
            }
            // Without `fail_fast` calls go on trying by themselves.
            let pause = if all_down && self.client.fail_fast.is_some() {
                rounds += 1;
                pause(&self.client, rounds, self.random(context))
            } else {
                rounds = 0;
                self.client.failback_interval
            };
            tokio::select! {
                biased;
                // That may have been the last one that served.
                () = turned => continue,
                () = sleep(pause) => {}
            }
            let down = self.health().to_probe(now());
            for server in down {
                match self.connect(server, &self.client, caller, context).await {
                    Ok(connected) => connected.close().await,
                    Err(failure) => self.failed(server, &failure, &self.client, context),
                }
            }
        }
        self.is_probing.store(false, Ordering::Release);
        // One may have gone down since that was looked at.
        self.look_after(context);
    }

    /// Whether all of them are known to be down.
    pub(super) fn are_all_down(&self) -> bool {
        self.health().any_and_all_down().1
    }

    /// Waits until one of them is not known to be down.
    pub(super) async fn answer(&self) {
        loop {
            let turned = self.turned();
            if !self.are_all_down() {
                return;
            }
            turned.await;
        }
    }

    /// A number from 0 to 1, another one each time, and in each PBX: that is what makes them come back one after the other.
    fn random(&self, context: &Context) -> f64 {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut hasher = DefaultHasher::new();
        (&context.asterisk_id, &self.connection, number).hash(&mut hasher);
        (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
