//! Counts what the kernel has taken.
//!
//! A websocket library gathers frames in a buffer of its own, so it cannot say which messages of a lost connection had
//! left the process. The meter sits below that buffer and follows the frames as they go through, those that pass by the library
//! as well. TLS has a buffer of its own below, so it gets no more than one record at a time, and the next one when the kernel has
//! that: a peer can read nothing of a record before it has all of it.

#[cfg(test)]
mod tests;

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ahead::Ahead;
use super::frames::Frames;
use super::outgoing::Outgoing;

/// A stream that can tell whether its peer is still there.
pub trait Link: AsyncRead + AsyncWrite + Send + Unpin {
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

    /// From now on the runtime in which this is called watches it, instead of the one in which it was opened.
    ///
    /// # Errors
    /// The system refuses that.
    fn watch_here(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Bounds how long what was sent may stay unacknowledged.
    ///
    /// # Errors
    /// The system does not know how.
    fn bound_silence(&self, limit: Duration) -> io::Result<()> {
        let _ = limit;
        Ok(())
    }
}

impl Link for Box<dyn Link> {
    fn peer_has_gone(&self) -> bool {
        (**self).peer_has_gone()
    }

    fn holds_back(&self) -> bool {
        (**self).holds_back()
    }

    fn portion(&self) -> usize {
        (**self).portion()
    }

    fn progress(&self, given: u64) -> u64 {
        (**self).progress(given)
    }

    fn watch_here(&mut self) -> io::Result<()> {
        (**self).watch_here()
    }

    fn bound_silence(&self, limit: Duration) -> io::Result<()> {
        (**self).bound_silence(limit)
    }
}

/// What the kernel has taken of one connection.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    texts: AtomicU64,
    blocked: AtomicBool,
    /// What the next flush writes.
    outgoing: Mutex<Outgoing>,
}

impl Meter {
    /// Has text frames written by the next flush of the websocket, behind all that was given to it.
    pub fn put(&self, frames: Outgoing) {
        *self.outgoing() = frames;
    }

    /// What waits to be written, or the memory of frames that have gone out.
    pub fn take(&self) -> Outgoing {
        self.outgoing().take()
    }

    /// Keeps the memory of frames that have gone out for others.
    fn keep(&self, memory: Outgoing) {
        let mut outgoing = self.outgoing();
        if outgoing.is_empty() {
            *outgoing = memory;
        }
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

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

/// What RFC 6455 section 5.2 forbids and the websocket library lets pass.
#[derive(Debug, thiserror::Error)]
#[error("the length of a frame has more bytes than it needs")]
pub struct NotMinimal;

/// A stream with a [`Meter`]. It counts from the first byte of the websocket on: the upgrade request passes before.
pub struct Metered<S> {
    stream: S,
    frames: Option<Frames>,
    /// Those that come.
    incoming: Option<Frames>,
    /// What has come of them that the websocket had no room for.
    ahead: Ahead,
    /// They end before a frame whose length is not minimal.
    is_cut: bool,
    /// Texts and bytes that the stream was given.
    texts: u64,
    bytes: u64,
    /// Frames that are being written.
    outgoing: Outgoing,
    meter: Arc<Meter>,
}

impl<S: Link> Metered<S> {
    /// The stream itself.
    pub(super) fn stream(&self) -> &S {
        &self.stream
    }

    /// As [`Link::watch_here`].
    pub(super) fn watch_here(&mut self) -> io::Result<()> {
        self.stream.watch_here()
    }

    /// Whether the peer has closed or reset the connection, as far as the kernel knows at this moment.
    pub fn peer_has_gone(&self) -> bool {
        self.stream.peer_has_gone()
    }

    /// Wraps a stream whose first bytes are an HTTP request, ended by an empty line.
    pub fn new(stream: S) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        let metered = Self {
            stream,
            frames: None,
            incoming: None,
            ahead: Ahead::default(),
            is_cut: false,
            texts: 0,
            bytes: 0,
            outgoing: Outgoing::default(),
            meter: Arc::clone(&meter),
        };
        (metered, meter)
    }

    /// From here on, what is written and read are frames. `first` was read already; gives what the websocket may have of it.
    pub fn begin_frames(&mut self, mut first: Vec<u8>) -> Vec<u8> {
        self.frames = Some(Frames::default());
        self.incoming = Some(Frames::default());
        let length = check(&mut self.incoming, &mut self.is_cut, &first);
        first.truncate(length);
        first
    }

    fn note<R>(&self, outcome: &Poll<R>) {
        self.meter.blocked.store(outcome.is_pending(), Ordering::Relaxed);
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

    /// The same, with what becomes of it noted.
    fn write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.stream.peer_has_gone() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the peer has closed the connection",
            )));
        }
        let outcome = self.give(context, bytes);
        self.note(&outcome);
        let taken = ready!(outcome)?;
        if let Some(frames) = &mut self.frames {
            let bytes = bytes.get(..taken).unwrap_or_default();
            self.texts += frames.pass(bytes).texts;
            self.bytes += taken as u64;
            self.publish();
        }
        Poll::Ready(Ok(taken))
    }

    /// Writes the frames that pass by the websocket, which does not know of them when it answers a Close.
    fn write_outgoing(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut outgoing = self.outgoing.take();
        if !outgoing.is_empty() && self.frames.as_ref().is_some_and(Frames::have_closed) {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::BrokenPipe, "a Close has been sent")));
        }
        while !outgoing.is_empty() {
            match self.write(context, outgoing.rest()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(taken)) => outgoing.pass(taken),
                other => {
                    self.outgoing = outgoing;
                    return other.map_ok(drop);
                }
            }
        }
        self.meter.keep(outgoing);
        Poll::Ready(Ok(()))
    }
}

/// How much of what has come the websocket may have.
fn check(incoming: &mut Option<Frames>, is_cut: &mut bool, bytes: &[u8]) -> usize {
    let passed = incoming.as_mut().map(|frames| frames.pass(bytes));
    let not_minimal = passed.and_then(|passed| passed.not_minimal);
    *is_cut |= not_minimal.is_some();
    not_minimal.unwrap_or(bytes.len())
}

impl<S: Link> AsyncRead for Metered<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.incoming.is_none() {
            // What follows the head of the answer is told of in `begin_frames`.
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        if !this.ahead.is_empty() {
            this.ahead.hand_on(buffer);
            return Poll::Ready(Ok(()));
        }
        if this.is_cut {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, NotMinimal)));
        }
        // A peer may send without end what makes no message, such as empty fragments.
        if this.incoming.as_mut().is_some_and(Frames::are_many) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let check = |bytes: &[u8]| check(&mut this.incoming, &mut this.is_cut, bytes);
        match ready!(this.ahead.poll_read(&mut this.stream, context, buffer, check))? {
            true => Poll::Ready(Ok(())),
            // Without a byte it would be the end of the stream.
            false => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, NotMinimal))),
        }
    }
}

impl<S: Link> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        // What was begun first goes first, and a frame may not be cut.
        if !this.outgoing.is_empty() {
            ready!(this.write_outgoing(context))?;
        }
        this.write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // The websocket has written all of its frames by now.
        if this.outgoing.is_empty() {
            this.outgoing = this.meter.take();
        }
        ready!(this.write_outgoing(context))?;
        let outcome = Pin::new(&mut this.stream).poll_flush(context);
        this.note(&outcome);
        this.publish();
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
