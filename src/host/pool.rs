//! Threads that call the host: one while calls return at once, more while they do not.
//!
//! A thread stays as long as calls wait, so that in a burst none of them costs a change of thread of its own.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::sleep;

type Job = Box<dyn FnOnce() + Send>;

/// How long calls may wait for one that keeps its thread before there are twice as many threads.
const PATIENCE: Duration = Duration::from_millis(1);

/// Jobs that may block, in the order in which they came.
#[derive(Clone, Default)]
pub(super) struct Pool(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
    watched: bool,
    /// When a thread took a job last, or was started.
    progress: Option<Instant>,
}

impl Pool {
    /// Has a job done; from a task only, as threads take the signal mask of the one that starts them.
    pub(super) fn add(&self, job: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        state.waiting.push_back(Box::new(job));
        if state.threads == 0 {
            self.start(&mut state, 1);
        } else if !state.watched {
            state.watched = true;
            tokio::spawn(self.clone().watch());
        }
    }

    fn start(&self, state: &mut State, threads: usize) {
        state.threads += threads;
        state.progress = Some(Instant::now());
        for _ in 0..threads {
            let pool = self.clone();
            spawn_blocking(move || pool.work());
        }
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // Whoever waits for its outcome notices.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    /// The next job; a thread that finds none ends.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        let job = state.waiting.pop_front();
        match job {
            Some(_) => state.progress = Some(Instant::now()),
            None => state.threads -= 1,
        }
        job
    }

    /// As long as jobs wait: where none was begun for a moment, each of the threads is held by a call, and what it waits for
    /// may be one of those.
    async fn watch(self) {
        loop {
            sleep(PATIENCE).await;
            let mut state = self.state();
            if state.waiting.is_empty() {
                state.watched = false;
                return;
            }
            let held = state.progress.is_none_or(|time| time.elapsed() >= PATIENCE);
            if held {
                let more = state.threads.clamp(1, state.waiting.len());
                self.start(&mut state, more);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    #[tokio::test(flavor = "multi_thread")]
    async fn jobs_that_wait_for_one_another_are_all_begun() {
        const JOBS: usize = 20;
        let (pool, barrier) = (Pool::default(), Arc::new(Barrier::new(JOBS)));
        let (sender, done) = mpsc::channel();
        for _ in 0..JOBS {
            let (barrier, sender) = (Arc::clone(&barrier), sender.clone());
            pool.add(move || {
                barrier.wait();
                sender.send(()).expect("the test waits");
            });
        }
        for _ in 0..JOBS {
            done.recv_timeout(DEADLINE).expect("a job that ended");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_job_that_panics_takes_no_other_with_it() {
        let pool = Pool::default();
        let (sender, done) = mpsc::channel();
        pool.add(|| panic!("on purpose"));
        pool.add(move || sender.send(()).expect("the test waits"));
        done.recv_timeout(DEADLINE).expect("the job behind it");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn jobs_that_end_at_once_share_a_thread() {
        let pool = Pool::default();
        let (sender, threads) = mpsc::channel();
        for _ in 0..1000 {
            let sender = sender.clone();
            let job = move || {
                let thread = std::thread::current().id();
                sender.send(thread).expect("the test waits");
            };
            pool.add(job);
        }
        drop(sender);
        let mut threads: Vec<_> = threads.iter().collect();
        threads.sort_by_key(|thread| format!("{thread:?}"));
        threads.dedup();
        // A machine with other work may hold up a thread for longer than the pool waits.
        assert!(threads.len() < 10, "{} threads", threads.len());
    }
}
