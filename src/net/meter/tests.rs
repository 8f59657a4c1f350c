//! What the kernel took of what was written, and turns that are left to others.

use super::*;
use crate::net::frames::tests::frame;

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
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Records {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
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

/// A peer that sends empty fragments without end.
struct Fragments;

impl Link for Fragments {}

impl AsyncRead for Fragments {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buffer.remaining() / 2 * 2;
        buffer.put_slice(&vec![0; room]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Fragments {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[test]
fn a_peer_that_sends_fragments_without_end_leaves_others_their_turn() {
    let (mut stream, _) = Metered::new(Fragments);
    drop(stream.begin_frames(Vec::new()));
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut turn = || {
        let reads = (0..10_000).take_while(|_| {
            let mut room = [0; 256];
            let read = Pin::new(&mut stream).poll_read(&mut context, &mut ReadBuf::new(&mut room));
            read.is_ready()
        });
        reads.count()
    };
    for _ in 0..3 {
        // What was read ahead.
        assert_eq!(turn(), (16 << 10) / 256);
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

fn flush(stream: &mut Metered<Records>) -> Poll<io::Result<()>> {
    let mut context = Context::from_waker(std::task::Waker::noop());
    Pin::new(stream).poll_flush(&mut context)
}

#[test]
fn frames_that_pass_by_the_websocket_are_not_cut_by_those_that_it_writes() {
    let (mut stream, meter) = Metered::new(Records::default());
    drop(stream.begin_frames(Vec::new()));
    let mut frames = Outgoing::default();
    assert!(frames.push("text") && frames.push("text"));
    meter.put(frames);
    stream.stream.kernel = 5;
    assert!(flush(&mut stream).is_pending());
    let pong = frame(10, 0);
    assert_eq!(write(&mut stream, &pong), None);
    stream.stream.kernel = 100;
    assert_eq!(write(&mut stream, &pong), Some(pong.len()));
    assert!(matches!(flush(&mut stream), Poll::Ready(Ok(()))));
    assert_eq!((meter.texts(), meter.bytes()), (2, 2 * 10 + pong.len() as u64));
}

#[test]
fn nothing_goes_out_behind_a_close() {
    let (mut stream, meter) = Metered::new(Records::default());
    drop(stream.begin_frames(Vec::new()));
    stream.stream.kernel = 100;
    let close = frame(8, 2);
    assert_eq!(write(&mut stream, &close), Some(close.len()));
    assert!(matches!(flush(&mut stream), Poll::Ready(Ok(()))));
    let mut frames = Outgoing::default();
    assert!(frames.push("text"));
    meter.put(frames);
    assert!(matches!(flush(&mut stream), Poll::Ready(Err(_))));
    assert_eq!((meter.texts(), meter.bytes()), (0, close.len() as u64));
}

#[test]
fn of_tls_a_record_counts_as_soon_as_the_kernel_has_all_of_it() {
    let (mut stream, meter) = Metered::new(Records::default());
    drop(stream.begin_frames(Vec::new()));
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
