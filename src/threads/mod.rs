//! The threads of the library. Those that it cannot do without are made at load, where a refusal is an error with a name; all
//! others make it faster, and where the system refuses one it goes on with those it has.
//!
//! - [`IoThreads`]: input and output, and every task.
//! - [`Pool`]: work that may block, such as calls of the host.
//! - [`Blocking`]: work that may block and that a task waits for, such as the reading of files.
//!
//! Threads take the signal mask of the one that starts them: these are started at load, with signals blocked, or by one
//! another.

mod blocking;
mod io;
mod pool;

use std::io::{Error, Result};
use std::thread::{Builder, JoinHandle};

pub(crate) use blocking::Blocking;
pub(crate) use io::IoThreads;
pub(crate) use pool::Pool;

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
