//! Text frames of a client, made where they go out from (RFC 6455 section 5.2).
//!
//! The websocket library looks at each frame by itself, and copies it twice. Where many go out together they are laid one behind
//! the other instead, and passed by it.

use std::mem::take;

/// Text frames one behind the other, as far as they have not gone out.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    /// How many of them have gone out.
    passed: usize,
}

const FINAL_TEXT: u8 = 0x81;
const MASKED: u8 = 0x80;
/// Two bytes, eight of extended length, four of mask.
const HEADER: usize = 14;
/// Memory that is kept for the frames that follow.
const KEPT: usize = 512 << 10;

impl Outgoing {
    /// Puts a text behind the others; false if the system refuses the memory for it.
    pub fn push(&mut self, text: &str) -> bool {
        let is_granted = self.bytes.try_reserve(HEADER + text.len()).is_ok();
        if is_granted {
            self.push_masked(text, rand::random());
        }
        is_granted
    }

    fn push_masked(&mut self, text: &str, mask: u32) {
        let length = text.len();
        self.bytes.push(FINAL_TEXT);
        match (u8::try_from(length), u16::try_from(length)) {
            (Ok(length @ 0..=125), _) => self.bytes.push(MASKED | length),
            (_, Ok(length)) => {
                self.bytes.push(MASKED | 126);
                self.bytes.extend_from_slice(&length.to_be_bytes());
            }
            _ => {
                self.bytes.push(MASKED | 127);
                self.bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(&mask.to_ne_bytes());
        let payload = self.bytes.len();
        self.bytes.extend_from_slice(text.as_bytes());
        // Twice the mask at a time, as the processor has it.
        let mask = u64::from(mask) << 32 | u64::from(mask);
        let (words, rest) = self.bytes.get_mut(payload..).unwrap_or_default().as_chunks_mut();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ mask).to_ne_bytes();
        }
        for (byte, mask) in rest.iter_mut().zip(mask.to_ne_bytes()) {
            *byte ^= mask;
        }
    }

    /// Whether there is nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What has still to go out.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.passed..).unwrap_or_default()
    }

    /// So much more has gone out.
    pub(super) fn pass(&mut self, bytes: usize) {
        self.passed += bytes;
        if self.passed >= self.bytes.len() {
            self.passed = 0;
            self.bytes.clear();
            if self.bytes.capacity() > KEPT {
                self.bytes = Vec::new();
            }
        }
    }

    /// Takes it with its memory.
    pub(super) fn take(&mut self) -> Self {
        take(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_frames_as_the_websocket_library_makes_them() {
        use tokio_tungstenite::tungstenite::protocol::frame::Frame;
        use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

        for length in [0, 1, 7, 8, 125, 126, 200, 65_535, 65_536] {
            let text = "abcdefg".chars().cycle().take(length).collect::<String>();
            let mut outgoing = Outgoing::default();
            outgoing.push_masked(&text, u32::from_ne_bytes([1, 2, 0x83, 0xf4]));
            let mut frame = Frame::message(text, OpCode::Data(Data::Text), true);
            frame.header_mut().mask = Some([1, 2, 0x83, 0xf4]);
            let mut expected = Vec::new();
            frame.format(&mut expected).expect("memory");
            assert_eq!(outgoing.rest(), expected, "{length}");
        }
    }

    #[test]
    fn each_frame_has_a_mask_of_its_own() {
        let mut outgoing = Outgoing::default();
        for _ in 0..100 {
            assert!(outgoing.push(""));
        }
        let (frames, _) = outgoing.rest().as_chunks::<6>();
        let masks: std::collections::BTreeSet<_> = frames.iter().collect();
        assert!(masks.len() > 90, "{masks:?}");
    }

    #[test]
    fn what_has_gone_out_is_forgotten_and_its_memory_used_again_unless_it_is_much() {
        let mut outgoing = Outgoing::default();
        assert!(outgoing.push("abc"));
        let length = outgoing.rest().len();
        outgoing.pass(2);
        assert_eq!(outgoing.rest().len(), length - 2);
        outgoing.pass(length - 2);
        assert!(outgoing.is_empty());
        assert!(outgoing.bytes.capacity() > 0);
        assert!(outgoing.push(&"a".repeat(KEPT)));
        outgoing.pass(outgoing.rest().len());
        assert_eq!(outgoing.bytes.capacity(), 0);
    }
}
