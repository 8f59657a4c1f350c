//! Two threads with one runtime, as leader and follower: the leader runs the tasks, and between them a job that is expected to
//! return at once, which so costs no change of thread. Where it does not, the follower takes over the tasks.

use std::cell::RefCell;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Handle, Runtime};
use tokio::sync::Notify;
use tokio::task::yield_now;

use super::Job;

/// How long tasks wait for a job before the follower takes them over; at most twice as long. The follower looks so often
/// while there are jobs, which has to cost little beside them.
const PATIENCE: Duration = Duration::from_micros(250);

thread_local! {
    /// The pair whose tasks this thread runs.
    static LED: RefCell<Weak<Pair>> = const { RefCell::new(Weak::new()) };
}

/// What both threads share but the runtime itself, which is dropped, with the tasks that are left, when both have ended.
pub(super) struct Pair {
    runtime: Handle,
    state: Mutex<State>,
    /// Tells the leader, among its tasks, that there is a job, or the end.
    asked: Notify,
    /// Tells a follower that is asleep that a job has begun, or the end.
    begun: Condvar,
}

#[derive(Default)]
struct State {
    /// What the leader is to do next.
    job: Option<Job>,
    /// Jobs that have begun.
    count: u64,
    /// The one among them that the leader is at.
    current: Option<u64>,
    /// There is somebody who could take over.
    has_follower: bool,
    follower_sleeps: bool,
    ended: bool,
}

/// What a thread of the pair does next.
enum Role {
    Leader,
    Follower,
    Done,
}

/// Has the thread that runs this task do a job before it runs the next task; one that a job asks for follows when tasks have had
/// a turn. The job comes back if the thread is none of a pair, has one already, or nobody could take over its tasks.
pub(crate) fn do_here(job: Job) -> Result<(), Job> {
    let pair = LED.with_borrow(Weak::upgrade);
    match pair {
        Some(pair) => pair.ask(job),
        None => Err(job),
    }
}

impl Pair {
    pub(super) fn new(runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            runtime,
            state: Mutex::default(),
            asked: Notify::new(),
            begun: Condvar::new(),
        })
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.runtime
    }

    /// What the thread does that is the leader to begin with.
    pub(super) fn lead_first(self: Arc<Self>, runtime: Arc<Runtime>) {
        self.run(Role::Leader, &runtime);
    }

    /// What the other one does.
    pub(super) fn follow_first(self: Arc<Self>, runtime: Arc<Runtime>) {
        self.run(Role::Follower, &runtime);
    }

    /// Ends both threads.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.ended = true;
        state.job = None;
        self.begun.notify_all();
        drop(state);
        self.asked.notify_one();
    }

    fn run(self: &Arc<Self>, mut role: Role, runtime: &Runtime) {
        loop {
            role = match role {
                Role::Leader => self.lead(runtime),
                Role::Follower => self.follow(),
                Role::Done => return,
            };
        }
    }

    fn ask(&self, job: Job) -> Result<(), Job> {
        let mut state = self.state();
        if state.ended || !state.has_follower || state.job.is_some() {
            return Err(job);
        }
        state.job = Some(job);
        drop(state);
        self.asked.notify_one();
        Ok(())
    }

    /// Runs tasks until there is a job, and then that.
    fn lead(self: &Arc<Self>, runtime: &Runtime) -> Role {
        // Also during the job, which may ask for the one after it.
        LED.set(Arc::downgrade(self));
        let Some((job, number)) = runtime.block_on(self.next()) else {
            LED.take();
            return Role::Done;
        };
        // Whoever waits for its outcome notices.
        let _ = catch_unwind(AssertUnwindSafe(job));
        let mut state = self.state();
        if state.current != Some(number) {
            LED.take();
            return Role::Follower;
        }
        state.current = None;
        Role::Leader
    }

    /// The next job and its number; none at the end.
    async fn next(&self) -> Option<(Job, u64)> {
        if self.state().job.is_some() {
            // The job before has asked for it: tasks have their turn between the two.
            yield_now().await;
        }
        loop {
            {
                let mut state = self.state();
                if state.ended {
                    return None;
                }
                if let Some(job) = state.job.take() {
                    state.count += 1;
                    state.current = Some(state.count);
                    if take(&mut state.follower_sleeps) {
                        self.begun.notify_one();
                    }
                    return Some((job, state.count));
                }
            }
            self.asked.notified().await;
        }
    }

    /// Looks after the leader, as long as it has jobs.
    fn follow(&self) -> Role {
        let mut state = self.state();
        state.has_follower = true;
        let mut seen = state.count;
        loop {
            let current = state.current;
            if state.ended {
                return Role::Done;
            } else if current.is_none() && state.count == seen {
                state.follower_sleeps = true;
                let waited = self.begun.wait(state);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            seen = state.count;
            let watched = self.begun.wait_timeout_while(state, PATIENCE, |state| !state.ended);
            state = watched.unwrap_or_else(PoisonError::into_inner).0;
            if current.is_some() && state.current == current && !state.ended {
                state.current = None;
                state.has_follower = false;
                return Role::Leader;
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::{ThreadId, current, spawn};
    use std::time::Instant;

    use tokio::runtime::Builder;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(30);

    struct Scene {
        pair: Arc<Pair>,
        threads: Vec<std::thread::JoinHandle<()>>,
    }

    impl Scene {
        fn new(with_follower: bool) -> Self {
            let runtime = Builder::new_current_thread().build().expect("a runtime");
            let (pair, runtime) = (Pair::new(runtime.handle().clone()), Arc::new(runtime));
            let (leader, its_runtime) = (Arc::clone(&pair), Arc::clone(&runtime));
            let mut threads = vec![spawn(move || leader.lead_first(its_runtime))];
            if with_follower {
                let follower = Arc::clone(&pair);
                threads.push(spawn(move || follower.follow_first(runtime)));
            }
            Self { pair, threads }
        }

        /// What a task comes to.
        fn task<R: Send + 'static>(&self, body: impl FnOnce() -> R + Send + 'static) -> R {
            let (sender, outcome) = channel();
            let task = async move { sender.send(body()).expect("the test waits") };
            drop(self.pair.handle().spawn(task));
            outcome.recv_timeout(DEADLINE).expect("an outcome")
        }

        /// Asks until a job is taken, which it is not before the follower is there; gives the thread of the task that asked.
        fn ask(&self, job: impl Fn() + Send + Sync + 'static) -> ThreadId {
            let job = Arc::new(job);
            let deadline = Instant::now() + DEADLINE;
            loop {
                assert!(Instant::now() < deadline, "no job is taken");
                let job = Arc::clone(&job);
                let asked = move || (do_here(Box::new(move || job())).is_ok(), current().id());
                if let (true, thread) = self.task(asked) {
                    return thread;
                }
            }
        }

        fn end(self) {
            self.pair.end();
            for thread in self.threads {
                thread.join().expect("its end");
            }
        }
    }

    /// A job that tells where it runs, and waits until it may go on.
    fn job() -> (impl Fn() + Send + Sync, Receiver<ThreadId>, Sender<()>) {
        let ((begins, begun), (go_on, waits)) = (channel(), channel::<()>());
        let both = Mutex::new((begins, waits));
        let job = move || {
            let both = both.lock().expect("the lock");
            both.0.send(current().id()).expect("the test waits");
            both.1.recv_timeout(DEADLINE).expect("the test's word");
        };
        (job, begun, go_on)
    }

    #[test]
    fn a_job_runs_where_tasks_ran_and_tasks_run_elsewhere_if_it_does_not_return() {
        let scene = Scene::new(true);
        for _ in 0..3 {
            let (job, begun, go_on) = job();
            let asked_on = scene.ask(job);
            assert_eq!(begun.recv_timeout(DEADLINE), Ok(asked_on));
            assert_ne!(scene.task(|| current().id()), asked_on);
            // Nobody could take over from the one that has taken over.
            assert!(scene.task(|| do_here(Box::new(|| {})).is_err()));
            go_on.send(()).expect("the job waits");
        }
        scene.end();
    }

    #[test]
    fn tasks_have_their_turn_before_the_job_that_a_job_asks_for() {
        let scene = Scene::new(true);
        let deadline = Instant::now() + DEADLINE;
        loop {
            assert!(Instant::now() < deadline, "no job is taken that a job asks for");
            let (sender, order) = channel();
            let runtime = scene.pair.handle().clone();
            scene.ask(move || {
                let (first, second) = (sender.clone(), sender.clone());
                drop(runtime.spawn(async move { first.send("task") }));
                let next = move || second.send("job").expect("the test waits");
                if do_here(Box::new(next)).is_err() {
                    sender.send("refused").expect("the test waits");
                }
            });
            let order: Vec<_> = (0..2).map(|_| order.recv_timeout(DEADLINE).expect("a word")).collect();
            // The other thread may have taken over, on a machine that is too busy.
            if !order.contains(&"refused") {
                assert_eq!(order, ["task", "job"]);
                break;
            }
        }
        scene.end();
    }

    #[test]
    fn a_job_that_panics_takes_nothing_with_it() {
        let scene = Scene::new(true);
        scene.ask(|| panic!("on purpose"));
        scene.task(|| {});
        scene.end();
    }

    #[test]
    fn without_a_follower_no_job_is_taken() {
        let scene = Scene::new(false);
        assert!(scene.task(|| do_here(Box::new(|| {})).is_err()));
        scene.end();
    }

    #[test]
    fn other_threads_have_nothing_to_do_jobs_with() {
        assert!(do_here(Box::new(|| {})).is_err());
    }
}
