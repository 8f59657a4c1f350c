//! Threads for input and output. Each has tasks of its own, which it alone runs, so that it never needs another one; a second
//! one takes them over while the host keeps it.

use std::io::{Error, Result};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};

use super::Tasks;
use super::pair::Pair;
use super::watcher::{Watcher, Watchers};

/// Connections that channels' own threads open at a time, for each thread of these: more would only wait for one another.
const WATCHERS: usize = 2;

/// Threads for input and output.
pub(crate) struct IoThreads {
    pairs: Vec<Arc<Pair>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    watchers: Arc<Watchers>,
}

impl IoThreads {
    /// Starts so many, and for each one that can take over, as far as the system grants those.
    ///
    /// # Errors
    /// The system refused one, or the descriptors that it needs. Then there is none.
    pub(crate) fn start(count: usize) -> Result<Self> {
        let mut threads = Self {
            pairs: Vec::with_capacity(count),
            threads: Mutex::default(),
            watchers: Arc::default(),
        };
        for number in 1..=count {
            if let Err(error) = threads.start_one() {
                threads.end();
                let text = format!("{error} (number {number} of {count} for input and output)");
                return Err(Error::new(error.kind(), text));
            }
        }
        Ok(threads)
    }

    fn start_one(&mut self) -> Result<()> {
        // A runtime of one thread starts none itself.
        let runtime = Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| {
                let text = format!("the system refused the descriptors of a thread: {error}");
                Error::new(error.kind(), text)
            })?;
        let (pair, runtime) = (Pair::new(runtime.handle().clone()), Arc::new(runtime));
        let (leader, its_runtime) = (Arc::clone(&pair), Arc::clone(&runtime));
        // Where the thread is refused, what it was to run is dropped, with its descriptors.
        let thread = super::start("ariws-io", move || leader.lead_first(its_runtime))?;
        self.threads().push(thread);
        let follower = Arc::clone(&pair);
        self.pairs.push(pair);
        // Without one, calls of the host are made elsewhere.
        if let Ok(thread) = super::start("ariws-io", move || follower.follow_first(runtime)) {
            self.threads().push(thread);
        }
        Ok(())
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tasks for IoThreads {
    /// That of the thread that has the fewest tasks.
    fn runtime(&self) -> &Handle {
        let runtimes = self.pairs.iter().map(|pair| pair.handle());
        let idlest = runtimes.min_by_key(|runtime| runtime.metrics().num_alive_tasks());
        idlest.expect("there is always one")
    }

    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        self.runtime().block_on(future);
    }

    fn watcher(&self) -> Option<Watcher> {
        self.watchers.take(WATCHERS * self.pairs.len())
    }

    /// Waits for the end of the threads.
    fn end(&self) {
        self.watchers.end();
        self.pairs.iter().for_each(|pair| pair.end());
        let threads: Vec<_> = self.threads().drain(..).collect();
        for thread in threads {
            // Fails only if it panicked, and then it has ended.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::thread::current;

    use super::*;

    #[test]
    fn tasks_are_spread_over_the_threads() {
        let threads = IoThreads::start(3).expect("threads");
        for _ in 0..9 {
            drop(threads.runtime().spawn(pending::<()>()));
        }
        for pair in &threads.pairs {
            assert_eq!(pair.handle().metrics().num_alive_tasks(), 3);
        }
        threads.end();
    }

    #[test]
    fn tasks_run_on_the_threads_and_are_dropped_at_their_end() {
        let threads = IoThreads::start(1).expect("a thread");
        let name = threads.runtime().spawn(async { current().name().map(str::to_owned) });
        let name = threads.runtime().block_on(name).expect("its name");
        assert_eq!(name.as_deref(), Some("ariws-io"));
        let (dropped, waiting) = std::sync::mpsc::channel::<()>();
        let task = async move {
            pending::<()>().await;
            drop(dropped);
        };
        drop(threads.runtime().spawn(task));
        threads.end();
        assert!(waiting.recv().is_err());
    }
}
