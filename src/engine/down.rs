//! Persistent connections that come up and go down: the host is told, and channels do not enter what nobody serves, or leave
//! it.

use std::collections::{BTreeMap, VecDeque};
use std::mem::{replace, take};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Engine;
use super::applications::Owner;
use super::calls::Entry;
use crate::error::{Error, Result};
use crate::host::{ConnectionState, Optional};
use crate::session::{Leaving, Session, Stay, Turn};

/// Turns that wait for a host that is slower than the connection: of more than that, those that undo each other go.
const MOST: usize = 16;

/// What the host is told of connections, by their ids: a session may follow another under the same one.
#[derive(Debug, Default)]
pub(super) struct Tellings(Mutex<BTreeMap<String, Telling>>);

#[derive(Debug, Default)]
struct Telling {
    waiting: VecDeque<Turn>,
    /// What was put in last.
    is_up: Option<bool>,
    /// Somebody is at it.
    is_under_way: bool,
    /// Its connection is gone: another one of that id is told of from its beginning.
    is_forgotten: bool,
}

impl Telling {
    fn add(&mut self, turn: Turn) {
        if self.is_up.replace(turn.is_ok()) == Some(turn.is_ok()) {
            return;
        }
        if self.waiting.len() == MOST {
            self.waiting.drain(..2);
        }
        self.waiting.push_back(turn);
    }
}

impl Tellings {
    /// Takes over what the session has; whether somebody is to begin with it.
    fn take_from(&self, session: &Session) -> bool {
        self.take(session.id(), || session.turns())
    }

    fn take(&self, connection: &str, turns: impl FnOnce() -> Vec<Turn>) -> bool {
        let mut tellings = self.lock();
        let turns = turns();
        if turns.is_empty() {
            return false;
        }
        let telling = tellings.entry(connection.to_owned()).or_default();
        if take(&mut telling.is_forgotten) {
            telling.is_up = None;
        }
        turns.into_iter().for_each(|turn| telling.add(turn));
        !telling.waiting.is_empty() && !replace(&mut telling.is_under_way, true)
    }

    /// The next one of a connection.
    fn next(&self, connection: &str) -> Option<Turn> {
        let mut tellings = self.lock();
        let telling = tellings.get_mut(connection)?;
        let next = telling.waiting.pop_front();
        telling.is_under_way = next.is_some();
        if next.is_none() && telling.is_forgotten {
            tellings.remove(connection);
        }
        next
    }

    /// There is no connection of that id any more. What waits is told before it is forgotten.
    pub(super) fn forget(&self, connection: &str) {
        let mut tellings = self.lock();
        match tellings.get_mut(connection) {
            Some(telling) if telling.is_under_way => telling.is_forgotten = true,
            _ => drop(tellings.remove(connection)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Telling>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Has the host told of each time that the connection comes up or goes down, up to its end.
    pub(super) async fn watch_turns(self: &Arc<Self>, session: &Arc<Session>, over: &CancellationToken) {
        loop {
            let turned = session.turned();
            let is_over = over.is_cancelled();
            self.tell_turns(session);
            if is_over {
                return;
            }
            tokio::select! {
                () = turned => {}
                () = over.cancelled() => {}
            }
        }
    }

    /// The session gives its place to another one: what comes of it now is not told any more.
    pub(super) fn retire(self: &Arc<Self>, session: &Arc<Session>) {
        session.retire();
        if self.context.calls.offers(Optional::ConnectionState) {
            self.tell_turns(session);
        }
    }

    /// The host is told one after another, without a lock.
    fn tell_turns(self: &Arc<Self>, session: &Arc<Session>) {
        if !self.tellings.take_from(session) {
            return;
        }
        let (engine, connection) = (Arc::clone(self), session.id().to_owned());
        self.spawn(async move {
            while let Some(state) = engine.tellings.next(&connection) {
                let connection = connection.clone();
                engine
                    .context
                    .calls
                    .connection_state(ConnectionState { connection, state })
                    .await;
            }
        });
    }

    /// Where nobody serves the application, the channel enters the one that its connection has for that, if it has one. One
    /// step: whatever becomes of that is not tried any further.
    pub(super) async fn admit_or_fall_back(self: &Arc<Self>, entry: &Entry) -> Result<String> {
        let error = match self.admit(&entry.app, entry).await {
            Err(error) if error.is_for_want_of_a_server() => error,
            outcome => return outcome,
        };
        let config = self.context.config();
        let connection = config.connections.values().find(|connection| connection.has(&entry.app));
        let Some(fallback) = connection.and_then(|connection| connection.fallback()) else {
            return Err(error);
        };
        self.stasis_fallbacks.fetch_add(1, Ordering::Relaxed);
        let (channel, app) = (&entry.channel_name, &entry.app);
        self.log().notice(
            &entry.channel_id,
            format_args!("{channel} enters Stasis({fallback}) instead of Stasis({app}): {error}"),
        );
        match self.admit(fallback, entry).await {
            Err(Error::Cancelled) => Err(Error::Cancelled),
            Err(second) => {
                let line = format_args!("{channel} does not enter Stasis({fallback}): {second}");
                self.log().notice(&entry.channel_id, line);
                // What the dialplan is to hear of is the application that it asked for.
                Err(error)
            }
            outcome => outcome,
        }
    }

    /// A channel enters an application if somebody has registered it; false if nobody has, or its session is about to end.
    pub(super) async fn let_in(&self, app: &str, entry: &Entry) -> Result<bool> {
        let session = loop {
            match self.applications.owner(app).await {
                Owner::Nobody => return Ok(false),
                Owner::SomebodyElse => return Ok(true),
                Owner::Ours(session) => break session,
                // One that comes and goes may do so again and again.
                Owner::Unclear if entry.cancelled.is_cancelled() => return Err(Error::Cancelled),
                Owner::Unclear => {}
            }
        };
        match session.entered(app, &entry.channel_id) {
            // Whoever took it over serves it.
            Err(Error::Down(_)) if self.table().is_inbound(app) => Ok(true),
            outcome => outcome.inspect_err(|_| self.count_down()),
        }
    }

    /// A channel is not let in, or has to leave, because a persistent connection is down.
    pub(super) fn count_down(&self) {
        self.stasis_down.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends Stasis for the channels that are in applications of the connection when that has been down for too long.
    pub(super) async fn end_stays(&self, session: &Arc<Session>, over: &CancellationToken) {
        while !over.is_cancelled() {
            let turned = session.turned();
            let leaving = if session.turns_away() {
                self.leaving(session)
            } else {
                Leaving::Never
            };
            match leaving {
                // Boxed, as a connection at rest has no room for what it hardly ever needs.
                Leaving::Now(stays) => Box::pin(self.fail_stays(session, stays)).await,
                Leaving::At(time) => tokio::select! {
                    () = turned => {}
                    () = over.cancelled() => {}
                    () = Box::pin(sleep_until(Instant::from_std(time))) => {}
                },
                Leaving::Never => tokio::select! {
                    () = turned => {}
                    () = over.cancelled() => {}
                },
            }
        }
    }

    /// Those that are to leave are noted for that in one step, so that one whose Stasis returns meanwhile is not told.
    fn leaving(&self, session: &Session) -> Leaving {
        let mut table = self.table();
        let mut leaving = session.leaving();
        if let Leaving::Now(stays) = &mut leaving {
            // Whoever took an application over serves those that are in it.
            stays.retain(|stay| !table.is_inbound(&stay.application));
            table.failing.extend(stays.iter().map(noted));
        }
        leaving
    }

    async fn fail_stays(&self, session: &Session, stays: Vec<Stay>) {
        for stay in stays {
            if !self.table().failing.remove(&noted(&stay)) {
                continue;
            }
            self.count_down();
            self.log().warning(
                &stay.channel,
                format_args!(
                    "connection {} of its application {} is down for longer than down_grace: Stasis ends with STASISSTATUS=FAILED",
                    session.id(),
                    stay.application
                ),
            );
            self.context.calls.stasis_failed(&stay.channel, &stay.application).await;
        }
    }
}

/// As `stasis_end` names it.
fn noted(stay: &Stay) -> (String, String) {
    (stay.application.clone(), stay.channel.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_far_too_slow_misses_what_undid_itself() {
        let mut telling = Telling::default();
        for number in 0..100 {
            telling.add(if number % 2 == 0 {
                Ok("up".into())
            } else {
                Err("down".into())
            });
        }
        assert_eq!(telling.waiting.len(), MOST);
        let alternate = telling.waiting.iter().zip(telling.waiting.iter().skip(1));
        assert!(alternate.into_iter().all(|(one, next)| one.is_ok() != next.is_ok()));
        assert_eq!(telling.waiting.back(), Some(&Err("down".into())));
    }

    #[test]
    fn of_a_connection_that_is_gone_nothing_is_kept_once_the_host_has_been_told() {
        let (tellings, server, reason) = (Tellings::default(), || Ok("server".to_owned()), || Err("gone".to_owned()));
        assert!(tellings.take("bots", || vec![server(), reason()]));
        assert_eq!(tellings.next("bots"), Some(server()));
        tellings.forget("bots");
        // Another one of that name begins before the host has heard of its end.
        assert!(!tellings.take("bots", || vec![reason()]));
        assert_eq!(
            (tellings.next("bots"), tellings.next("bots")),
            (Some(reason()), Some(reason()))
        );
        tellings.forget("bots");
        assert_eq!(tellings.next("bots"), None);
        assert!(tellings.lock().is_empty());
    }

    #[test]
    fn what_is_no_change_is_not_told() {
        let mut telling = Telling::default();
        for turn in [Err("refused"), Err("reset"), Ok("server"), Ok("server")] {
            telling.add(turn.map(str::to_owned).map_err(str::to_owned));
        }
        assert_eq!(telling.waiting, [Err("refused".to_owned()), Ok("server".to_owned())]);
    }
}
