//! The threads of the library. Those that it cannot do without are made at load, where a refusal is an error with a name; all
//! others make it faster, and where the system refuses one it goes on with those it has.
//!
//! - [`IoThreads`]: input and output, and every task; [`Tasks`] is what the rest of the library needs of them.
//! - [`Watcher`]: input and output on a thread of the host's that waits for it.
//! - [`Pool`]: work that may block, such as calls of the host; [`Workers`] is what is needed of it.
//! - [`Blocking`]: work that may block and that a task waits for, such as the reading of files.
//!
//! Threads take the signal mask of the one that starts them: these are started at load, with signals blocked, or by one
//! another.

mod blocking;
mod io;
mod pair;
mod pool;
mod watcher;

use std::io::{Error, Result};
use std::pin::{Pin, pin};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use tokio::runtime::Handle;

pub(crate) use blocking::Blocking;
pub(crate) use io::IoThreads;
pub(crate) use pair::do_here;
pub(crate) use pool::Pool;
pub(crate) use watcher::{Watcher, is_watched_here, watched_here};

/// Work that may block.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// Where tasks run, and how a thread that runs none waits for what they do.
pub(crate) trait Tasks: Send + Sync {
    /// The runtime for a new task.
    fn runtime(&self) -> &Handle;

    /// Has this thread, which runs no tasks, wait for a future.
    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>);

    /// With what a thread that waits for a connection can open it itself, if there is any.
    fn watcher(&self) -> Option<Watcher> {
        None
    }

    /// Ends them. Tasks that are left are dropped.
    fn end(&self);
}

impl dyn Tasks {
    /// The same for a future that gives something.
    pub(crate) fn block_on<R>(&self, future: impl Future<Output = R>) -> R {
        let mut outcome = None;
        self.wait(pin!(async { outcome = Some(future.await) }));
        outcome.expect("it was waited for")
    }
}

/// Who does work that may block, beginning it in the order in which it came.
pub(crate) trait Workers: Send + Sync {
    /// Has a job done that is expected to return at once.
    fn add(&self, job: Job);

    /// Has a job done that is expected to take a while, so that others do not wait for it.
    fn add_at_once(&self, job: Job);

    /// The same where nobody may be there to do it: then the job comes back with the reason.
    fn try_add_at_once(&self, job: Job) -> std::result::Result<(), (Job, Error)>;

    /// Waits until what was begun has ended, for so long at most; nothing begins any more.
    fn end(&self, patience: Option<Duration>);
}

/// What the callbacks of a host have, four times as much as on the threads of Asterisk's.
const STACK: usize = 2 << 20;

/// Starts a thread.
///
/// # Errors
/// The system refused it; says which one.
pub(crate) fn start(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = Builder::new().name(name.to_owned()).stack_size(STACK);
    thread.spawn(body).map_err(|error| {
        let text = format!("the system refused the thread {name}: {error}");
        Error::new(error.kind(), text)
    })
}
