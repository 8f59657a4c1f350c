//! What a server does with one of its connections besides what every server does: it leaves frames unfinished, stops reading,
//! reads slowly, speaks TLS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::network::Network;
use super::story::{Item, Link};

/// The first byte of a TLS record that begins a handshake.
const HANDSHAKE: u8 = 0x16;
/// How long a server that has stopped reading stays so at most.
const DEAF: Duration = Duration::from_secs(60);
/// What a slow reader reads at a time, and how often.
const SLOWLY: (usize, Duration) = (4096, Duration::from_millis(20));

/// How servers behave on single connections, by their places.
#[derive(Default)]
pub struct Manners {
    /// Pongs that wait for the end of a frame that is being sent.
    held: BTreeMap<usize, Vec<u8>>,
    /// Connections on which nothing is read.
    pub deaf: BTreeSet<usize>,
    /// Those that are read slowly.
    slow: BTreeSet<usize>,
}

impl Network {
    /// A frame begins to be sent: no other may be sent meanwhile.
    pub fn begin_frame(&self, link: usize) {
        let mut state = self.lock();
        if let Some(index) = state.peers.iter().position(|peer| peer.link == Some(link)) {
            state.manners.held.entry(index).or_default();
        }
    }

    /// It is sent.
    pub fn end_frame(&self, link: usize, mut stream: &TcpStream) {
        let mut state = self.lock();
        if let Some(index) = state.peers.iter().position(|peer| peer.link == Some(link))
            && let Some(held) = state.manners.held.remove(&index)
        {
            // A connection that is gone needs no pongs.
            let _ = stream.write_all(&held);
        }
    }

    /// Sends a pong, now or when the frame that is being sent is over.
    pub fn pong(&self, index: usize, mut stream: &TcpStream, frame: &[u8]) {
        let mut state = self.lock();
        match state.manners.held.get_mut(&index) {
            Some(held) => held.extend(frame),
            // A server that has said its last word still hears the rest.
            None => drop(stream.write_all(frame)),
        }
    }

    /// The server stops reading on a connection, or reads again.
    pub fn set_deaf(&self, link: usize, deaf: bool) {
        let mut state = self.lock();
        let index = state.peers.iter().position(|peer| peer.link == Some(link));
        if let Some(index) = index {
            if deaf {
                state.manners.deaf.insert(index);
            } else {
                state.manners.deaf.remove(&index);
            }
        }
        drop(state);
        self.touch();
    }

    /// The server reads slowly from now on.
    pub fn set_slow(&self, link: usize) {
        let mut state = self.lock();
        if let Some(index) = state.peers.iter().position(|peer| peer.link == Some(link)) {
            state.manners.slow.insert(index);
        }
    }

    /// The server reads every connection as fast as it can again.
    pub fn read_quickly(&self) {
        self.lock().manners.slow.clear();
    }

    /// The library begins with TLS, which the server does not speak. Only some recorders noted it.
    pub fn greeted(&self, index: usize, mut stream: &TcpStream) {
        let link = self.lock().peers[index].link;
        let expects = |link: &Link| link.items.iter().any(|(_, item)| item.summary() == "Hello");
        let Some(link) = link
            .map(|link| &self.links[link])
            .filter(|link| expects(link))
        else {
            return;
        };
        self.note(index, Item::Hello);
        for (_, answer) in &link.answers {
            // The library may be gone.
            let _ = stream.write_all(answer.as_bytes());
        }
    }

    /// Waits until the server reads on a connection.
    pub fn listen_to(&self, index: usize) {
        self.wait(DEAF, |state| !state.manners.deaf.contains(&index));
    }
}

/// Reads from a connection, slowly if it must be.
pub struct Input<'a> {
    pub network: &'a Network,
    /// The place of the connection.
    pub index: usize,
    pub stream: &'a TcpStream,
    /// How many bytes may be read before the next pause.
    pub left: usize,
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.network.lock().manners.slow.contains(&self.index) {
            return self.stream.read(buffer);
        }
        if self.left == 0 {
            let (size, pause) = SLOWLY;
            thread::sleep(pause);
            self.left = size;
        }
        let most = self.left.min(buffer.len());
        let read = self.stream.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

/// How long a slow reader takes for so many bytes at least.
pub fn slowly(length: usize) -> Duration {
    let (size, pause) = SLOWLY;
    pause.mul_f64((length / size) as f64)
}

/// Whether a client begins with TLS.
pub fn begins_with_tls(stream: &TcpStream) -> io::Result<bool> {
    let mut first = [0];
    Ok(stream.peek(&mut first)? == 1 && first[0] == HANDSHAKE)
}

/// The plain side of a connection that is under TLS. If the handshake fails it ends.
pub fn plain(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TcpStream> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    far.set_nodelay(true)?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || {
        runtime.block_on(async move {
            let stream = tokio::net::TcpStream::from_std(stream)?;
            let mut far = tokio::net::TcpStream::from_std(far)?;
            let mut tls = TlsAcceptor::from(config).accept(stream).await?;
            tokio::io::copy_bidirectional(&mut tls, &mut far).await
        })
    });
    Ok(near)
}

/// The bytes of an answer; frames that came with it were recorded as characters.
pub fn latin1(text: &str) -> Vec<u8> {
    let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    bytes.unwrap_or_else(|_| text.as_bytes().to_vec())
}
