//! Counts what the kernel has taken.
//!
//! A websocket library gathers frames in a buffer of its own, so it cannot say which messages of a lost connection had
//! left the process. The meter sits below that buffer and follows the frames as they pass (RFC 6455 section 5.2). TLS has a
//! buffer of its own below, so it gets no more than one record at a time, and the next one when the kernel has that: a peer
//! can read nothing of a record before it has all of it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that can tell whether its peer is still there.
pub trait Link: AsyncRead + AsyncWrite + Unpin {
    /// Whether the peer has closed or reset the connection, as far as the kernel knows at this moment.
    fn peer_has_gone(&self) -> bool {
        false
    }

    /// Whether it still holds bytes that it has taken and the kernel has not, as TLS does.
    fn holds_back(&self) -> bool {
        false
    }

    /// What it may be given before it is asked again whether it holds bytes back.
    fn portion(&self) -> usize {
        usize::MAX
    }

    /// Bytes that the kernel has taken; `given` is how many the stream was given.
    fn progress(&self, given: u64) -> u64 {
        given
    }
}

impl Link for tokio::io::DuplexStream {}

/// What the kernel has taken of one connection.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    texts: AtomicU64,
    blocked: AtomicBool,
}

impl Meter {
    /// Bytes, as they are on their way: with headers, control frames, and all that TLS adds.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Whether the last attempt to write could not be finished.
    pub fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Text messages, the last byte included.
    pub fn texts(&self) -> u64 {
        self.texts.load(Ordering::Acquire)
    }
}

/// A stream with a [`Meter`]. It counts from the first byte of the websocket on: the upgrade request passes before.
pub struct Metered<S> {
    stream: S,
    frames: Option<Frames>,
    /// Texts and bytes that the stream was given.
    texts: u64,
    bytes: u64,
    meter: Arc<Meter>,
}

impl<S: Link> Metered<S> {
    /// The stream itself.
    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    /// Wraps a stream whose first bytes are an HTTP request, ended by an empty line.
    pub fn new(stream: S) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        let metered = Self {
            stream,
            frames: None,
            texts: 0,
            bytes: 0,
            meter: Arc::clone(&meter),
        };
        (metered, meter)
    }

    /// From here on, what is written are frames.
    pub fn begin_frames(&mut self) {
        self.frames = Some(Frames::default());
    }

    fn note<R>(&self, outcome: &Poll<R>) {
        self.meter
            .blocked
            .store(outcome.is_pending(), Ordering::Relaxed);
    }

    fn publish(&self) {
        if !self.stream.holds_back() {
            self.meter.texts.store(self.texts, Ordering::Release);
        }
        let bytes = self.stream.progress(self.bytes);
        self.meter.bytes.store(bytes, Ordering::Release);
    }

    /// Gives the stream what it may have; nothing before the kernel has all that it was given so far.
    fn give(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.stream.holds_back() {
            let flushed = Pin::new(&mut self.stream).poll_flush(context);
            self.publish();
            ready!(flushed)?;
        }
        let portion = bytes.len().min(self.stream.portion());
        let bytes = bytes.get(..portion).unwrap_or_default();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }
}

impl<S: Link> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: Link> AsyncWrite for Metered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.stream.peer_has_gone() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the peer has closed the connection",
            )));
        }
        let outcome = this.give(context, bytes);
        this.note(&outcome);
        let taken = ready!(outcome)?;
        if let Some(frames) = &mut this.frames {
            this.texts += frames.pass(bytes.get(..taken).unwrap_or_default());
            this.bytes += taken as u64;
            this.publish();
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let outcome = Pin::new(&mut this.stream).poll_flush(context);
        this.note(&outcome);
        this.publish();
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Where in the sequence of masked frames a stream is.
#[derive(Debug, Default)]
struct Frames {
    header: [u8; HEADER],
    header_length: usize,
    payload_left: u64,
}

/// Two bytes, eight of extended length, four of mask.
const HEADER: usize = 14;
const OPCODE: u8 = 0x0f;
const TEXT: u8 = 0x01;
const LENGTH: u8 = 0x7f;
const MASK: usize = 4;

impl Frames {
    /// Follows bytes that were taken; returns how many text frames they completed.
    fn pass(&mut self, mut bytes: &[u8]) -> u64 {
        let mut texts = 0;
        while let Some((&first, others)) = bytes.split_first() {
            if self.payload_left > 0 {
                let skipped = bytes
                    .len()
                    .min(usize::try_from(self.payload_left).unwrap_or(usize::MAX));
                self.payload_left -= skipped as u64;
                bytes = bytes.get(skipped..).unwrap_or_default();
                if self.payload_left == 0 {
                    texts += self.complete();
                }
                continue;
            }
            if let Some(place) = self.header.get_mut(self.header_length) {
                *place = first;
            }
            self.header_length += 1;
            bytes = others;
            if self.header_length == self.header_needed() {
                self.payload_left = self.payload();
                if self.payload_left == 0 {
                    texts += self.complete();
                }
            }
        }
        texts
    }

    fn complete(&mut self) -> u64 {
        self.header_length = 0;
        u64::from(self.header[0] & OPCODE == TEXT)
    }

    fn header_needed(&self) -> usize {
        if self.header_length < 2 {
            return 2;
        }
        2 + MASK
            + match self.header[1] & LENGTH {
                126 => 2,
                127 => 8,
                _ => 0,
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
mod tests {
    use super::*;

    fn frame(opcode: u8, length: usize) -> Vec<u8> {
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
            let texts: u64 = stream.chunks(piece).map(|bytes| frames.pass(bytes)).sum();
            assert_eq!(texts, 7, "in pieces of {piece}");
        }
    }

    #[test]
    fn control_frames_are_not_counted() {
        let stream: Vec<u8> = [frame(9, 0), frame(1, 3), frame(10, 4), frame(8, 2)].concat();
        assert_eq!(Frames::default().pass(&stream), 1);
    }

    #[test]
    fn a_frame_without_its_last_byte_does_not_count() {
        let stream = frame(1, 10);
        assert_eq!(Frames::default().pass(&stream[..stream.len() - 1]), 0);
    }

    /// A stream like TLS, over a kernel that takes as many bytes as it is told to.
    #[derive(Default)]
    struct Records {
        held: usize,
        kernel: usize,
        out: u64,
    }

    impl Records {
        fn pass(&mut self) -> Poll<io::Result<()>> {
            let passed = self.held.min(self.kernel);
            self.held -= passed;
            self.kernel -= passed;
            self.out += passed as u64;
            match self.held {
                0 => Poll::Ready(Ok(())),
                _ => Poll::Pending,
            }
        }
    }

    impl Link for Records {
        fn holds_back(&self) -> bool {
            self.held > 0
        }

        fn portion(&self) -> usize {
            10
        }

        fn progress(&self, _: u64) -> u64 {
            self.out
        }
    }

    impl AsyncRead for Records {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Records {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.held += bytes.len();
            let _ = self.pass();
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.pass()
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    /// Writes once; gives how much was taken.
    fn write(stream: &mut Metered<Records>, bytes: &[u8]) -> Option<usize> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(stream).poll_write(&mut context, bytes) {
            Poll::Ready(outcome) => Some(outcome.expect("a stream without errors")),
            Poll::Pending => None,
        }
    }

    #[test]
    fn of_tls_a_record_counts_as_soon_as_the_kernel_has_all_of_it() {
        let (mut stream, meter) = Metered::new(Records::default());
        stream.begin_frames();
        let frames = frame(1, 4).repeat(3);
        let mut rest = &frames[..];
        let mut step = |stream: &mut Metered<Records>, kernel| {
            stream.stream.kernel = kernel;
            let taken = write(stream, rest);
            rest = &rest[taken.unwrap_or_default()..];
            (taken, meter.texts(), meter.bytes())
        };
        assert_eq!(step(&mut stream, 9), (Some(10), 0, 9));
        // Nothing more is given to it before that is out.
        assert_eq!(step(&mut stream, 0), (None, 0, 9));
        assert_eq!(step(&mut stream, 1), (Some(10), 1, 10));
        assert_eq!(step(&mut stream, 9), (None, 1, 19));
        assert_eq!(step(&mut stream, 11), (Some(10), 3, 30));
    }
}
