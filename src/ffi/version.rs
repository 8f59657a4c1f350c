//! Versions at compile time and at run time, and the words for result codes.

use std::ffi::{CStr, c_char};

use super::guard::guard_value;
use super::result::*;

/// The version of the C ABI; part of the name `libariws.so.0`. It changes only when a host that was compiled before
/// would no longer work.
pub const ARIWS_ABI_VERSION: u32 = 0;
/// The library's version: major.
pub const ARIWS_VERSION_MAJOR: u32 = 0;
/// The library's version: minor.
pub const ARIWS_VERSION_MINOR: u32 = 1;
/// The library's version: patch.
pub const ARIWS_VERSION_PATCH: u32 = 0;

/// ARIWS_ABI_VERSION of the library that is loaded. A host that was compiled with another one must not use it.
///
/// Thread: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn ariws_abi_version() -> u32 {
    guard_value(0, || ARIWS_ABI_VERSION)
}

/// The version of the library that is loaded, "major.minor.patch". Static.
///
/// Thread: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn ariws_version() -> *const c_char {
    guard_value(c"".as_ptr(), || {
        const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => panic!("a version has no NUL"),
        };
        VERSION.as_ptr()
    })
}

/// A result code in words, for logs. Static; never NULL.
///
/// Thread: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn ariws_result_text(result: i32) -> *const c_char {
    guard_value(c"".as_ptr(), || text(result).as_ptr())
}

/// Why a start failed, in one word for a dialplan: what a host sets as ARIWS_REASON beside STASISSTATUS. Static; never
/// NULL.
///
/// - "" for ARIWS_OK
/// - "no-server": every attempt to connect failed, as ARIWS_ERROR_CONNECT says
/// - "refused", "timeout", "down": ARIWS_ERROR_REFUSED, ARIWS_ERROR_TIMEOUT, ARIWS_ERROR_DOWN. A channel that
///   `stasis_failed` has ended is "down" as well.
/// - "cancelled": ARIWS_ERROR_CANCELLED, or the instance is being unloaded
/// - "invalid": ARIWS_ERROR_INVALID_CONNECTION
/// - "unknown-application": ARIWS_ERROR_NOT_FOUND
/// - "error": any other
///
/// Thread: any. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn ariws_result_reason(result: i32) -> *const c_char {
    guard_value(c"".as_ptr(), || reason(result).as_ptr())
}

fn reason(result: i32) -> &'static CStr {
    match result {
        ARIWS_OK => c"",
        ARIWS_ERROR_CONNECT => c"no-server",
        ARIWS_ERROR_REFUSED => c"refused",
        ARIWS_ERROR_TIMEOUT => c"timeout",
        ARIWS_ERROR_DOWN => c"down",
        ARIWS_ERROR_CANCELLED | ARIWS_ERROR_UNLOADED => c"cancelled",
        ARIWS_ERROR_INVALID_CONNECTION => c"invalid",
        ARIWS_ERROR_NOT_FOUND => c"unknown-application",
        _ => c"error",
    }
}

fn text(result: i32) -> &'static CStr {
    match result {
        ARIWS_OK => c"success",
        ARIWS_ERROR_NULL => c"a required pointer is NULL",
        ARIWS_ERROR_UTF8 => c"a string is not UTF-8",
        ARIWS_ERROR_JSON => c"not the JSON expected",
        ARIWS_ERROR_ARGUMENT => c"an argument is out of range or missing",
        ARIWS_ERROR_BUFFER => c"the buffer is too small",
        ARIWS_ERROR_CONFIG => c"the configuration could not be read",
        ARIWS_ERROR_NOT_FOUND => c"no such application, connection, session, request or command",
        ARIWS_ERROR_INVALID_CONNECTION => c"the connection is marked invalid",
        ARIWS_ERROR_CONNECT => c"every attempt to connect failed",
        ARIWS_ERROR_CANCELLED => c"cancelled",
        ARIWS_ERROR_DUPLICATE => c"already done or under way",
        ARIWS_ERROR_FULL => c"the queue is full, the event was dropped",
        ARIWS_ERROR_UNLOADED => c"the instance is not loaded",
        ARIWS_ERROR_FROM_CALLBACK => c"not allowed from inside a callback",
        ARIWS_ERROR_BUSY => c"a load or reload is running",
        ARIWS_ERROR_HOST => c"a callback of the host failed",
        ARIWS_ERROR_SYSTEM => c"the system refused a resource",
        ARIWS_ERROR_USAGE => c"no such command, or wrong arguments",
        ARIWS_ERROR_COMMAND => c"the command failed",
        ARIWS_ERROR_INTERNAL => c"internal error of the library",
        ARIWS_ERROR_TOO_LARGE => c"the event is larger than the queue may be, it was dropped",
        ARIWS_ERROR_REFUSED => c"the servers refused the connection",
        ARIWS_ERROR_TIMEOUT => c"no server answered in time",
        ARIWS_ERROR_DOWN => c"the connection of the application is down",
        ARIWS_ERROR_FORKED => c"a child process cannot use what its parent has loaded",
        _ => c"unknown result code",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_constants_agree_with_the_package() {
        let constants = format!("{ARIWS_VERSION_MAJOR}.{ARIWS_VERSION_MINOR}.{ARIWS_VERSION_PATCH}");
        assert_eq!(constants, env!("CARGO_PKG_VERSION"));
    }
}
