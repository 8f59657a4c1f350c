//! The way of a message to the host's log: a bounded queue and one thread, so that nobody waits for the host's disk.

use std::collections::VecDeque;
use std::fmt::Display;
use std::mem::replace;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::rates::{Rates, Which, and_more};
use super::{Host, Kind, Level};
use crate::text::visible;
use crate::threads;

/// Messages that may wait for the host.
const CAPACITY: usize = 4096;
/// Bytes of messages that may wait for the host. One that is larger waits alone.
const BYTES: usize = 1 << 20;
/// How long the thread that has delivered all does not want to be woken: what comes meanwhile is delivered together.
const GATHER: Duration = Duration::from_millis(1);
/// What the host may take for what waits at the end, however little time is left for that.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// The library's log.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    /// Messages that are less grave are none.
    threshold: Level,
    dropped: AtomicU64,
    waiting: Mutex<Waiting>,
    changed: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Line>,
    bytes: usize,
    rates: Rates,
    /// The thread waits to be woken.
    is_asleep: bool,
    /// No message is taken any more, and what waits is delivered until then.
    closed: Option<Instant>,
}

enum Line {
    Message {
        level: Level,
        subject: String,
        text: String,
    },
    /// So many messages had no place here.
    Gap(u64),
}

impl Log {
    /// Starts the thread that calls the host's `log` with messages that are as grave as the threshold or graver.
    ///
    /// # Errors
    /// The system refused the thread.
    pub fn start(host: Arc<dyn Host>, threshold: Level) -> std::io::Result<Self> {
        let log = Self(Arc::new(Shared {
            threshold,
            dropped: AtomicU64::new(0),
            waiting: Mutex::default(),
            changed: Condvar::new(),
            thread: Mutex::default(),
        }));
        let its = log.clone();
        let thread = threads::start("ariws-log", move || its.deliver(host.as_ref()))?;
        *log.thread() = Some(thread);
        Ok(log)
    }

    /// Something does not work.
    pub fn error(&self, subject: &str, message: impl Display) {
        self.send(Level::Error, subject, message);
    }

    /// Something may not work as the operator expects.
    pub fn warning(&self, subject: &str, message: impl Display) {
        self.send(Level::Warning, subject, message);
    }

    /// A change that operators want to see.
    pub fn notice(&self, subject: &str, message: impl Display) {
        self.send(Level::Notice, subject, message);
    }

    /// The ordinary course of things.
    pub fn info(&self, subject: &str, message: impl Display) {
        self.send(Level::Info, subject, message);
    }

    /// For finding faults.
    pub fn debug(&self, subject: &str, message: impl Display) {
        self.send(Level::Debug, subject, message);
    }

    /// Something that happens as often as the other end of a connection likes: not each has a line.
    pub fn limited(&self, kind: Kind, connection: &str, subject: &str, message: impl Display) {
        let level = kind.level();
        if !self.takes(level) {
            return;
        }
        let now = Instant::now();
        let admitted = self.waiting().rates.admit(kind, connection, now);
        match admitted {
            Ok(0) => self.send(level, subject, message),
            Ok(before) => {
                let message = format_args!("{message} ({} before it)", and_more(before));
                self.send(level, subject, message);
            }
            // The thread is to wake when the line about it and those that follow is due.
            Err(1) => self.0.changed.notify_one(),
            Err(_) => {}
        }
    }

    /// The connection has ended: tells how many of its lines were left out.
    pub fn connection_ended(&self, connection: &str) {
        let mut waiting = self.waiting();
        let lines = waiting.rates.told(Which::Of(connection), Instant::now());
        self.put_all(&mut waiting, lines);
        self.wake(waiting);
    }

    /// Messages that were dropped because the host did not take them in time.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Delivers what waits, until the given time or a little longer, and ends the thread. Later messages are dropped.
    pub fn close(&self, latest: Instant) {
        let thread = self.thread().take();
        if let Some(thread) = thread {
            let now = Instant::now();
            let mut waiting = self.waiting();
            let lines = waiting.rates.told(Which::All, now);
            self.put_all(&mut waiting, lines);
            waiting.closed = Some(latest.max(now + LAST_WORDS));
            drop(waiting);
            self.0.changed.notify_one();
            // Fails only if the thread has panicked, and then there is nothing to wait for.
            let _ = thread.join();
        }
    }

    fn takes(&self, level: Level) -> bool {
        level <= self.0.threshold
    }

    fn send(&self, level: Level, subject: &str, message: impl Display) {
        if self.takes(level) {
            let text = visible(&message.to_string()).into();
            let subject = visible(subject).into();
            let mut waiting = self.waiting();
            self.put(&mut waiting, Line::Message { level, subject, text });
            self.wake(waiting);
        }
    }

    fn put_all(&self, waiting: &mut Waiting, lines: Vec<(Level, String, String)>) {
        for (level, connection, text) in lines {
            let line = Line::Message {
                level,
                subject: visible(&connection).into(),
                text,
            };
            self.put(waiting, line);
        }
    }

    fn put(&self, waiting: &mut Waiting, line: Line) {
        if waiting.closed.is_some() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let full = waiting.lines.len() >= CAPACITY || waiting.bytes + line.bytes() > BYTES;
        if !full || waiting.lines.is_empty() {
            waiting.bytes += line.bytes();
            waiting.lines.push_back(line);
            return;
        }
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
        match waiting.lines.back_mut() {
            Some(Line::Gap(count)) => *count += 1,
            _ => waiting.lines.push_back(Line::Gap(1)),
        }
    }

    /// Wakes the thread if something waits for it, and it waits for that. Not behind the lock, which it takes first.
    fn wake(&self, mut waiting: MutexGuard<'_, Waiting>) {
        let wakes = waiting.is_asleep && !waiting.lines.is_empty();
        waiting.is_asleep &= !wakes;
        drop(waiting);
        if wakes {
            self.0.changed.notify_one();
        }
    }

    fn deliver(&self, host: &dyn Host) {
        let mut is_idle = true;
        while let Some(line) = self.next(&mut is_idle) {
            match line {
                Line::Message { level, subject, text } => tell(host, level, &subject, &text),
                Line::Gap(count) => {
                    let text = format!("{count} messages for the log were dropped: the host took too long");
                    tell(host, self.loss(), "", &text);
                }
            }
        }
        let left = self.abandon();
        if left > 0 {
            let text = format!("{left} messages for the log were dropped: the instance ended before the host had taken them");
            tell(host, self.loss(), "", &text);
        }
    }

    /// How grave it is that messages were dropped: grave enough to be told.
    fn loss(&self) -> Level {
        Level::Warning.min(self.0.threshold)
    }

    /// Waits for a line; none at the end. `is_idle` is whether none has come for a moment.
    fn next(&self, is_idle: &mut bool) -> Option<Line> {
        let mut waiting = self.waiting();
        loop {
            let now = Instant::now();
            if waiting.closed.is_some_and(|latest| latest <= now) {
                return None;
            }
            if let Some(line) = waiting.lines.pop_front() {
                waiting.bytes -= line.bytes();
                *is_idle = false;
                return Some(line);
            }
            if waiting.closed.is_some() {
                return None;
            }
            let lines = waiting.rates.told(Which::Due, now);
            if !lines.is_empty() {
                self.put_all(&mut waiting, lines);
                continue;
            }
            let until_due = waiting.rates.due().map(|due| due.saturating_duration_since(now));
            let longest = match replace(is_idle, true) {
                true => until_due,
                false => Some(until_due.map_or(GATHER, |time| time.min(GATHER))),
            };
            // Who gathers lines has the time to come back by itself.
            waiting.is_asleep = longest == until_due;
            waiting = match longest {
                None => self.0.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(time) => {
                    let waited = self.0.changed.wait_timeout(waiting, time);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            waiting.is_asleep = false;
        }
    }

    /// Drops what waits; gives how many messages that are, with those that had no place before.
    fn abandon(&self) -> u64 {
        let mut waiting = self.waiting();
        waiting.bytes = 0;
        let mut all = 0;
        for line in waiting.lines.drain(..) {
            all += match line {
                Line::Gap(count) => count,
                Line::Message { .. } => {
                    self.0.dropped.fetch_add(1, Ordering::Relaxed);
                    1
                }
            };
        }
        all
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn thread(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.0.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn bytes(&self) -> usize {
        match self {
            Self::Message { subject, text, .. } => subject.len() + text.len(),
            Self::Gap(_) => 0,
        }
    }
}

/// A host that panics loses this message, not those behind it.
fn tell(host: &dyn Host, level: Level, subject: &str, message: &str) {
    let _ = catch_unwind(AssertUnwindSafe(|| host.log(level, subject, message)));
}

#[cfg(test)]
#[path = "tests_log.rs"]
mod tests;
