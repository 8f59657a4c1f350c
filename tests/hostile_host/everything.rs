//! Every function of an instance, each called with arguments that are right.

use std::ffi::{CStr, c_char, c_void};
use std::ptr;

use ariws::ffi::*;
use ariws_testkit::{Handle, Host};

/// A function's name and what it returned.
pub type Outcome = (&'static str, i32);

const APP: &CStr = c"app1";
const NOBODYS: &CStr = c"nobody's";
const CHANNEL: &CStr = c"channel";

/// Calls every function; `unique` names what may exist once only.
pub fn call(handle: Handle, unique: &CStr) -> Vec<Outcome> {
    let instance = handle.0;
    let json = br#"{"type":"Inside"}"#;
    let words = [c"ari".as_ptr(), c"show".as_ptr(), c"sessions".as_ptr()];
    let inbound = ariws_inbound {
        struct_size: size_of::<ariws_inbound>(),
        session_id: unique.as_ptr(),
        remote_address: ptr::null(),
        apps: ptr::null(),
    };
    let mut application: [c_char; 64] = [0; 64];
    let nothing = ptr::null_mut();
    // SAFETY: every pointer lives until the calls return; `ended` and `taken` take no data.
    unsafe {
        vec![
            (
                "event",
                ariws_event(instance, APP.as_ptr(), json.as_ptr().cast(), json.len()),
            ),
            (
                "request_complete",
                ariws_request_complete(instance, u64::MAX, 204, ptr::null(), ptr::null(), 0),
            ),
            (
                "stasis_start",
                ariws_stasis_start(
                    instance,
                    NOBODYS.as_ptr(),
                    unique.as_ptr(),
                    CHANNEL.as_ptr(),
                    application.as_mut_ptr(),
                    application.len(),
                    ptr::null_mut(),
                    0,
                ),
            ),
            (
                "stasis_start_async",
                ariws_stasis_start_async(
                    instance,
                    NOBODYS.as_ptr(),
                    unique.as_ptr(),
                    CHANNEL.as_ptr(),
                    Some(ended),
                    nothing,
                    ptr::null_mut(),
                    0,
                ),
            ),
            (
                "stasis_cancel",
                ariws_stasis_cancel(instance, c"nobody".as_ptr()),
            ),
            (
                "stasis_end",
                ariws_stasis_end(instance, NOBODYS.as_ptr(), CHANNEL.as_ptr()),
            ),
            (
                "cli_execute",
                ariws_cli_execute(instance, words.as_ptr(), words.len(), Some(taken), nothing),
            ),
            (
                "cli_complete",
                ariws_cli_complete(
                    instance,
                    words.as_ptr(),
                    2,
                    c"".as_ptr(),
                    Some(taken),
                    nothing,
                ),
            ),
            ("metrics", ariws_metrics(instance, Some(taken), nothing)),
            (
                "inbound_opened",
                ariws_inbound_opened(instance, &raw const inbound),
            ),
            (
                "inbound_closed",
                ariws_inbound_closed(instance, unique.as_ptr()),
            ),
            (
                "reload",
                ariws_reload(instance, None, nothing, ptr::null_mut(), 0),
            ),
        ]
    }
}

/// What is never allowed inside a callback.
pub fn call_forbidden(handle: Handle) -> Vec<Outcome> {
    let host = Host::new();
    let options = ariws_options {
        struct_size: size_of::<ariws_options>(),
        config_directory: c"/".as_ptr(),
        asterisk_id: c"id".as_ptr(),
        product: ptr::null(),
        io_threads: 1,
        request_threads: 1,
        queue_max_total_bytes: 0,
        log_level: 0,
        max_sockets: 0,
    };
    let table = host.table();
    let mut instance = ptr::null_mut();
    // SAFETY: everything lives until the call returns.
    let loaded = unsafe {
        ariws_load(
            &raw const table,
            &raw const options,
            None,
            ptr::null_mut(),
            &raw mut instance,
            ptr::null_mut(),
            0,
        )
    };
    // SAFETY: a handle, live or not.
    let unloaded = unsafe { ariws_unload(handle.0, 0) };
    vec![("load", loaded), ("unload", unloaded)]
}

unsafe extern "C" fn ended(_: *mut c_void, _: i32, _: *const c_char, _: *const c_char) {}

unsafe extern "C" fn taken(_: *mut c_void, _: *const c_char, _: usize) {}
