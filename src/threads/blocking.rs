//! Work that may block, and that a task waits for: the reading of files, which may lie on a slow disk.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{Pool, Workers};

/// More would only make a slow disk slower.
const THREADS: usize = 4;

/// Where tasks have blocking work done.
#[derive(Clone)]
pub(crate) struct Blocking {
    pool: Arc<dyn Workers>,
    /// Has a thread for certain.
    otherwise: Option<Arc<dyn Workers>>,
}

impl Default for Blocking {
    /// Fails where the system refuses a thread.
    fn default() -> Self {
        Self::by(Arc::new(Pool::new("ariws-files", THREADS)))
    }
}

impl Blocking {
    /// Done by those alone.
    pub(crate) fn by(workers: Arc<dyn Workers>) -> Self {
        Self {
            pool: workers,
            otherwise: None,
        }
    }

    /// Where the system refuses a thread, the work is done by another pool, in its turn.
    pub(crate) fn or_else(otherwise: Arc<dyn Workers>) -> Self {
        Self {
            otherwise: Some(otherwise),
            ..Self::default()
        }
    }

    /// Does it and waits for it.
    ///
    /// # Errors
    /// The system refused a thread and there is no other pool, or the work panicked.
    pub(crate) async fn run<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> io::Result<R> {
        let (sender, outcome) = oneshot::channel();
        let job = Box::new(move || {
            // Whoever waited may have gone.
            let _ = sender.send(work());
        });
        if let Err((job, error)) = self.pool.try_add_at_once(job) {
            match &self.otherwise {
                Some(otherwise) => otherwise.add_at_once(job),
                None => return Err(error),
            }
        }
        outcome.await.map_err(io::Error::other)
    }

    /// Ends the threads. One that the disk still holds is not waited for any longer than that: it touches nothing of
    /// anybody's.
    pub(crate) fn end(&self, patience: Duration) {
        self.pool.end(Some(patience));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_work_gives_is_the_outcome() {
        let blocking = Blocking::default();
        assert_eq!(blocking.run(|| 1).await.ok(), Some(1));
        blocking.end(Duration::from_secs(10));
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error() {
        let blocking = Blocking::default();
        let outcome: io::Result<()> = blocking.run(|| panic!("on purpose")).await;
        assert!(outcome.is_err());
        blocking.end(Duration::from_secs(10));
    }
}
