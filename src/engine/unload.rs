//! The end of an instance.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use super::Engine;
use super::operations::Operation;
use super::threads::SYSTEM;
use crate::session::Stop;

impl Engine {
    /// Ends everything: see `ariws_unload`. Must not be called on a thread of the library.
    pub fn unload(self: &Arc<Self>, grace: Duration) {
        let latest = Instant::now() + grace;
        self.unloading.store(true, Ordering::Release);
        let (answer, ended) = sync_channel(1);
        if self.operations.send(Operation::End(answer)).is_ok() {
            // An operation that runs is carried out; those behind it are not.
            let _ = ended.recv();
        }
        // On a thread of the library: those that are started for the host's callbacks inherit the signal mask of the one
        // that starts them, and this one is the host's.
        let (answer, ended) = sync_channel(1);
        let engine = Arc::clone(self);
        self.threads.io.runtime().spawn(async move {
            engine.end_everything(latest).await;
            let _ = answer.send(());
        });
        // Fails only if that panicked, and then there is nothing to wait for.
        let _ = ended.recv();
        self.threads.end(latest);
        self.host.finalize();
    }

    /// Sessions, starts, tasks and calls of the host: when it returns, there is none of them.
    pub(super) async fn end_everything(self: &Arc<Self>, latest: Instant) {
        self.end_sessions(latest).await;
        for servers in self.table().servers.values() {
            servers.close();
        }
        self.context.answers.abandon();
        self.tasks.close();
        self.tasks.wait().await;
        self.context.calls.finished().await;
        // Whatever comes of the look-ups, nobody wants it any more.
        let _ = timeout(SYSTEM, self.context.resources.resolver.is_idle()).await;
    }

    async fn end_sessions(self: &Arc<Self>, latest: Instant) {
        let (starting, calls, connections) = {
            let table = self.table();
            // Those that were told before have less time now.
            for session in &table.leaving {
                session.stop(Stop::Drained(latest));
            }
            let starting: Vec<_> = table.starting.values().cloned().collect();
            let calls: Vec<_> = table.per_call.values().cloned().collect();
            let connections: Vec<_> = table.begun().cloned().collect();
            (starting, calls, connections)
        };
        for start in starting {
            start.cancel();
        }
        for call in calls {
            self.shut_down_call(&call, Stop::Drained(latest)).await;
        }
        for name in connections {
            self.end(&name, Stop::Drained(latest)).await;
        }
    }
}
