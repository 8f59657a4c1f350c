//! Events from the host and answers to requests.

use std::ffi::c_char;
use std::ptr;

use super::guard::guard;
use super::instance::engine;
use super::sized;
use super::strings::{bytes, optional_text, required_text};
use super::types::{
    ARIWS_EVENT_HAS_APPLICATION, ARIWS_EVENT_HAS_ASTERISK_ID, ARIWS_EVENT_HAS_TIMESTAMP, ariws_instance, ariws_trusted_event,
};
use crate::error::Error;
use crate::protocol::Trusted;

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

/// Sends one ARI event to an application, as `ariws_event` does, for a host that made the JSON itself and knows what is
/// in it. It keeps the thread for less time, as the text is not read: that it is UTF-8 and stands between braces is all
/// that is looked at.
///
/// A host that is wrong about it harms nothing but what the application gets: a text that is no JSON, members that are
/// missing or there twice. With `delivery = at_least_once` it must have no member `ariws_sequence`. A wrong channel, or
/// a wrong type, keeps a per-call connection open or lets it end early.
///
/// @param instance     the instance
/// @param application  the application: a configured one, or the name that `ariws_stasis_start` gave
/// @param event        the event; copied
/// @return as `ariws_event`; ARIWS_ERROR_JSON if the text does not begin and end with a brace or is not UTF-8,
///         ARIWS_ERROR_NULL, _UTF8, ARIWS_ERROR_ARGUMENT
///
/// Thread: any. Never blocks; takes no lock that input or output can hold.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for; `event` begins with its `struct_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_event_trusted(
    instance: *const ariws_instance,
    application: *const c_char,
    event: *const ariws_trusted_event,
) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        let required = std::mem::offset_of!(ariws_trusted_event, r#type);
        // SAFETY: the caller vouches for the strings, the length and the structure; every field of that may be zero.
        let (application, event) = unsafe {
            let application = required_text(application, "application")?;
            let event = sized::copy(event, required, "event")?;
            let has = |member| event.members & member != 0;
            let trusted = Trusted {
                json: bytes(event.json, event.json_length, "event.json")?,
                kind: optional_text(event.r#type, "event.type")?.unwrap_or_default(),
                channel: optional_text(event.channel_id, "event.channel_id")?,
                replaced: optional_text(event.replaced_channel_id, "event.replaced_channel_id")?,
                has_application: has(ARIWS_EVENT_HAS_APPLICATION),
                has_timestamp: has(ARIWS_EVENT_HAS_TIMESTAMP),
                has_asterisk_id: has(ARIWS_EVENT_HAS_ASTERISK_ID),
            };
            (application, trusted)
        };
        engine.event_trusted(application, &event)
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
                optional_text(reason, "reason")?,
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
