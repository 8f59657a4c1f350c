//! The library at work: its threads, the sessions, and what the host asks for.
//!
//! [`Engine`] is one loaded instance. `operations` changes it, one operation at a time (load, reload, commands), `plan` decides
//! what a reload does, and `report` tells of it; `persistent` begins and ends persistent connections, `calls` per-call ones,
//! whose first connection is `opening`'s; `early_cancels` knows who has hung up before, `standby` has connections that wait;
//! `applications` knows whose each application is, and has the host register it, `questions` whether what the host says of one is
//! out of date; `inbound` knows the websockets that the host reports; `outages` tells of connections that are down, and `down`
//! what that means for channels; `snapshot` shows it all, `value` one thing of it, and `operator` is what commands need of it.

mod applications;
mod calls;
mod down;
mod early_cancels;
mod inbound;
mod opening;
mod operations;
mod operator;
mod options;
mod outages;
mod persistent;
mod plan;
mod questions;
mod report;
mod shares;
pub mod snapshot;
mod standby;
mod table;
mod threads;
mod unload;
mod value;

#[cfg(test)]
#[path = "../../tests/simulation/mod.rs"]
mod simulation;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::error::{Error, Result};
use crate::host::{Calls, Host, Log};
use crate::net::Resources;
use crate::protocol::{self, Trusted};
use crate::session::{Answer, Context, Session};
use applications::Applications;
use down::Tellings;
use operations::Operation;
pub use operator::{Operator, Started};
pub use options::Options;
pub use report::{ReportEntry, ReportKind};
use table::Table;
use threads::Threads;

/// One loaded instance of the library.
pub struct Engine {
    options: Options,
    context: Arc<Context>,
    host: Arc<dyn Host>,
    threads: Threads,
    tasks: TaskTracker,
    applications: Applications,
    table: Mutex<Table>,
    operations: mpsc::UnboundedSender<Operation>,
    /// Operations that were asked for and have not ended.
    operations_pending: AtomicUsize,
    unloading: AtomicBool,
    tellings: Tellings,
    stasis_starts: AtomicU64,
    stasis_starts_failed: AtomicU64,
    /// Starts that went on with another application.
    stasis_fallbacks: AtomicU64,
    /// Channels that were not let in, or were made to leave, because a persistent connection was down.
    stasis_down: AtomicU64,
}

impl Engine {
    /// Starts the threads. Nothing is read or connected before [`Engine::load`].
    ///
    /// # Errors
    /// The system refused a thread.
    pub fn start(host: Arc<dyn Host>, options: Options) -> Result<Arc<Self>> {
        match Threads::start(&host, &options) {
            Ok(threads) => {
                let resources = Resources::new(threads.files.clone(), options.max_sockets);
                Ok(Self::on(threads, resources, host, options))
            }
            Err(error) => {
                host.finalize();
                Err(Error::System(error.to_string()))
            }
        }
    }

    /// The same on threads that are there already, and with what attempts to connect share.
    fn on(threads: Threads, resources: Resources, host: Arc<dyn Host>, options: Options) -> Arc<Self> {
        let context = Context::new(
            Calls::new(
                Arc::clone(&host),
                options.request_threads,
                Arc::clone(&threads.requests),
                Arc::clone(&threads.host),
            ),
            threads.log.clone(),
            resources,
            options.asterisk_id.clone(),
            options.user_agent(),
            options.queue_max_total_bytes,
        );
        let (operations, asked) = mpsc::unbounded_channel();
        let context = Arc::new(context);
        let engine = Arc::new(Self {
            options,
            applications: Applications::new(&context),
            context,
            host,
            threads,
            tasks: TaskTracker::new(),
            table: Mutex::default(),
            operations,
            operations_pending: AtomicUsize::new(0),
            unloading: AtomicBool::new(false),
            tellings: Tellings::default(),
            stasis_starts: AtomicU64::new(0),
            stasis_starts_failed: AtomicU64::new(0),
            stasis_fallbacks: AtomicU64::new(0),
            stasis_down: AtomicU64::new(0),
        });
        engine.spawn(operations::run(Arc::clone(&engine), asked));
        // Not waited for at the end: it ends with its thread.
        let outages = Arc::clone(&engine).tell_of_outages();
        engine.threads.io.runtime().spawn(outages);
        engine
    }

    /// Takes one event of the host's for an application.
    ///
    /// # Errors
    /// No connection serves the application, it is not a JSON object, or it was dropped.
    pub fn event(self: &Arc<Self>, application: &str, json: &[u8]) -> Result<()> {
        self.take_event(application, |session, application| session.event(application, json))
    }

    /// The same for an event of which the host says what is in it.
    ///
    /// # Errors
    /// As for [`Engine::event`]; it is not looked at whether all of it is JSON.
    pub fn event_trusted(self: &Arc<Self>, application: &str, event: &Trusted<'_>) -> Result<()> {
        self.take_event(application, |session, application| session.event_trusted(application, event))
    }

    fn take_event(self: &Arc<Self>, application: &str, offer: impl FnOnce(&Session, Arc<str>) -> Result<()>) -> Result<()> {
        let Some((application, session)) = self.applications.find(application) else {
            return Err(Error::NotFound(format!("no connection serves the application {application}")));
        };
        let outcome = offer(&session, application);
        if outcome.is_err() {
            self.fail_stranded(&session);
        }
        outcome
    }

    /// Takes the host's answer to a request.
    ///
    /// # Errors
    /// It cannot be sent as it is, or nobody waits for it.
    pub fn request_complete(&self, id: u64, status: i32, reason: Option<&str>, body: Option<&str>) -> Result<()> {
        let status = u16::try_from(status)
            .ok()
            .filter(|status| (100..600).contains(status))
            .ok_or_else(|| Error::Argument(format!("{status} is no HTTP status code (100 to 599)")))?;
        if let Some(body) = body {
            protocol::check_body(body).map_err(Error::Json)?;
        }
        // It is made compact, and written into a message with escapes.
        let room = body.is_none_or(|body| crate::memory::is_there_for(body.len(), 4));
        if !room {
            return Err(Error::System(
                "the system refused the memory for the answer; the request still waits for one".into(),
            ));
        }
        self.context.answers.complete(id, &Answer { status, reason, body })
    }

    /// The log of the host.
    fn log(&self) -> &Log {
        &self.context.log
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, self.threads.io.runtime());
    }

    fn is_unloading(&self) -> bool {
        self.unloading.load(Ordering::Acquire)
    }
}
