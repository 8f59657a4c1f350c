//! The library's threads take no signals: they belong to the host.

use std::mem::MaybeUninit;
use std::ptr;

/// Runs `body` with every signal blocked on this thread; threads that it starts, and those that they start, inherit
/// that.
pub(super) fn with_signals_blocked<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the set was filled by pthread_sigmask.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
        }
    }
    let mut all = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets are valid to write; pthread_sigmask cannot fail with SIG_SETMASK and valid pointers.
    let _restore = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        Restore(before.assume_init())
    };
    body()
}
