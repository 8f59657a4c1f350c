//! Memory for what a peer or the host can make large: the system is asked for it, so that a refusal is an error. Rust ends the
//! process where any other allocation fails, and the process is the host's. What a flood has made large is given back.

use std::collections::VecDeque;
use std::hint::black_box;

/// What is shorter is not asked for beforehand where libraries allocate: a process that lacks so little is lost anyway.
const LARGE: usize = 64 << 10;

/// Whether the system would give so many times the memory of something that long, at this moment: for what a library makes of
/// it, which cannot be asked. Another thread may be faster, so this is no promise.
pub(crate) fn is_there_for(length: usize, times: usize) -> bool {
    if length < LARGE {
        return true;
    }
    let mut memory: Vec<u8> = Vec::new();
    let granted = memory.try_reserve_exact(length.saturating_mul(times));
    // An allocation that nobody looks at may be left out.
    black_box(&mut memory);
    granted.is_ok()
}

/// Places that a queue at rest may keep.
pub(crate) const SPARE: usize = 64;

/// Gives back what a flood has made of a queue, once it is empty.
pub(crate) fn give_back<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() && queue.capacity() > SPARE {
        *queue = VecDeque::new();
    }
}

/// Gives back all that a queue has, once it is empty: nothing has come for a while.
pub(crate) fn give_all_back<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() {
        *queue = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_keeps_its_places_while_it_is_in_use_and_few_at_rest() {
        let mut queue: VecDeque<_> = (0..10 * SPARE).collect();
        give_back(&mut queue);
        assert_eq!(queue.len(), 10 * SPARE);
        queue.clear();
        give_back(&mut queue);
        assert_eq!(queue.capacity(), 0);
        queue.push_back(0);
        queue.clear();
        let kept = queue.capacity();
        give_back(&mut queue);
        assert_eq!(queue.capacity(), kept);
    }

    #[test]
    fn an_empty_queue_gives_all_back() {
        let mut queue = VecDeque::from([0]);
        give_all_back(&mut queue);
        assert_eq!(queue, [0]);
        queue.clear();
        give_all_back(&mut queue);
        assert_eq!(queue.capacity(), 0);
    }

    #[test]
    fn what_no_machine_has_is_not_there() {
        assert!(is_there_for(LARGE, 2));
        assert!(!is_there_for(LARGE, usize::MAX / LARGE / 2));
        assert!(is_there_for(LARGE - 1, usize::MAX));
    }
}
