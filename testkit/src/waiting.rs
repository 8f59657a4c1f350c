//! Waiting for a condition, until a deadline that only a fault reaches.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::DEADLINE;

/// Looks again and again until there is something, and gives it; `fault` says what is there instead.
pub fn until<T>(mut come: impl FnMut() -> Option<T>, fault: impl Fn() -> String) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = come() {
            return found;
        }
        assert!(Instant::now() < deadline, "{}", fault());
        sleep(Duration::from_millis(1));
    }
}

/// A value that some threads change and others wait for.
#[derive(Default)]
pub struct Watched<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Watched<T> {
    pub fn new(value: T) -> Self {
        Self {
            value: Mutex::new(value),
            changed: Condvar::new(),
        }
    }

    /// A look at it. A test that has panicked while it had it has failed anyway.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it, and wakes those who wait.
    pub fn change<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        let outcome = change(&mut self.lock());
        self.changed.notify_all();
        outcome
    }

    /// Waits until it gives something; `fault` says what it is instead.
    pub fn wait_for<R>(&self, mut come: impl FnMut(&T) -> Option<R>, fault: impl Fn(&T) -> String) -> R {
        let deadline = Instant::now() + DEADLINE;
        let mut value = self.lock();
        loop {
            if let Some(found) = come(&value) {
                return found;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{}", fault(&value));
            let waited = self.changed.wait_timeout(value, left);
            value = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
