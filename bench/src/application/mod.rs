// SPDX-License-Identifier: MIT OR Apache-2.0
//! The application: a process that accepts websockets, counts what comes, and asks for what it is told to ask for.

mod command;
mod connection;
mod listeners;

use std::io::{Write, stdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc, watch};

use crate::Result;
use crate::control::{Addresses, now};
pub use connection::STALL;

/// What the tasks of the application share.
struct Application {
    texts: AtomicU64,
    /// When the last text had come that was waited for.
    reached: AtomicU64,
    /// How many texts are waited for; 0 if none.
    wanted: AtomicU64,
    open: AtomicUsize,
    changed: Notify,
    connections: Mutex<Vec<mpsc::UnboundedSender<connection::Order>>>,
    first_events: Mutex<Vec<u64>>,
    /// Whether the application is up; connections end when it is not.
    up: watch::Sender<bool>,
}

impl Application {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            texts: AtomicU64::new(0),
            reached: AtomicU64::new(0),
            wanted: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            changed: Notify::new(),
            connections: Mutex::default(),
            first_events: Mutex::default(),
            up: watch::Sender::new(true),
        })
    }

    /// Counts a text.
    fn text(&self) {
        let texts = self.texts.fetch_add(1, Ordering::AcqRel) + 1;
        if texts == self.wanted.load(Ordering::Acquire) {
            self.reached.store(now(), Ordering::Release);
            self.changed.notify_waiters();
        }
    }

    fn reset(&self) {
        self.texts.store(0, Ordering::Release);
        self.wanted.store(0, Ordering::Release);
        lock(&self.first_events).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until its standard input ends, which is when whoever started it has ended.
pub fn run() -> Result<()> {
    crate::process::raise_file_limit()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> Result<()> {
    let application = Application::new();
    let control = TcpListener::bind("127.0.0.1:0").await?;
    let listeners = listeners::Listeners::bind()?;
    let addresses = Addresses {
        control: control.local_addr()?,
        plain: listeners.plain,
        tls: listeners.tls,
        authority: listeners.authority.clone(),
    };
    tokio::spawn(listeners.serve(Arc::clone(&application)));
    writeln!(stdout(), "{}", serde_json::to_string(&addresses)?)?;
    // The one who started it holds the other end.
    let ended = std::thread::spawn(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
    while !ended.is_finished() {
        tokio::select! {
            accepted = control.accept() => {
                let (stream, _) = accepted?;
                tokio::spawn(command::serve(Arc::clone(&application), stream));
            }
            () = tokio::time::sleep(std::time::Duration::from_millis(100)) => {}
        }
    }
    Ok(())
}
