//! What a process has: descriptors, threads, memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::DEADLINE;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting what is in use. A test that counts bytes makes it its `#[global_allocator]`.
pub struct Counting;

// SAFETY: everything is the system's but the counting.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let bytes = ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        if bytes > PEAK.load(Ordering::Relaxed) {
            PEAK.fetch_max(bytes, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
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
        let deadline = Instant::now() + DEADLINE;
        loop {
            let now = Self::now();
            if now.descriptors <= self.descriptors
                && now.threads <= self.threads
                && now.bytes <= self.bytes + tolerated_bytes
            {
                return;
            }
            assert!(Instant::now() < deadline, "{now:?} remain of {self:?}");
            std::thread::yield_now();
        }
    }
}
