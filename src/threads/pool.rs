//! Threads for work that may block: one while jobs return at once, more while they do not, as far as the system grants them.
//!
//! A thread stays as long as jobs wait, so that in a burst none of them costs a change of thread of its own.

use std::collections::VecDeque;
use std::io;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::{Job, Workers};

type Tell = Box<dyn Fn(&io::Error) + Send>;

/// How long jobs may wait for one that keeps its thread before there are twice as many threads.
const PATIENCE: Duration = Duration::from_millis(1);
/// The longest time between two attempts to start a thread, while the system refuses them.
const LONGEST_PATIENCE: Duration = Duration::from_secs(1);
/// How long a thread without work stays.
const KEEP: Duration = Duration::from_secs(10);

/// Jobs that may block, begun in the order in which they came.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    name: &'static str,
    most: usize,
    state: Mutex<State>,
    /// Tells threads without work that there is some, or that they are to end.
    called: Condvar,
    /// Tells whoever ends the pool that a thread has ended.
    ended: Condvar,
    /// Told of the first refusal of a thread, until one is granted again.
    refused: Mutex<Option<Tell>>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Threads that work, or have been called to.
    busy: usize,
    /// Threads without work that have not been called.
    idle: usize,
    /// Threads that have been called and do not know it yet.
    called: usize,
    threads: Vec<JoinHandle<()>>,
    watched: bool,
    refused: bool,
    closed: bool,
    /// When a thread took a job last, or was started.
    progress: Option<Instant>,
}

impl Pool {
    /// At most so many threads; none before there is work.
    pub(super) fn new(name: &'static str, most: usize) -> Self {
        Self(Arc::new(Shared {
            name,
            most,
            state: Mutex::default(),
            called: Condvar::new(),
            ended: Condvar::new(),
            refused: Mutex::default(),
        }))
    }

    /// With a thread that stays, so that whatever the system refuses later, every job is done.
    ///
    /// # Errors
    /// The system refused it.
    pub(crate) fn start(name: &'static str, most: usize) -> io::Result<Self> {
        let pool = Self::new(name, most);
        pool.start_one(&mut pool.state(), true)?;
        Ok(pool)
    }

    /// Has `tell` called when the system begins to refuse threads.
    pub(crate) fn when_refused(&self, tell: impl Fn(&io::Error) + Send + 'static) {
        *lock(&self.0.refused) = Some(Box::new(tell));
    }

    /// Sets more threads to work, up to so many: those without work first. These are told when the lock is free, which would
    /// be the first that they wait for.
    fn more(&self, mut state: MutexGuard<'_, State>, count: usize) -> io::Result<()> {
        let called = self.call(&mut state, count);
        let started = self.start_more(&mut state, count - called);
        drop(state);
        self.tell(called);
        started
    }

    fn start_more(&self, state: &mut State, count: usize) -> io::Result<()> {
        for _ in 0..count {
            if state.busy + state.idle >= self.0.most {
                break;
            }
            self.start_one(state, false)?;
        }
        Ok(())
    }

    /// Calls threads without work, up to so many; gives how many there were, who are still to be told.
    fn call(&self, state: &mut State, count: usize) -> usize {
        let count = count.min(state.idle);
        state.idle -= count;
        state.busy += count;
        state.called += count;
        if count > 0 {
            state.progress = Some(Instant::now());
        }
        count
    }

    /// Tells so many threads that they are called.
    fn tell(&self, count: usize) {
        for _ in 0..count {
            self.0.called.notify_one();
        }
    }

    fn start_one(&self, state: &mut State, stays: bool) -> io::Result<()> {
        let pool = self.clone();
        match super::start(self.0.name, move || pool.work(stays)) {
            Ok(thread) => {
                // Counted once it is there: what was counted before would be missing for ever after a refusal.
                state.busy += 1;
                state.progress = Some(Instant::now());
                state.refused = false;
                state.threads.retain(|thread| !thread.is_finished());
                state.threads.push(thread);
                Ok(())
            }
            Err(error) => {
                if !state.refused {
                    state.refused = true;
                    if let Some(tell) = &*lock(&self.0.refused) {
                        tell(&error);
                    }
                }
                Err(error)
            }
        }
    }

    fn work(&self, stays: bool) {
        let mut state = self.state();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                state.progress = Some(Instant::now());
                drop(state);
                // Whoever waits for its outcome notices.
                let _ = catch_unwind(AssertUnwindSafe(job));
                state = self.state();
                continue;
            }
            state.busy -= 1;
            state.idle += 1;
            let called;
            (state, called) = self.idle(state, stays);
            if !called {
                state.idle -= 1;
                self.0.ended.notify_all();
                return;
            }
        }
    }

    /// Waits until the thread is called; or for a while, or until the pool ends.
    fn idle<'a>(&'a self, mut state: MutexGuard<'a, State>, stays: bool) -> (MutexGuard<'a, State>, bool) {
        let until = Instant::now() + KEEP;
        loop {
            if state.called > 0 {
                state.called -= 1;
                return (state, true);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.closed || !stays && left.is_zero() {
                return (state, false);
            }
            let called = &self.0.called;
            state = if stays {
                called.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                let waited = called.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            };
        }
    }

    /// As long as jobs wait: where none was begun for a moment, each of the threads is held by one, and what it waits for
    /// may be one of those.
    fn watch(&self, state: &mut State) {
        if state.watched {
            return;
        }
        state.watched = true;
        let pool = self.clone();
        tokio::spawn(async move {
            let mut patience = PATIENCE;
            loop {
                sleep(patience).await;
                let mut state = pool.state();
                if state.waiting.is_empty() {
                    state.watched = false;
                    return;
                }
                let held = state.progress.is_none_or(|time| time.elapsed() >= PATIENCE);
                if held {
                    let more = state.busy.clamp(1, state.waiting.len());
                    patience = match pool.more(state, more) {
                        Ok(()) => PATIENCE,
                        Err(_) => (patience * 2).min(LONGEST_PATIENCE),
                    };
                }
            }
        });
    }

    fn close(&self) -> Vec<JoinHandle<()>> {
        let mut state = self.state();
        state.closed = true;
        // The threads keep the pool, and what is to be told of refusals may keep more.
        *lock(&self.0.refused) = None;
        self.0.called.notify_all();
        take(&mut state.threads)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

impl Workers for Pool {
    /// From within a runtime only, whose time tells when a job did not return at once. The pool has a thread that stays.
    fn add(&self, job: Job) {
        let mut state = self.state();
        state.waiting.push_back(job);
        if state.busy == 0 {
            let called = self.call(&mut state, 1);
            drop(state);
            self.tell(called);
        } else {
            self.watch(&mut state);
        }
    }

    /// Likewise.
    fn add_at_once(&self, job: Job) {
        let mut state = self.state();
        state.waiting.push_back(job);
        if self.more(state, 1).is_err() {
            self.watch(&mut self.state());
        }
    }

    fn try_add_at_once(&self, job: Job) -> Result<(), (Job, io::Error)> {
        let mut state = self.state();
        let called = self.call(&mut state, 1);
        match self.start_more(&mut state, 1 - called) {
            Err(error) if state.busy + state.idle == 0 => return Err((job, error)),
            // If there was none more, one that works takes it.
            _ => state.waiting.push_back(job),
        }
        drop(state);
        self.tell(called);
        Ok(())
    }

    fn end(&self, patience: Option<Duration>) {
        let threads = self.close();
        let Some(patience) = patience else {
            for thread in threads {
                // Fails only if it panicked, and then it has ended.
                let _ = thread.join();
            }
            return;
        };
        let state = self.state();
        let alive = |state: &mut State| state.busy + state.idle > 0;
        let ended = &self.0.ended;
        let (state, _) = ended
            .wait_timeout_while(state, patience, alive)
            .unwrap_or_else(PoisonError::into_inner);
        let all = state.busy + state.idle == 0;
        drop(state);
        for thread in threads {
            if all || thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::mpsc;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    fn pool() -> Pool {
        Pool::start("ariws-host", 64).expect("a thread")
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn jobs_that_wait_for_one_another_are_all_begun() {
        const JOBS: usize = 20;
        let (pool, barrier) = (pool(), Arc::new(Barrier::new(JOBS)));
        let (sender, done) = mpsc::channel();
        for _ in 0..JOBS {
            let (barrier, sender) = (Arc::clone(&barrier), sender.clone());
            pool.add(Box::new(move || {
                barrier.wait();
                sender.send(()).expect("the test waits");
            }));
        }
        for _ in 0..JOBS {
            done.recv_timeout(DEADLINE).expect("a job that ended");
        }
        pool.end(None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_job_that_panics_takes_no_other_with_it() {
        let pool = pool();
        let (sender, done) = mpsc::channel();
        pool.add(Box::new(|| panic!("on purpose")));
        pool.add(Box::new(move || sender.send(()).expect("the test waits")));
        done.recv_timeout(DEADLINE).expect("the job behind it");
        pool.end(None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn jobs_that_end_at_once_share_a_thread() {
        let pool = pool();
        let (sender, threads) = mpsc::channel();
        for _ in 0..1000 {
            let sender = sender.clone();
            let job = move || {
                let thread = std::thread::current().id();
                sender.send(thread).expect("the test waits");
            };
            pool.add(Box::new(job));
        }
        drop(sender);
        let mut threads: Vec<_> = threads.iter().collect();
        threads.sort_by_key(|thread| format!("{thread:?}"));
        threads.dedup();
        // A machine with other work may hold up a thread for longer than the pool waits.
        assert!(threads.len() < 10, "{} threads", threads.len());
        pool.end(None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn jobs_wait_for_the_one_thread_that_there_may_be() {
        let pool = Pool::start("ariws-host", 1).expect("a thread");
        let (sender, done) = mpsc::channel();
        for number in 0..100 {
            let sender = sender.clone();
            pool.add_at_once(Box::new(move || sender.send(number).expect("the test waits")));
        }
        drop(sender);
        assert_eq!(done.iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        pool.end(None);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_end_waits_for_what_was_begun() {
        let pool = pool();
        let (begun, begins) = mpsc::channel();
        let (go_on, waits) = mpsc::channel::<()>();
        pool.add(Box::new(move || {
            begun.send(()).expect("the test waits");
            let _ = waits.recv_timeout(DEADLINE);
        }));
        begins.recv_timeout(DEADLINE).expect("it is begun");
        pool.end(Some(Duration::ZERO));
        assert_ne!(pool.state().busy, 0);
        drop(go_on);
        pool.end(Some(DEADLINE));
        assert_eq!(pool.state().busy, 0);
    }
}
