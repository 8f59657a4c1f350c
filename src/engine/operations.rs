//! Changes of the whole instance, one at a time on a task of their own, so that none holds a lock while it calls the
//! host.

use std::fmt::Display;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};

use futures_util::FutureExt;
use tokio::sync::mpsc::UnboundedReceiver;

use super::plan::plan;
use super::report::{ReportEntry, ReportKind, changes};
use super::{Engine, Started};
use crate::config::{self, Config, Problem, Reading, Severity, Source, Texts};
use crate::error::{Error, Result};
use crate::host::Optional;

/// What came of a reading: a configuration with its problems, or why there is none.
type Outcome = std::result::Result<Reading, Vec<Problem>>;

/// What [`run`] is asked for; each has a place for its answer.
pub(super) enum Operation {
    /// Read the configuration for the first time and apply it.
    Load(SyncSender<Result<Vec<ReportEntry>>>),
    /// Read it again and apply what differs.
    Reload(SyncSender<Result<Vec<ReportEntry>>>),
    /// Begin a connection that is not running.
    Start(String, SyncSender<Result<Started>>),
    /// End a session.
    ShutDown(String, SyncSender<Result<()>>),
    /// End every session.
    ShutDownAll(SyncSender<Result<()>>),
    /// Register the applications again that somebody else took and left.
    Reclaim,
    /// Nothing more.
    End(SyncSender<()>),
}

/// Carries out operations until there are no more.
pub(super) async fn run(engine: Arc<Engine>, mut asked: UnboundedReceiver<Operation>) {
    while let Some(operation) = asked.recv().await {
        match operation {
            Operation::Load(answer) => {
                let load = engine.apply_configuration(None);
                engine.carry_out(load, answer).await;
            }
            Operation::Reload(answer) => {
                let reload = engine.apply_configuration(Some(engine.context.config()));
                engine.carry_out(reload, answer).await;
            }
            Operation::Start(connection, answer) => {
                let start = engine.start_connection(&connection);
                engine.carry_out(start, answer).await;
            }
            Operation::ShutDown(session, answer) => {
                let end = engine.shut_down_session(&session);
                engine.carry_out(end, answer).await;
            }
            Operation::ShutDownAll(answer) => {
                let end = engine.shut_down_every_session().map(Ok);
                engine.carry_out(end, answer).await;
            }
            Operation::Reclaim => {
                let (answer, _) = sync_channel(1);
                let reclaim = engine.reclaim_applications().map(Ok);
                engine.carry_out(reclaim, answer).await;
            }
            Operation::End(answer) => {
                let _ = answer.send(());
                return;
            }
        }
    }
}

impl Engine {
    /// Reads the configuration for the first time and begins to connect.
    ///
    /// # Errors
    /// A file that must be there is missing, or one cannot be read or parsed.
    pub fn load(&self, report: &mut dyn FnMut(&ReportEntry)) -> Result<()> {
        self.operate(false, Operation::Load)?.iter().for_each(report);
        Ok(())
    }

    /// Reads the configuration again and applies what differs.
    ///
    /// # Errors
    /// A file that must be there is missing, or one cannot be read or parsed: nothing changed. Or it would wait for the
    /// callback that it was called from.
    pub fn reload(&self, inside_callback: bool, report: &mut dyn FnMut(&ReportEntry)) -> Result<()> {
        self.operate(inside_callback, Operation::Reload)?.iter().for_each(report);
        Ok(())
    }

    /// Carries out one operation. One that panics must not take the next ones with it.
    async fn carry_out<R>(&self, operation: impl Future<Output = Result<R>>, answer: SyncSender<Result<R>>) {
        let outcome = AssertUnwindSafe(operation).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| {
            self.log().error("", "an operation failed inside the library");
            Err(Error::Internal("an operation panicked".into()))
        });
        // Before the answer: whoever gets it may ask for the next one at once.
        self.operations_pending.fetch_sub(1, Ordering::AcqRel);
        // Whoever asked waits, unless nobody did.
        let _ = answer.send(outcome);
    }

    /// Has an operation carried out and waits for its end.
    pub(super) fn operate<R>(
        &self,
        inside_callback: bool,
        operation: impl FnOnce(SyncSender<Result<R>>) -> Operation,
    ) -> Result<R> {
        if self.is_unloading() {
            return Err(Error::Unloaded);
        }
        let pending = self.operations_pending.fetch_add(1, Ordering::AcqRel);
        if inside_callback && pending > 0 {
            self.operations_pending.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::Busy);
        }
        let (answer, answered) = sync_channel(1);
        self.operations.send(operation(answer)).map_err(|_| Error::Unloaded)?;
        answered.recv().map_err(|_| Error::Unloaded)?
    }

    /// Has applications registered again, some time soon.
    pub(super) fn reclaim(&self) {
        self.operations_pending.fetch_add(1, Ordering::AcqRel);
        // Fails only when the instance is unloaded.
        let _ = self.operations.send(Operation::Reclaim);
    }

    /// `previous` is what was in effect.
    async fn apply_configuration(self: &Arc<Self>, previous: Option<Arc<Config>>) -> Result<Vec<ReportEntry>> {
        let old = self.context.config();
        let reading = self
            .read_configuration(previous)
            .await?
            .inspect_err(|problems| self.log_problems(problems))
            .map_err(Error::Config)?;
        self.log_problems(&reading.problems);
        let new = Arc::new(reading.config);
        let problems = reading.problems.into_iter();
        let mut entries: Vec<_> = problems.map(ReportEntry::problem).collect();
        let plan = plan(&old, &new, &self.running());
        entries.extend(changes(&old, &new, &plan.diff));
        for entry in &entries {
            let done = match entry.kind {
                ReportKind::Added => "added",
                ReportKind::Changed => "changed",
                ReportKind::Removed => "removed",
                // Logged as problems.
                ReportKind::Refused | ReportKind::Warning => continue,
            };
            self.log().info(&entry.object, format_args!("{done}: {}", entry.message));
        }
        self.carry_out_plan(&plan, &new).await;
        Ok(entries)
    }

    /// Where it may block: files may lie on a slow disk, and the host's texts in a slow database.
    async fn read_configuration(&self, previous: Option<Arc<Config>>) -> Result<Outcome> {
        let calls = &self.context.calls;
        let directory = self.options.config_directory.clone();
        let expands = calls.offers(Optional::Expand);
        let read = move |texts: Option<&Texts<'_>>| {
            let source = Source {
                directory: directory.as_deref(),
                texts,
                expands,
            };
            config::read_from(&source, previous.as_deref())
        };
        let failed = |error: &dyn Display| Error::System(format!("the configuration was not read: {error}"));
        if calls.offers(Optional::ConfigRead) {
            let reading = calls.run(move |host| read(Some(&|name: &str, limit| host.config_read(name, limit))));
            return reading.await.ok_or_else(|| failed(&"a callback failed"));
        }
        let reading = self.context.resources.blocking.run(move || read(None));
        reading.await.map_err(|error| failed(&error))
    }

    fn log_problems(&self, problems: &[Problem]) {
        for problem in problems {
            match problem.severity {
                Severity::Error => self.log().error("", problem),
                Severity::Warning => self.log().warning("", problem),
            }
        }
    }
}
