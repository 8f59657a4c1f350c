//! Calls of the host: the one way to all of its callbacks but `log`.
//!
//! - Tasks never call the host themselves: nothing that waits for input or output is held up. They wait until workers have.
//! - Requests are bounded by turns and have workers of their own: whatever else the host is called for may be what one of
//!   them is waiting for. Of that there is no more than there are connections being made or ended.
//! - What one session or one operation calls is called in order: its task waits for each call before the next.
//! - Only the start of a channel whose thread waits for it calls on that very thread: see [`ChannelThread`].
//! - A callback that panics has failed; whoever made the call goes on.
//! - Calls are counted, so that an end can wait for them: nothing is called after it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::block_in_place;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::{ConnectionState, ContextState, Failed, Host, Optional, Registration};
use crate::threads::{Job, Workers, do_here};

tokio::task_local! {
    /// There is one where the future that runs is a channel's own thread's.
    static CHANNEL_THREAD: ChannelThread;
}

/// The own thread of a channel, which waits in `ariws_stasis_start`: the host is called on it, so that it is woken once.
#[derive(Debug)]
pub struct ChannelThread(());

impl ChannelThread {
    /// The future calls the host on the thread that runs it. That has to be one of the host's, which may block.
    pub fn of<F: Future>(future: F) -> impl Future<Output = F::Output> {
        CHANNEL_THREAD.scope(Self(()), future)
    }

    /// Whether the future that runs is one of those.
    pub(crate) fn is_this() -> bool {
        CHANNEL_THREAD.try_with(|_| ()).is_ok()
    }
}

/// Runs the host's callbacks where nothing waits for input or output.
#[derive(Clone)]
pub struct Calls {
    host: Arc<dyn Host>,
    turns: Arc<Semaphore>,
    requests: Arc<dyn Workers>,
    others: Arc<dyn Workers>,
    running: TaskTracker,
}

/// The right to give requests to the host, until it is dropped.
pub struct Turn(#[expect(dead_code, reason = "held, not looked at")] OwnedSemaphorePermit);

impl Calls {
    /// `turns`: how many ARI requests the host runs at a time.
    pub(crate) fn new(host: Arc<dyn Host>, turns: usize, requests: Arc<dyn Workers>, others: Arc<dyn Workers>) -> Self {
        Self {
            host,
            turns: Arc::new(Semaphore::new(turns)),
            requests,
            others,
            running: TaskTracker::new(),
        }
    }

    /// `request_cancelled`.
    pub async fn request_cancelled(&self, id: u64) {
        self.run(move |host| host.request_cancelled(id)).await;
    }

    /// `app_register`.
    pub async fn app_register(&self, app: &str, subscribe_all: bool) -> Result<Registration, Failed> {
        let app = app.to_owned();
        self.run(move |host| host.app_register(&app, subscribe_all))
            .await
            .unwrap_or(Err(Failed))
    }

    /// `app_unregister`.
    pub async fn app_unregister(&self, app: &str) {
        let app = app.to_owned();
        self.run(move |host| host.app_unregister(&app)).await;
    }

    /// `app_is_registered`.
    pub async fn app_is_registered(&self, app: &str) -> bool {
        let app = app.to_owned();
        self.run(move |host| host.app_is_registered(&app)).await.unwrap_or(false)
    }

    /// `context_create`.
    pub async fn context_create(&self, context: &str, app: &str) -> Result<ContextState, Failed> {
        let (context, app) = (context.to_owned(), app.to_owned());
        self.run(move |host| host.context_create(&context, &app))
            .await
            .unwrap_or(Err(Failed))
    }

    /// `context_destroy`.
    pub async fn context_destroy(&self, context: &str) {
        let context = context.to_owned();
        self.run(move |host| host.context_destroy(&context)).await;
    }

    /// `stasis_failed`.
    pub async fn stasis_failed(&self, channel_id: &str, application: &str) {
        let (channel_id, application) = (channel_id.to_owned(), application.to_owned());
        self.run(move |host| host.stasis_failed(&channel_id, &application)).await;
    }

    /// `inbound_shutdown`.
    pub async fn inbound_shutdown(&self, session_id: &str) -> bool {
        let session_id = session_id.to_owned();
        self.run(move |host| host.inbound_shutdown(&session_id))
            .await
            .unwrap_or(false)
    }

    /// Whether the host has a callback that it need not have.
    pub fn offers(&self, callback: Optional) -> bool {
        self.host.offers(callback)
    }

    /// `connection_state`.
    pub async fn connection_state(&self, state: ConnectionState) {
        self.run(move |host| host.connection_state(&state)).await;
    }

    /// `expand`.
    pub async fn expand(&self, channel_id: &str, expression: &str) -> Result<String, Failed> {
        let (channel_id, expression) = (channel_id.to_owned(), expression.to_owned());
        let expanded = self.run(move |host| host.expand(&channel_id, &expression));
        expanded.await.unwrap_or(Err(Failed))
    }

    /// `app_snapshot`.
    pub async fn app_snapshot(&self, app: &str) -> Result<String, Failed> {
        let app = app.to_owned();
        self.run(move |host| host.app_snapshot(&app)).await.unwrap_or(Err(Failed))
    }

    /// A turn among those who give requests to the host, if one is free.
    pub fn turn_at_once(&self) -> Option<Turn> {
        Arc::clone(&self.turns).try_acquire_owned().ok().map(Turn)
    }

    /// Waits for a turn; they are given in the order in which they were asked for.
    pub async fn turn(&self) -> Option<Turn> {
        // The semaphore is never closed.
        Arc::clone(&self.turns).acquire_owned().await.ok().map(Turn)
    }

    /// Gives requests to the host on a thread that nothing else waits for, as long as the turn lasts; does not wait. From
    /// within a runtime only, in which `requests` runs as well.
    pub fn give(&self, turn: Turn, requests: impl FnOnce(&dyn Host, Turn) + Send + 'static) {
        if let Some(job) = self.request_job(turn, requests) {
            self.requests.add_at_once(job);
        }
    }

    /// The same for a request that is expected to be answered at once: on the thread that runs this task, where that is
    /// possible.
    pub fn give_here(&self, turn: Turn, request: impl FnOnce(&dyn Host, Turn) + Send + 'static) {
        if let Some(job) = self.request_job(turn, request)
            && let Err(job) = do_here(job)
        {
            self.requests.add_at_once(job);
        }
    }

    fn request_job(&self, turn: Turn, requests: impl FnOnce(&dyn Host, Turn) + Send + 'static) -> Option<Job> {
        let token = self.token()?;
        let (host, runtime) = (Arc::clone(&self.host), Handle::current());
        Some(Box::new(move || {
            let _token = token;
            let _runtime = runtime.enter();
            requests(host.as_ref(), turn);
        }))
    }

    /// Runs something else that calls the host, such as the end of an asynchronous start. None if it failed, or the end has
    /// begun.
    pub async fn run<R: Send + 'static>(&self, call: impl FnOnce(&dyn Host) -> R + Send + 'static) -> Option<R> {
        let token = self.token()?;
        if ChannelThread::is_this() {
            // It may come back with a call of its own, which needs the leave of the runtime to wait in its turn.
            let call = AssertUnwindSafe(|| call(self.host.as_ref()));
            return block_in_place(|| catch_unwind(call)).ok();
        }
        let host = Arc::clone(&self.host);
        let (sender, outcome) = oneshot::channel();
        self.others.add(Box::new(move || {
            let _token = token;
            // Nobody may be interested any more.
            let _ = sender.send(call(host.as_ref()));
        }));
        outcome.await.ok()
    }

    /// Makes whoever closes wait; none once that has begun.
    fn token(&self) -> Option<TaskTrackerToken> {
        // Taken before the look at `closed`, so that whoever closes waits for this call or this call sees it.
        let token = self.running.token();
        (!self.running.is_closed()).then_some(token)
    }

    /// Lets no callback begin any more, and waits until none runs.
    pub async fn finished(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::thread;

    use super::super::{HostRequest, Level};
    use super::*;
    use crate::threads::Pool;

    fn calls() -> Calls {
        let pool = || Arc::new(Pool::start("ariws-host", 4).expect("a thread"));
        Calls::new(Arc::new(Silent), 1, pool(), pool())
    }

    /// A host without applications.
    pub(crate) struct Silent;

    impl Host for Silent {
        fn log(&self, _: Level, _: &str, _: &str) {}
        fn ari_request(&self, _: &HostRequest<'_>) {}
        fn request_cancelled(&self, _: u64) {}
        fn app_register(&self, _: &str, _: bool) -> Result<Registration, Failed> {
            Err(Failed)
        }
        fn app_unregister(&self, _: &str) {}
        fn app_is_registered(&self, _: &str) -> bool {
            false
        }
        fn context_create(&self, _: &str, _: &str) -> Result<ContextState, Failed> {
            Err(Failed)
        }
        fn context_destroy(&self, _: &str) {}
        fn stasis_failed(&self, _: &str, _: &str) {}
        fn inbound_shutdown(&self, _: &str) -> bool {
            false
        }
        fn finalize(&self) {}
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_call_that_panics_fails_and_the_task_that_made_it_goes_on() {
        let calls = calls();
        let task = tokio::spawn(async move {
            let failed: Option<()> = calls.run(|_| panic!("on purpose")).await;
            (failed, calls.run(|_| 1).await)
        });
        assert_eq!(task.await.expect("the task's end"), (None, Some(1)));
    }

    #[tokio::test]
    async fn the_host_is_called_elsewhere_than_where_tasks_run() {
        let caller = calls().run(|_| thread::current().id()).await;
        assert!(caller.is_some_and(|caller| caller != thread::current().id()));
    }

    #[test]
    fn the_start_of_a_channel_calls_the_host_on_the_channels_thread() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let caller = ChannelThread::of(async { calls().run(|_| thread::current().id()).await });
        assert_eq!(runtime.block_on(caller), Some(thread::current().id()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_called_once_the_end_has_begun() {
        let calls = calls();
        calls.finished().await;
        assert_eq!(calls.run(|_| 1).await, None);
    }
}
