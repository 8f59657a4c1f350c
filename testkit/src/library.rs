//! The library that the program is linked with, loaded for the time of a test.

use std::marker::PhantomData;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use crate::QUIET;
use crate::abi::*;
use crate::configuration::Configuration;
use crate::functions::Functions;
use crate::handle;
use crate::host::Host;

pub use handle::{Handle, ReportLine, Started};

/// A loaded instance, unloaded at the end.
pub struct Library<'a> {
    handle: Handle,
    _host: PhantomData<&'a Host>,
    /// The host, if nobody else keeps it.
    _kept: Option<Arc<Host>>,
}

impl Library<'static> {
    /// Loads it with a table that was made of the host's, and keeps the host.
    pub fn keep(
        host: &Arc<Host>,
        table: &ariws_host,
        folder: &Path,
        report: &mut Vec<ReportLine>,
        change: impl FnOnce(&mut ariws_options),
    ) -> Self {
        let loaded = Handle::load(Functions::linked(), table, folder, report, change);
        let handle = loaded.unwrap_or_else(|(code, message)| panic!("load failed with {code}: {message}"));
        host.attach(handle);
        Self {
            handle,
            _host: PhantomData,
            _kept: Some(Arc::clone(host)),
        }
    }
}

impl<'a> Library<'a> {
    /// Loads it.
    pub fn load(host: &'a Host, configuration: &Configuration) -> Self {
        Self::load_with(host, configuration, |_| {})
    }

    /// Loads it with other options.
    pub fn load_with(host: &'a Host, configuration: &Configuration, change: impl FnOnce(&mut ariws_options)) -> Self {
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
    pub fn try_load(host: &'a Host, folder: &Path, report: &mut Vec<ReportLine>) -> Result<Self, (i32, String)> {
        Self::try_load_changed(host, &host.table(), folder, report, |_| {})
    }

    /// Loads it with a table that was made of the host's, perhaps in vain.
    pub fn try_load_table(host: &'a Host, table: &ariws_host, folder: &Path) -> Result<Self, (i32, String)> {
        Self::try_load_changed(host, table, folder, &mut Vec::new(), |_| {})
    }

    /// Loads it without a folder, perhaps in vain.
    pub fn try_load_without_folder(host: &'a Host) -> Result<Self, (i32, String)> {
        let change = |options: &mut ariws_options| options.config_directory = std::ptr::null();
        Self::try_load_changed(host, &host.table(), Path::new(""), &mut Vec::new(), change)
    }

    fn try_load_changed(
        host: &'a Host,
        table: &ariws_host,
        folder: &Path,
        report: &mut Vec<ReportLine>,
        change: impl FnOnce(&mut ariws_options),
    ) -> Result<Self, (i32, String)> {
        let handle = Handle::load(Functions::linked(), table, folder, report, change)?;
        host.attach(handle);
        Ok(Self {
            handle,
            _host: PhantomData,
            _kept: None,
        })
    }

    pub fn handle(&self) -> Handle {
        self.handle
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
        // An error if the test has done it.
        self.handle.unload(QUIET);
    }
}
