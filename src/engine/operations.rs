//! Changes of the whole instance, one at a time on a task of their own, so that none holds a lock while it calls the
//! host.

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};

use futures_util::FutureExt;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::spawn_blocking;

use super::{Engine, Started};
use crate::config::{self, Config, Connection, Problem, Severity};
use crate::error::{Error, Result};

/// One line of what a load or reload did.
#[derive(Debug, Clone)]
pub struct ReportEntry<'a> {
    /// What happened to the object.
    pub kind: ReportKind,
    /// The object's name, "" for a whole file.
    pub object: &'a str,
    /// What happened and why.
    pub message: Cow<'a, str>,
    /// The file, empty if none is concerned.
    pub file: &'a Path,
    /// The line in it, 0 if none.
    pub line: u32,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// It is new.
    Added,
    /// It differs.
    Changed,
    /// It is gone.
    Removed,
    /// It is faulty.
    Refused,
    /// It is accepted, with a doubt.
    Warning,
}

/// What [`run`] is asked for; each has a place for its answer.
pub(super) enum Operation {
    /// Read the configuration for the first time and apply it.
    Load(SyncSender<Result<Vec<Line>>>),
    /// Read it again and apply what differs.
    Reload(SyncSender<Result<Vec<Line>>>),
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

/// An owned [`ReportEntry`].
pub(super) struct Line {
    kind: ReportKind,
    object: String,
    message: String,
    file: PathBuf,
    line: u32,
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
    /// A file is missing or cannot be parsed.
    pub fn load(&self, report: &mut dyn FnMut(&ReportEntry<'_>)) -> Result<()> {
        report_all(self.operate(false, Operation::Load)?, report);
        Ok(())
    }

    /// Reads the configuration again and applies what differs.
    ///
    /// # Errors
    /// A file is missing or cannot be parsed: nothing changed. Or it would wait for the callback that it was called from.
    pub fn reload(
        &self,
        inside_callback: bool,
        report: &mut dyn FnMut(&ReportEntry<'_>),
    ) -> Result<()> {
        report_all(self.operate(inside_callback, Operation::Reload)?, report);
        Ok(())
    }

    /// Carries out one operation. One that panics must not take the next ones with it.
    async fn carry_out<R>(
        &self,
        operation: impl Future<Output = Result<R>>,
        answer: SyncSender<Result<R>>,
    ) {
        let outcome = AssertUnwindSafe(operation).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| {
            self.log()
                .error("", "an operation failed inside the library");
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
        self.operations
            .send(operation(answer))
            .map_err(|_| Error::Unloaded)?;
        answered.recv().map_err(|_| Error::Unloaded)?
    }

    /// Has applications registered again, some time soon.
    pub(super) fn reclaim(&self) {
        self.operations_pending.fetch_add(1, Ordering::AcqRel);
        // Fails only when the instance is unloaded.
        let _ = self.operations.send(Operation::Reclaim);
    }

    /// `previous` is what was in effect.
    async fn apply_configuration(
        self: &Arc<Self>,
        previous: Option<Arc<Config>>,
    ) -> Result<Vec<Line>> {
        let old = self.context.config();
        let directory = self.options.config_directory.clone();
        // Files may lie on a slow disk.
        let reading = spawn_blocking(move || config::read(&directory, previous.as_deref()))
            .await
            .map_err(|error| Error::Internal(error.to_string()))?
            .inspect_err(|problems| self.log_problems(problems))
            .map_err(Error::Config)?;
        self.log_problems(&reading.problems);
        let new = Arc::new(reading.config);
        let mut lines: Vec<_> = reading.problems.into_iter().map(Line::problem).collect();
        lines.extend(changes(&old, &new));
        for line in &lines {
            let done = match line.kind {
                ReportKind::Added => "added",
                ReportKind::Changed => "changed",
                ReportKind::Removed => "removed",
                // Logged as problems.
                ReportKind::Refused | ReportKind::Warning => continue,
            };
            self.log()
                .info(&line.object, format!("{done}: {}", line.message));
        }
        self.apply(&old, new).await;
        Ok(lines)
    }

    fn log_problems(&self, problems: &[Problem]) {
        for problem in problems {
            match problem.severity {
                Severity::Error => self.log().error("", problem.to_string()),
                Severity::Warning => self.log().warning("", problem.to_string()),
            }
        }
    }
}

fn report_all(lines: Vec<Line>, report: &mut dyn FnMut(&ReportEntry<'_>)) {
    for line in lines {
        report(&ReportEntry {
            kind: line.kind,
            object: &line.object,
            message: Cow::Owned(line.message),
            file: &line.file,
            line: line.line,
        });
    }
}

fn changes(old: &Config, new: &Config) -> Vec<Line> {
    let diff = config::diff(old, new);
    let described = |connection: &Connection| {
        format!(
            "{}, {}, applications {}",
            connection.client.connection_type.as_str(),
            connection.client.uri.display,
            connection.apps.join(", ")
        )
    };
    let mut lines = Vec::new();
    for connection in &diff.removed {
        lines.push(Line::change(
            ReportKind::Removed,
            &connection.name,
            described(connection),
        ));
    }
    for change in &diff.changed {
        let message = change.parameters.join(", ");
        lines.push(Line::change(ReportKind::Changed, &change.new.name, message));
    }
    for connection in &diff.added {
        lines.push(Line::change(
            ReportKind::Added,
            &connection.name,
            described(connection),
        ));
    }
    lines
}

impl Line {
    fn problem(problem: Problem) -> Self {
        Self {
            kind: match problem.severity {
                Severity::Error => ReportKind::Refused,
                Severity::Warning => ReportKind::Warning,
            },
            message: if problem.key.is_empty() {
                problem.message
            } else {
                format!("{}: {}", problem.key, problem.message)
            },
            object: problem.section,
            file: problem.file,
            line: problem.line,
        }
    }

    fn change(kind: ReportKind, object: &str, message: String) -> Self {
        Self {
            kind,
            object: object.to_owned(),
            message,
            file: PathBuf::new(),
            line: 0,
        }
    }
}
