//! The memory of events that have been sent, for those that follow.
//!
//! Those are made by the threads of the host, and sent by another one. Were their memory freed and had anew while they come
//! fast, the threads would wait for one another in the allocator, and whoever brought it to give what has piled up back to the
//! system would be kept for as long as that takes. So the next event takes the memory of one that was sent, and what is left
//! when no more come is freed by the thread that sends them, a burst at a time.

use std::collections::VecDeque;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::account::Account;
use super::message::{Load, Message};

/// Memory is taken for a text that needs no less than a half of it, or if it is as short as this.
const SHORT: usize = 512;

/// Events of one session that nobody needs any more.
#[derive(Debug)]
pub(super) struct Spare {
    kept: Mutex<Kept>,
    account: Arc<Account>,
}

#[derive(Debug, Default)]
struct Kept {
    bursts: Vec<Burst>,
    bytes: usize,
    /// What held the events of bursts that were taken, for the thread to free that made it.
    emptied: Vec<VecDeque<Message>>,
}

/// Events that were sent together.
#[derive(Debug)]
struct Burst {
    events: VecDeque<Message>,
    bytes: usize,
}

impl Spare {
    pub(super) fn new(account: &Arc<Account>) -> Self {
        Self {
            kept: Mutex::default(),
            account: Arc::clone(account),
        }
    }

    /// Keeps these, unless all that is kept would take more than so many bytes then.
    pub(super) fn keep(&self, sent: Load, most: usize) {
        let events = sent.messages;
        let bytes = events.iter().map(Message::costs).sum();
        let mut kept = self.kept();
        let emptied = take(&mut kept.emptied);
        if !events.is_empty() && kept.bytes.saturating_add(bytes) <= most && self.account.keep(bytes) {
            kept.bytes += bytes;
            kept.bursts.push(Burst { events, bytes });
        }
        drop(kept);
        drop(emptied);
    }

    /// Memory for a text of some such length; none if there is none.
    pub(super) fn memory(&self, length: usize) -> String {
        let event = self.kept().take(&self.account);
        let mut memory = event.map(|event| event.text).unwrap_or_default();
        memory.clear();
        if memory.capacity() > SHORT.max(2 * length) {
            return String::new();
        }
        memory
    }

    /// Frees a burst of them; whether there are more.
    pub(super) fn give_back(&self) -> bool {
        let (burst, emptied, more) = {
            let mut kept = self.kept();
            let burst = kept.bursts.pop();
            let bytes = burst.as_ref().map_or(0, |burst| burst.bytes);
            kept.bytes -= bytes;
            self.account.keep_no_more(bytes);
            (burst, take(&mut kept.emptied), !kept.bursts.is_empty())
        };
        drop((burst, emptied));
        more
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spare {
    fn drop(&mut self) {
        while self.give_back() {}
    }
}

impl Kept {
    /// The event that was sent last.
    fn take(&mut self, account: &Account) -> Option<Message> {
        loop {
            let burst = self.bursts.last_mut()?;
            if let Some(event) = burst.events.pop_back() {
                return Some(event);
            }
            let burst = self.bursts.pop()?;
            self.bytes -= burst.bytes;
            account.keep_no_more(burst.bytes);
            self.emptied.push(burst.events);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENOUGH: usize = 1 << 20;
    const LENGTH: usize = 1000;

    fn account(limit: usize) -> Arc<Account> {
        Arc::new(Account::new(limit))
    }

    fn sent(count: usize) -> Load {
        let event = || Message::notice("x".repeat(LENGTH));
        Load {
            messages: (0..count).map(|_| event()).collect(),
            room: None,
        }
    }

    /// How many texts get the memory of one that was sent.
    fn had(spare: &Spare) -> usize {
        std::iter::from_fn(|| Some(spare.memory(LENGTH)).filter(|memory| memory.capacity() > 0)).count()
    }

    #[test]
    fn each_event_that_was_sent_gives_its_memory_to_one_that_follows() {
        let spare = Spare::new(&account(ENOUGH));
        let load = sent(1);
        let place = load.messages[0].text.as_ptr();
        spare.keep(load, ENOUGH);
        let memory = spare.memory(LENGTH);
        assert_eq!((memory.as_ptr(), memory.len()), (place, 0));
        spare.keep(sent(2), ENOUGH);
        spare.keep(sent(3), ENOUGH);
        assert_eq!(had(&spare), 5);
    }

    #[test]
    fn a_short_text_does_not_take_the_memory_of_a_long_one() {
        let spare = Spare::new(&account(ENOUGH));
        spare.keep(sent(1), ENOUGH);
        assert_eq!(spare.memory(LENGTH / 2 - 1).capacity(), 0);
    }

    #[test]
    fn no_more_is_kept_than_a_queue_and_all_of_them_may_have() {
        let one = Message::cost(LENGTH);
        let account = account(3 * one);
        let (first, second) = (Spare::new(&account), Spare::new(&account));
        first.keep(sent(1), 2 * one);
        first.keep(sent(2), 2 * one);
        first.keep(sent(1), 2 * one);
        second.keep(sent(2), ENOUGH);
        second.keep(sent(1), ENOUGH);
        assert_eq!((had(&first), had(&second)), (2, 1));
        second.keep(sent(3), ENOUGH);
        assert_eq!(had(&second), 3);
    }

    #[test]
    fn what_is_left_is_given_back_a_burst_at_a_time() {
        let account = account(ENOUGH);
        let spare = Spare::new(&account);
        spare.keep(sent(2), ENOUGH);
        spare.keep(sent(3), ENOUGH);
        assert!(spare.give_back());
        assert_eq!(had(&spare), 2);
        assert!(!spare.give_back());
        spare.keep(sent(1), ENOUGH);
        drop(spare);
        assert!(account.keep(ENOUGH));
    }
}
