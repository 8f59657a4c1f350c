// SPDX-License-Identifier: MIT OR Apache-2.0
//! SIGTERM and SIGINT: the first one is told of, a second one ends the process.

use std::io;
use std::os::unix::net::UnixStream as Blocking;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use tokio::net::UnixStream;

/// The status of a process that a second signal ends.
const ENDED: i32 = 1;

pub(crate) struct Signals {
    /// Gets a byte at each signal.
    told: UnixStream,
    heard: bool,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        let (told, teller) = Blocking::pair()?;
        told.set_nonblocking(true)?;
        let heard = Arc::new(AtomicBool::new(false));
        for signal in [SIGTERM, SIGINT] {
            // In this order: the first one finds the flag down, and raises it.
            flag::register_conditional_shutdown(signal, ENDED, Arc::clone(&heard))?;
            flag::register(signal, Arc::clone(&heard))?;
            low_level::pipe::register(signal, teller.try_clone()?)?;
        }
        Ok(Self {
            told: UnixStream::from_std(told)?,
            heard: false,
        })
    }

    /// Returns at the first signal, once.
    pub(crate) async fn first(&mut self) {
        if self.heard || self.told.readable().await.is_err() {
            std::future::pending::<()>().await;
        }
        self.heard = true;
    }
}
