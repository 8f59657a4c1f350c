//! Threads for input and output. Each has tasks of its own, which it alone runs, so that it never needs another one.

use std::io::{Error, Result};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;

use super::Tasks;

/// Threads for input and output.
pub(crate) struct IoThreads {
    runtimes: Vec<Handle>,
    end: CancellationToken,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl IoThreads {
    /// Starts so many.
    ///
    /// # Errors
    /// The system refused one, or the descriptors that it needs. Then there is none.
    pub(crate) fn start(count: usize) -> Result<Self> {
        let mut threads = Self {
            runtimes: Vec::with_capacity(count),
            end: CancellationToken::new(),
            threads: Mutex::default(),
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
        let (handle, end) = (runtime.handle().clone(), self.end.clone());
        // Where the thread is refused, what it was to run is dropped, with its descriptors.
        let thread = super::start("ariws-io", move || runtime.block_on(end.cancelled()))?;
        self.runtimes.push(handle);
        self.threads().push(thread);
        Ok(())
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tasks for IoThreads {
    /// That of the thread that has the fewest tasks.
    fn runtime(&self) -> &Handle {
        let idlest = self.runtimes.iter().min_by_key(|runtime| runtime.metrics().num_alive_tasks());
        idlest.expect("there is always one")
    }

    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        self.runtime().block_on(future);
    }

    /// Waits for the end of the threads.
    fn end(&self) {
        self.end.cancel();
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
        for runtime in &threads.runtimes {
            assert_eq!(runtime.metrics().num_alive_tasks(), 3);
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
