//! Channels that enter and leave applications, and the per-call connections that are made for them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use futures_util::FutureExt;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::Engine;
use super::opening::Opened;
use super::table::PerCall;
use crate::config::{CallData, Connection, ConnectionType, Secret, WhenDown};
use crate::error::{Error, Result};
use crate::host::ChannelThread;
use crate::session::{LAST_WORDS, Session, Stop};

/// A channel that enters an application.
pub(super) struct Entry {
    pub(super) app: String,
    pub(super) channel_id: String,
    pub(super) channel_name: String,
    pub(super) cancelled: CancellationToken,
    /// Makes an unloading wait for the start.
    _task: TaskTrackerToken,
}

impl Engine {
    /// A channel enters `Stasis(app)`; waits until it may. Gives the application's name for events and requests. The host is
    /// called on this thread.
    ///
    /// # Errors
    /// The reason why STASISSTATUS is FAILED.
    ///
    /// # Panics
    /// On a thread that runs tasks of an asynchronous runtime, where nothing may block.
    pub fn stasis_start(self: &Arc<Self>, app: &str, channel_id: &str, channel_name: &str) -> Result<String> {
        let start = async { self.enter(self.entry(app, channel_id, channel_name)?).await };
        self.threads.io.block_on(ChannelThread::of(start))
    }

    /// The same without waiting: `done` is called on the pool for host calls.
    ///
    /// # Errors
    /// The start is not even tried; `done` is not called.
    pub fn stasis_start_async(
        self: &Arc<Self>,
        app: &str,
        channel_id: &str,
        channel_name: &str,
        done: impl FnOnce(Result<String>) + Send + 'static,
    ) -> Result<()> {
        let entry = self.entry(app, channel_id, channel_name)?;
        let engine = Arc::clone(self);
        self.spawn(async move {
            let outcome = engine.enter(entry).await;
            engine.context.calls.run(move |_| done(outcome)).await;
        });
        Ok(())
    }

    /// The channel has hung up: ends its start, or else the next one that begins before [`Engine::stasis_end`].
    ///
    /// # Errors
    /// No start is under way.
    pub fn stasis_cancel(&self, channel_id: &str) -> Result<()> {
        // Under the lock, under which a start that has succeeded looks whether it was cancelled.
        let mut table = self.table();
        if let Some(token) = table.starting.get(channel_id) {
            token.cancel();
            return Ok(());
        }
        table.early_cancels.remember(channel_id, Instant::now());
        Err(Error::NotFound(format!("channel {channel_id} is not being started")))
    }

    /// Stasis returned for a channel.
    pub fn stasis_end(&self, application: &str, channel_id: &str) {
        if let Some((_, session)) = self.applications.find(application) {
            session.left(application, channel_id);
        }
        let mut table = self.table();
        table.early_cancels.take(channel_id, Instant::now());
        // Behind what the session was told: it may have ended in between.
        table.failing.remove(&(application.to_owned(), channel_id.to_owned()));
    }

    /// Ends a per-call session, and Stasis for its channels.
    pub(super) async fn shut_down_call(&self, call: &PerCall, stop: Stop) {
        let session = &call.session;
        let application = session.call_application().unwrap_or_default();
        let channels = self.end_call(session);
        self.applications.unregister(session, application).await;
        session.stop(stop);
        self.fail(&channels, application).await;
    }

    /// Notes that a channel is being started, so that it can be cancelled from this moment on.
    fn entry(&self, app: &str, channel_id: &str, channel_name: &str) -> Result<Entry> {
        let cancelled = CancellationToken::new();
        let mut table = self.table();
        // Looked at under the lock, under which an unloading looks for starts to cancel.
        if self.is_unloading() {
            return Err(Error::Unloaded);
        }
        if table.starting.contains_key(channel_id) {
            return Err(Error::Duplicate(format!("channel {channel_id} is being started already")));
        }
        if table.early_cancels.take(channel_id, Instant::now()) {
            cancelled.cancel();
        }
        table.starting.insert(channel_id.to_owned(), cancelled.clone());
        Ok(Entry {
            app: app.to_owned(),
            channel_id: channel_id.to_owned(),
            channel_name: channel_name.to_owned(),
            cancelled,
            _task: self.tasks.token(),
        })
    }

    async fn enter(self: &Arc<Self>, entry: Entry) -> Result<String> {
        let outcome = match AssertUnwindSafe(self.admit_or_fall_back(&entry)).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::Internal("the start of a channel panicked".into())),
        };
        let cancelled = {
            let mut table = self.table();
            table.starting.remove(&entry.channel_id);
            entry.cancelled.is_cancelled()
        };
        let outcome = match outcome {
            Ok(application) if cancelled => {
                self.take_back(&application, &entry.channel_id);
                Err(Error::Cancelled)
            }
            outcome => outcome,
        };
        if let Err(error) = &outcome {
            self.log().notice(
                &entry.channel_id,
                format_args!("{} does not enter Stasis({}): {error}", entry.channel_name, entry.app),
            );
        }
        outcome
    }

    /// A channel that was let in is cancelled, or the host cannot take it up: it leaves again, and takes a connection that was
    /// made for it along.
    pub fn take_back(&self, application: &str, channel_id: &str) {
        let Some((_, session)) = self.applications.find(application) else {
            return;
        };
        session.left(application, channel_id);
        if session.close_unless_held() {
            session.stop(Stop::soon());
        }
    }

    /// Finds out who serves the application, and makes a connection if it takes one.
    pub(super) async fn admit(self: &Arc<Self>, app: &str, entry: &Entry) -> Result<String> {
        if entry.cancelled.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if self.let_in(app, entry).await? {
            return Ok(app.to_owned());
        }
        let config = self.context.config();
        let connection = config
            .connections
            .values()
            .find(|connection| connection.has(app))
            .ok_or_else(|| Error::NotFound(format!("nobody serves the application {app}")))?;
        if let Some(fault) = connection.fault() {
            return Err(Error::InvalidConnection(format!(
                "connection {} is invalid: {fault}",
                connection.name
            )));
        }
        if connection.client.connection_type == ConnectionType::Persistent {
            return self.reclaim_one(app, entry, connection).await;
        }
        self.stasis_starts.fetch_add(1, Ordering::Relaxed);
        let began = Instant::now();
        let outcome = self.call(app, entry, connection).await;
        let times = &self.context.times;
        if outcome.is_err() {
            self.stasis_starts_failed.fetch_add(1, Ordering::Relaxed);
            times.start_failed.add(began.elapsed());
        } else {
            times.started.add(began.elapsed());
        }
        outcome
    }

    /// Nobody has registered an application of a persistent connection: whoever took it over has left, unless the connection
    /// is shut down.
    async fn reclaim_one(&self, app: &str, entry: &Entry, connection: &Connection) -> Result<String> {
        let session = self.table().persistent(&connection.name).cloned();
        if let Some(session) = session {
            self.reclaim_application(&session, app).await;
        }
        if self.let_in(app, entry).await? {
            return Ok(app.to_owned());
        }
        let reason = format!(
            "the application {app} belongs to connection {}, which is not running",
            connection.name
        );
        match connection.client.down.when {
            WhenDown::Queue => Err(Error::NotFound(reason)),
            WhenDown::Fail => {
                self.count_down();
                Err(Error::Down(reason))
            }
        }
    }

    /// Makes the connection of a call.
    async fn call(self: &Arc<Self>, app: &str, entry: &Entry, connection: &Arc<Connection>) -> Result<String> {
        let application = format!("{app}:{}", entry.channel_name);
        if let Some(application) = self.join_or_supersede(&application, app, entry).await? {
            return Ok(application);
        }
        let call_data = self.call_data(app, entry, connection).await?;
        let session = Session::per_call(
            &self.context,
            Arc::clone(connection),
            self.servers(connection),
            &application,
            &entry.channel_id,
            &entry.channel_name,
            call_data,
        );
        let call = PerCall {
            session: Arc::clone(&session),
            unlisted: CancellationToken::new(),
        };
        // While the host evaluated, another channel of that name may have come first.
        while !self.table().list(&application, &call) {
            if let Some(application) = self.join_or_supersede(&application, app, entry).await? {
                return Ok(application);
            }
        }
        let opened = match self.open(&session, connection, &entry.cancelled).await {
            Ok(opened) => opened,
            Err(error) => {
                // Others may have joined it meanwhile.
                let channels = self.leave(&call).await;
                session.clear();
                self.table().ended(&session);
                self.fail_apart(channels, &session);
                return Err(error);
            }
        };
        // Whoever waits for the start calls the host: in the blocking form the channel's own thread, so that it is woken once.
        let is_wanted = !session.is_stopping();
        let registered = is_wanted && self.applications.register(&session, &application).await.is_ok();
        if !registered {
            // The websocket still gets its Close.
            session.stop(Stop::Now);
        }
        let (engine, runtime) = (Arc::clone(self), opened.runtime.clone());
        let run = async move { engine.run_call(call, opened).await };
        self.tasks.spawn_on(run, &runtime);
        if is_wanted && !registered {
            return Err(Error::Host("the PBX did not register the application".into()));
        }
        // In one step with its end: a session tells the channels of it whose starts succeeded, and no other. Whoever ends it
        // does the rest.
        if !session.is_stopping() && session.entered(&application, &entry.channel_id)? {
            Ok(application)
        } else {
            Err(Error::Cancelled)
        }
    }

    /// What the server is told of the call, if it wants to hear of it: asked for once, so that every attempt tells the same.
    async fn call_data(&self, app: &str, entry: &Entry, connection: &Connection) -> Result<Option<CallData>> {
        let client = &connection.client;
        if !client.has_call_data() {
            return Ok(None);
        }
        let mut call = CallData {
            app: app.to_owned(),
            channel_id: entry.channel_id.clone(),
            channel_name: entry.channel_name.clone(),
            connection: connection.name.clone(),
            expressions: Vec::new(),
        };
        let name = &client.name;
        for expression in client.expressions() {
            let value = self.context.calls.expand(&entry.channel_id, expression).await;
            let value =
                value.map_err(|_| Error::Host(format!("the PBX did not evaluate {expression} for the client {name}")))?;
            call.expressions.push((expression.to_owned(), Secret::new(value)));
        }
        match client.check_call_data(&call) {
            Ok(()) => Ok(Some(call)),
            Err(message) => Err(Error::Argument(format!(
                "the client {name} cannot be told of the call: {message}"
            ))),
        }
    }

    /// A channel may enter an application again while the connection of its first time still lingers. If other channels are
    /// on that connection it is the one to use; gives the application. Else it leaves the application to a successor.
    async fn join_or_supersede(&self, application: &str, app: &str, entry: &Entry) -> Result<Option<String>> {
        let Some(older) = self.table().per_call.get(application).cloned() else {
            return Ok(None);
        };
        let session = &older.session;
        let farewell = async {
            // Once the application is unregistered, the host would have nobody to send the StasisEnd to.
            session.has_left(&entry.channel_id).await;
            if !session.has_channels_besides(&entry.channel_id) {
                // The request that made the channel leave may be the last one.
                session.has_answered().await;
            }
        };
        let superseded = async {
            // A StasisEnd may never come, nor an answer.
            let over = timeout(LAST_WORDS, farewell).await;
            let has_left = session.has_left(&entry.channel_id);
            if over.is_err() && has_left.now_or_never().is_none() {
                let channel = &entry.channel_name;
                let waited = LAST_WORDS.as_millis();
                self.log().warning(
                    &entry.channel_id,
                    format_args!(
                        "{channel} enters Stasis({app}) again after {waited} ms: so long its StasisEnd was waited for, which the PBX has not given"
                    ),
                );
            }
            if !session.is_stopping() && session.join_or_close(&entry.channel_id) {
                return session.call_application().map(str::to_owned);
            }
            session.stop(Stop::soon());
            older.unlisted.cancelled().await;
            None
        };
        tokio::select! {
            biased;
            () = entry.cancelled.cancelled() => Err(Error::Cancelled),
            joined = superseded => Ok(joined),
        }
    }

    /// The task of one call's session, from its first open connection on.
    async fn run_call(&self, call: PerCall, mut opened: Opened) {
        let session = &call.session;
        let application = session.call_application().unwrap_or_default();
        let mut channels = {
            let run = AssertUnwindSafe(opened.task.run(opened.connected)).catch_unwind();
            tokio::pin!(run);
            // What waits may still be sent when the session has left its application: a successor need not wait for that.
            let ended = tokio::select! {
                biased;
                ended = &mut run => Some(ended),
                () = session.stopping() => None,
            };
            let channels = self.leave(&call).await;
            let ended = match ended {
                Some(ended) => ended,
                None => run.await,
            };
            if ended.is_err() {
                self.log().error(session.id(), "the session failed inside the library");
            }
            channels
        };
        channels.extend(self.end_call(session));
        session.clear();
        self.fail(&channels, application).await;
        self.table().ended(session);
    }

    /// Ends a call's session to its application, takes it off the list, and lets its successor have the application. Gives the
    /// channels that are inside.
    async fn leave(&self, call: &PerCall) -> Vec<String> {
        let session = &call.session;
        let application = session.call_application().unwrap_or_default();
        let channels = self.end_call(session);
        self.applications.leave(session, application).await;
        let mut table = self.table();
        table.per_call.remove(application);
        table.leave(session);
        drop(table);
        call.unlisted.cancel();
        channels
    }

    /// An event could not be taken: if it told of a channel that came when the session had ended, Stasis ends for it too.
    pub(super) fn fail_stranded(self: &Arc<Self>, session: &Arc<Session>) {
        if !session.has_ended() {
            return;
        }
        self.fail_apart(self.end_call(session), session);
    }

    /// Ends Stasis for channels, without making whoever asks for that wait.
    fn fail_apart(self: &Arc<Self>, channels: Vec<String>, session: &Arc<Session>) {
        if channels.is_empty() {
            return;
        }
        let (engine, session) = (Arc::clone(self), Arc::clone(session));
        self.spawn(async move {
            let application = session.call_application().unwrap_or_default();
            engine.fail(&channels, application).await;
        });
    }

    /// Ends a call's session; gives the channels that the host is to be told of. In one step with their being noted for that.
    fn end_call(&self, session: &Session) -> Vec<String> {
        let application = session.call_application().unwrap_or_default();
        let mut table = self.table();
        let channels = session.end();
        let noted = channels.iter().map(|channel| (application.to_owned(), channel.clone()));
        table.failing.extend(noted);
        channels
    }

    /// Ends Stasis for channels that were inside when their session ended, unless it has returned since: a host that blocks
    /// makes that long, and a channel may have come again.
    async fn fail(&self, channels: &[String], application: &str) {
        for channel in channels {
            let noted = (application.to_owned(), channel.clone());
            if !self.table().failing.remove(&noted) {
                continue;
            }
            self.log().warning(
                channel,
                format_args!("its application {application} is gone: Stasis ends with STASISSTATUS=FAILED"),
            );
            self.context.calls.stasis_failed(channel, application).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;
    use crate::engine::Options;
    use crate::host::{Level, Silent};

    #[test]
    fn a_start_where_nothing_may_block_leaves_nothing_behind() {
        let options = Options::new(None, "id", "", 1, 1, 0, Level::Debug).expect("options");
        let engine = Engine::start(Arc::new(Silent), options).expect("threads");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let start = || engine.stasis_start("app1", "1", "SIP/1");
        let panicked = runtime.block_on(async { catch_unwind(AssertUnwindSafe(start)) });
        assert!(panicked.is_err());
        assert!(engine.table().starting.is_empty());
    }
}
