//! A connection that was made again: its applications hear of that, and of what the host says is in them (`announce_resume`).

use std::time::Duration;

use tokio::time::{Instant as Timer, timeout_at};

use super::state::Session;
use crate::config::Connection;
use crate::host::{Failed, Optional};
use crate::protocol;

/// What the host may take to tell what is in the applications of a connection that was made again: their events wait for it.
const SNAPSHOTS: Duration = Duration::from_secs(1);

impl Session {
    /// A connection that was made again tells its applications so; gives those of which the host is to tell what is in them.
    pub(super) fn expect_resume(&self, is_first: bool, settings: &Connection) -> Vec<String> {
        let outbox = self.outbox();
        if is_first || !settings.client.announce_resume {
            outbox.nothing_missed();
            return Vec::new();
        }
        outbox.expect_resume(|application, missed| self.resumed(application, missed))
    }

    /// Lets the events go that wait for ApplicationResumed, as soon as the host has said what is in the applications, or has
    /// had its time for that.
    pub(super) async fn resume(&self, applications: Vec<String>) {
        let calls = &self.context().calls;
        let deadline = Timer::now() + SNAPSHOTS;
        let mut told = Vec::new();
        if calls.offers(Optional::AppSnapshot) {
            for application in applications {
                match timeout_at(deadline, calls.app_snapshot(&application)).await {
                    Ok(Ok(snapshot)) => told.push((application, protocol::inside(&snapshot))),
                    // The host has logged why.
                    Ok(Err(Failed)) => {}
                    Err(_) => {
                        self.report_late_snapshot(&application);
                        break;
                    }
                }
            }
        }
        self.outbox().resume(&told);
    }
}
