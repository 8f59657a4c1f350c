//! Connections on standby for per-call connections: begun and changed with the configuration, taken by calls.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::Engine;
use crate::config::Connection;
use crate::net::Connected;
use crate::session::Standbys;

impl Engine {
    /// Those of a per-call connection that begins, or goes on with other settings; none if there are to be none.
    pub(super) fn standbys(self: &Arc<Self>, connection: &Connection) -> Option<Arc<Standbys>> {
        let client = &connection.client;
        // Begun and ended by operations only, and they come one at a time.
        let before = self.table().standbys(&connection.name).cloned();
        match before {
            Some(before) if client.standby_connections == 0 => {
                before.end();
                None
            }
            Some(before) => {
                before.set(client, self.memory(connection));
                Some(before)
            }
            None if client.standby_connections == 0 => None,
            None => {
                let memory = self.memory(connection);
                let standbys = Standbys::new(&self.context, &connection.name, client, memory);
                self.keep(Arc::clone(&standbys));
                Some(standbys)
            }
        }
    }

    /// One that waits for a call of the connection, with the runtime that serves it.
    pub(super) async fn take_standby(&self, connection: &Connection) -> Option<(Connected, Handle)> {
        if connection.client.standby_connections == 0 {
            return None;
        }
        let standbys = self.table().standbys(&connection.name).cloned()?;
        standbys.take(&connection.client).await
    }

    fn keep(self: &Arc<Self>, standbys: Arc<Standbys>) {
        let engine = Arc::clone(self);
        self.spawn(async move {
            let keep = || Arc::clone(&standbys).keep(|task| engine.spawn(task));
            while AssertUnwindSafe(keep()).catch_unwind().await.is_err() {
                engine
                    .log()
                    .error("", "the connections on standby failed inside the library; they begin again");
                sleep(Duration::from_secs(1)).await;
            }
        });
    }
}
