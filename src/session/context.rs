//! What all sessions of an instance share.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::Notify;

use super::account::Account;
use super::answers::Answers;
use super::clock::Clock;
use super::listening::Silent;
use super::times::Times;
use crate::config::Config;
use crate::host::{Calls, Log};
use crate::net::Resources;

/// What all sessions of an instance share.
pub struct Context {
    /// The host's callbacks.
    pub calls: Calls,
    /// The host's log.
    pub log: Log,
    /// The host's entity id.
    pub asterisk_id: String,
    /// The User-Agent of upgrade requests.
    pub user_agent: String,
    /// Requests that the host has not answered.
    pub answers: Answers,
    /// Notified when the outage of a persistent connection begins.
    pub outage_begun: Notify,
    /// Connections whose applications have not sent anything after StasisStart, and of which that was told.
    pub(super) silent: Silent,
    /// What waits to be sent over all sessions.
    pub queued: Arc<Account>,
    /// What attempts of all connections share.
    pub resources: Arc<Resources>,
    /// How long things took.
    pub times: Times,
    config: RwLock<Arc<Config>>,
    clock: Clock,
}

impl Context {
    /// Puts it together; the configuration is empty. `queue_max_total_bytes` is what counts where that says nothing of it.
    pub fn new(
        calls: Calls,
        log: Log,
        resources: Resources,
        asterisk_id: String,
        user_agent: String,
        queue_max_total_bytes: usize,
    ) -> Self {
        Self {
            calls,
            log,
            asterisk_id,
            user_agent,
            answers: Answers::default(),
            outage_begun: Notify::new(),
            silent: Silent::default(),
            queued: Arc::new(Account::new(queue_max_total_bytes)),
            resources: Arc::new(resources),
            times: Times::default(),
            config: RwLock::default(),
            clock: Clock::new(TimeZone::system()),
        }
    }

    /// The configuration in effect.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration into effect.
    pub fn set_config(&self, config: Arc<Config>) {
        self.queued.set_limit(config.general.queue_max_total_bytes);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// Now, as Asterisk writes it: `2026-11-23T00:34:16.313+0000`, in local time.
    pub fn timestamp(&self) -> String {
        self.clock.read(Timestamp::now())
    }
}
