// SPDX-License-Identifier: MIT OR Apache-2.0
//! `libariws.so`, loaded as a PBX loads it. All the unsafe code of the benchmarks.

use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr;

use libloading::Symbol;

use crate::Result;
use crate::host::Host;

/// The structures of the C ABI, from the file that the header is made of.
#[path = "../../src/ffi/types.rs"]
#[allow(
    dead_code,
    missing_docs,
    non_camel_case_types,
    reason = "written for C, and for all of it"
)]
mod types;

pub use types::ariws_request;
use types::{ariws_host, ariws_instance, ariws_options, ariws_stasis_start_callback};

type Load = unsafe extern "C" fn(
    *const ariws_host,
    *const ariws_options,
    types::ariws_report_callback,
    *mut c_void,
    *mut *mut ariws_instance,
    *mut c_char,
    usize,
) -> i32;
type Event =
    unsafe extern "C" fn(*const ariws_instance, *const c_char, *const c_char, usize) -> i32;
type Complete = unsafe extern "C" fn(
    *const ariws_instance,
    u64,
    i32,
    *const c_char,
    *const c_char,
    usize,
) -> i32;
type Start = unsafe extern "C" fn(
    *const ariws_instance,
    *const c_char,
    *const c_char,
    *const c_char,
    *mut c_char,
    usize,
    *mut c_char,
    usize,
) -> i32;
type StartAsync = unsafe extern "C" fn(
    *const ariws_instance,
    *const c_char,
    *const c_char,
    *const c_char,
    ariws_stasis_start_callback,
    *mut c_void,
    *mut c_char,
    usize,
) -> i32;
type End = unsafe extern "C" fn(*const ariws_instance, *const c_char, *const c_char) -> i32;
type Unload = unsafe extern "C" fn(*mut ariws_instance, u32) -> i32;

/// What `ariws_event` returns for an event that found no place in the queue.
const ARIWS_ERROR_FULL: i32 = -12;

/// A loaded instance. Shared by threads, as the C ABI allows.
pub struct Library {
    instance: *mut ariws_instance,
    event: Event,
    complete: Complete,
    start: Start,
    start_async: StartAsync,
    end: End,
    unload: Unload,
    /// What the functions above are part of.
    _object: libloading::Library,
}

// SAFETY: the instance is a handle; each function of the ABI that is used here may be called from any thread.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

impl Library {
    /// Loads it with a configuration; `host` answers its calls.
    pub fn load(path: &Path, configuration: &Path, host: &'static Host) -> Result<Self> {
        // SAFETY: its initializers are those of a Rust library; nothing depends on the order.
        let object = unsafe { libloading::Library::new(path)? };
        let folder = CString::new(configuration.to_str().ok_or("a path that is not UTF-8")?)?;
        let options = ariws_options {
            struct_size: size_of::<ariws_options>(),
            config_directory: folder.as_ptr(),
            asterisk_id: c"02:fc:00:00:00:01".as_ptr(),
            product: c"Bench/1.0".as_ptr(),
            io_threads: 0,
            request_threads: 0,
            queue_max_total_bytes: 0,
            log_level: 0,
            max_sockets: 0,
        };
        let table = ariws_host {
            struct_size: size_of::<ariws_host>(),
            userdata: ptr::from_ref(host).cast_mut().cast(),
            log: Some(log),
            ari_request: Some(ari_request),
            app_register: Some(app_register),
            app_unregister: Some(app_unregister),
            app_is_registered: Some(app_is_registered),
            context_create: Some(context_create),
            context_destroy: Some(app_unregister),
            stasis_failed: Some(stasis_failed),
            inbound_shutdown: None,
            finalize: None,
            request_cancelled: None,
        };
        let mut instance = ptr::null_mut();
        let mut message = [0; 512];
        // SAFETY: the function is the header's; everything it is given lives until it returns, and the host for ever.
        let code = unsafe {
            let load: Symbol<'_, Load> = object.get("ariws_load")?;
            load(
                &raw const table,
                &raw const options,
                None,
                ptr::null_mut(),
                &raw mut instance,
                message.as_mut_ptr(),
                message.len(),
            )
        };
        if code != 0 {
            return Err(format!("ariws_load: {code}: {}", text(message.as_ptr())).into());
        }
        // SAFETY: the types are the header's.
        unsafe {
            Ok(Self {
                instance,
                event: *object.get("ariws_event")?,
                complete: *object.get("ariws_request_complete")?,
                start: *object.get("ariws_stasis_start")?,
                start_async: *object.get("ariws_stasis_start_async")?,
                end: *object.get("ariws_stasis_end")?,
                unload: *object.get("ariws_unload")?,
                _object: object,
            })
        }
    }

    /// `ariws_event`; false if the queue is full.
    pub fn event(&self, application: &CStr, json: &[u8]) -> Result<bool> {
        // SAFETY: everything lives until the call returns.
        let code = unsafe {
            (self.event)(
                self.instance,
                application.as_ptr(),
                json.as_ptr().cast(),
                json.len(),
            )
        };
        match code {
            0 => Ok(true),
            ARIWS_ERROR_FULL => Ok(false),
            code => Err(format!("ariws_event: {code}").into()),
        }
    }

    /// `ariws_request_complete`.
    pub fn complete(&self, id: u64, status: i32, body: &str) {
        // SAFETY: the body lives until the call returns.
        let code = unsafe {
            (self.complete)(
                self.instance,
                id,
                status,
                ptr::null(),
                body.as_ptr().cast(),
                body.len(),
            )
        };
        assert_eq!(code, 0, "ariws_request_complete");
    }

    /// `ariws_stasis_start`.
    pub fn start(&self, app: &CStr, channel: &CStr) -> Result<()> {
        let mut application = [0; 256];
        let mut message = [0; 256];
        // SAFETY: everything lives until the call returns.
        let code = unsafe {
            (self.start)(
                self.instance,
                app.as_ptr(),
                channel.as_ptr(),
                channel.as_ptr(),
                application.as_mut_ptr(),
                application.len(),
                message.as_mut_ptr(),
                message.len(),
            )
        };
        match code {
            0 => Ok(()),
            code => Err(format!("ariws_stasis_start: {code}: {}", text(message.as_ptr())).into()),
        }
    }

    /// `ariws_stasis_start_async`; the outcome is sent.
    pub fn start_async(
        &self,
        app: &CStr,
        channel: &CStr,
        outcome: std::sync::mpsc::Sender<i32>,
    ) -> Result<()> {
        let data = Box::into_raw(Box::new(outcome)).cast();
        // SAFETY: the strings live until the call returns, the data until `started` takes it.
        let code = unsafe {
            (self.start_async)(
                self.instance,
                app.as_ptr(),
                channel.as_ptr(),
                channel.as_ptr(),
                Some(started),
                data,
                ptr::null_mut(),
                0,
            )
        };
        match code {
            0 => Ok(()),
            code => Err(format!("ariws_stasis_start_async: {code}").into()),
        }
    }

    /// `ariws_stasis_end`.
    pub fn end(&self, application: &CStr, channel: &CStr) {
        // SAFETY: the strings live until the call returns.
        let code = unsafe { (self.end)(self.instance, application.as_ptr(), channel.as_ptr()) };
        assert_eq!(code, 0, "ariws_stasis_end");
    }

    /// `ariws_unload`.
    pub fn unload(&self, grace_milliseconds: u32) {
        // SAFETY: a handle, live or not.
        let code = unsafe { (self.unload)(self.instance, grace_milliseconds) };
        assert_eq!(code, 0, "ariws_unload");
    }
}

fn host<'a>(userdata: *mut c_void) -> &'a Host {
    // SAFETY: `Library::load` was given it for ever.
    unsafe { &*userdata.cast() }
}

fn text<'a>(pointer: *const c_char) -> std::borrow::Cow<'a, str> {
    // SAFETY: the library gives NUL-terminated strings, which are used at once.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy()
}

unsafe extern "C" fn log(
    userdata: *mut c_void,
    level: i32,
    subject: *const c_char,
    message: *const c_char,
) {
    host(userdata).log(level, &text(subject), &text(message));
}

unsafe extern "C" fn ari_request(userdata: *mut c_void, request: *const ariws_request) {
    // SAFETY: the request lives until this returns.
    let request = unsafe { &*request };
    host(userdata).request(request.id, &text(request.path));
}

unsafe extern "C" fn app_register(_: *mut c_void, _: *const c_char, _: i32) -> i32 {
    types::ARIWS_APP_REGISTERED
}

unsafe extern "C" fn app_unregister(_: *mut c_void, _: *const c_char) {}

unsafe extern "C" fn app_is_registered(userdata: *mut c_void, app: *const c_char) -> i32 {
    host(userdata).is_registered(&text(app)).into()
}

unsafe extern "C" fn context_create(_: *mut c_void, _: *const c_char, _: *const c_char) -> i32 {
    types::ARIWS_CONTEXT_CREATED
}

unsafe extern "C" fn stasis_failed(_: *mut c_void, _: *const c_char, _: *const c_char) {}

unsafe extern "C" fn started(
    data: *mut c_void,
    result: i32,
    _application: *const c_char,
    _message: *const c_char,
) {
    // SAFETY: the data is the sender that `start_async` gave up, and this is called once.
    let sender = unsafe { Box::from_raw(data.cast::<std::sync::mpsc::Sender<i32>>()) };
    // Whoever started may have given up.
    let _ = sender.send(result);
}
