//! A system that refuses what the process asks for, at the moment that a test says.

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, OnceLock, PoisonError};

type Body = extern "C" fn(*mut c_void) -> *mut c_void;
type Create = unsafe extern "C" fn(*mut libc::pthread_t, *const libc::pthread_attr_t, Body, *mut c_void) -> c_int;

/// The threads that are refused, by their number.
static REFUSED: Mutex<Range<usize>> = Mutex::new(0..0);
/// How many were asked for since.
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Refuses these of the threads that the process asks for from now on; the next one has the number 1.
pub fn threads(numbers: Range<usize>) {
    *REFUSED.lock().unwrap_or_else(PoisonError::into_inner) = numbers;
    ASKED.store(0, SeqCst);
}

/// Grants every thread.
pub fn nothing() {
    threads(0..0);
}

/// How many threads were asked for since it was said last which ones are refused.
pub fn asked() -> usize {
    ASKED.load(SeqCst)
}

/// Stands before the system's function of that name, for the whole of this program.
///
/// # Safety
/// As for the system's.
#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    body: Body,
    argument: *mut c_void,
) -> c_int {
    static SYSTEMS: OnceLock<Create> = OnceLock::new();
    let number = ASKED.fetch_add(1, SeqCst) + 1;
    if REFUSED.lock().unwrap_or_else(PoisonError::into_inner).contains(&number) {
        return libc::EAGAIN;
    }
    let create = SYSTEMS.get_or_init(|| {
        // SAFETY: the name is NUL-terminated.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr()) };
        assert!(!found.is_null(), "the system can create threads");
        // SAFETY: this is its type.
        unsafe { std::mem::transmute::<*mut c_void, Create>(found) }
    });
    // SAFETY: the caller's promise.
    unsafe { create(thread, attributes, body, argument) }
}
