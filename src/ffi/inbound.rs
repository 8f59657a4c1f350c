//! Websockets that applications opened to the host, reported by it.

use std::ffi::c_char;
use std::ptr;

use super::guard::guard;
use super::instance::engine;
use super::sized;
use super::strings::{optional_text, required_id};
use super::types::{ariws_inbound, ariws_instance};

/// An application opened a websocket to the host: `ari show sessions` lists it and `ari shutdown websocket session`
/// reaches it through the host's `inbound_shutdown`.
///
/// @param instance  the instance
/// @param inbound   the session; copied
/// @return ARIWS_OK; ARIWS_ERROR_DUPLICATE if a session with that id is open, or a connection has it; ARIWS_ERROR_NULL,
///         _UTF8, ARIWS_ERROR_ARGUMENT if the id is empty
///
/// Thread: any. Never blocks.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for; `inbound` begins with its `struct_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_inbound_opened(instance: *const ariws_instance, inbound: *const ariws_inbound) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        let required = std::mem::offset_of!(ariws_inbound, remote_address);
        // SAFETY: the caller vouches for the structure and its strings; every field may be zero.
        let (session_id, remote_address, apps) = unsafe {
            let inbound = sized::copy(inbound, required, "inbound")?;
            (
                required_id(inbound.session_id, "inbound.session_id")?,
                optional_text(inbound.remote_address, "inbound.remote_address")?,
                optional_text(inbound.apps, "inbound.apps")?,
            )
        };
        engine.inbound_opened(session_id, remote_address.unwrap_or_default(), apps.unwrap_or_default())
    })
}

/// A websocket that `ariws_inbound_opened` reported is closed. Applications of persistent connections that it had taken
/// over, and that nobody has registered now, are registered again.
///
/// @param instance    the instance
/// @param session_id  the host's id of the session
/// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if no such session was open
///
/// Thread: any. Never blocks.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_inbound_closed(instance: *const ariws_instance, session_id: *const c_char) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        // SAFETY: the caller vouches for the string.
        let session_id = unsafe { required_id(session_id, "session_id")? };
        engine.inbound_closed(session_id)
    })
}
