// SPDX-License-Identifier: MIT OR Apache-2.0
//! A PBX that does nothing but what the library asks of it, at once.

use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use ariws_testkit::abi::ARIWS_LOG_ERROR;
use ariws_testkit::callbacks::{Callbacks, RequestView};

use crate::library::Library;

/// A request for a path with this in it takes [`SLOWNESS`].
pub const SLOW: &str = "slow";
/// How long a slow resource keeps the host's thread.
pub const SLOWNESS: Duration = Duration::from_secs(2);
/// What every request is answered.
pub const BODY: &str = r#"{"timestamp":"2026-01-01T00:00:00.000+0000","ping":"pong","asterisk_id":"02:fc:00:00:00:01"}"#;

/// The host.
#[derive(Default)]
pub struct Host {
    library: OnceLock<&'static Library>,
}

impl Host {
    /// Answers from now on.
    pub fn attach(&self, library: &'static Library) {
        // There is one library in a process.
        let _ = self.library.set(library);
    }
}

impl Callbacks for Host {
    fn log(&self, level: i32, subject: &str, message: &str) {
        // A fault of the configuration, say, without which there is nothing to measure.
        if level <= ARIWS_LOG_ERROR {
            eprintln!("{subject}: {message}");
        }
    }

    fn ari_request(&self, request: RequestView<'_>) {
        if request.path().contains(SLOW) {
            thread::sleep(SLOWNESS);
        }
        self.library.wait().complete(request.id(), 200, BODY);
    }
}
