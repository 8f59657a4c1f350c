//! Calls of the C ABI that the replay makes from inside callbacks, or with more than the other tests need.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use ariws::ffi::*;

use super::story::{Answer, Inbound};
use super::support::library::Handle;

/// Answers a request.
pub fn complete(handle: Handle, id: u64, answer: &Answer) {
    let (reason, body) = (c(&answer.reason), answer.body.as_deref());
    let (start, length) = body.map_or((ptr::null(), 0), |body| (body.as_ptr().cast(), body.len()));
    // SAFETY: the reason and the body live until the call returns.
    unsafe { ariws_request_complete(handle.0, id, answer.status, reason.as_ptr(), start, length) };
}

/// A channel left its application.
pub fn stasis_end(handle: Handle, application: &str, channel_id: &str) {
    let (application, id) = (c(application), c(channel_id));
    // SAFETY: the strings live until the call returns.
    unsafe { ariws_stasis_end(handle.0, application.as_ptr(), id.as_ptr()) };
}

/// An application opened a websocket to the host.
pub fn inbound_opened(handle: Handle, inbound: &Inbound) {
    let (id, remote) = (c(&inbound.id), c(&inbound.address));
    let apps = c(&inbound.apps.join(","));
    let inbound = ariws_inbound {
        struct_size: size_of::<ariws_inbound>(),
        session_id: id.as_ptr(),
        remote_address: remote.as_ptr(),
        apps: apps.as_ptr(),
    };
    // SAFETY: everything lives until the call returns.
    unsafe { ariws_inbound_opened(handle.0, &raw const inbound) };
}

/// It is closed.
pub fn inbound_closed(handle: Handle, id: &str) {
    // SAFETY: the string lives until the call returns.
    unsafe { ariws_inbound_closed(handle.0, c(id).as_ptr()) };
}

/// Runs a command; gives its result and output.
pub fn execute(handle: Handle, words: &[String]) -> (i32, String) {
    let mut output: Vec<String> = Vec::new();
    let data = ptr::from_mut(&mut output).cast();
    let code = with_pointers(words, |words, count| {
        // SAFETY: everything lives until the call returns.
        unsafe { ariws_cli_execute(handle.0, words, count, Some(push), data) }
    });
    (code, output.concat())
}

/// The candidates for a word.
pub fn complete_word(handle: Handle, words: &[String], prefix: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let (prefix, data) = (c(prefix), ptr::from_mut(&mut found).cast());
    with_pointers(words, |words, count| {
        // SAFETY: everything lives until the call returns.
        unsafe { ariws_cli_complete(handle.0, words, count, prefix.as_ptr(), Some(push), data) }
    });
    found
}

fn with_pointers(words: &[String], call: impl FnOnce(*const *const c_char, usize) -> i32) -> i32 {
    let words: Vec<_> = words.iter().map(|word| c(word)).collect();
    let pointers: Vec<_> = words.iter().map(|word| word.as_ptr()).collect();
    call(pointers.as_ptr(), pointers.len())
}

/// A recording may have a NUL where a C string cannot.
fn c(text: &str) -> CString {
    CString::new(text.replace('\0', "")).expect("no NUL")
}

unsafe extern "C" fn push(data: *mut c_void, text: *const c_char, length: usize) {
    // SAFETY: the text has that length.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast(), length) };
    let text = String::from_utf8_lossy(bytes).into_owned();
    // SAFETY: the data is the vector that the caller gave.
    unsafe { &mut *data.cast::<Vec<String>>() }.push(text);
}
