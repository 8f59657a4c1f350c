//! Calls of the C ABI that the replay makes from inside callbacks, or with more than the other tests need.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use ariws::ffi::*;

use super::support::library::Handle;

/// Answers a request.
pub fn complete(handle: Handle, id: u64, status: i32, reason: &str, body: Option<&str>) -> i32 {
    let reason = c(reason);
    let (start, length) = body.map_or((ptr::null(), 0), |body| (body.as_ptr(), body.len()));
    // SAFETY: the reason and the body live until the call returns.
    unsafe { ariws_request_complete(handle.0, id, status, reason.as_ptr(), start.cast(), length) }
}

/// A channel left its application.
pub fn stasis_end(handle: Handle, application: &str, channel_id: &str) -> i32 {
    let (application, id) = (c(application), c(channel_id));
    // SAFETY: the strings live until the call returns.
    unsafe { ariws_stasis_end(handle.0, application.as_ptr(), id.as_ptr()) }
}

/// An application opened a websocket to the host.
pub fn inbound_opened(handle: Handle, id: &str, remote: &str, apps: &str) -> i32 {
    let (id, remote, apps) = (c(id), c(remote), c(apps));
    let inbound = ariws_inbound {
        struct_size: size_of::<ariws_inbound>(),
        session_id: id.as_ptr(),
        remote_address: remote.as_ptr(),
        apps: apps.as_ptr(),
    };
    // SAFETY: everything lives until the call returns.
    unsafe { ariws_inbound_opened(handle.0, &raw const inbound) }
}

/// It is closed.
pub fn inbound_closed(handle: Handle, id: &str) -> i32 {
    // SAFETY: the string lives until the call returns.
    unsafe { ariws_inbound_closed(handle.0, c(id).as_ptr()) }
}

/// Runs a command; gives its result and output.
pub fn execute(handle: Handle, words: &[String]) -> (i32, String) {
    let words: Vec<_> = words.iter().map(|word| c(word)).collect();
    let pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    let mut output = String::new();
    // SAFETY: everything lives until the call returns.
    let code = unsafe {
        ariws_cli_execute(
            handle.0,
            pointers.as_ptr(),
            pointers.len(),
            Some(append),
            ptr::from_mut(&mut output).cast(),
        )
    };
    (code, output)
}

/// The candidates for a word, one a line.
pub fn complete_word(handle: Handle, words: &[String], prefix: &str) -> Vec<String> {
    let words: Vec<_> = words.iter().map(|word| c(word)).collect();
    let pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    let mut found: Vec<String> = Vec::new();
    // SAFETY: everything lives until the call returns.
    unsafe {
        ariws_cli_complete(
            handle.0,
            pointers.as_ptr(),
            pointers.len(),
            c(prefix).as_ptr(),
            Some(push),
            ptr::from_mut(&mut found).cast(),
        );
    }
    found
}

/// A recording may have a NUL where a C string cannot.
fn c(text: &str) -> CString {
    CString::new(text.replace('\0', "")).expect("no NUL")
}

/// # Safety
/// The text has that length.
unsafe fn copied(text: *const c_char, length: usize) -> String {
    // SAFETY: as the caller says.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast(), length) };
    String::from_utf8_lossy(bytes).into_owned()
}

unsafe extern "C" fn append(data: *mut c_void, text: *const c_char, length: usize) {
    // SAFETY: the data is the string that the caller gave, the text has that length.
    unsafe { (*data.cast::<String>()).push_str(&copied(text, length)) };
}

unsafe extern "C" fn push(data: *mut c_void, text: *const c_char, length: usize) {
    // SAFETY: the data is the vector that the caller gave, the text has that length.
    unsafe { (*data.cast::<Vec<String>>()).push(copied(text, length)) };
}
