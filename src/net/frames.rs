//! Follows the frames of a websocket as they pass (RFC 6455 section 5.2).

/// Where in the sequence of frames a stream is.
#[derive(Debug, Default)]
pub(super) struct Frames {
    header: [u8; HEADER],
    header_length: usize,
    payload_left: u64,
    closed: bool,
    /// Those that passed since they were [many](Self::are_many).
    count: usize,
}

/// Two bytes, eight of extended length, four of mask.
const HEADER: usize = 14;
const OPCODE: u8 = 0x0f;
const TEXT: u8 = 0x01;
const CLOSE: u8 = 0x08;
const LENGTH: u8 = 0x7f;
const MASKED: u8 = 0x80;
const MASK: usize = 4;
/// So many take about as long as a thread may keep others waiting.
const MANY: usize = 1000;

/// What was found in bytes that passed.
pub(super) struct Passed {
    /// Text frames that they completed.
    pub(super) texts: u64,
    /// Where the last byte of a header is whose length is not minimal. What follows was not looked at.
    pub(super) not_minimal: Option<usize>,
}

impl Frames {
    /// Follows bytes that pass.
    pub(super) fn pass(&mut self, all: &[u8]) -> Passed {
        let (mut bytes, mut texts) = (all, 0);
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let skipped = bytes.len().min(usize::try_from(self.payload_left).unwrap_or(usize::MAX));
                self.payload_left -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
                if self.payload_left == 0 {
                    texts += self.complete();
                }
                continue;
            }
            let missing = self.header_needed() - self.header_length;
            let (part, others) = bytes.split_at(missing.min(bytes.len()));
            self.header[self.header_length..][..part.len()].copy_from_slice(part);
            self.header_length += part.len();
            bytes = others;
            if self.header_length == self.header_needed() {
                self.payload_left = self.payload();
                if !self.is_minimal() {
                    // What follows is no frame.
                    self.payload_left = u64::MAX;
                    return Passed {
                        texts,
                        not_minimal: Some(all.len() - bytes.len() - 1),
                    };
                }
                if self.payload_left == 0 {
                    texts += self.complete();
                }
            }
        }
        Passed {
            texts,
            not_minimal: None,
        }
    }

    /// Whether a Close has passed, behind which nothing may follow.
    pub(super) fn have_closed(&self) -> bool {
        self.closed
    }

    /// Whether so many have passed since this was so last that others are to have their turn.
    pub(super) fn are_many(&mut self) -> bool {
        let are_many = self.count >= MANY;
        if are_many {
            self.count = 0;
        }
        are_many
    }

    fn complete(&mut self) -> u64 {
        self.header_length = 0;
        self.count += 1;
        let opcode = self.header[0] & OPCODE;
        self.closed |= opcode == CLOSE;
        u64::from(opcode == TEXT)
    }

    fn header_needed(&self) -> usize {
        if self.header_length < 2 {
            return 2;
        }
        let mask = match self.header[1] & MASKED {
            0 => 0,
            _ => MASK,
        };
        2 + mask
            + match self.header[1] & LENGTH {
                126 => 2,
                127 => 8,
                _ => 0,
            }
    }

    fn is_minimal(&self) -> bool {
        match self.header[1] & LENGTH {
            126 => self.payload_left >= 126,
            127 => self.payload_left > u16::MAX.into(),
            _ => true,
        }
    }

    fn payload(&self) -> u64 {
        let extended = |length: usize| {
            self.header[2..2 + length]
                .iter()
                .fold(0, |value, &byte| value << 8 | u64::from(byte))
        };
        match self.header[1] & LENGTH {
            126 => extended(2),
            127 => extended(8),
            length => length.into(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A masked frame.
    pub(in crate::net) fn frame(opcode: u8, length: usize) -> Vec<u8> {
        let mut frame = vec![0x80 | opcode];
        match length {
            0..=125 => frame.push(0x80 | length as u8),
            126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(length as u16).to_be_bytes());
            }
            _ => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[1, 2, 3, 4]);
        frame.resize(frame.len() + length, 0x81);
        frame
    }

    #[test]
    fn text_frames_of_every_length_are_counted_whatever_the_pieces() {
        let stream: Vec<u8> = [0, 1, 125, 126, 127, 65_535, 65_536]
            .into_iter()
            .flat_map(|length| frame(1, length))
            .collect();
        for piece in [1, 2, 3, 7, 1000, stream.len()] {
            let mut frames = Frames::default();
            let texts: u64 = stream.chunks(piece).map(|bytes| frames.pass(bytes).texts).sum();
            assert_eq!(texts, 7, "in pieces of {piece}");
        }
    }

    #[test]
    fn control_frames_are_not_counted() {
        let stream: Vec<u8> = [frame(9, 0), frame(1, 3), frame(10, 4), frame(8, 2)].concat();
        assert_eq!(Frames::default().pass(&stream).texts, 1);
    }

    #[test]
    fn a_frame_without_its_last_byte_does_not_count() {
        let stream = frame(1, 10);
        assert_eq!(Frames::default().pass(&stream[..stream.len() - 1]).texts, 0);
    }

    #[test]
    fn a_length_that_is_not_minimal_is_found_whatever_the_pieces() {
        let good = [&[0x81, 2, b'h', b'i'][..], &frame(2, 126), &frame(2, 65_536)].concat();
        for bad in [
            &[0x81, 126, 0, 125][..],
            &[0x89, 126, 0, 0],
            &[0x81, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            &[0x81, 0x80 | 126, 0, 1, 9, 9, 9, 9],
        ] {
            let stream = [&good[..], bad, b"more"].concat();
            for piece in [1, 3, 1000, stream.len()] {
                let (mut frames, mut passed) = (Frames::default(), 0);
                let found = stream.chunks(piece).find_map(|bytes| {
                    let found = frames.pass(bytes).not_minimal.map(|at| passed + at);
                    passed += bytes.len();
                    found
                });
                assert_eq!(found, Some(good.len() + bad.len() - 1), "{bad:?} in pieces of {piece}");
            }
        }
    }
}
