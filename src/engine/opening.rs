//! The first connection of a call: one that waits for it, or one that is opened on the channel's own thread, or else on one for
//! input and output.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::config::Connection;
use crate::error::{Error, Result};
use crate::host::ChannelThread;
use crate::net::Connected;
use crate::session::{Ending, Session, Stop, Task};

/// A call's session with its first open connection.
pub(super) struct Opened {
    pub(super) task: Task,
    pub(super) connected: Box<Connected>,
    /// Of the thread that serves the connection.
    pub(super) runtime: Handle,
}

impl Engine {
    /// Opens the first connection of a call's session, unless one waits for it: on the channel's own thread if that waits, else
    /// on one for input and output.
    pub(super) async fn open(
        &self,
        session: &Arc<Session>,
        connection: &Connection,
        cancelled: &CancellationToken,
    ) -> Result<Opened> {
        if let Some((connected, runtime)) = self.take_standby(connection).await {
            return Ok(Opened {
                task: Task::on_standby(session),
                connected: Box::new(connected),
                runtime,
            });
        }
        let mut task = Task::new(session);
        let opening = async move {
            match AssertUnwindSafe(task.open()).catch_unwind().await {
                Ok(Ok(connected)) => Ok(Opened {
                    task,
                    connected,
                    runtime: Handle::current(),
                }),
                Ok(Err(Ending::OutOfAttempts(lack, cause))) => Err(Error::out_of_attempts(lack, cause)),
                Ok(Err(Ending::Stopped | Ending::Over)) => Err(Error::Cancelled),
                Err(_) => Err(Error::Internal("the session panicked".into())),
            }
        };
        let io = &self.threads.io;
        let watcher = if ChannelThread::is_this() { io.watcher() } else { None };
        if let Some(watcher) = watcher {
            return watcher.block_on(io.runtime(), unless_cancelled(opening, session, cancelled));
        }
        let (sender, opened) = oneshot::channel();
        self.spawn(async move {
            // Whoever started it may have gone with the instance.
            let _ = sender.send(opening.await);
        });
        // The task always answers, unless it was ended with the runtime.
        let opened = opened.map(|opened| opened.unwrap_or(Err(Error::Unloaded)));
        unless_cancelled(opened, session, cancelled).await
    }
}

/// Waits for what becomes of a session's opening, which ends early if the start is cancelled.
async fn unless_cancelled<R>(opening: impl Future<Output = R>, session: &Session, cancelled: &CancellationToken) -> R {
    let mut opening = pin!(opening);
    tokio::select! {
        biased;
        opened = &mut opening => opened,
        () = cancelled.cancelled() => {
            session.stop(Stop::Now);
            opening.await
        }
    }
}
