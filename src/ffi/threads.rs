//! The library's threads take no signals, which belong to the host, but those that a thread causes by itself.

use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::ptr;

/// What a fault of a thread's own raises on that thread. The kernel ends a process where the thread has them blocked,
/// and the handler of the host, which writes a report of the crash, would not run.
const SYNCHRONOUS: [c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

/// Runs `body` with every other signal blocked on this thread; threads that it starts, and those that they start,
/// inherit that.
pub(super) fn with_signals_blocked<R>(body: impl FnOnce() -> R) -> R {
    struct Restore(libc::sigset_t);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: the set was filled by pthread_sigmask.
            unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
        }
    }
    let mut blocked = MaybeUninit::uninit();
    let mut before = MaybeUninit::uninit();
    // SAFETY: both sets are valid to write; pthread_sigmask cannot fail with SIG_SETMASK and valid pointers, nor
    // sigdelset with signals that there are.
    let _restore = unsafe {
        libc::sigfillset(blocked.as_mut_ptr());
        for signal in SYNCHRONOUS {
            libc::sigdelset(blocked.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, blocked.as_ptr(), before.as_mut_ptr());
        Restore(before.assume_init())
    };
    body()
}
