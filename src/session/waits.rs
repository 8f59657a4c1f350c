//! Waiting for what there may be or not.
//!
//! What a connection hardly ever waits for is boxed where it is: its task has no room for it at rest.

use std::future::{Future, pending};
use std::pin::Pin;

use tokio::time::{Instant, sleep_until};

/// The earliest of the times that there are.
pub(super) fn earliest<const N: usize>(times: [Option<Instant>; N]) -> Option<Instant> {
    times.into_iter().flatten().min()
}

/// Sleeps until the time, for ever if there is none.
pub(super) async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}

/// The same where there hardly ever is one.
pub(super) async fn rarely_until(time: Option<Instant>) {
    match time {
        Some(time) => Box::pin(sleep_until(time)).await,
        None => pending().await,
    }
}

/// Waits for it, for ever if there is none.
pub(super) async fn if_any<F: Future>(future: &mut Option<Pin<Box<F>>>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => pending().await,
    }
}
