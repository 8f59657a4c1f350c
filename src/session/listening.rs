//! Whether an application listens: it may have accepted the connection before its handler of messages was there, and have lost
//! StasisStart. Nothing of that is visible here but that it never says a word.

use std::collections::HashSet;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

/// How long an application may say nothing after StasisStart before that is worth a word.
pub(super) const SILENCE: Duration = Duration::from_secs(3);

/// What one connection has heard of its application.
#[derive(Debug, Default)]
pub(super) struct Listening {
    heard: AtomicBool,
    started: Notify,
}

impl Listening {
    /// A message came; whether it is the first one.
    pub(super) fn heard(&self) -> bool {
        !self.heard.swap(true, Ordering::Relaxed)
    }

    /// A StasisStart went out.
    pub(super) fn started(&self) {
        if !self.was_heard() {
            self.started.notify_one();
        }
    }

    /// Waits until nothing has come for a while after StasisStart; for ever if something does.
    pub(super) async fn is_in_doubt(&self) {
        self.started.notified().await;
        Box::pin(sleep(SILENCE)).await;
        if self.was_heard() {
            pending().await
        }
    }

    fn was_heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }
}

/// The connections whose silence was told of.
#[derive(Debug, Default)]
pub(super) struct Silent(Mutex<HashSet<String>>);

impl Silent {
    /// Notes a connection; whether it is a new one.
    pub(super) fn note(&self, connection: &str) -> bool {
        self.lock().insert(connection.to_owned())
    }

    /// An application of the connection was heard.
    pub(super) fn forget(&self, connection: &str) {
        self.lock().remove(connection);
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn silence_after_stasis_start_is_noticed_after_three_seconds() {
        let (listening, began) = (Listening::default(), Instant::now());
        listening.started();
        listening.is_in_doubt().await;
        assert_eq!(began.elapsed(), SILENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn an_application_that_was_heard_is_not_in_doubt() {
        let listening = Listening::default();
        listening.started();
        let heard = async {
            sleep(SILENCE / 2).await;
            assert!(listening.heard());
            assert!(!listening.heard());
        };
        let (doubt, ()) = tokio::join!(timeout(LONG, listening.is_in_doubt()), heard);
        assert!(doubt.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn before_stasis_start_nothing_is_expected() {
        assert!(timeout(LONG, Listening::default().is_in_doubt()).await.is_err());
    }

    #[test]
    fn a_connection_is_told_of_once_until_it_is_heard() {
        let silent = Silent::default();
        assert!(silent.note("bots"));
        assert!(!silent.note("bots"));
        silent.forget("bots");
        assert!(silent.note("bots"));
    }
}
