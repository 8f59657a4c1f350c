//! What all sessions of an instance share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tokio::sync::{Notify, oneshot};

use super::account::Account;
use super::listening::Silent;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::host::{Calls, Log};
use crate::net::Resolver;

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
    /// Where names are looked up.
    pub resolver: Arc<Resolver>,
    config: RwLock<Arc<Config>>,
    clock: Clock,
}

impl Context {
    /// Puts it together; the configuration is empty. `queue_max_total_bytes` is what counts where that says nothing of it.
    pub fn new(
        calls: Calls,
        log: Log,
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
            resolver: Arc::default(),
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

/// What the host answers to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The reason phrase, if it is not the usual one.
    pub reason: Option<String>,
    /// The JSON body.
    pub body: Option<String>,
}

/// Requests that the host has not answered, by their numbers.
#[derive(Debug, Default)]
pub struct Answers {
    next: AtomicU64,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

impl Answers {
    /// A number for a request, and where its answer will come.
    pub(super) fn expect(&self) -> (u64, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        self.waiting().insert(id, sender);
        (id, receiver)
    }

    /// Gives an answer to whoever waits for it.
    ///
    /// # Errors
    /// Nobody does: it was given before, or the request never was.
    pub fn complete(&self, id: u64, answer: Answer) -> Result<()> {
        let sender = self
            .waiting()
            .remove(&id)
            .ok_or_else(|| Error::NotFound(format!("no request {id} waits for an answer")))?;
        // The one who waited may have ended in this moment, with the instance.
        let _ = sender.send(answer);
        Ok(())
    }

    /// Gives up every request.
    pub fn abandon(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn an_answer_counts_once() {
        let answers = Answers::default();
        let (id, mut receiver) = answers.expect();
        let answer = Answer {
            status: 204,
            reason: None,
            body: None,
        };
        assert!(answers.complete(id, answer.clone()).is_ok());
        assert_eq!(receiver.try_recv(), Ok(answer.clone()));
        assert!(matches!(
            answers.complete(id, answer),
            Err(Error::NotFound(_))
        ));
    }
}
