//! How a connection is doing, for a host's own use.

use std::ffi::{c_char, c_void};
use std::ptr;

use super::command_line::writer;
use super::guard::guard;
use super::instance::engine;
use super::strings::{required_id, required_text};
use super::types::{ariws_instance, ariws_write_callback};

/// Writes one thing about a connection of the configuration, for dialplan functions, device states and the like.
///
/// - "state": "up" while the websocket of a persistent connection is open, "down" while it is not, "stopped" if an
///   operator has shut it down or it is invalid; "per-call" for one that is made for each call
/// - "since": since when it has been up or down, in seconds since the epoch; "" if it is neither
/// - "server": "address:port" while it is up, else ""
/// - "queued": how many events wait to be sent; for a per-call connection those of all its calls
/// - "dropped": how many events were dropped since it began; likewise
///
/// A connection that is made again after one that was lost at once is up when it has lasted, and told of by
/// `connection_state` then.
///
/// @param instance    the instance
/// @param connection  the connection id
/// @param item        one of those above
/// @param write       receives the text, in one call
/// @param write_data  given to `write`
/// @return ARIWS_OK; ARIWS_ERROR_NOT_FOUND if there is no such connection, ARIWS_ERROR_ARGUMENT if there is no such item
///
/// Thread: any, also from inside a callback. Never blocks.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_connection_value(
    instance: *const ariws_instance,
    connection: *const c_char,
    item: *const c_char,
    write: ariws_write_callback,
    write_data: *mut c_void,
) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        // SAFETY: the caller vouches for the strings.
        let (connection, item) = unsafe { (required_id(connection, "connection")?, required_text(item, "item")?) };
        let mut output = writer(write, write_data)?;
        output(&engine.connection_value(connection, item)?);
        Ok(())
    })
}
