//! The threads of an instance. All that it must have are made here.

use std::io::Result;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Options;
use crate::host::{Host, Log};
use crate::threads::{Blocking, IoThreads, Pool, Tasks, Workers};

/// Calls of the host, requests aside, that may be under way at a time; each has a thread.
const HOST_THREADS: usize = 512;
/// What may still hold a thread after every task and callback has ended is the system's resolver, or a file on a slow disk.
/// They touch nothing of the host's; their threads are not waited for any longer than this, each kind.
pub(super) const SYSTEM: Duration = Duration::from_millis(100);

/// The threads of an instance.
pub(super) struct Threads {
    pub(super) io: Box<dyn Tasks>,
    pub(super) requests: Arc<dyn Workers>,
    pub(super) host: Arc<dyn Workers>,
    pub(super) files: Blocking,
    pub(super) log: Log,
}

impl Threads {
    /// # Errors
    /// The system refused one; says which. Then there is none.
    pub(super) fn start(host: &Arc<dyn Host>, options: &Options) -> Result<Self> {
        let io = IoThreads::start(options.io_threads)?;
        let requests = Pool::start("ariws-request", options.request_threads).inspect_err(|_| io.end())?;
        let others = Pool::start("ariws-host", HOST_THREADS).inspect_err(|_| {
            requests.end(None);
            io.end();
        })?;
        let log = Log::start(Arc::clone(host), options.log_level).inspect_err(|_| {
            others.end(None);
            requests.end(None);
            io.end();
        })?;
        for pool in [&requests, &others] {
            let log = log.clone();
            pool.when_refused(move |error| {
                log.warning(
                    "",
                    format!("{error}; until it grants one, what the PBX is called for waits in turn"),
                );
            });
        }
        let host: Arc<dyn Workers> = Arc::new(others);
        Ok(Self {
            io: Box::new(io),
            files: Blocking::or_else(Arc::clone(&host)),
            requests: Arc::new(requests),
            host,
            log,
        })
    }

    /// Ends them; what the log has left is told until then. No call of the host is under way, but for its log.
    pub(super) fn end(&self, latest: Instant) {
        self.files.end(SYSTEM);
        self.io.end();
        self.requests.end(None);
        self.host.end(None);
        self.log.close(latest);
    }
}
