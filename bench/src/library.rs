// SPDX-License-Identifier: MIT OR Apache-2.0
//! `libariws.so`, loaded as a PBX loads it, with errors instead of numbers.

use std::ffi::CStr;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Duration;

use ariws_testkit::abi::{ARIWS_ERROR_FULL, ARIWS_OK, ariws_host};
use ariws_testkit::callbacks::table;
use ariws_testkit::functions::Functions;
use ariws_testkit::handle::{Handle, Started};

use crate::Result;
use crate::host::Host;

/// A loaded instance. Shared by threads, as the C ABI allows.
pub struct Library(Handle);

impl Library {
    /// Loads it with a configuration; `host` answers its calls.
    pub fn load(path: &Path, configuration: &Path, io_threads: u32, host: &'static Host) -> Result<Self> {
        let functions = Functions::keep(path)?;
        // What the host does not need costs nothing.
        let table = ariws_host {
            inbound_shutdown: None,
            finalize: None,
            request_cancelled: None,
            connection_state: None,
            ..table(host)
        };
        let report = &mut Vec::new();
        let loaded = Handle::load(functions, &table, configuration, report, |options| {
            options.product = c"Bench/1.0".as_ptr();
            options.io_threads = io_threads;
        });
        match loaded {
            Ok(handle) => Ok(Self(handle)),
            Err((code, message)) => Err(format!("ariws_load: {code}: {message}").into()),
        }
    }

    /// `ariws_event`; false if the queue is full.
    pub fn event(&self, application: &CStr, json: &[u8]) -> Result<bool> {
        match self.0.offer(application, json) {
            ARIWS_OK => Ok(true),
            ARIWS_ERROR_FULL => Ok(false),
            code => Err(format!("ariws_event: {code}").into()),
        }
    }

    /// `ariws_request_complete`.
    pub fn complete(&self, id: u64, status: i32, body: &str) {
        let code = self.0.complete(id, status, Some(body));
        assert_eq!(code, ARIWS_OK, "ariws_request_complete");
    }

    /// `ariws_stasis_start`.
    pub fn start(&self, app: &CStr, channel: &CStr) -> Result<()> {
        match self.0.enter(app, channel, channel) {
            Ok(_) => Ok(()),
            Err((code, message)) => Err(format!("ariws_stasis_start: {code}: {message}").into()),
        }
    }

    /// `ariws_stasis_start_async`; the outcome is sent.
    pub fn start_async(&self, app: &CStr, channel: &CStr, outcome: Sender<Started>) -> Result<()> {
        match self.0.begin_start(app, channel, channel, outcome) {
            ARIWS_OK => Ok(()),
            code => Err(format!("ariws_stasis_start_async: {code}").into()),
        }
    }

    /// `ariws_stasis_end`.
    pub fn end(&self, application: &CStr, channel: &CStr) {
        let code = self.0.leave(application, channel);
        assert_eq!(code, ARIWS_OK, "ariws_stasis_end");
    }

    /// `ariws_unload`.
    pub fn unload(&self, grace_milliseconds: u32) {
        let code = self.0.unload(Duration::from_millis(grace_milliseconds.into()));
        assert_eq!(code, ARIWS_OK, "ariws_unload");
    }
}
