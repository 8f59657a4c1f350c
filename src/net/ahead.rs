//! What was read from a stream before the websocket had room for it.
//!
//! Every websocket has a buffer to read into, as long as it is open. So that buffer is small, and what the kernel has is read
//! into one on the stack, which is nobody's at rest.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// What is asked of the kernel at a time.
const READ: usize = 16 << 10;

/// Bytes that were read and not handed on. They have memory only while there are any.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    bytes: Vec<u8>,
    /// How many of them were handed on.
    passed: usize,
}

impl Ahead {
    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Hands on what is left, as far as there is room.
    pub(super) fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let left = self.bytes.get(self.passed..).unwrap_or_default();
        let (now, later) = left.split_at(left.len().min(buffer.remaining()));
        buffer.put_slice(now);
        self.passed += now.len();
        if later.is_empty() {
            *self = Self::default();
        }
    }

    /// Reads what there is, and hands it on as far as there is room and `check` lets it pass, which gives how much of it may.
    /// Gives whether anything may, or the stream has ended.
    pub(super) fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        check: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<bool>> {
        let mut memory = [MaybeUninit::uninit(); READ];
        let mut read = ReadBuf::uninit(&mut memory);
        ready!(Pin::new(stream).poll_read(context, &mut read))?;
        let all = read.filled();
        let passed = all.get(..check(all)).unwrap_or_default();
        let (now, later) = passed.split_at(passed.len().min(buffer.remaining()));
        buffer.put_slice(now);
        if !later.is_empty() {
            self.bytes = later.to_vec();
        }
        Poll::Ready(Ok(!passed.is_empty() || all.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Reads all that a stream has with room for three bytes at a time; gives each piece, with what is left in memory.
    fn pieces(mut stream: &[u8], check: impl Fn(&[u8]) -> usize) -> Vec<(Vec<u8>, usize)> {
        let mut ahead = Ahead::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut pieces = Vec::new();
        loop {
            let mut room = [0; 3];
            let mut buffer = ReadBuf::new(&mut room);
            if ahead.is_empty() {
                let read = ahead.poll_read(&mut stream, &mut context, &mut buffer, &check);
                let Poll::Ready(Ok(is_something)) = read else {
                    panic!("a slice is always there");
                };
                assert!(is_something);
            } else {
                ahead.hand_on(&mut buffer);
            }
            if buffer.filled().is_empty() {
                return pieces;
            }
            pieces.push((buffer.filled().to_vec(), ahead.bytes.capacity()));
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_handed_on_later_and_has_no_memory_then() {
        let piece = |bytes: &[u8], memory| (bytes.to_vec(), memory);
        let expected = [piece(b"abc", 4), piece(b"def", 4), piece(b"g", 0)];
        assert_eq!(pieces(b"abcdefg", <[u8]>::len), expected);
    }

    #[test]
    fn what_fits_is_not_kept() {
        assert_eq!(pieces(b"abc", <[u8]>::len), [(b"abc".to_vec(), 0)]);
    }

    #[test]
    fn what_is_not_to_pass_is_not_handed_on() {
        let two_less = |bytes: &[u8]| bytes.len().saturating_sub(2);
        let handed_on: Vec<_> = pieces(b"abcdefg", two_less).into_iter().map(|(piece, _)| piece).collect();
        assert_eq!(handed_on, [b"abc".to_vec(), b"de".to_vec()]);
    }
}
