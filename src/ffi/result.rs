//! The numbers that the functions return, fixed for ever: retired ones stay reserved.

use crate::error::Error;

/// Success.
pub const ARIWS_OK: i32 = 0;
/// A pointer that must not be NULL is NULL.
pub const ARIWS_ERROR_NULL: i32 = -1;
/// A string is not UTF-8.
pub const ARIWS_ERROR_UTF8: i32 = -2;
/// A text that must be JSON is not, or is not a JSON object where one is needed.
pub const ARIWS_ERROR_JSON: i32 = -3;
/// A value is out of range, a required callback is missing, or a `struct_size` is too small.
pub const ARIWS_ERROR_ARGUMENT: i32 = -4;
/// The caller's buffer is too small; nothing was done.
pub const ARIWS_ERROR_BUFFER: i32 = -5;
/// The configuration could not be read; what was in effect stays so.
pub const ARIWS_ERROR_CONFIG: i32 = -6;
/// No such application, connection, session, request or command.
pub const ARIWS_ERROR_NOT_FOUND: i32 = -7;
/// The connection is marked invalid: an application in two connections, or a fault of its local user.
pub const ARIWS_ERROR_INVALID_CONNECTION: i32 = -8;
/// Every attempt to connect failed, in another way than ARIWS_ERROR_REFUSED and ARIWS_ERROR_TIMEOUT tell of.
pub const ARIWS_ERROR_CONNECT: i32 = -9;
/// The start was ended: by `ariws_stasis_cancel`, by `ariws_unload`, or by an operator who shut its session down.
pub const ARIWS_ERROR_CANCELLED: i32 = -10;
/// It was done before: a request answered twice, a start for a channel that is being started.
pub const ARIWS_ERROR_DUPLICATE: i32 = -11;
/// The queue is full, and `queue_overflow = drop_newest`, or none of its events could make room: the event was dropped
/// and counted.
pub const ARIWS_ERROR_FULL: i32 = -12;
/// The instance is being unloaded, was unloaded, or never was.
pub const ARIWS_ERROR_UNLOADED: i32 = -13;
/// Not allowed from inside a callback.
pub const ARIWS_ERROR_FROM_CALLBACK: i32 = -14;
/// A load or reload is running, and waiting for it from inside a callback could never end.
pub const ARIWS_ERROR_BUSY: i32 = -15;
/// A callback of the host reported a failure.
pub const ARIWS_ERROR_HOST: i32 = -16;
/// The system refused a thread or another resource.
pub const ARIWS_ERROR_SYSTEM: i32 = -17;
/// The words are no command, or too few or too many for one; its usage was written.
pub const ARIWS_ERROR_USAGE: i32 = -18;
/// The command ran and failed; what it wrote says why.
pub const ARIWS_ERROR_COMMAND: i32 = -19;
/// A fault of the library itself, caught before it could reach the host. Please report it.
pub const ARIWS_ERROR_INTERNAL: i32 = -20;
/// The event is larger than `queue_max_bytes` of its connection, or than `queue_max_total_bytes`: it was dropped and
/// counted, and would be at any time.
pub const ARIWS_ERROR_TOO_LARGE: i32 = -21;
/// This process was made by fork() of one that had an instance; no function does anything here.
pub const ARIWS_ERROR_FORKED: i32 = -22;
/// Every attempt to connect failed, and at the last one a server answered that it would not have the connection.
pub const ARIWS_ERROR_REFUSED: i32 = -23;
/// Every attempt to connect failed, and at the last one no server answered in time (`connection_timeout`).
pub const ARIWS_ERROR_TIMEOUT: i32 = -24;
/// The persistent connection of the application has been down for longer than `down_grace`, and `when_down = fail`.
pub const ARIWS_ERROR_DOWN: i32 = -25;

impl From<&Error> for i32 {
    fn from(error: &Error) -> Self {
        match error {
            Error::Null(_) => ARIWS_ERROR_NULL,
            Error::Utf8(_) => ARIWS_ERROR_UTF8,
            Error::Json(_) => ARIWS_ERROR_JSON,
            Error::Argument(_) => ARIWS_ERROR_ARGUMENT,
            Error::Buffer { .. } => ARIWS_ERROR_BUFFER,
            Error::Config(_) => ARIWS_ERROR_CONFIG,
            Error::NotFound(_) => ARIWS_ERROR_NOT_FOUND,
            Error::InvalidConnection(_) => ARIWS_ERROR_INVALID_CONNECTION,
            Error::Connect(_) => ARIWS_ERROR_CONNECT,
            Error::Refused(_) => ARIWS_ERROR_REFUSED,
            Error::Timeout(_) => ARIWS_ERROR_TIMEOUT,
            Error::Down(_) => ARIWS_ERROR_DOWN,
            Error::Cancelled => ARIWS_ERROR_CANCELLED,
            Error::Duplicate(_) => ARIWS_ERROR_DUPLICATE,
            Error::Full => ARIWS_ERROR_FULL,
            Error::TooLarge(_) => ARIWS_ERROR_TOO_LARGE,
            Error::Unloaded => ARIWS_ERROR_UNLOADED,
            Error::FromCallback => ARIWS_ERROR_FROM_CALLBACK,
            Error::Busy => ARIWS_ERROR_BUSY,
            Error::Host(_) => ARIWS_ERROR_HOST,
            Error::System(_) => ARIWS_ERROR_SYSTEM,
            Error::Forked => ARIWS_ERROR_FORKED,
            Error::Usage => ARIWS_ERROR_USAGE,
            Error::Command => ARIWS_ERROR_COMMAND,
            Error::Internal(_) => ARIWS_ERROR_INTERNAL,
        }
    }
}
