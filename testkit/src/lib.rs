//! What the tests and the benchmarks share: the functions of the C ABI, hosts behind its table, a websocket server to connect
//! to, configurations, certificates, and waiting for conditions.

pub mod attempt;
pub mod callbacks;
pub mod census;
pub mod certificates;
pub mod configuration;
pub mod functions;
pub mod handle;
pub mod host;
#[cfg(feature = "linked")]
pub mod library;
pub mod mute;
#[cfg(feature = "linked")]
pub mod pbx;
pub mod server;
pub mod tls;
pub mod waiting;

pub use attempt::Attempt;
pub use census::{Census, Counting, alone, refusing_memory, refusing_memory_elsewhere, rounds};
pub use certificates::{Authority, Identity};
pub use configuration::Configuration;
pub use handle::{Handle, ReportLine, Started, metric};
pub use host::{Asked, Call, Host, Request, TextKind};
#[cfg(feature = "linked")]
pub use library::Library;
pub use mute::MuteServer;
#[cfg(feature = "linked")]
pub use pbx::{Pbx, Setup};
pub use server::{Connection, Server, request};
pub use waiting::{Watched, until};

use std::time::Duration;

/// How long a test waits for what must happen. Far longer than it takes, so that only a fault reaches it.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// How long a test waits for what must not happen.
pub const QUIET: Duration = Duration::from_millis(150);

/// The structures and numbers of the C ABI.
#[cfg(feature = "linked")]
pub use ariws::ffi as abi;

#[cfg(not(feature = "linked"))]
#[path = "../../src/ffi/types.rs"]
#[allow(non_camel_case_types, reason = "written for C")]
mod types;

/// The structures of the C ABI, from the file that the header is made of, and the numbers that are used here.
#[cfg(not(feature = "linked"))]
pub mod abi {
    pub use super::types::*;

    // Fixed for ever, as `src/ffi/result.rs` says.
    pub const ARIWS_OK: i32 = 0;
    pub const ARIWS_ERROR_FULL: i32 = -12;
    pub const ARIWS_ERROR_UNLOADED: i32 = -13;
}
