//! Children that the process makes with fork(): none of the library's threads is in them, and what those threads had
//! locked stays locked there for ever.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Instances that are being loaded, are loaded, or are being unloaded.
static INSTANCES: AtomicUsize = AtomicUsize::new(0);
/// Whether this is a child of a process that had one.
static ORPHANED: AtomicBool = AtomicBool::new(false);

/// Whether this process was made by fork() of one that had an instance.
pub(super) fn is_orphaned() -> bool {
    ORPHANED.load(Ordering::Relaxed)
}

/// An instance begins.
pub(super) fn begin() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // SAFETY: the handler stays, as the library is never unmapped; it does what is allowed after fork().
        unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    });
    INSTANCES.fetch_add(1, Ordering::Relaxed);
}

/// An instance has ended, with all of its threads.
pub(super) fn end() {
    INSTANCES.fetch_sub(1, Ordering::Relaxed);
}

unsafe extern "C" fn forked() {
    if INSTANCES.load(Ordering::Relaxed) > 0 {
        ORPHANED.store(true, Ordering::Relaxed);
    }
}
