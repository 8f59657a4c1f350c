//! The C ABI, and all the unsafe code of the library.
//!
//! One file per group of functions. Every exported function is written plainly, so that cbindgen and a reader see its
//! signature, and runs inside `guard`. `include/ariws.h` is generated from here.
#![allow(unsafe_code, non_camel_case_types)]

// What the header has, in the order in which one reads it.
mod result;
mod types;

mod instance;

mod stasis;

mod event;

mod command_line;

mod connection;

mod inbound;

mod metrics;

mod version;

// What carries it.
mod fork;
mod given;
mod guard;
mod host_table;
mod panics;
mod sized;
mod strings;
mod threads;

pub use command_line::*;
pub use connection::*;
pub use event::*;
pub use inbound::*;
pub use instance::*;
pub use metrics::*;
pub use result::*;
pub use stasis::*;
pub use types::*;
pub use version::*;

use std::ffi::c_void;

/// The host's pointer, carried from thread to thread and given back as it came.
#[derive(Clone, Copy)]
struct SendPointer(*mut c_void);

impl SendPointer {
    fn get(self) -> *mut c_void {
        self.0
    }
}

// SAFETY: the library never looks at what it points to; the host promised that its userdata may be used from any
// thread.
unsafe impl Send for SendPointer {}
// SAFETY: as above.
unsafe impl Sync for SendPointer {}
