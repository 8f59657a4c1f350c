//! What a process has: descriptors, threads, memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{env, fs};

use crate::waiting::until;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// Allocations of so many bytes and more are refused...
static LARGE: AtomicUsize = AtomicUsize::new(usize::MAX);
/// ... after so many were granted, ...
static GRANTED: AtomicUsize = AtomicUsize::new(0);
/// ... on the thread that wants them refused, or on all others.
static ELSEWHERE: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread wants some refused.
    static HERE: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator, counting what is in use, and refusing what a test wants refused. A test that counts bytes makes it
/// its `#[global_allocator]`.
pub struct Counting;

/// Refuses this thread allocations of `large` bytes and more while `body` runs, after `granted` of them.
pub fn refusing_memory<R>(large: usize, granted: usize, body: impl FnOnce() -> R) -> R {
    refusing(large, granted, false, body)
}

/// Refuses them to all other threads.
pub fn refusing_memory_elsewhere<R>(large: usize, body: impl FnOnce() -> R) -> R {
    refusing(large, 0, true, body)
}

fn refusing<R>(large: usize, granted: usize, elsewhere: bool, body: impl FnOnce() -> R) -> R {
    HERE.set(true);
    GRANTED.store(granted, Ordering::SeqCst);
    ELSEWHERE.store(elsewhere, Ordering::SeqCst);
    LARGE.store(large, Ordering::SeqCst);
    let outcome = body();
    LARGE.store(usize::MAX, Ordering::SeqCst);
    HERE.set(false);
    outcome
}

fn is_refused(bytes: usize) -> bool {
    let is_granted = || {
        let one_less = |granted: usize| granted.checked_sub(1);
        GRANTED.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
    };
    bytes >= LARGE.load(Ordering::Relaxed) && HERE.get() != ELSEWHERE.load(Ordering::Relaxed) && !is_granted()
}

// SAFETY: everything is the system's but the counting.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_refused(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise.
        let memory = unsafe { System.alloc(layout) };
        if !memory.is_null() {
            let bytes = ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
            if bytes > PEAK.load(Ordering::Relaxed) {
                PEAK.fetch_max(bytes, Ordering::Relaxed);
            }
        }
        memory
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        ALLOCATED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What the process has at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Census {
    pub descriptors: usize,
    pub threads: usize,
    pub bytes: usize,
}

impl Census {
    pub fn now() -> Self {
        let count = |folder: &str| fs::read_dir(folder).expect("proc(5)").count();
        Self {
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
            bytes: ALLOCATED.load(Ordering::Relaxed),
        }
    }

    /// The most bytes since it was last asked for.
    pub fn peak() -> usize {
        PEAK.swap(ALLOCATED.load(Ordering::Relaxed), Ordering::Relaxed)
    }

    /// Waits until the process has no more than this, but for some bytes.
    pub fn wait_for_return(&self, tolerated_bytes: usize) {
        until(
            || {
                let now = Self::now();
                let returned = now.descriptors <= self.descriptors
                    && now.threads <= self.threads
                    && now.bytes <= self.bytes + tolerated_bytes;
                returned.then_some(())
            },
            || format!("{:?} remain of {self:?}", Self::now()),
        );
    }
}

/// One test at a time: some count what the whole process has.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often to do what may leave something behind: what `ARIWS_HOSTILE_ROUNDS` says, `make test-hostile` sets it to 100.
pub fn rounds(otherwise: usize) -> usize {
    match env::var("ARIWS_HOSTILE_ROUNDS") {
        Ok(rounds) => rounds.parse().expect("ARIWS_HOSTILE_ROUNDS is a number"),
        Err(_) => otherwise,
    }
}
