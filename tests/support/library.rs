//! The library through its C ABI, in words that a test can read.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use ariws::ffi::*;

use super::configuration::Configuration;
use super::host::Host;
use super::{DEADLINE, QUIET};

/// A loaded instance, unloaded at the end.
pub struct Library<'a> {
    instance: *mut ariws_instance,
    _host: &'a Host,
}

/// A handle for other threads.
#[derive(Clone, Copy)]
pub struct Handle(pub *mut ariws_instance);

// SAFETY: a handle is never dereferenced.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportLine {
    pub kind: i32,
    pub object: String,
    pub message: String,
    pub file: String,
    pub line: u32,
}

/// What a start came to.
pub type Started = Result<String, (i32, String)>;

impl<'a> Library<'a> {
    /// Loads it.
    pub fn load(host: &'a Host, configuration: &Configuration) -> Self {
        Self::try_load(host, configuration.folder(), &mut Vec::new())
            .unwrap_or_else(|(code, message)| panic!("load failed with {code}: {message}"))
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

    /// Loads it, perhaps in vain.
    pub fn try_load(
        host: &'a Host,
        folder: &Path,
        report: &mut Vec<ReportLine>,
    ) -> Result<Self, (i32, String)> {
        Self::try_load_table(host, &host.table(), folder, report)
    }

    /// Loads it with a table that was made of the host's, perhaps in vain.
    pub fn try_load_table(
        host: &'a Host,
        table: &ariws_host,
        folder: &Path,
        report: &mut Vec<ReportLine>,
    ) -> Result<Self, (i32, String)> {
        Self::try_load_changed(host, table, folder, report, |_| {})
    }

    /// The same with options that `change` changes.
    pub fn try_load_changed(
        host: &'a Host,
        table: &ariws_host,
        folder: &Path,
        report: &mut Vec<ReportLine>,
        change: impl FnOnce(&mut ariws_options),
    ) -> Result<Self, (i32, String)> {
        let folder = c(folder.to_str().expect("a path"));
        let asterisk_id = c("02:fc:00:00:00:01");
        let product = c("TestHost/1.0");
        let mut options = ariws_options {
            struct_size: size_of::<ariws_options>(),
            config_directory: folder.as_ptr(),
            asterisk_id: asterisk_id.as_ptr(),
            product: product.as_ptr(),
            io_threads: 1,
            request_threads: 0,
            queue_max_total_bytes: 0,
            log_level: 0,
            max_sockets: 0,
        };
        change(&mut options);
        let mut instance = ptr::null_mut();
        let mut message = [0; 512];
        // SAFETY: everything lives until the call returns, and the host until the instance is unloaded.
        let code = unsafe {
            ariws_load(
                table,
                &raw const options,
                Some(collect_report),
                ptr::from_mut(report).cast(),
                &raw mut instance,
                message.as_mut_ptr(),
                message.len(),
            )
        };
        if code == ARIWS_OK {
            Ok(Self {
                instance,
                _host: host,
            })
        } else {
            assert!(instance.is_null());
            Err((code, string(&message)))
        }
    }

    pub fn handle(&self) -> Handle {
        Handle(self.instance)
    }

    pub fn reload(&self) -> Vec<ReportLine> {
        let mut report = Vec::new();
        let code = self.try_reload(&mut report);
        assert_eq!(code, ARIWS_OK, "{report:#?}");
        report
    }

    pub fn try_reload(&self, report: &mut Vec<ReportLine>) -> i32 {
        let data = ptr::from_mut(report).cast();
        // SAFETY: everything lives until the call returns.
        unsafe {
            ariws_reload(
                self.instance,
                Some(collect_report),
                data,
                ptr::null_mut(),
                0,
            )
        }
    }

    pub fn event(&self, application: &str, json: &str) -> i32 {
        self.handle().event(application, json)
    }

    pub fn stasis_start(&self, app: &str, channel_id: &str, channel_name: &str) -> Started {
        self.handle().stasis_start(app, channel_id, channel_name)
    }

    /// Begins a start; the outcome comes later.
    pub fn stasis_start_async(&self, app: &str, id: &str, name: &str) -> Receiver<Started> {
        self.handle().start(app, id, name)
    }

    pub fn stasis_cancel(&self, channel_id: &str) -> i32 {
        self.handle().cancel(channel_id)
    }

    pub fn stasis_end(&self, application: &str, channel_id: &str) {
        self.handle().end(application, channel_id);
    }

    pub fn complete(&self, id: u64, status: i32, body: Option<&str>) -> i32 {
        self.handle().complete(id, status, body)
    }

    /// Runs a command line; gives its result and output.
    pub fn command(&self, line: &str) -> (i32, String) {
        self.handle().command(line)
    }

    /// Waits until a command's output satisfies the test.
    pub fn wait_for_output(&self, line: &str, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let (_, output) = self.command(line);
            if wanted(&output) {
                return output;
            }
            assert!(Instant::now() < deadline, "{line} still says\n{output}");
            std::thread::yield_now();
        }
    }

    pub fn completions(&self, words: &[&str], prefix: &str) -> Vec<String> {
        let words: Vec<_> = words.iter().map(|word| c(word)).collect();
        let pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
        let mut found: Vec<String> = Vec::new();
        // SAFETY: everything lives until the call returns.
        let code = unsafe {
            ariws_cli_complete(
                self.instance,
                pointers.as_ptr(),
                pointers.len(),
                c(prefix).as_ptr(),
                Some(push_text),
                ptr::from_mut(&mut found).cast(),
            )
        };
        assert_eq!(code, ARIWS_OK);
        found
    }

    pub fn metrics(&self) -> String {
        let mut output = String::new();
        // SAFETY: the string lives until the call returns.
        let code = unsafe {
            ariws_metrics(
                self.instance,
                Some(append_text),
                ptr::from_mut(&mut output).cast(),
            )
        };
        assert_eq!(code, ARIWS_OK);
        output
    }

    /// Waits for metrics as they are wanted.
    pub fn wait_for_metrics(&self, wanted: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let metrics = self.metrics();
            if wanted(&metrics) {
                return metrics;
            }
            assert!(Instant::now() < deadline, "{metrics}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub fn inbound_opened(&self, id: &str, remote: &str, apps: &str) -> i32 {
        let (id, remote, apps) = (c(id), c(remote), c(apps));
        let inbound = ariws_inbound {
            struct_size: size_of::<ariws_inbound>(),
            session_id: id.as_ptr(),
            remote_address: remote.as_ptr(),
            apps: apps.as_ptr(),
        };
        // SAFETY: everything lives until the call returns.
        unsafe { ariws_inbound_opened(self.instance, &raw const inbound) }
    }

    pub fn inbound_closed(&self, id: &str) -> i32 {
        // SAFETY: the string lives until the call returns.
        unsafe { ariws_inbound_closed(self.instance, c(id).as_ptr()) }
    }

    /// Unloads it now.
    pub fn unload(mut self, grace: Duration) -> i32 {
        let instance = std::mem::replace(&mut self.instance, ptr::null_mut());
        Handle(instance).unload(grace)
    }
}

impl Drop for Library<'_> {
    fn drop(&mut self) {
        if !self.instance.is_null() {
            Handle(self.instance).unload(QUIET);
        }
    }
}

impl Handle {
    pub fn event(self, application: &str, json: &str) -> i32 {
        let application = c(application);
        // SAFETY: everything lives until the call returns.
        unsafe {
            ariws_event(
                self.0,
                application.as_ptr(),
                json.as_ptr().cast(),
                json.len(),
            )
        }
    }

    pub fn stasis_start(self, app: &str, channel_id: &str, channel_name: &str) -> Started {
        let (app, id, name) = (c(app), c(channel_id), c(channel_name));
        let (mut application, mut message) = ([0; 256], [0; 256]);
        // SAFETY: everything lives until the call returns.
        let code = unsafe {
            ariws_stasis_start(
                self.0,
                app.as_ptr(),
                id.as_ptr(),
                name.as_ptr(),
                application.as_mut_ptr(),
                application.len(),
                message.as_mut_ptr(),
                message.len(),
            )
        };
        if code == ARIWS_OK {
            Ok(string(&application))
        } else {
            Err((code, string(&message)))
        }
    }

    pub fn start(self, app: &str, id: &str, name: &str) -> Receiver<Started> {
        let (sender, receiver) = channel::<Started>();
        let (app, id, name) = (c(app), c(id), c(name));
        let data = Box::into_raw(Box::new(sender)).cast();
        // SAFETY: the data lives until `started` takes it.
        let code = unsafe {
            ariws_stasis_start_async(
                self.0,
                app.as_ptr(),
                id.as_ptr(),
                name.as_ptr(),
                Some(started),
                data,
                ptr::null_mut(),
                0,
            )
        };
        assert_eq!(code, ARIWS_OK);
        receiver
    }

    pub fn cancel(self, channel_id: &str) -> i32 {
        // SAFETY: the string lives until the call returns.
        unsafe { ariws_stasis_cancel(self.0, c(channel_id).as_ptr()) }
    }

    pub fn end(self, application: &str, channel_id: &str) {
        let (application, id) = (c(application), c(channel_id));
        // SAFETY: the strings live until the call returns.
        let code = unsafe { ariws_stasis_end(self.0, application.as_ptr(), id.as_ptr()) };
        assert!([ARIWS_OK, ARIWS_ERROR_UNLOADED].contains(&code), "{code}");
    }

    pub fn complete(self, id: u64, status: i32, body: Option<&str>) -> i32 {
        let (start, length) = body.map_or((ptr::null(), 0), |body| (body.as_ptr(), body.len()));
        // SAFETY: the body lives until the call returns.
        unsafe { ariws_request_complete(self.0, id, status, ptr::null(), start.cast(), length) }
    }

    pub fn command(self, line: &str) -> (i32, String) {
        let words: Vec<_> = line.split_whitespace().map(c).collect();
        let pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
        let mut output = String::new();
        // SAFETY: everything lives until the call returns.
        let code = unsafe {
            ariws_cli_execute(
                self.0,
                pointers.as_ptr(),
                pointers.len(),
                Some(append_text),
                ptr::from_mut(&mut output).cast(),
            )
        };
        (code, output)
    }

    pub fn reload(self) -> i32 {
        // SAFETY: nothing is passed that would have to live.
        unsafe { ariws_reload(self.0, None, ptr::null_mut(), ptr::null_mut(), 0) }
    }

    pub fn unload(self, grace: Duration) -> i32 {
        let grace = u32::try_from(grace.as_millis()).expect("a short time");
        // SAFETY: a handle, live or not.
        unsafe { ariws_unload(self.0, grace) }
    }
}

fn c(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

fn string(buffer: &[c_char]) -> String {
    // SAFETY: the library terminates what it writes.
    let text = unsafe { CStr::from_ptr(buffer.as_ptr()) };
    text.to_str().expect("UTF-8").to_owned()
}

fn text_of(pointer: *const c_char) -> String {
    // SAFETY: the library gives NUL-terminated strings.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().expect("UTF-8").to_owned()
}

unsafe extern "C" fn collect_report(data: *mut c_void, entry: *const ariws_report_entry) {
    // SAFETY: the data is the vector that the caller gave, the entry lives until this returns.
    let (report, entry) = unsafe { (&mut *data.cast::<Vec<ReportLine>>(), &*entry) };
    report.push(ReportLine {
        kind: entry.kind,
        object: text_of(entry.object),
        message: text_of(entry.message),
        file: text_of(entry.file),
        line: entry.line,
    });
}

unsafe extern "C" fn append_text(data: *mut c_void, text: *const c_char, length: usize) {
    // SAFETY: the data is the string that the caller gave, the text has that length.
    let (output, bytes) = unsafe {
        (
            &mut *data.cast::<String>(),
            std::slice::from_raw_parts(text.cast(), length),
        )
    };
    output.push_str(std::str::from_utf8(bytes).expect("UTF-8"));
}

unsafe extern "C" fn push_text(data: *mut c_void, text: *const c_char, length: usize) {
    let mut candidate = String::new();
    // SAFETY: as above.
    unsafe { append_text(ptr::from_mut(&mut candidate).cast(), text, length) };
    // SAFETY: the data is the vector that the caller gave.
    unsafe { &mut *data.cast::<Vec<String>>() }.push(candidate);
}

unsafe extern "C" fn started(
    data: *mut c_void,
    result: i32,
    application: *const c_char,
    message: *const c_char,
) {
    // SAFETY: the data is the sender that the caller gave up, and this is called once.
    let sender = unsafe { Box::from_raw(data.cast::<std::sync::mpsc::Sender<Started>>()) };
    let outcome = if result == ARIWS_OK {
        Ok(text_of(application))
    } else {
        assert!(application.is_null());
        Err((result, text_of(message)))
    };
    // The test may have stopped waiting.
    let _ = sender.send(outcome);
}
