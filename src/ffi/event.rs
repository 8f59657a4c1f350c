//! Events from the host and answers to requests.

use std::ffi::c_char;
use std::ptr;

use super::guard::guard;
use super::instance::engine;
use super::strings::{bytes, required_text};
use super::types::ariws_instance;
use crate::error::Error;

/// Sends one ARI event to an application.
///
/// `json` is a JSON object; `application`, `timestamp` and `asterisk_id` are added where they are missing. It is copied
/// and queued; the queue is sent in order, across reconnects too, and bounded by `queue_max_bytes` and
/// `queue_max_messages` of the connection. It is sent at once, but where more than twenty a millisecond come for one
/// connection: then what a millisecond or two bring is sent together.
///
/// @param instance     the instance
/// @param application  the application: a configured one, or the name that `ariws_stasis_start` gave
/// @param json         the event, UTF-8, need not be NUL-terminated
/// @param json_length  its length in bytes
/// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if no connection serves the application (ordinary for events that trail the
///         end of a call: not worth a warning; a channel whose StasisStart gets it is in an application without a
///         connection, and the host ends its Stasis), ARIWS_ERROR_JSON if it is not a JSON object, ARIWS_ERROR_FULL or
///         ARIWS_ERROR_TOO_LARGE if it was dropped, ARIWS_ERROR_SYSTEM if it was because the system refused the memory
///         for it
///
/// Thread: any. Never blocks; takes no lock that input or output can hold.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_event(
    instance: *const ariws_instance,
    application: *const c_char,
    json: *const c_char,
    json_length: usize,
) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        // SAFETY: the caller vouches for the string and for the length.
        let (application, json) = unsafe { (required_text(application, "application")?, bytes(json, json_length, "json")?) };
        engine.event(application, json)
    })
}

/// Answers a request that `ari_request` delivered.
///
/// @param instance     the instance
/// @param request_id   `id` of the request
/// @param status       the HTTP status code, 100 to 599; 406 for a resource that is not JSON
/// @param reason       the reason phrase; NULL for the usual one of the status (RFC 9110 section 15)
/// @param body         the JSON body, need not be NUL-terminated; NULL for none
/// @param body_length  its length in bytes
/// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if the request was answered before, or never was: an answer counts once;
///         ARIWS_ERROR_ARGUMENT, _UTF8 or _JSON if the answer cannot be sent as it is, ARIWS_ERROR_SYSTEM if the system
///         refused the memory for it, and the request still waits for one
///
/// Thread: any, also from inside the callback. Never blocks.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_request_complete(
    instance: *const ariws_instance,
    request_id: u64,
    status: i32,
    reason: *const c_char,
    body: *const c_char,
    body_length: usize,
) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        // SAFETY: the caller vouches for the strings and for the length.
        let (reason, body) = unsafe {
            (
                super::strings::optional_text(reason, "reason")?,
                if body.is_null() {
                    None
                } else {
                    Some(bytes(body, body_length, "body")?)
                },
            )
        };
        let body = body
            .map(|body| std::str::from_utf8(body).map_err(|_| Error::Utf8("body")))
            .transpose()?;
        engine.request_complete(request_id, status, reason, body)
    })
}
