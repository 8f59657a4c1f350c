//! Connections as the configuration has them: begun, changed and ended.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::time::sleep;

use super::{Engine, Started};
use crate::config::{self, Config, Connection, ConnectionChange, ConnectionType, Effect};
use crate::error::{Error, Result};
use crate::host::{ContextState, Registration};
use crate::net::Memory;
use crate::session::{Session, Stop};

impl Engine {
    /// Puts another configuration into effect. Removals come before additions, so that an application may move from one
    /// connection to another in one step. An invalid connection begins nothing, and a session of it goes on as it is.
    pub(super) async fn apply(self: &Arc<Self>, old: &Config, new: Arc<Config>) {
        let diff = config::diff(old, &new);
        for connection in &diff.removed {
            self.end(&connection.name, Stop::soon()).await;
            let mut table = self.table();
            table.shut_down.remove(&connection.name);
            table.memories.remove(&connection.name);
        }
        let changed = || {
            let changes = diff.changed.iter().map(|change| &change.new);
            changes.filter(|connection| connection.is_valid())
        };
        for connection in changed() {
            self.shrink(connection).await;
        }
        self.context.set_config(Arc::clone(&new));
        for connection in changed() {
            self.grow(connection).await;
        }
        for connection in &diff.added {
            self.begin(connection).await;
        }
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
        if self.is_begun(name) {
            return Ok(Started::AlreadyRunning);
        }
        self.table().shut_down.remove(name);
        self.begin(connection).await;
        Ok(Started::Begun)
    }

    /// `ari shutdown websocket session`.
    pub(super) async fn shut_down_session(&self, id: &str) -> Result<()> {
        let (call, inbound) = {
            let table = self.table();
            (
                table.per_call.get(id).cloned(),
                table.inbound.contains_key(id),
            )
        };
        if self.is_begun(id) {
            self.note_shut_down(id);
            self.end(id, Stop::soon()).await;
        } else if let Some(call) = call {
            self.shut_down_call(&call, Stop::soon()).await;
        } else if inbound {
            if !self.context.calls.inbound_shutdown(id).await {
                return Err(Error::Host(
                    "this PBX does not let inbound websockets be shut down from here".into(),
                ));
            }
        } else {
            return Err(Error::NotFound(format!(
                "Websocket session '{id}' not found"
            )));
        }
        Ok(())
    }

    /// Remembers what a connection is like that is shut down: a change brings it back.
    fn note_shut_down(&self, name: &str) {
        let config = self.context.config();
        let mut table = self.table();
        // A session has its last valid settings, whatever the configuration says now.
        let session = table.persistent.get(name).map(|session| session.settings());
        let before = session.or_else(|| config.connections.get(name).cloned());
        if let Some(before) = before {
            table.shut_down.insert(name.to_owned(), before);
        }
    }

    /// `ari shutdown websocket sessions`.
    pub(super) async fn shut_down_every_session(&self) {
        let ids: Vec<String> = self.table().session_ids().cloned().collect();
        for id in ids {
            if let Err(error) = self.shut_down_session(&id).await {
                self.log()
                    .warning(&id, format_args!("not shut down: {error}"));
            }
        }
    }

    /// Registers what somebody else took over and gave up since: an inbound websocket that came with an application of ours
    /// and left.
    pub(super) async fn reclaim_applications(&self) {
        let sessions: Vec<_> = self.table().persistent.values().cloned().collect();
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
        self.register(session, app).await;
        let listed = self
            .table()
            .persistent
            .get(session.id())
            .is_some_and(|current| Arc::ptr_eq(current, session));
        if !listed || !session.applications().iter().any(|name| name == app) {
            self.unregister(session, app).await;
        }
    }

    fn is_begun(&self, name: &str) -> bool {
        let table = self.table();
        table.persistent.contains_key(name) || table.listed.contains_key(name)
    }

    async fn begin(self: &Arc<Self>, connection: &Arc<Connection>) {
        if !connection.is_valid() {
            return;
        }
        let name = &connection.name;
        match connection.client.connection_type {
            ConnectionType::PerCallConfig => {
                self.table()
                    .listed
                    .insert(name.clone(), connection.apps.clone());
                for app in &connection.apps {
                    self.create_context(app).await;
                }
            }
            ConnectionType::Persistent => {
                let memory = self.memory(connection);
                let session = Session::persistent(&self.context, Arc::clone(connection), memory);
                self.table()
                    .persistent
                    .insert(name.clone(), Arc::clone(&session));
                for app in &connection.apps {
                    self.register(&session, app).await;
                    self.create_context(app).await;
                }
                self.run_persistent(session);
            }
        }
    }

    /// A session whose task panics is begun again: it must not take the others with it.
    fn run_persistent(self: &Arc<Self>, session: Arc<Session>) {
        let engine = Arc::clone(self);
        self.spawn(async move {
            while AssertUnwindSafe(session.run(&mut None))
                .catch_unwind()
                .await
                .is_err()
            {
                engine.log().error(
                    session.id(),
                    "the session failed inside the library; it begins again",
                );
                sleep(session.settings().client.interval()).await;
            }
            engine.table().ended(&session);
        });
    }

    /// Ends a persistent connection or unlists a per-call configuration.
    pub(super) async fn end(&self, name: &str, stop: Stop) {
        let (session, listed) = {
            let mut table = self.table();
            let session = table.persistent.remove(name);
            if let Some(session) = &session {
                table.leave(session);
            }
            (session, table.listed.remove(name))
        };
        for app in listed.unwrap_or_default() {
            self.destroy_context(name, &app).await;
        }
        let Some(session) = session else { return };
        let mut apps = session.applications();
        apps.sort_unstable();
        for app in &apps {
            self.unregister(&session, app).await;
            self.destroy_context(name, app).await;
        }
        session.stop(stop);
    }

    /// The part of a change that takes something away.
    async fn shrink(&self, new: &Arc<Connection>) {
        let Some((session, change)) = self.kept_session(new) else {
            let listed = self.table().listed.get(&new.name).cloned();
            return match listed {
                Some(apps) if new.client.connection_type == ConnectionType::PerCallConfig => {
                    for app in apps.iter().filter(|app| !new.apps.contains(app)) {
                        self.destroy_context(&new.name, app).await;
                    }
                }
                // Of another type now, or shut down before.
                _ => self.end(&new.name, Stop::soon()).await,
            };
        };
        let Some(change) = change else { return };
        let mut leaving = change.apps.removed.clone();
        if change.old.subscribe_all != new.subscribe_all {
            leaving.extend(change.apps.kept.iter().cloned());
        }
        // Sorted, whether they come again or not (recorded).
        leaving.sort_unstable();
        for app in &leaving {
            if change.apps.removed.contains(app) {
                self.unregister(&session, app).await;
                self.destroy_context(&new.name, app).await;
            } else {
                self.context.calls.app_unregister(app).await;
                session.suspend(app);
            }
        }
    }

    /// The part of a change that adds something, and the new values.
    async fn grow(self: &Arc<Self>, new: &Arc<Connection>) {
        let Some((session, change)) = self.kept_session(new) else {
            let shut_down = self.table().shut_down.get(&new.name).cloned();
            if shut_down.is_some_and(|before| config::change(&before, new).is_none()) {
                return;
            }
            self.table().shut_down.remove(&new.name);
            return self.begin(new).await;
        };
        let Some(change) = change else { return };
        let everything = change.old.subscribe_all != new.subscribe_all;
        session.set_settings(Arc::clone(new));
        for app in &new.apps {
            if !change.apps.kept.contains(app) {
                self.register(&session, app).await;
                self.create_context(app).await;
            } else if everything {
                self.register(&session, app).await;
            } else if change.effect == Effect::Applications {
                self.register_anew(&session, app).await;
            }
        }
        session.reorder();
        if change.effect == Effect::Reconnect {
            session.reconnect(self.memory(new));
        }
    }

    /// The running session of a connection that is to stay persistent, and what has changed since the session got its
    /// settings: while a connection is invalid, its session goes on with what it had.
    fn kept_session(
        &self,
        new: &Arc<Connection>,
    ) -> Option<(Arc<Session>, Option<ConnectionChange>)> {
        if new.client.connection_type != ConnectionType::Persistent {
            return None;
        }
        let session = self.table().persistent.get(&new.name).cloned()?;
        let change = config::change(&session.settings(), new);
        Some((session, change))
    }

    /// Registers an application for a session and announces it.
    async fn register(&self, session: &Arc<Session>, app: &str) {
        session.hold(app);
        if let Some((_, before)) = self.routes.find(app)
            && !Arc::ptr_eq(&before, session)
        {
            before.withdraw(app);
        }
        self.routes.set(app, session);
        let subscribe_all = session.settings().subscribe_all;
        match self.context.calls.app_register(app, subscribe_all).await {
            Ok(registration) => {
                if registration == Registration::Replaced {
                    self.log().notice(
                        session.id(),
                        format_args!(
                            "application {app} was registered by somebody else and is taken over"
                        ),
                    );
                }
                session.announce(app);
            }
            Err(_) => {
                self.routes.clear(app, session);
                session.withdraw(app);
                self.log().error(
                    session.id(),
                    format_args!("the PBX did not register application {app}; its calls and events go elsewhere"),
                );
            }
        }
    }

    async fn register_anew(&self, session: &Arc<Session>, app: &str) {
        let subscribe_all = session.settings().subscribe_all;
        if self.context.calls.app_register(app, subscribe_all).await == Ok(Registration::New) {
            // It had been lost, so the application has not heard of it from the host.
            session.announce(app);
        }
    }

    async fn unregister(&self, session: &Arc<Session>, app: &str) {
        // Not if it is another session's by now: this one may have gone on while its connection was invalid.
        if self.routes.lead_to(app, session) {
            self.context.calls.app_unregister(app).await;
        }
        self.routes.clear(app, session);
        session.withdraw(app);
    }

    async fn create_context(&self, app: &str) {
        let context = context_name(app);
        match self.context.calls.context_create(&context, app).await {
            Ok(ContextState::Created) => {
                self.table().contexts.insert(context);
            }
            Ok(ContextState::Existed) => {}
            Err(_) => self.log().warning(
                "",
                format_args!("the PBX did not create the dialplan context {context}; calls reach {app} by Stasis({app}) only"),
            ),
        }
    }

    /// Destroys the context of an application that `owner` gives up, unless another connection has the application now.
    async fn destroy_context(&self, owner: &str, app: &str) {
        let context = context_name(app);
        let unused = {
            let mut table = self.table();
            !table.has_application_besides(owner, app) && table.contexts.remove(&context)
        };
        if unused {
            self.context.calls.context_destroy(&context).await;
        }
    }

    /// What the attempts of a connection share. It has been made of the settings of TLS, so that other settings have another
    /// one: a call that came before a reload may still ask for its own.
    pub(super) fn memory(&self, connection: &Connection) -> Arc<Memory> {
        let mut table = self.table();
        match table.memories.get(&connection.name) {
            Some((client, memory)) if *client == connection.client => Arc::clone(memory),
            _ => {
                let memory = Arc::new(Memory::new(&self.context.resources));
                let entry = (Arc::clone(&connection.client), Arc::clone(&memory));
                table.memories.insert(connection.name.clone(), entry);
                memory
            }
        }
    }
}

fn context_name(app: &str) -> String {
    format!("stasis-{app}")
}
