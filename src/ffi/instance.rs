//! Loading, reloading and unloading; the table of live instances.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::guard::{guard, inside_callback};
use super::host_table::HostTable;
use super::strings::{c_text, optional_text, required_text};
use super::types::{
    ARIWS_LOG_DEBUG, ARIWS_LOG_ERROR, ARIWS_LOG_INFO, ARIWS_LOG_NOTICE, ARIWS_LOG_WARNING, ARIWS_REPORT_ADDED,
    ARIWS_REPORT_CHANGED, ARIWS_REPORT_REFUSED, ARIWS_REPORT_REMOVED, ARIWS_REPORT_WARNING, ariws_host, ariws_instance,
    ariws_options, ariws_report_callback, ariws_report_entry,
};
use super::{fork, panics, sized, threads};
use crate::engine::{Engine, Options, ReportEntry, ReportKind};
use crate::error::{Error, Result};
use crate::host::{Host, Level, Optional};
use crate::text::visible;

/// The live instances. A handle is a number from this table in a pointer's clothes, so that a late call with
/// an old handle finds nothing instead of freed memory.
static INSTANCES: RwLock<BTreeMap<usize, Arc<Engine>>> = RwLock::new(BTreeMap::new());
static NEXT_HANDLE: AtomicUsize = AtomicUsize::new(1);

/// The engine behind a handle.
pub(super) fn engine(instance: *const ariws_instance) -> Result<Arc<Engine>> {
    if instance.is_null() {
        return Err(Error::Null("instance"));
    }
    INSTANCES
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(&instance.addr())
        .cloned()
        .ok_or(Error::Unloaded)
}

/// Loads the library: checks the host's table and the options, reads the configuration, starts the threads,
/// registers the applications and contexts of persistent connections, and begins to connect. It does not wait for a
/// connection. Each call gives an instance of its own; several may live in one process.
///
/// Where the system refuses one of those threads or a descriptor that they need, the load fails with
/// ARIWS_ERROR_SYSTEM, the message names what was refused, and nothing is left behind.
///
/// A faulty object of the configuration is refused by itself and does not fail the load; `report` receives one entry
/// for each user, each connection and each fault, and every fault is logged as well. The load fails with
/// ARIWS_ERROR_CONFIG if `ari.conf` is missing, or a file cannot be read or parsed. A missing `websocket_client.conf`
/// counts as an empty one, with a warning.
///
/// @param host           the host's callbacks; copied
/// @param options        copied
/// @param report         receives what was read; may be NULL
/// @param report_data    given to `report`
/// @param instance       receives the handle; written before the first callback runs, so that callbacks can use it;
///                       NULL after a failure
/// @param message        receives the reason of a failure, NUL-terminated and cut to fit; may be NULL
/// @param message_size   its size in bytes
/// @return ARIWS_OK, or ARIWS_ERROR_NULL, _UTF8, _ARGUMENT, _CONFIG, _SYSTEM, _FROM_CALLBACK
///
/// Thread: any that is not inside a callback. Blocks for the reading of files and for the callbacks
/// `app_register` and `context_create`, which run on other threads: hold no lock here that they need.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for; `host` and `options` begin with their `struct_size`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_load(
    host: *const ariws_host,
    options: *const ariws_options,
    report: ariws_report_callback,
    report_data: *mut c_void,
    instance: *mut *mut ariws_instance,
    message: *mut c_char,
    message_size: usize,
) -> i32 {
    guard(message, message_size, || {
        if instance.is_null() {
            return Err(Error::Null("instance"));
        }
        // SAFETY: not NULL, and the caller vouches that a pointer can be written there.
        unsafe { instance.write(ptr::null_mut()) };
        if inside_callback() {
            return Err(Error::FromCallback);
        }
        // SAFETY: the caller vouches for the structure.
        let table = unsafe { HostTable::copy(host)? };
        // SAFETY: likewise.
        let options = unsafe { copy_options(options, table.offers(Optional::ConfigRead))? };

        panics::install();
        let handle = NEXT_HANDLE.fetch_add(1, Ordering::Relaxed);
        fork::begin();
        let engine = threads::with_signals_blocked(|| Engine::start(Arc::new(table), options)).inspect_err(|_| fork::end())?;
        INSTANCES
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(handle, Arc::clone(&engine));
        // SAFETY: as above. Written now because callbacks may run from here on.
        unsafe { instance.write(ptr::without_provenance_mut(handle)) };

        let loaded = engine.load(&mut |entry| deliver(report, report_data, entry));
        if loaded.is_err() {
            // Dead already if somebody who had the handle from a callback has unloaded it meanwhile.
            let _ = end(handle, Duration::ZERO);
            // SAFETY: as above.
            unsafe { instance.write(ptr::null_mut()) };
        }
        loaded
    })
}

/// Reads the configuration again and applies what is different, object by object: a bad object leaves the one
/// before in effect. If a file cannot be read or parsed, nothing changes; nor if `ari.conf` is missing, or
/// `websocket_client.conf` while websocket clients are in effect: an empty file is what deletes them.
///
/// @param instance       the instance
/// @param report         receives what was added, changed, removed and refused: users, connections with their websocket
///                       clients, and as `general` the section of that name; may be NULL
/// @param report_data    given to `report`
/// @param message        receives the reason of a failure, NUL-terminated and cut to fit; may be NULL
/// @param message_size   its size in bytes
/// @return ARIWS_OK also when objects were refused; ARIWS_ERROR_CONFIG if nothing was changed; ARIWS_ERROR_BUSY from
///         inside a callback while another load or reload runs
///
/// Thread: any. Blocks for the reading of files and for `app_register`, `app_unregister`, `context_create` and
/// `context_destroy`, never for a connection. Concurrent reloads run one after the other.
///
/// # Safety
/// Pointers are NULL or valid for what they stand for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_reload(
    instance: *const ariws_instance,
    report: ariws_report_callback,
    report_data: *mut c_void,
    message: *mut c_char,
    message_size: usize,
) -> i32 {
    guard(message, message_size, || {
        engine(instance)?.reload(inside_callback(), &mut |entry| {
            deliver(report, report_data, entry);
        })
    })
}

/// Unloads: takes no new work, ends starts that are under way (ARIWS_ERROR_CANCELLED), sends what is queued and the
/// Close (1000) on every connection, unregisters applications and contexts, waits for callbacks that run, joins the
/// threads, and calls `finalize`. Afterwards the handle is dead and no callback runs; the library itself stays mapped,
/// so dlclose is safe.
///
/// @param instance       the instance
/// @param grace_ms       how long queued events and Close handshakes may take, in milliseconds
/// @return ARIWS_OK, ARIWS_ERROR_NULL, ARIWS_ERROR_UNLOADED, or ARIWS_ERROR_FROM_CALLBACK
///
/// Channels that are still in the application of a per-call connection get `stasis_failed`. Requests that the host has
/// not answered are given up.
///
/// Thread: any that is not inside a callback. Blocks up to `grace_ms` and, for Closes that nobody answers, up to two
/// seconds more; beyond that for as long as a callback of the host that has begun takes to return. Messages for the log
/// are delivered until `grace_ms` has passed, and for a quarter of a second at least; the last one says how many were
/// dropped then.
///
/// # Safety
/// `instance` is a handle from `ariws_load`, live or not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ariws_unload(instance: *mut ariws_instance, grace_ms: u32) -> i32 {
    guard(ptr::null_mut(), 0, || {
        engine(instance)?;
        if inside_callback() {
            return Err(Error::FromCallback);
        }
        end(instance.addr(), Duration::from_millis(grace_ms.into()))
    })
}

/// Makes the handle dead, and ends what it stood for: one of those who ask for that does, and the others are told.
fn end(handle: usize, grace: Duration) -> Result<()> {
    let engine = INSTANCES.write().unwrap_or_else(PoisonError::into_inner).remove(&handle);
    engine.ok_or(Error::Unloaded)?.unload(grace);
    fork::end();
    Ok(())
}

/// `has_texts`: the host need not have a folder.
///
/// # Safety
/// `options` is NULL or begins with a `struct_size` that says how much of it exists.
unsafe fn copy_options(options: *const ariws_options, has_texts: bool) -> Result<Options> {
    // SAFETY: the caller's promise; every field of ariws_options may be zero.
    let options = unsafe { sized::copy(options, std::mem::offset_of!(ariws_options, product), "options")? };
    // SAFETY: the caller vouches for the strings.
    let (directory, asterisk_id, product) = unsafe {
        (
            match has_texts {
                true => optional_text(options.config_directory, "options.config_directory")?,
                false => Some(required_text(options.config_directory, "options.config_directory")?),
            },
            required_text(options.asterisk_id, "options.asterisk_id")?,
            optional_text(options.product, "options.product")?,
        )
    };
    Options::new(
        directory.filter(|text| !text.is_empty()).map(PathBuf::from),
        asterisk_id,
        product.unwrap_or_default(),
        options.io_threads,
        options.request_threads,
        options.queue_max_total_bytes,
        least_level(options.log_level)?,
    )
    .map(|checked| checked.with_max_sockets(options.max_sockets))
}

fn least_level(number: i32) -> Result<Level> {
    match number {
        ARIWS_LOG_ERROR => Ok(Level::Error),
        ARIWS_LOG_WARNING => Ok(Level::Warning),
        ARIWS_LOG_NOTICE => Ok(Level::Notice),
        ARIWS_LOG_INFO => Ok(Level::Info),
        0 | ARIWS_LOG_DEBUG => Ok(Level::Debug),
        _ => Err(Error::Argument(format!(
            "log_level is {number}, which is neither 0 nor one of the ARIWS_LOG_ constants"
        ))),
    }
}

fn deliver(report: ariws_report_callback, data: *mut c_void, entry: &ReportEntry) {
    let Some(callback) = report else { return };
    let (object, message, file) = (
        c_text(&entry.object),
        c_text(&visible(&entry.message)),
        c_text(&entry.file.to_string_lossy()),
    );
    let entry = ariws_report_entry {
        struct_size: size_of::<ariws_report_entry>(),
        kind: match entry.kind {
            ReportKind::Added => ARIWS_REPORT_ADDED,
            ReportKind::Changed => ARIWS_REPORT_CHANGED,
            ReportKind::Removed => ARIWS_REPORT_REMOVED,
            ReportKind::Refused => ARIWS_REPORT_REFUSED,
            ReportKind::Warning => ARIWS_REPORT_WARNING,
        },
        object: object.as_ptr(),
        message: message.as_ptr(),
        file: file.as_ptr(),
        line: entry.line,
    };
    super::guard::calling_host(|| {
        // SAFETY: the host gave the pair of callback and data; the entry lives until the callback returns.
        unsafe { callback(data, &raw const entry) };
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_that_never_was_is_unloaded() {
        let handle = ptr::without_provenance(0xdead);
        assert!(matches!(engine(handle), Err(Error::Unloaded)));
    }

    #[test]
    fn a_null_handle_is_null() {
        assert!(matches!(engine(ptr::null()), Err(Error::Null("instance"))));
    }

    #[test]
    fn every_message_is_logged_unless_a_level_says_otherwise() {
        assert_eq!(least_level(0).expect("a level"), Level::Debug);
        assert_eq!(least_level(ARIWS_LOG_WARNING).expect("a level"), Level::Warning);
        for number in [-1, 6] {
            assert!(matches!(least_level(number), Err(Error::Argument(_))));
        }
    }
}
