//! What all sessions of an instance share.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tokio::sync::Notify;

use super::account::Account;
use super::listening::Silent;
use super::requests::Answers;
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

/// Writes times. What is the same for a whole second is written once in it.
struct Clock {
    time_zone: TimeZone,
    second: Mutex<Second>,
}

#[derive(Default)]
struct Second {
    number: i64,
    /// Before and after the milliseconds.
    parts: (String, String),
}

impl Clock {
    fn new(time_zone: TimeZone) -> Self {
        Self {
            time_zone,
            second: Mutex::default(),
        }
    }

    fn read(&self, time: Timestamp) -> String {
        let number = time.as_second();
        let mut second = self.second.lock().unwrap_or_else(PoisonError::into_inner);
        if second.number != number || second.parts.0.is_empty() {
            let zoned = Zoned::new(time, self.time_zone.clone());
            let part = |format| zoned.strftime(format).to_string();
            *second = Second {
                number,
                parts: (part("%Y-%m-%dT%H:%M:%S"), part("%z")),
            };
        }
        let (before, after) = &second.parts;
        format!("{before}.{:03}{after}", time.subsec_millisecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_the_local_offset() {
        let clock = Clock::new(TimeZone::fixed(jiff::tz::offset(-3)));
        let read = |milliseconds| {
            let time = Timestamp::from_millisecond(milliseconds).expect("a time");
            clock.read(time)
        };
        assert_eq!(read(1_763_859_256_313), "2025-11-22T21:54:16.313-0300");
        assert_eq!(read(1_763_859_256_999), "2025-11-22T21:54:16.999-0300");
        assert_eq!(read(1_763_859_257_000), "2025-11-22T21:54:17.000-0300");
    }
}
