//! Streams in memory that break, stall and split, in the place of the network.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::dice::Dice;
use crate::net::Link;

/// What either side may have on the way.
const CAPACITY: usize = 4096;

/// One direction.
#[derive(Default)]
struct Way {
    bytes: VecDeque<u8>,
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

struct State {
    /// To the server, and back.
    ways: [Way; 2],
    is_reset: bool,
    is_stalled: bool,
    /// The most that passes at once; none if all does.
    pieces: Option<Dice>,
}

/// Both directions of a stream.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<State>>);

/// One end of a stream.
pub(super) struct End {
    wire: Wire,
    /// The direction that it writes to.
    out: usize,
}

impl Wire {
    pub(super) fn new(pieces: Option<Dice>) -> Self {
        Self(Arc::new(Mutex::new(State {
            ways: Default::default(),
            is_reset: false,
            is_stalled: false,
            pieces,
        })))
    }

    /// The ends of the client and of the server.
    pub(super) fn ends(&self) -> (End, End) {
        let end = |out| End { wire: self.clone(), out };
        (end(0), end(1))
    }

    /// Both ends learn that it is broken; what is on the way is lost.
    pub(super) fn reset(&self) {
        let mut state = self.state();
        state.is_reset = true;
        for way in &mut state.ways {
            way.bytes.clear();
        }
        wake(state);
    }

    /// Nothing passes any more, or all of it does again.
    pub(super) fn stall(&self, is_stalled: bool) {
        let mut state = self.state();
        state.is_stalled = is_stalled;
        wake(state);
    }

    /// Whether the client has left it.
    pub(super) fn is_left(&self) -> bool {
        self.state().ways[0].is_closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let mut wakers = Vec::new();
    for way in &mut state.ways {
        wakers.extend(way.reader.take());
        wakers.extend(way.writer.take());
    }
    drop(state);
    wakers.into_iter().for_each(Waker::wake);
}

impl State {
    /// How much of so many bytes passes at once.
    fn piece(&mut self, length: usize) -> usize {
        let Some(dice) = &mut self.pieces else {
            return length;
        };
        let most = 1 + dice.index(40);
        if dice.chance(50) { length.min(most) } else { length }
    }
}

fn broken() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut state = self.wire.state();
        let way = 1 - self.out;
        if state.is_reset {
            return Poll::Ready(Err(broken()));
        }
        let is_empty = state.ways[way].bytes.is_empty();
        if state.is_stalled || is_empty && !state.ways[way].is_closed {
            state.ways[way].reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let length = buffer.remaining().min(state.ways[way].bytes.len());
        let length = state.piece(length);
        for byte in state.ways[way].bytes.drain(..length) {
            buffer.put_slice(&[byte]);
        }
        let writer = state.ways[way].writer.take();
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.wire.state();
        if state.is_reset || state.ways[self.out].is_closed {
            return Poll::Ready(Err(broken()));
        }
        let room = CAPACITY - state.ways[self.out].bytes.len();
        if room == 0 {
            state.ways[self.out].writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let length = state.piece(bytes.len().min(room));
        state.ways[self.out].bytes.extend(&bytes[..length]);
        let reader = state.ways[self.out].reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.wire.state().is_reset {
            true => Poll::Ready(Err(broken())),
            false => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.wire.state();
        state.ways[self.out].is_closed = true;
        wake(state);
        Poll::Ready(Ok(()))
    }
}

impl Link for End {
    fn peer_has_gone(&self) -> bool {
        let state = self.wire.state();
        let way = &state.ways[1 - self.out];
        state.is_reset || way.is_closed && way.bytes.is_empty() && !state.is_stalled
    }
}

/// Who drops an end without a word leaves unread bytes: the system resets the connection then.
impl Drop for End {
    fn drop(&mut self) {
        let mut state = self.wire.state();
        if !state.ways[1 - self.out].bytes.is_empty() {
            state.is_reset = true;
        }
        state.ways[self.out].is_closed = true;
        wake(state);
    }
}
