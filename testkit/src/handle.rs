//! A loaded instance through the functions of the C ABI, in words that a test can read.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::abi::*;
use crate::callbacks::text;
use crate::functions::Functions;
use crate::waiting::until;

/// An instance, live or not, for any thread.
#[derive(Clone, Copy)]
pub struct Handle(pub *mut ariws_instance, pub &'static Functions);

// SAFETY: a handle is never dereferenced, and each function of the ABI may be called from any thread.
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

impl Handle {
    /// Loads an instance with the options of most tests, which `change` may change; the host of the table has to outlive it.
    pub fn load(
        functions: &'static Functions,
        table: &ariws_host,
        folder: &Path,
        report: &mut Vec<ReportLine>,
        change: impl FnOnce(&mut ariws_options),
    ) -> Result<Self, (i32, String)> {
        let folder = c(folder.to_str().expect("a path"));
        let mut options = ariws_options {
            struct_size: size_of::<ariws_options>(),
            config_directory: folder.as_ptr(),
            asterisk_id: c"02:fc:00:00:00:01".as_ptr(),
            product: c"TestHost/1.0".as_ptr(),
            io_threads: 1,
            request_threads: 0,
            queue_max_total_bytes: 0,
            log_level: 0,
            max_sockets: 0,
        };
        change(&mut options);
        let (mut instance, mut message) = (ptr::null_mut(), [0; 512]);
        // SAFETY: everything lives until the call returns, and the host until the instance is unloaded.
        let code = unsafe {
            (functions.load)(
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
            return Ok(Self(instance, functions));
        }
        assert!(instance.is_null());
        Err((code, text(message.as_ptr()).into()))
    }

    /// A handle that nothing was loaded for.
    #[cfg(feature = "linked")]
    pub fn dead() -> Self {
        Self(ptr::null_mut(), Functions::linked())
    }

    pub fn try_reload(self, report: &mut Vec<ReportLine>) -> i32 {
        let data = ptr::from_mut(report).cast();
        // SAFETY: everything lives until the call returns.
        unsafe { (self.1.reload)(self.0, Some(collect_report), data, ptr::null_mut(), 0) }
    }

    /// Reloads, and gives what it reports.
    pub fn reload(self) -> Vec<ReportLine> {
        let mut report = Vec::new();
        let code = self.try_reload(&mut report);
        assert_eq!(code, ARIWS_OK, "{report:#?}");
        report
    }

    /// Waits until a command's output satisfies the test.
    pub fn wait_for_output(self, line: &str, wanted: impl Fn(&str) -> bool) -> String {
        let output = || self.command(line).1;
        until(
            || Some(output()).filter(|output| wanted(output)),
            || format!("{line} still says\n{}", output()),
        )
    }

    /// The value of the metric `ariws_` and this, with its labels.
    pub fn metric(self, name: &str) -> u64 {
        metric(&self.metrics(), name)
    }

    /// Waits for metrics as they are wanted.
    pub fn wait_for_metrics(self, wanted: impl Fn(&str) -> bool) -> String {
        until(|| Some(self.metrics()).filter(|metrics| wanted(metrics)), || self.metrics())
    }

    /// Unloads; a handle that is not live is told so.
    pub fn unload(self, grace: Duration) -> i32 {
        let grace = u32::try_from(grace.as_millis()).expect("a short time");
        // SAFETY: a handle, live or not.
        unsafe { (self.1.unload)(self.0, grace) }
    }

    pub fn event(self, application: &str, json: &str) -> i32 {
        self.offer(&c(application), json.as_bytes())
    }

    /// An event as a host has it that makes no copies.
    pub fn offer(self, application: &CStr, json: &[u8]) -> i32 {
        let (application, start) = (application.as_ptr(), json.as_ptr().cast());
        // SAFETY: everything lives until the call returns.
        unsafe { (self.1.event)(self.0, application, start, json.len()) }
    }

    /// An event of which the host says what is in it.
    pub fn event_trusted(self, application: &str, event: &ariws_trusted_event) -> i32 {
        self.offer_trusted(&c(application), event)
    }

    /// The same from a host that makes no copies.
    pub fn offer_trusted(self, application: &CStr, event: &ariws_trusted_event) -> i32 {
        // SAFETY: everything lives until the call returns.
        unsafe { (self.1.event_trusted)(self.0, application.as_ptr(), event) }
    }

    pub fn stasis_start(self, app: &str, channel_id: &str, channel_name: &str) -> Started {
        self.enter(&c(app), &c(channel_id), &c(channel_name))
    }

    /// A start of a host that makes no copies.
    pub fn enter(self, app: &CStr, channel_id: &CStr, channel_name: &CStr) -> Started {
        self.enter_with_room(app, channel_id, channel_name, 256)
    }

    /// The same, with so many bytes for the application's name, of at most 256.
    pub fn enter_with_room(self, app: &CStr, channel_id: &CStr, channel_name: &CStr, room: usize) -> Started {
        let (mut application, mut message) = ([0; 256], [0; 256]);
        let application = &mut application[..room];
        // SAFETY: everything lives until the call returns.
        let code = unsafe {
            (self.1.stasis_start)(
                self.0,
                app.as_ptr(),
                channel_id.as_ptr(),
                channel_name.as_ptr(),
                application.as_mut_ptr(),
                application.len(),
                message.as_mut_ptr(),
                message.len(),
            )
        };
        match code {
            ARIWS_OK => Ok(text(application.as_ptr()).into()),
            code => Err((code, text(message.as_ptr()).into())),
        }
    }

    /// Begins a start; the outcome comes later.
    pub fn stasis_start_async(self, app: &str, id: &str, name: &str) -> Receiver<Started> {
        let (sender, receiver) = channel::<Started>();
        let code = self.begin_start(&c(app), &c(id), &c(name), sender);
        assert_eq!(code, ARIWS_OK);
        receiver
    }

    /// Begins a start whose outcome is sent.
    pub fn begin_start(self, app: &CStr, channel_id: &CStr, channel_name: &CStr, outcome: Sender<Started>) -> i32 {
        let data = Box::into_raw(Box::new(outcome));
        // SAFETY: the strings live until the call returns, the data until `started` takes it.
        let code = unsafe {
            (self.1.stasis_start_async)(
                self.0,
                app.as_ptr(),
                channel_id.as_ptr(),
                channel_name.as_ptr(),
                Some(started),
                data.cast(),
                ptr::null_mut(),
                0,
            )
        };
        if code != ARIWS_OK {
            // SAFETY: nothing has begun, so nobody else takes it.
            drop(unsafe { Box::from_raw(data) });
        }
        code
    }

    pub fn stasis_cancel(self, channel_id: &str) -> i32 {
        // SAFETY: the string lives until the call returns.
        unsafe { (self.1.stasis_cancel)(self.0, c(channel_id).as_ptr()) }
    }

    pub fn stasis_end(self, application: &str, channel_id: &str) {
        let code = self.leave(&c(application), &c(channel_id));
        assert!([ARIWS_OK, ARIWS_ERROR_UNLOADED].contains(&code), "{code}");
    }

    /// An end of a host that makes no copies.
    pub fn leave(self, application: &CStr, channel_id: &CStr) -> i32 {
        // SAFETY: the strings live until the call returns.
        unsafe { (self.1.stasis_end)(self.0, application.as_ptr(), channel_id.as_ptr()) }
    }

    pub fn complete(self, id: u64, status: i32, body: Option<&str>) -> i32 {
        let (start, length) = body.map_or((ptr::null(), 0), |body| (body.as_ptr(), body.len()));
        let (reason, start) = (ptr::null(), start.cast());
        // SAFETY: the body lives until the call returns.
        unsafe { (self.1.request_complete)(self.0, id, status, reason, start, length) }
    }

    /// Runs a command line; gives its result and output.
    pub fn command(self, line: &str) -> (i32, String) {
        let words: Vec<_> = line.split_whitespace().map(c).collect();
        let words: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
        let (start, count) = (words.as_ptr(), words.len());
        let mut output = String::new();
        let data = ptr::from_mut(&mut output).cast();
        // SAFETY: everything lives until the call returns.
        let code = unsafe { (self.1.cli_execute)(self.0, start, count, Some(append_text), data) };
        (code, output)
    }

    pub fn completions(self, words: &[&str], prefix: &str) -> Vec<String> {
        let (code, found) = self.try_completions(words, prefix);
        assert_eq!(code, ARIWS_OK);
        found
    }

    pub fn try_completions(self, words: &[&str], prefix: &str) -> (i32, Vec<String>) {
        let words: Vec<_> = words.iter().map(|word| c(word)).collect();
        let words: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
        let mut found: Vec<String> = Vec::new();
        // SAFETY: everything lives until the call returns.
        let code = unsafe {
            (self.1.cli_complete)(
                self.0,
                words.as_ptr(),
                words.len(),
                c(prefix).as_ptr(),
                Some(push_text),
                ptr::from_mut(&mut found).cast(),
            )
        };
        (code, found)
    }

    /// One thing about a connection, or the error code.
    pub fn connection_value(self, connection: &str, item: &str) -> Result<String, i32> {
        let mut output = String::new();
        let data = ptr::from_mut(&mut output).cast();
        // SAFETY: everything lives until the call returns.
        let code =
            unsafe { (self.1.connection_value)(self.0, c(connection).as_ptr(), c(item).as_ptr(), Some(append_text), data) };
        if code == ARIWS_OK { Ok(output) } else { Err(code) }
    }

    pub fn metrics(self) -> String {
        let (code, metrics) = self.try_metrics();
        assert_eq!(code, ARIWS_OK);
        metrics
    }

    pub fn try_metrics(self) -> (i32, String) {
        let mut output = String::new();
        let data = ptr::from_mut(&mut output).cast();
        // SAFETY: the string lives until the call returns.
        let code = unsafe { (self.1.metrics)(self.0, Some(append_text), data) };
        (code, output)
    }

    pub fn inbound_opened(self, id: &str, remote: &str, apps: &str) -> i32 {
        let (id, remote, apps) = (c(id), c(remote), c(apps));
        let inbound = ariws_inbound {
            struct_size: size_of::<ariws_inbound>(),
            session_id: id.as_ptr(),
            remote_address: remote.as_ptr(),
            apps: apps.as_ptr(),
        };
        // SAFETY: everything lives until the call returns.
        unsafe { (self.1.inbound_opened)(self.0, &raw const inbound) }
    }

    pub fn inbound_closed(self, id: &str) -> i32 {
        // SAFETY: the string lives until the call returns.
        unsafe { (self.1.inbound_closed)(self.0, c(id).as_ptr()) }
    }
}

/// An event of this type of which its host says nothing else; it lives as long as its parts do.
pub fn trusted(json: &[u8], kind: &CStr) -> ariws_trusted_event {
    ariws_trusted_event {
        struct_size: size_of::<ariws_trusted_event>(),
        json: json.as_ptr().cast(),
        json_length: json.len(),
        r#type: kind.as_ptr(),
        channel_id: ptr::null(),
        replaced_channel_id: ptr::null(),
        members: 0,
    }
}

/// The value of the metric `ariws_` and this, with its labels, among metrics.
pub fn metric(metrics: &str, name: &str) -> u64 {
    let values = metrics.lines().filter_map(|line| {
        let (found, value) = line.strip_prefix("ariws_")?.rsplit_once(' ')?;
        let labels = found.strip_prefix(name)?;
        (labels.is_empty() || labels.starts_with('{')).then(|| value.parse().ok())?
    });
    let values: Vec<u64> = values.collect();
    assert!(!values.is_empty(), "no number {name}: {metrics}");
    values.iter().sum()
}

fn c(text: &str) -> CString {
    CString::new(text).expect("no NUL")
}

unsafe extern "C" fn collect_report(data: *mut c_void, entry: *const ariws_report_entry) {
    // SAFETY: the data is the vector that the caller gave, the entry lives until this returns.
    let (report, entry) = unsafe { (&mut *data.cast::<Vec<ReportLine>>(), &*entry) };
    report.push(ReportLine {
        kind: entry.kind,
        object: text(entry.object).into(),
        message: text(entry.message).into(),
        file: text(entry.file).into(),
        line: entry.line,
    });
}

unsafe extern "C" fn append_text(data: *mut c_void, text: *const c_char, length: usize) {
    // SAFETY: the data is the string that the caller gave, the text has that length.
    let (output, bytes) = unsafe { (&mut *data.cast::<String>(), std::slice::from_raw_parts(text.cast(), length)) };
    output.push_str(std::str::from_utf8(bytes).expect("UTF-8"));
}

unsafe extern "C" fn push_text(data: *mut c_void, text: *const c_char, length: usize) {
    let mut candidate = String::new();
    // SAFETY: as above.
    unsafe { append_text(ptr::from_mut(&mut candidate).cast(), text, length) };
    // SAFETY: the data is the vector that the caller gave.
    unsafe { &mut *data.cast::<Vec<String>>() }.push(candidate);
}

unsafe extern "C" fn started(data: *mut c_void, result: i32, application: *const c_char, message: *const c_char) {
    // SAFETY: the data is the sender that `begin_start` gave up, and this is called once.
    let sender = unsafe { Box::from_raw(data.cast::<Sender<Started>>()) };
    let outcome = if result == ARIWS_OK {
        Ok(text(application).into())
    } else {
        assert!(application.is_null());
        Err((result, text(message).into()))
    };
    // Whoever started may have stopped waiting.
    let _ = sender.send(outcome);
}
