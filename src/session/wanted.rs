//! What the task of a session is to do, as far as it has heard of it.

use tokio::sync::watch;

use super::endings::Stop;
use super::life::Outcome;
use super::state::Plan;

/// The plan of the session, as far as the task has taken it up.
pub(super) struct Wanted {
    plan: watch::Receiver<Plan>,
    generation: u64,
}

impl Wanted {
    pub(super) fn new(plan: watch::Receiver<Plan>) -> Self {
        Self { plan, generation: 0 }
    }

    /// Takes it up as it is now.
    pub(super) fn take_up(&mut self) -> Plan {
        let plan = self.plan.borrow_and_update().clone();
        self.generation = plan.generation;
        plan
    }

    pub(super) fn stop(&self) -> Option<Stop> {
        self.plan.borrow().stop
    }

    /// Waits until the session is told to stop, or to make its connection anew.
    pub(super) async fn cut_short(&mut self) -> Outcome {
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
