//! Channels that enter and leave Stasis applications.

use std::ffi::{c_char, c_void};
use std::ptr;

use super::guard::{calling_host, guard};
use super::instance::engine;
use super::strings::{c_text, required_id, required_text, write_text};
use super::types::{ariws_instance, ariws_stasis_start_callback};
use super::{SendPointer, result::ARIWS_OK};
use crate::error::{Error, Result};
use crate::text::visible;

/// A channel enters `Stasis(app)`.
///
/// If somebody has registered the application, that is all: success, and `application` is `app`. If a valid per-call
/// connection lists it, the connection is made, the application `<app>:<channel name>` is registered, and `application`
/// is that name. The host sends StasisStart and what follows to `ariws_event` under that name, and calls
/// `ariws_stasis_end` when the channel leaves, however it leaves; also if it hung up before StasisStart could be sent.
/// Channels that enter `<app>:<channel name>` otherwise, by an application's request, are announced here in the same
/// way: they keep the connection open.
///
/// Where nobody serves the application, and the client of its connection has a `fallback_app`, the channel enters that
/// one instead, as if it had been given; `application` then begins with another name than `app`. With `when_down =
/// fail` an application is not served when its persistent connection has been down for `down_grace`.
///
/// A start that fails is over: the channel gets no `stasis_failed` for it, and no `ariws_stasis_end` follows. A channel
/// may enter an application again as soon as it has left it, and gets a connection of its own again.
///
/// @param instance          the instance
/// @param app               the application's name as the dialplan gives it
/// @param channel_id        the channel's unique id, as in events; like the names, not empty
/// @param channel_name      the channel's name, e.g. "PJSIP/1172-00000000"; channels of one name share a connection
/// @param application       receives the application to use, NUL-terminated
/// @param application_size  its size; at least the lengths of `app` and `channel_name` and 2, and of `fallback_app`
///                          likewise: where that does not fit, it is ARIWS_ERROR_BUFFER
/// @param message           receives the reason of a failure, NUL-terminated and cut to fit; may be NULL
/// @param message_size      its size in bytes
/// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if nobody serves the application, ARIWS_ERROR_INVALID_CONNECTION,
///         ARIWS_ERROR_CONNECT, ARIWS_ERROR_REFUSED or ARIWS_ERROR_TIMEOUT after the configured attempts,
///         ARIWS_ERROR_DOWN, ARIWS_ERROR_CANCELLED, ARIWS_ERROR_DUPLICATE, ARIWS_ERROR_BUFFER, ARIWS_ERROR_ARGUMENT
///         also if the server may not be told a value of the call, such as a header with a line break,
///         ARIWS_ERROR_HOST if `app_register` or `expand` failed. STASISSTATUS is FAILED for all but ARIWS_OK, and
///         `ariws_result_reason` gives what belongs into ARIWS_REASON beside it.
///
/// Thread: any. Blocks, for a per-call connection, up to `reconnect_attempts` times `connection_timeout` and
/// `reconnect_interval`; `ariws_stasis_cancel` ends it at once. `app_is_registered`, `expand` and `app_register` are
/// called on this thread before it returns: hold no lock here that they need. A host that must serve the channel
/// meanwhile uses `ariws_stasis_start_async`.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_stasis_start(
    instance: *const ariws_instance,
    app: *const c_char,
    channel_id: *const c_char,
    channel_name: *const c_char,
    application: *mut c_char,
    application_size: usize,
    message: *mut c_char,
    message_size: usize,
) -> i32 {
    guard(message, message_size, || {
        let engine = engine(instance)?;
        if application.is_null() {
            return Err(Error::Null("application"));
        }
        // SAFETY: the caller vouches for the strings.
        let (app, id, name) = unsafe { channel(app, channel_id, channel_name)? };
        let needed = app.len() + name.len() + 2;
        if application_size < needed {
            return Err(Error::Buffer {
                given: application_size,
                needed,
            });
        }
        let granted = engine.stasis_start(app, id, name)?;
        let needed = granted.len() + 1;
        if application_size < needed {
            // Of the application that was asked for there is room.
            engine.take_back(&granted, id);
            return Err(Error::Buffer {
                given: application_size,
                needed,
            });
        }
        // SAFETY: not NULL, and the caller vouches for its size.
        unsafe { write_text(application, application_size, &granted) };
        Ok(())
    })
}

/// As `ariws_stasis_start`, without blocking: `done` is called when it is over.
///
/// @param instance       the instance
/// @param app            the application's name as the dialplan gives it
/// @param channel_id     the channel's unique id, as in events
/// @param channel_name   the channel's name
/// @param done           called exactly once if this function returns ARIWS_OK, else never
/// @param data           given to `done`
/// @param message        receives the reason of a failure, NUL-terminated and cut to fit; may be NULL
/// @param message_size   its size in bytes
/// @return ARIWS_OK if the start is under way; ARIWS_ERROR_NULL, _UTF8, _ARGUMENT, _DUPLICATE, _UNLOADED
///
/// Thread: any. Never blocks.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for; `data` is valid until `done` returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_stasis_start_async(
    instance: *const ariws_instance,
    app: *const c_char,
    channel_id: *const c_char,
    channel_name: *const c_char,
    done: ariws_stasis_start_callback,
    data: *mut c_void,
    message: *mut c_char,
    message_size: usize,
) -> i32 {
    guard(message, message_size, || {
        let engine = engine(instance)?;
        let done = done.ok_or(Error::Null("done"))?;
        // SAFETY: the caller vouches for the strings.
        let (app, id, name) = unsafe { channel(app, channel_id, channel_name)? };
        let data = SendPointer(data);
        engine.stasis_start_async(app, id, name, move |outcome| {
            let (result, application, reason) = match outcome {
                Ok(name) => (ARIWS_OK, Some(c_text(&name)), String::new()),
                Err(error) => (i32::from(&error), None, error.to_string()),
            };
            let reason = c_text(&visible(&reason));
            let application = application.as_ref().map_or(ptr::null(), |name| name.as_ptr());
            calling_host(|| {
                // SAFETY: the host gave the pair of callback and data; the strings live until the callback returns.
                unsafe { done(data.get(), result, application, reason.as_ptr()) };
            });
        })
    })
}

/// The channel has hung up: its start ends at once with ARIWS_ERROR_CANCELLED. If none is under way its next one does,
/// so that a host need not repeat a cancel that may have overtaken `ariws_stasis_start` on another thread.
///
/// A cancel that has found no start waits for one for ten seconds, at most 4,096 of them do, and `ariws_stasis_end` for
/// the channel takes it back. So it harms no channel that leaves an application and enters again. Where a start has
/// failed no `ariws_stasis_end` is needed, but for one case: a channel that was cancelled without being hung up, as by
/// a redirect. The cancel may have come when the start was over; so call it before that channel goes on.
///
/// @param instance    the instance
/// @param channel_id  the channel's unique id
/// @return ARIWS_OK if a start was ended; ARIWS_ERROR_NOT_FOUND if none was under way, and the cancel waits for one: no
///         failure
///
/// Thread: any. Never blocks.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_stasis_cancel(instance: *const ariws_instance, channel_id: *const c_char) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        // SAFETY: the caller vouches for the string.
        let id = unsafe { required_id(channel_id, "channel_id")? };
        engine.stasis_cancel(id)
    })
}

/// Stasis returned for a channel whose start succeeded. A per-call connection closes by itself after the last of its
/// channels' StasisEnd is on the wire and the events that trail it (ChannelVarset, ChannelDestroyed) had their time.
///
/// The host gives the channel's StasisEnd to `ariws_event` before this call or soon after it, if it has given a
/// StasisStart. If the channel enters the same application again, `ariws_stasis_start` waits until that StasisEnd has
/// come and is on the wire: once the application is registered for the new connection, it could not be told from one of
/// the new stay. If none comes it goes on after a second, with a warning.
///
/// A cancel that waits for the next start of the channel is taken back (`ariws_stasis_cancel`).
///
/// @param instance     the instance
/// @param application  the name that `ariws_stasis_start` gave
/// @param channel_id   the channel's unique id as `ariws_stasis_start` had it, also where a transfer has given it
///                     another
/// @return ARIWS_OK, also if the application has no connection (any more)
///
/// Thread: any. Never blocks.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_stasis_end(
    instance: *const ariws_instance,
    application: *const c_char,
    channel_id: *const c_char,
) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        // SAFETY: the caller vouches for the strings.
        let (application, id) = unsafe {
            (
                required_text(application, "application")?,
                required_id(channel_id, "channel_id")?,
            )
        };
        engine.stasis_end(application, id);
        Ok(())
    })
}

/// # Safety
/// The pointers are NULL or NUL-terminated strings that outlive the result.
unsafe fn channel<'a>(app: *const c_char, id: *const c_char, name: *const c_char) -> Result<(&'a str, &'a str, &'a str)> {
    // SAFETY: the caller's promise.
    unsafe {
        Ok((
            required_id(app, "app")?,
            required_id(id, "channel_id")?,
            required_id(name, "channel_name")?,
        ))
    }
}
