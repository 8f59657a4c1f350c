//! The functions of the C ABI as a table: those that the program is linked with, or those of a shared object.

use std::ffi::{c_char, c_void};
use std::path::Path;

use crate::abi::*;

/// Declares the table, and where its fields come from.
macro_rules! functions {
    ($($field:ident: $symbol:ident($($argument:ty),*) -> $result:ty;)*) => {
        /// Every function that works on an instance. The types are the header's.
        #[derive(Clone, Copy)]
        pub struct Functions {
            $(pub $field: unsafe extern "C" fn($($argument),*) -> $result,)*
        }

        impl Functions {
            /// Those that the program is linked with.
            #[cfg(feature = "linked")]
            pub fn linked() -> &'static Self {
                static LINKED: Functions = Functions { $($field: $symbol),* };
                &LINKED
            }

            fn of(object: &libloading::Library) -> Result<Self, libloading::Error> {
                // SAFETY: each symbol has the type that the header gives it.
                unsafe { Ok(Self { $($field: *object.get(stringify!($symbol))?),* }) }
            }
        }
    };
}

functions! {
    load: ariws_load(
        *const ariws_host,
        *const ariws_options,
        ariws_report_callback,
        *mut c_void,
        *mut *mut ariws_instance,
        *mut c_char,
        usize
    ) -> i32;
    reload: ariws_reload(
        *const ariws_instance,
        ariws_report_callback,
        *mut c_void,
        *mut c_char,
        usize
    ) -> i32;
    unload: ariws_unload(*mut ariws_instance, u32) -> i32;
    stasis_start: ariws_stasis_start(
        *const ariws_instance,
        *const c_char,
        *const c_char,
        *const c_char,
        *mut c_char,
        usize,
        *mut c_char,
        usize
    ) -> i32;
    stasis_start_async: ariws_stasis_start_async(
        *const ariws_instance,
        *const c_char,
        *const c_char,
        *const c_char,
        ariws_stasis_start_callback,
        *mut c_void,
        *mut c_char,
        usize
    ) -> i32;
    stasis_cancel: ariws_stasis_cancel(*const ariws_instance, *const c_char) -> i32;
    stasis_end: ariws_stasis_end(*const ariws_instance, *const c_char, *const c_char) -> i32;
    event: ariws_event(*const ariws_instance, *const c_char, *const c_char, usize) -> i32;
    event_trusted: ariws_event_trusted(*const ariws_instance, *const c_char, *const ariws_trusted_event) -> i32;
    request_complete: ariws_request_complete(
        *const ariws_instance,
        u64,
        i32,
        *const c_char,
        *const c_char,
        usize
    ) -> i32;
    cli_execute: ariws_cli_execute(
        *const ariws_instance,
        *const *const c_char,
        usize,
        ariws_write_callback,
        *mut c_void
    ) -> i32;
    cli_complete: ariws_cli_complete(
        *const ariws_instance,
        *const *const c_char,
        usize,
        *const c_char,
        ariws_write_callback,
        *mut c_void
    ) -> i32;
    connection_value: ariws_connection_value(
        *const ariws_instance,
        *const c_char,
        *const c_char,
        ariws_write_callback,
        *mut c_void
    ) -> i32;
    metrics: ariws_metrics(*const ariws_instance, ariws_write_callback, *mut c_void) -> i32;
    inbound_opened: ariws_inbound_opened(*const ariws_instance, *const ariws_inbound) -> i32;
    inbound_closed: ariws_inbound_closed(*const ariws_instance, *const c_char) -> i32;
}

impl Functions {
    /// Opens a shared object as a host does.
    pub fn open(path: &Path) -> Result<(libloading::Library, Self), libloading::Error> {
        // SAFETY: its initializers are those of a Rust library; nothing depends on their order.
        let object = unsafe { libloading::Library::new(path)? };
        let functions = Self::of(&object)?;
        Ok((object, functions))
    }

    /// The same, for as long as the process lives.
    pub fn keep(path: &Path) -> Result<&'static Self, libloading::Error> {
        let (object, functions) = Self::open(path)?;
        std::mem::forget(object);
        Ok(Box::leak(Box::new(functions)))
    }
}
