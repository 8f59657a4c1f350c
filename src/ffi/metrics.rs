//! The metrics as text.

use std::ffi::c_void;
use std::ptr;

use super::command_line::writer;
use super::guard::guard;
use super::instance::engine;
use super::types::{ariws_instance, ariws_write_callback};

/// Writes the metrics as OpenMetrics text (version 1.0.0), which Prometheus reads.
///
/// @param instance    the instance
/// @param write       receives the text
/// @param write_data  given to `write`
/// @return ARIWS_OK, ARIWS_ERROR_NULL, ARIWS_ERROR_UNLOADED
///
/// Thread: any. Never blocks.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_metrics(
    instance: *const ariws_instance,
    write: ariws_write_callback,
    write_data: *mut c_void,
) -> i32 {
    guard(ptr::null_mut(), 0, || {
        let engine = engine(instance)?;
        let mut output = writer(write, write_data)?;
        output(&crate::metrics::render(&engine.snapshot()));
        Ok(())
    })
}
