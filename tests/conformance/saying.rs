//! What applications send.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::network::{Network, Peer};
use super::story::{Ending, Said};

impl Said {
    /// Sends it, as soon as there is a connection to send it on.
    pub fn send(&self, network: &Network, patience: Duration) {
        let only_ends = self.then.is_some() && self.bytes.is_empty();
        let is_there = |peer: &Peer| only_ends || peer.up;
        network.wait(patience, |state| state.peer(self.link).is_some_and(is_there));
        // No other frame may be sent while one is.
        let begin = |peer: &mut Peer| {
            peer.held.get_or_insert_default();
            peer.stream.clone()
        };
        let Some(stream) = network.change(self.link, begin).flatten() else {
            return;
        };
        // A connection that is gone shows in what it has not sent.
        let _ = self.write(network, &stream);
        if self.then == Some(Ending::Rst) {
            drop(stream);
            network.reset(self.link);
            // What comes next comes after the reset.
            let gone = |peer: &Peer| peer.closed;
            network.wait(patience, |state| state.peer(self.link).is_none_or(gone));
        } else if self.unfinished != Some(true) {
            let held = network.change(self.link, |peer| peer.held.take());
            let _ = (&*stream).write_all(&held.flatten().unwrap_or_default());
        }
    }

    fn write(&self, network: &Network, mut stream: &TcpStream) -> std::io::Result<()> {
        if self.then == Some(Ending::Fin) && !self.bytes.is_empty() {
            // The end in the same segment.
            SockRef::from(stream).set_tcp_cork(true)?;
        }
        match self.pieces {
            None => stream.write_all(&self.bytes)?,
            Some((size, pause)) => {
                for piece in self.bytes.chunks(size.max(1)) {
                    network.pause(Duration::from_secs_f64(pause / 1000.0));
                    stream.write_all(piece)?;
                }
            }
        }
        if self.then == Some(Ending::Fin) {
            stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }
}
