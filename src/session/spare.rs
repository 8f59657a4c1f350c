//! Events that have been sent, for the threads of the host to drop.
//!
//! Those make events, and another thread sends them. If that dropped them as well, both would wait for one another in the
//! allocator, and at the count of who has the name of an application, for every event. So whoever brings the next event takes
//! the memory of one that was sent.

use super::message::{Load, Message};

/// Bytes that are kept: two bursts.
const KEPT: usize = 512 << 10;

/// Events that nobody needs any more.
#[derive(Debug, Default)]
pub(super) struct Spare {
    events: Vec<Message>,
    bytes: usize,
}

impl Spare {
    /// Keeps these, as far as there is room for them.
    pub(super) fn keep(&mut self, events: &mut Load) {
        let fits = |event: &&Message| {
            let bytes = self.bytes + event.costs();
            let fits = bytes <= KEPT;
            if fits {
                self.bytes = bytes;
            }
            fits
        };
        let count = events.messages.iter().take_while(fits).count();
        self.events.extend(events.messages.drain(..count));
    }

    /// One of them, to be dropped.
    pub(super) fn take(&mut self) -> Option<Message> {
        let event = self.events.pop()?;
        self.bytes -= event.costs();
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_two_bursts_and_all_of_it_is_given() {
        let text = "x".repeat(4 << 10);
        let messages = (0..1000).map(|_| Message::notice(text.clone())).collect();
        let mut sent = Load { messages, room: None };
        let mut spare = Spare::default();
        spare.keep(&mut sent);
        let kept = 1000 - sent.messages.len();
        assert_eq!(kept, KEPT / Message::cost(text.len()));
        assert_eq!(std::iter::from_fn(|| spare.take()).count(), kept);
        assert_eq!(spare.bytes, 0);
    }
}
