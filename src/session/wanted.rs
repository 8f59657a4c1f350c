//! What the task of a session is to do, and as far as it has heard of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::endings::Stop;
use super::life::Outcome;
use super::state::{Plan, Session};

/// What the task that owns a session's connection is to do, for those who change it and those who wait for that.
pub(super) struct Plans {
    plan: Mutex<Plan>,
    changed: Notify,
}

impl Plans {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan: Mutex::new(plan),
            changed: Notify::new(),
        }
    }

    /// The plan as it is now.
    pub(super) fn now(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.now());
        self.changed.notify_waiters();
    }

    /// Waits until it is such that there is something to tell of it.
    pub(super) async fn wait_for<R>(&self, wanted: impl Fn(&Plan) -> Option<R>) -> R {
        loop {
            let changed = self.changed.notified();
            if let Some(outcome) = wanted(&self.now()) {
                return outcome;
            }
            changed.await;
        }
    }
}

/// The plan of the session, as far as the task has taken it up.
pub(super) struct Wanted {
    session: Arc<Session>,
    generation: u64,
}

impl Wanted {
    pub(super) fn new(session: &Arc<Session>) -> Self {
        Self {
            session: Arc::clone(session),
            generation: 0,
        }
    }

    /// Takes it up as it is now.
    pub(super) fn take_up(&mut self) -> Plan {
        let plan = self.session.plans().now().clone();
        self.generation = plan.generation;
        plan
    }

    pub(super) fn stop(&self) -> Option<Stop> {
        self.session.plans().now().stop
    }

    /// Waits until the session is told to stop, or to make its connection anew.
    pub(super) async fn cut_short(&self) -> Outcome {
        let generation = self.generation;
        let cut = |plan: &Plan| match plan.stop {
            Some(_) => Some(Outcome::Stopped),
            None => (plan.generation != generation).then_some(Outcome::Renewed),
        };
        self.session.plans().wait_for(cut).await
    }
}
