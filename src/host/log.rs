//! The way of a message to the host's log: a bounded queue and one thread, so that nobody waits for the host's disk.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use super::{Host, Level};
use crate::text::visible;

/// Messages that may wait for the host.
const CAPACITY: usize = 4096;

enum Line {
    Message(Level, String, String),
    End,
}

/// The library's log.
#[derive(Clone)]
pub struct Log {
    sender: SyncSender<Line>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    dropped: AtomicU64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Starts the thread that calls the host's `log`.
    ///
    /// # Errors
    /// The system refused the thread.
    pub fn start(host: Arc<dyn Host>) -> std::io::Result<Self> {
        let (sender, receiver) = sync_channel(CAPACITY);
        let shared = Arc::new(Shared::default());
        let counted = Arc::clone(&shared);
        let thread = Builder::new()
            .name("ariws-log".into())
            .spawn(move || deliver(&receiver, host.as_ref(), &counted.dropped))?;
        *shared.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(Self { sender, shared })
    }

    /// Something does not work.
    pub fn error(&self, subject: &str, message: impl Into<String>) {
        self.send(Level::Error, subject, message.into());
    }

    /// Something may not work as the operator expects.
    pub fn warning(&self, subject: &str, message: impl Into<String>) {
        self.send(Level::Warning, subject, message.into());
    }

    /// A change that operators want to see.
    pub fn notice(&self, subject: &str, message: impl Into<String>) {
        self.send(Level::Notice, subject, message.into());
    }

    /// The ordinary course of things.
    pub fn info(&self, subject: &str, message: impl Into<String>) {
        self.send(Level::Info, subject, message.into());
    }

    /// For finding faults.
    pub fn debug(&self, subject: &str, message: impl Into<String>) {
        self.send(Level::Debug, subject, message.into());
    }

    /// Messages that were dropped because the host did not take them in time.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Delivers what waits and ends the thread. Later messages are dropped.
    pub fn close(&self) {
        let thread = self
            .shared
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // Fails only if the thread has ended already, and then there is nothing to deliver.
            let _ = self.sender.send(Line::End);
            let _ = thread.join();
        }
    }

    fn send(&self, level: Level, subject: &str, message: String) {
        let line = Line::Message(level, visible(subject).into(), visible(&message).into());
        if self.sender.try_send(line).is_err() {
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn deliver(receiver: &Receiver<Line>, host: &dyn Host, dropped: &AtomicU64) {
    let mut reported = 0;
    while let Ok(Line::Message(level, subject, message)) = receiver.recv() {
        let total = dropped.load(Ordering::Relaxed);
        if total > reported {
            let gap = format!(
                "{} messages for the log were dropped: the host took too long",
                total - reported
            );
            tell(host, Level::Warning, "", &gap);
            reported = total;
        }
        tell(host, level, &subject, &message);
    }
}

/// A host that panics loses this message, not those behind it.
fn tell(host: &dyn Host, level: Level, subject: &str, message: &str) {
    let _ = catch_unwind(AssertUnwindSafe(|| host.log(level, subject, message)));
}
