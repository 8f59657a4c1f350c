//! Connections as the configuration has them: begun, changed and ended.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::OptionFuture;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::plan::{Change, Plan, Step, Was};
use super::table::{Listing, Running};
use super::{Engine, Started};
use crate::config::{Config, Connection, ConnectionType};
use crate::error::{Error, Result};
use crate::host::Optional;
use crate::session::{Servers, Session, Stop, Task};

impl Engine {
    /// Carries out the steps of a plan, in their order.
    pub(super) async fn carry_out_plan(self: &Arc<Self>, plan: &Plan, new: &Arc<Config>) {
        for step in &plan.steps {
            match step {
                Step::End(name) => self.end(name, Stop::soon()).await,
                Step::Forget(name) => {
                    let mut table = self.table();
                    table.connections.remove(name);
                    if let Some(servers) = table.servers.remove(name) {
                        servers.close();
                    }
                    drop(table);
                    self.tellings.forget(name);
                }
                Step::TakeUp => self.context.set_config(Arc::clone(new)),
                Step::Begin(connection) => self.begin(connection).await,
                Step::DestroyContext(name, app) => {
                    self.applications.destroy_context(name, app).await;
                }
                Step::Change(name, change) => {
                    // A session ends by operations only, and they come one at a time.
                    let session = self.table().persistent(name).cloned();
                    if let Some(session) = session {
                        self.change(&session, change).await;
                    }
                }
            }
        }
    }

    /// Changes a persistent connection that goes on.
    async fn change(&self, session: &Arc<Session>, change: &Change) {
        let applications = &self.applications;
        match change {
            Change::Unregister(app) => {
                applications.unregister(session, app).await;
                applications.destroy_context(session.id(), app).await;
            }
            Change::Suspend(app) => applications.suspend(session, app).await,
            Change::Settings(settings) => {
                session.set_settings(Arc::clone(settings));
                // A channel that entered one meanwhile has had it registered again.
                for app in applications.of(session) {
                    if !settings.apps.contains(&app) {
                        applications.unregister(session, &app).await;
                    }
                }
            }
            Change::Add(app) => {
                applications.register_configured(session, app).await;
                applications.create_context(session.id(), app).await;
            }
            Change::Register(app) => applications.register_configured(session, app).await,
            Change::RegisterAnew(app) => applications.register_anew(session, app).await,
            Change::Reorder => session.reorder(),
            Change::Reconnect => session.reconnect(self.servers(&session.settings())),
        }
    }

    /// What the connections are at.
    pub(super) fn running(&self) -> BTreeMap<String, Was> {
        let table = self.table();
        let running = table.connections.iter();
        running
            .map(|(name, running)| {
                let was = match running {
                    Running::Persistent(session) => Was::Persistent(session.settings()),
                    Running::Listed(listing) => Was::Listed(listing.apps.clone()),
                    Running::ShutDown(before) => Was::ShutDown(Arc::clone(before)),
                };
                (name.clone(), was)
            })
            .collect()
    }

    /// `ari start outbound-websocket`.
    pub(super) async fn start_connection(self: &Arc<Self>, name: &str) -> Result<Started> {
        let config = self.context.config();
        let connection = config
            .connections
            .get(name)
            .ok_or_else(|| Error::NotFound(format!("no outbound websocket {name}")))?;
        if let Some(fault) = connection.fault() {
            return Ok(Started::Invalid(fault.to_owned()));
        }
        if self.table().is_begun(name) {
            return Ok(Started::AlreadyRunning);
        }
        self.begin(connection).await;
        Ok(Started::Begun)
    }

    /// `ari shutdown websocket session`.
    pub(super) async fn shut_down_session(self: &Arc<Self>, id: &str) -> Result<()> {
        let (is_connection, call, is_inbound) = {
            let table = self.table();
            (table.is_begun(id), table.call(id).cloned(), table.inbound.contains_key(id))
        };
        if is_connection {
            self.shut_down_connection(id).await;
        } else if let Some(call) = call {
            self.shut_down_call(&call, Stop::soon()).await;
        } else if is_inbound {
            self.shut_down_inbound(id).await?;
        } else {
            return Err(Error::NotFound(format!("Websocket session '{id}' not found")));
        }
        Ok(())
    }

    async fn shut_down_inbound(&self, id: &str) -> Result<()> {
        if self.context.calls.inbound_shutdown(id).await {
            return Ok(());
        }
        Err(Error::Host(
            "this PBX does not let inbound websockets be shut down from here".into(),
        ))
    }

    /// Ends a connection, and remembers what it was like: a change brings it back.
    async fn shut_down_connection(self: &Arc<Self>, name: &str) {
        let config = self.context.config();
        // A session has its last valid settings, whatever the configuration says now.
        let session = self.table().persistent(name).map(|session| session.settings());
        let before = session.or_else(|| config.connections.get(name).cloned());
        self.end(name, Stop::soon()).await;
        if let Some(before) = before {
            let shut_down = Running::ShutDown(before);
            self.table().connections.insert(name.to_owned(), shut_down);
        }
    }

    /// `ari shutdown websocket sessions`.
    pub(super) async fn shut_down_every_session(self: &Arc<Self>) {
        let (connections, calls, inbound) = {
            let table = self.table();
            let connections: Vec<_> = table.begun().cloned().collect();
            let calls: Vec<_> = table.per_call.values().cloned().collect();
            let inbound: Vec<_> = table.inbound.keys().cloned().collect();
            (connections, calls, inbound)
        };
        for name in connections {
            self.shut_down_connection(&name).await;
        }
        for call in calls {
            self.shut_down_call(&call, Stop::soon()).await;
        }
        for id in inbound {
            if let Err(error) = self.shut_down_inbound(&id).await {
                self.log().warning(&id, format_args!("not shut down: {error}"));
            }
        }
    }

    /// Registers what somebody else took over and gave up since: an inbound websocket that came with an application of ours
    /// and left.
    pub(super) async fn reclaim_applications(&self) {
        let sessions: Vec<_> = self.table().all_persistent().cloned().collect();
        for session in sessions {
            for app in session.applications() {
                if !self.context.calls.app_is_registered(&app).await {
                    self.reclaim_application(&session, &app).await;
                }
            }
        }
    }

    /// Registers an application of a session again. Not an operation, because a call waits for it that may itself have been
    /// made from inside one; so it leaves alone what is being registered, and undoes what was ended meanwhile.
    pub(super) async fn reclaim_application(&self, session: &Arc<Session>, app: &str) {
        if !session.hold(app) {
            return;
        }
        self.applications.register_configured(session, app).await;
        let is_listed = self
            .table()
            .persistent(session.id())
            .is_some_and(|current| Arc::ptr_eq(current, session));
        if !is_listed || !session.applications().iter().any(|name| name == app) {
            self.applications.unregister(session, app).await;
        }
    }

    async fn begin(self: &Arc<Self>, connection: &Arc<Connection>) {
        if !connection.is_valid() {
            return;
        }
        let name = &connection.name;
        let running = match connection.client.connection_type {
            ConnectionType::PerCallConfig => Running::Listed(Listing {
                apps: connection.apps.clone(),
                standbys: self.standbys(connection),
            }),
            ConnectionType::Persistent => {
                let servers = self.servers(connection);
                let session = Session::persistent(&self.context, Arc::clone(connection), servers);
                Running::Persistent(session)
            }
        };
        self.table().connections.insert(name.clone(), running.clone());
        for app in &connection.apps {
            if let Running::Persistent(session) = &running {
                self.applications.register_configured(session, app).await;
            }
            self.applications.create_context(name, app).await;
        }
        if let Running::Persistent(session) = running {
            self.run_persistent(session);
        }
    }

    /// A session whose task panics is begun again: it must not take the others with it.
    fn run_persistent(self: &Arc<Self>, session: Arc<Session>) {
        let engine = Arc::clone(self);
        self.spawn(async move {
            let over = CancellationToken::new();
            let life = async {
                let mut task = Task::new(&session);
                while AssertUnwindSafe(task.live()).catch_unwind().await.is_err() {
                    engine
                        .log()
                        .error(session.id(), "the session failed inside the library; it begins again");
                    Box::pin(sleep(session.settings().client.interval())).await;
                    task = Task::new(&session);
                }
                session.end();
                session.clear();
                over.cancel();
            };
            // Those that tell begin first: what they are to tell of is kept from then on.
            let are_wanted = engine.context.calls.offers(Optional::ConnectionState);
            let tell = are_wanted.then(|| Box::pin(engine.watch_turns(&session, &over)));
            let end = engine.end_stays(&session, &over);
            tokio::join!(biased; OptionFuture::from(tell), end, life);
            engine.table().ended(&session);
        });
    }

    /// Ends a persistent connection or unlists a per-call configuration.
    pub(super) async fn end(self: &Arc<Self>, name: &str, stop: Stop) {
        let running = {
            let mut table = self.table();
            if !table.is_begun(name) {
                return;
            }
            let running = table.connections.remove(name);
            if let Some(Running::Persistent(session)) = &running {
                table.leave(session);
            }
            running
        };
        match running {
            Some(Running::Persistent(session)) => {
                self.retire(&session);
                let mut apps = session.applications();
                apps.sort_unstable();
                for app in &apps {
                    self.applications.unregister(&session, app).await;
                    self.applications.destroy_context(name, app).await;
                }
                session.stop(stop);
            }
            Some(Running::Listed(listing)) => {
                if let Some(standbys) = &listing.standbys {
                    standbys.end();
                }
                for app in &listing.apps {
                    self.applications.destroy_context(name, app).await;
                }
            }
            Some(Running::ShutDown(_)) | None => {}
        }
    }

    /// The servers of a connection. What attempts at them share has been made of the settings of TLS, so that other settings
    /// have others: a call that came before a reload may still ask for its own.
    pub(super) fn servers(&self, connection: &Connection) -> Arc<Servers> {
        let mut table = self.table();
        let before = table.servers.get(&connection.name);
        if let Some(same) = before.filter(|before| *before.client() == connection.client) {
            return Arc::clone(same);
        }
        let resources = &self.context.resources;
        let servers = Servers::new(&connection.name, &connection.client, resources, before.map(|it| &**it));
        // A start may have waited for the host while its connection went. Looked at under the lock, under which what is there
        // is forgotten, or closed by an unloading.
        let is_listed = self.context.config().connections.contains_key(&connection.name);
        if !is_listed || self.is_unloading() {
            servers.close();
            return servers;
        }
        let before = table.servers.insert(connection.name.clone(), Arc::clone(&servers));
        if let Some(before) = before {
            before.close();
            // What was known to be down is.
            let _runtime = self.threads.io.runtime().enter();
            servers.look_after(&self.context);
        }
        servers
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fixture::connection;
    use crate::engine::Options;
    use crate::host::{Level, Silent};

    /// An engine whose configuration has these connections.
    fn engine(connections: &[&Connection]) -> Arc<Engine> {
        let options = Options::new(None, "id", "", 1, 1, 0, Level::Debug).expect("options");
        let engine = Engine::start(Arc::new(Silent), options).expect("threads");
        let connections = connections.iter().copied().cloned();
        let config = Config {
            connections: connections.map(|it| (it.name.clone(), Arc::new(it))).collect(),
            ..Config::default()
        };
        engine.context.set_config(Arc::new(config));
        engine
    }

    #[test]
    fn the_servers_of_a_connection_are_remembered() {
        let connection = connection("one", "a");
        let engine = engine(&[&connection]);
        let servers = engine.servers(&connection);
        assert!(!servers.are_closed());
        assert!(Arc::ptr_eq(&servers, &engine.servers(&connection)));
    }

    #[test]
    fn nobody_looks_after_the_servers_of_a_connection_that_has_gone() {
        let engine = engine(&[]);
        assert!(engine.servers(&connection("one", "a")).are_closed());
        assert!(engine.table().servers.is_empty());
    }

    #[test]
    fn nobody_looks_after_servers_that_come_while_everything_ends() {
        let connection = connection("one", "a");
        let engine = engine(&[&connection]);
        engine.unloading.store(true, std::sync::atomic::Ordering::Release);
        assert!(engine.servers(&connection).are_closed());
        assert!(engine.table().servers.is_empty());
    }
}
