//! Requests that the host has, by the numbers that its answers carry.

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// What the host answers to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The HTTP status code.
    pub status: u16,
    /// The reason phrase, if it is not the usual one.
    pub reason: Option<&'a str>,
    /// The JSON body.
    pub body: Option<&'a str>,
}

/// Puts an answer on its way to the application.
pub(super) type Reply = Box<dyn FnOnce(&Answer<'_>) + Send>;

/// Requests that the host has not answered, over all sessions. Whoever takes one out answers it.
#[derive(Default)]
pub struct Answers {
    next: AtomicU64,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    replies: BTreeMap<u64, Reply>,
    abandoned: bool,
}

impl Answer<'_> {
    /// One of this status, and nothing else.
    pub(super) fn of(status: u16) -> Self {
        Self {
            status,
            reason: None,
            body: None,
        }
    }
}

impl Answers {
    /// A number for a request.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The request of this number is about to be given to the host.
    pub(super) fn expect(&self, id: u64, reply: Reply) {
        let mut waiting = self.waiting();
        if !waiting.abandoned {
            waiting.replies.insert(id, reply);
        }
    }

    /// Takes a request out; nothing if it is answered.
    pub(super) fn take(&self, id: u64) -> Option<Reply> {
        self.waiting().replies.remove(&id)
    }

    /// Gives the host's answer to the application.
    ///
    /// # Errors
    /// Nobody waits for it: it was given before, it is overdue (`request_timeout`), or the request never was.
    pub fn complete(&self, id: u64, answer: &Answer<'_>) -> Result<()> {
        let reply = self
            .take(id)
            .ok_or_else(|| Error::NotFound(format!("no request {id} waits for an answer")))?;
        reply(answer);
        Ok(())
    }

    /// Gives up every request, and those to come.
    pub fn abandon(&self) {
        let mut waiting = self.waiting();
        waiting.abandoned = true;
        let given_up = take(&mut waiting.replies);
        drop(waiting);
        drop(given_up);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
