//! Persistent connections that come up and go down: the host is told, and channels leave what nobody serves.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::host::{ConnectionState, Optional};
use crate::session::{Leaving, Session, Stay};

impl Engine {
    /// Tells the host of each time that the connection comes up or goes down, one after another, up to its end.
    pub(super) async fn tell_of_turns(&self, session: &Arc<Session>, over: &CancellationToken) {
        let calls = &self.context.calls;
        while calls.offers(Optional::ConnectionState) {
            let turned = session.turned();
            let is_over = over.is_cancelled();
            while let Some(state) = session.next_turn() {
                let connection = session.id().to_owned();
                calls.connection_state(ConnectionState { connection, state }).await;
            }
            if is_over {
                return;
            }
            tokio::select! {
                () = turned => {}
                () = over.cancelled() => {}
            }
        }
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
                Leaving::Now(stays) => self.fail_stays(session, stays).await,
                Leaving::At(time) => tokio::select! {
                    () = turned => {}
                    () = over.cancelled() => {}
                    () = sleep_until(Instant::from_std(time)) => {}
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
    (stay.application.clone(), stay.leaves_as.clone())
}
