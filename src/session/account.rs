//! What waits to be sent over all sessions of an instance together, bounded.

use std::mem::take;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The bytes that all queues of an instance have together, from when a message is accepted until the kernel has it.
#[derive(Debug, Default)]
pub struct Account {
    default: usize,
    limit: AtomicUsize,
    used: AtomicUsize,
    /// Bytes of what was sent that are kept for what follows.
    kept: AtomicUsize,
}

/// An [`Account`] at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Balance {
    /// Bytes that wait.
    pub used: usize,
    /// How many may.
    pub limit: usize,
}

impl Account {
    /// `default`: the limit where nothing else is configured.
    pub fn new(default: usize) -> Self {
        Self {
            default,
            limit: AtomicUsize::new(default),
            used: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
        }
    }

    /// Another limit is in effect from now on; what waits stays.
    pub(super) fn set_limit(&self, limit: Option<usize>) {
        self.limit.store(limit.unwrap_or(self.default), Relaxed);
    }

    /// How it stands.
    pub fn balance(&self) -> Balance {
        Balance {
            used: self.used.load(Relaxed),
            limit: self.limit.load(Relaxed),
        }
    }

    /// Whether so many bytes could be had if `given` were given back for them.
    pub(super) fn could_have(&self, bytes: usize, given: usize) -> bool {
        let others = self.used.load(Relaxed).saturating_sub(given);
        others.saturating_add(bytes) <= self.limit.load(Relaxed)
    }

    /// Keeps so many bytes of what was sent for what follows; false if there would be more than what may wait then.
    pub(super) fn keep(&self, bytes: usize) -> bool {
        let kept = self.kept.fetch_add(bytes, Relaxed);
        let fits = self.could_have(kept.saturating_add(bytes), 0);
        if !fits {
            self.keep_no_more(bytes);
        }
        fits
    }

    /// So many of them are kept no longer.
    pub(super) fn keep_no_more(&self, bytes: usize) {
        self.kept.fetch_sub(bytes, Relaxed);
    }

    fn take(&self, bytes: usize) -> bool {
        let before = self.used.fetch_add(bytes, Relaxed);
        let fits = before.saturating_add(bytes) <= self.limit.load(Relaxed);
        if !fits {
            self.used.fetch_sub(bytes, Relaxed);
        }
        fits
    }
}

/// Bytes of an [`Account`] that somebody has. Whatever becomes of the message that they are for, they are given back with it.
#[derive(Debug, Default)]
pub(super) struct Room {
    account: Arc<Account>,
    bytes: usize,
}

impl Room {
    pub(super) fn none(account: &Arc<Account>) -> Self {
        Self {
            account: Arc::clone(account),
            bytes: 0,
        }
    }

    /// Gives away so many of its bytes.
    pub(super) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Self {
            account: Arc::clone(&self.account),
            bytes,
        }
    }

    /// Makes it so much larger, whether there is room or not: for what is small and must not be lost.
    pub(super) fn grow_in_any_case(&mut self, bytes: usize) {
        self.account.used.fetch_add(bytes, Relaxed);
        self.bytes += bytes;
    }

    /// Makes it so much larger; false if that cannot be.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let granted = self.account.take(bytes);
        if granted {
            self.bytes += bytes;
        }
        granted
    }

    /// Makes it so large; false if it is smaller and cannot be.
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
        if bytes > self.bytes && !self.account.take(bytes - self.bytes) {
            return false;
        }
        if bytes < self.bytes {
            self.account.used.fetch_sub(self.bytes - bytes, Relaxed);
        }
        self.bytes = bytes;
        true
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds another one's bytes, which nobody else can get meanwhile.
    pub(super) fn absorb(&mut self, other: Option<Self>) {
        if let Some(mut other) = other {
            self.bytes += take(&mut other.bytes);
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.account.used.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(limit: usize) -> Arc<Account> {
        Arc::new(Account::new(limit))
    }

    fn room(account: &Arc<Account>, bytes: usize) -> Option<Room> {
        let mut room = Room::none(account);
        room.resize(bytes).then_some(room)
    }

    #[test]
    fn room_is_had_up_to_the_limit_and_given_back_when_it_is_dropped() {
        let account = account(100);
        let first = room(&account, 60).expect("room");
        assert!(room(&account, 41).is_none());
        let second = room(&account, 40).expect("room");
        assert_eq!(account.balance().used, 100);
        drop(first);
        assert_eq!(account.balance().used, 40);
        drop(second);
        assert_eq!(account.balance().used, 0);
    }

    #[test]
    fn what_is_absorbed_is_nobody_elses_meanwhile() {
        let account = account(100);
        let old = room(&account, 70).expect("room");
        let mut new = Room::none(&account);
        assert!(!new.resize(50));
        new.absorb(Some(old));
        assert_eq!(account.balance().used, 70);
        assert!(new.resize(50));
        assert_eq!(account.balance().used, 50);
    }

    #[test]
    fn what_is_split_off_is_given_back_by_itself() {
        let account = account(100);
        let mut room = room(&account, 70).expect("room");
        let part = room.split(50);
        assert_eq!(account.balance().used, 70);
        drop(room);
        assert_eq!(account.balance().used, 50);
        drop(part);
        assert_eq!(account.balance().used, 0);
    }

    #[test]
    fn another_limit_counts_from_then_on() {
        let account = account(100);
        let _old = room(&account, 90);
        account.set_limit(Some(50));
        assert!(room(&account, 1).is_none());
        account.set_limit(None);
        assert!(room(&account, 10).is_some());
    }

    #[test]
    fn room_in_any_case_counts_as_well() {
        let account = account(100);
        let _all = room(&account, 100);
        let mut more = Room::none(&account);
        more.grow_in_any_case(10);
        assert_eq!(account.balance().used, 110);
        drop(more);
        assert_eq!(account.balance().used, 100);
    }

    #[test]
    fn threads_that_take_and_give_lose_nothing() {
        let account = account(1000);
        std::thread::scope(|scope| {
            for thread in 1..=8 {
                let account = &account;
                scope.spawn(move || {
                    for _ in 0..10_000 {
                        let had = room(account, thread * 40);
                        assert!(account.balance().used <= 1000 + 8 * 8 * 40);
                        drop(had);
                    }
                });
            }
        });
        assert_eq!(account.balance().used, 0);
    }
}
