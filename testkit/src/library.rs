//! The library that the program is linked with, loaded for the time of a test.

use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use crate::QUIET;
use crate::abi::*;
use crate::configuration::Configuration;
use crate::functions::Functions;
use crate::handle;
use crate::host::Host;
use crate::waiting::until;

pub use handle::{Handle, ReportLine, Started};

/// A loaded instance, unloaded at the end.
pub struct Library<'a> {
    handle: Handle,
    _host: &'a Host,
}

impl<'a> Library<'a> {
    /// Loads it.
    pub fn load(host: &'a Host, configuration: &Configuration) -> Self {
        Self::load_with(host, configuration, |_| {})
    }

    /// Loads it with other options.
    pub fn load_with(
        host: &'a Host,
        configuration: &Configuration,
        change: impl FnOnce(&mut ariws_options),
    ) -> Self {
        let (table, report) = (host.table(), &mut Vec::new());
        Self::try_load_changed(host, &table, configuration.folder(), report, change)
            .unwrap_or_else(|(code, message)| panic!("load failed with {code}: {message}"))
    }

    /// Loads it with a table that was made of the host's.
    pub fn load_table(host: &'a Host, table: &ariws_host, configuration: &Configuration) -> Self {
        let report = &mut Vec::new();
        Self::try_load_changed(host, table, configuration.folder(), report, |_| {})
            .unwrap_or_else(|(code, message)| panic!("load failed with {code}: {message}"))
    }

    /// Loads it, perhaps in vain.
    pub fn try_load(
        host: &'a Host,
        folder: &Path,
        report: &mut Vec<ReportLine>,
    ) -> Result<Self, (i32, String)> {
        Self::try_load_changed(host, &host.table(), folder, report, |_| {})
    }

    fn try_load_changed(
        host: &'a Host,
        table: &ariws_host,
        folder: &Path,
        report: &mut Vec<ReportLine>,
        change: impl FnOnce(&mut ariws_options),
    ) -> Result<Self, (i32, String)> {
        let handle = Handle::load(Functions::linked(), table, folder, report, change)?;
        Ok(Self {
            handle,
            _host: host,
        })
    }

    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Reloads it, and gives what it reports.
    pub fn reload(&self) -> Vec<ReportLine> {
        let mut report = Vec::new();
        let code = self.try_reload(&mut report);
        assert_eq!(code, ARIWS_OK, "{report:#?}");
        report
    }

    /// Waits until a command's output satisfies the test.
    pub fn wait_for_output(&self, line: &str, wanted: impl Fn(&str) -> bool) -> String {
        let output = || self.command(line).1;
        until(
            || Some(output()).filter(|output| wanted(output)),
            || format!("{line} still says\n{}", output()),
        )
    }

    /// Waits for metrics as they are wanted.
    pub fn wait_for_metrics(&self, wanted: impl Fn(&str) -> bool) -> String {
        until(
            || Some(self.metrics()).filter(|metrics| wanted(metrics)),
            || self.metrics(),
        )
    }

    /// Unloads it now.
    pub fn unload(self, grace: Duration) -> i32 {
        let handle = self.handle;
        std::mem::forget(self);
        handle.unload(grace)
    }
}

impl Deref for Library<'_> {
    type Target = Handle;

    fn deref(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Library<'_> {
    fn drop(&mut self) {
        self.handle.unload(QUIET);
    }
}
