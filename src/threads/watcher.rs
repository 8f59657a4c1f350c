//! Input and output on a thread of the host's that waits for it anyway. Handing it over to another thread takes two changes of
//! thread, which take longer than a connection to a server nearby.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::block_in_place;

tokio::task_local! {
    /// Watches the sockets that the future opens which runs.
    static HERE: Handle;
}

/// Runtimes without tasks, each of which watches the sockets of one thread at a time.
#[derive(Default)]
pub(super) struct Watchers(Mutex<State>);

#[derive(Default)]
struct State {
    idle: Vec<Arc<Runtime>>,
    /// That there are, in use or not.
    count: usize,
}

/// What a thread watches its own sockets with.
pub(crate) struct Watcher {
    runtime: Arc<Runtime>,
    watchers: Arc<Watchers>,
}

/// Polls the future such that the sockets which it opens are watched by the thread that runs it, if that has a [`Watcher`].
pub(crate) async fn watched_here<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let here = HERE.try_with(Handle::clone).ok();
        let _here = here.as_ref().map(Handle::enter);
        future.as_mut().poll(context)
    })
    .await
}

/// Whether the future that runs has its sockets watched by a [`Watcher`].
pub(crate) fn is_watched_here() -> bool {
    HERE.try_with(|_| ()).is_ok()
}

impl Watchers {
    /// One for a thread, unless there are so many already, or the system refuses the descriptors.
    pub(super) fn take(self: &Arc<Self>, most: usize) -> Option<Watcher> {
        let mut state = self.state();
        let runtime = match state.idle.pop() {
            Some(runtime) => runtime,
            None if state.count < most => {
                let runtime = Arc::new(runtime().ok()?);
                state.count += 1;
                runtime
            }
            None => return None,
        };
        drop(state);
        Some(Watcher {
            runtime,
            watchers: Arc::clone(self),
        })
    }

    /// Those that nobody uses end.
    pub(super) fn end(&self) {
        let idle = std::mem::take(&mut self.state().idle);
        drop(idle);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().build()
}

impl Watcher {
    /// Has this thread, which may block, run a future and wait for it. What the future spawns, and its timers, are those of the
    /// runtime `tasks`: they may outlast it.
    pub(crate) fn block_on<F: Future>(&self, tasks: &Handle, future: F) -> F::Output {
        let mut future = pin!(HERE.scope(self.runtime.handle().clone(), future));
        let future = poll_fn(|context| {
            let _tasks = tasks.enter();
            future.as_mut().poll(context)
        });
        block_in_place(|| self.runtime.block_on(future))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.watchers.state().idle.push(Arc::clone(&self.runtime));
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread::current;

    use tokio::net::TcpStream;

    use super::*;

    #[test]
    fn a_thread_watches_the_sockets_that_it_opens() {
        // Nobody runs its tasks, nor looks at its sockets.
        let tasks = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        let watcher = Arc::<Watchers>::default().take(1).expect("a watcher");
        let opened = watcher.block_on(tasks.handle(), async {
            let stream = watched_here(TcpStream::connect(address)).await;
            (stream.is_ok(), is_watched_here(), Handle::current().id(), current().id())
        });
        assert_eq!(opened, (true, true, tasks.handle().id(), current().id()));
        assert!(!is_watched_here());
    }

    #[test]
    fn there_are_no_more_than_so_many_and_they_are_used_again() {
        let watchers = Arc::<Watchers>::default();
        let first = watchers.take(1);
        assert!(first.is_some() && watchers.take(1).is_none());
        drop(first);
        assert!(watchers.take(1).is_some());
        assert_eq!(watchers.state().count, 1);
    }
}
