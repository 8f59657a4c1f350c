//! Work that may block, on a thread for such work.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::task::spawn_blocking;

/// Does it and waits for it; from a task only.
///
/// # Errors
/// The system refused a thread, or the work panicked.
pub(crate) async fn run<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> io::Result<R> {
    // tokio panics where the system refuses a thread and none lives.
    let begun = catch_unwind(AssertUnwindSafe(|| spawn_blocking(work)));
    let begun = begun.map_err(|_| io::Error::other("the system refused a thread"))?;
    begun.await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_thread_is_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            // More than any machine has.
            .thread_stack_size(usize::MAX / 4)
            .build()
            .expect("a runtime");
        let refused = runtime.block_on(run(|| ()));
        let error = refused.expect_err("no thread").to_string();
        assert_eq!(error, "the system refused a thread");
    }
}
