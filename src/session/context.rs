//! What all sessions of an instance share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use tokio::sync::oneshot;

use crate::config::Config;
use crate::error::{Error, Result};
use crate::host::{Calls, Log};

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
    config: RwLock<Arc<Config>>,
    time_zone: TimeZone,
}

impl Context {
    /// Puts it together; the configuration is empty.
    pub fn new(calls: Calls, log: Log, asterisk_id: String, user_agent: String) -> Self {
        Self {
            calls,
            log,
            asterisk_id,
            user_agent,
            answers: Answers::default(),
            config: RwLock::default(),
            time_zone: TimeZone::system(),
        }
    }

    /// The configuration in effect.
    pub fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another configuration into effect.
    pub fn set_config(&self, config: Arc<Config>) {
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// Now, as Asterisk writes it: `2026-11-23T00:34:16.313+0000`, in local time.
    pub fn timestamp(&self) -> String {
        Zoned::new(Timestamp::now(), self.time_zone.clone())
            .strftime("%Y-%m-%dT%H:%M:%S%.3f%z")
            .to_string()
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
