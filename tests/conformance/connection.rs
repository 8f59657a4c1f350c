//! One connection of a server, from the accepting to its end: it answers the upgrade request with the recorded bytes, and notes
//! everything that the library sends.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::frames::{self, CLOSE, PING, PONG, TEXT};
use super::network::Network;
use super::story::{Item, Link};

/// What a server answers where the recording has no connection to take an answer from.
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: <accept>\r\nSec-WebSocket-Protocol: ari\r\n\r\n";
/// The first byte of a TLS record that begins a handshake.
const HANDSHAKE: u8 = 0x16;
/// How long a server that has stopped reading stays so at most.
const DEAF: Duration = Duration::from_secs(60);
/// What a slow reader reads at a time, and how often.
const SLOWLY: (usize, Duration) = (4096, Duration::from_millis(20));
/// Pauses of a server that are shorter are none.
const SHORT: Duration = Duration::from_millis(20);

pub fn serve(network: &Network, port: u16, stream: TcpStream) {
    let stream = match &network.tls {
        Some(config) => plain(stream, Arc::clone(config)),
        None => Ok(stream),
    };
    // Without a stream nothing can be served; the library notices that.
    let Ok(stream) = stream.map(Arc::new) else {
        return;
    };
    // Small answers are to leave at once; without it they only leave later.
    let _ = stream.set_nodelay(true);
    let index = network.accepted(port, &stream);
    let connection = Connection {
        network,
        index,
        stream: &stream,
    };
    if let Err(error) = connection.serve()
        && error.kind() == io::ErrorKind::InvalidData
    {
        network.note(index, Item::Fault(error.to_string()));
    }
    if network.lock().peers[index].stream.is_some() {
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }
    // One that is to be reset is reset now.
    drop(stream);
    network.lock().peers[index].closed = true;
    network.touch();
}

struct Connection<'a> {
    network: &'a Network,
    /// Its place.
    index: usize,
    stream: &'a TcpStream,
}

impl Connection<'_> {
    fn serve(&self) -> io::Result<()> {
        let mut first = [0];
        if self.network.tls.is_none() && self.stream.peek(&mut first)? == 1 && first[0] == HANDSHAKE {
            self.greeted();
        }
        let head = head(&mut &*self.stream)?;
        let link = self.network.asked(self.index, &head);
        self.answer(link, &head)?;
        self.read()
    }

    /// The recorded connection that this one stands for.
    fn link(&self) -> Option<&Link> {
        let link = self.network.lock().peers[self.index].link;
        link.and_then(|link| self.network.links.get(link))
    }

    /// The library begins with TLS, which the server does not speak. Only some recorders noted it.
    fn greeted(&self) {
        let Some(link) = self.link() else { return };
        let mut items = link.items.iter();
        if items.any(|(_, item)| item.summary() == "Hello") {
            self.network.note(self.index, Item::Hello(()));
            for (_, answer) in &link.answers {
                self.write(answer.as_bytes());
            }
        }
    }

    fn answer(&self, link: Option<&Link>, head: &str) -> io::Result<()> {
        let recorded = link.filter(|link| link.made.is_some());
        let accepted = [(0.0, ACCEPTED.to_owned())];
        let answers = recorded.map_or(accepted.as_slice(), |link| link.answers.as_slice());
        let mut beside = recorded.map_or(&[][..], |link| link.beside.as_slice());
        let asked = Instant::now();
        for (after, answer) in answers {
            // The application takes its time; the library may give up meanwhile.
            let left = Duration::from_secs_f64(after / 1000.0).saturating_sub(asked.elapsed());
            let index = self.index;
            if left > SHORT && self.network.wait(left, |state| state.peers[index].closed) {
                return Ok(());
            }
            let accepts = answer.starts_with("HTTP/1.1 101");
            let mut bytes = latin1(&accepting(answer, head));
            if accepts {
                bytes.extend(std::mem::take(&mut beside));
            }
            (&*self.stream).write_all(&bytes)?;
            self.network.lock().peers[index].up |= accepts;
            self.network.touch();
        }
        Ok(())
    }

    fn read(&self) -> io::Result<()> {
        let mut input = Input {
            connection: self,
            left: 0,
        };
        loop {
            self.network.wait(DEAF, |state| !state.peers[self.index].deaf);
            let frame = frames::read(&mut input)?;
            if let Some(fault) = frame.fault {
                self.note(Item::Fault(fault.to_owned()));
            }
            match frame.opcode {
                TEXT => self.note(match String::from_utf8(frame.payload) {
                    Ok(text) => Item::text(text),
                    Err(_) => Item::Fault("a text that is not UTF-8".to_owned()),
                }),
                // The library's own way to learn what has arrived; Asterisk never pings.
                PING => self.pong(&frames::control(PONG, &frame.payload)),
                PONG => self.note(Item::Pong(frames::hexadecimal(&frame.payload))),
                CLOSE => {
                    let code = frame.payload.first_chunk();
                    self.note(Item::Close(code.map(|code| u16::from_be_bytes(*code))));
                    // Whether one whose Close was not recorded would be answered nobody knows.
                    let closes = |link: &Link| link.items.iter().any(|(_, item)| item.is_close());
                    if self.link().is_none_or(|link| link.answers_close || !closes(link)) {
                        (&*self.stream).write_all(&frames::control(CLOSE, &frame.payload))?;
                        // The server closes first (RFC 6455 section 7.1.1).
                        self.stream.shutdown(Shutdown::Write)?;
                    }
                }
                opcode => self.note(Item::Fault(format!("a frame with opcode {opcode}"))),
            }
        }
    }

    fn note(&self, item: Item) {
        self.network.note(self.index, item);
    }

    /// Sends a pong, now or when the frame that is being sent is over.
    fn pong(&self, frame: &[u8]) {
        match &mut self.network.lock().peers[self.index].held {
            Some(held) => held.extend(frame),
            None => self.write(frame),
        }
    }

    /// Writes to a library that may be gone; a server that has said its last word still hears the rest.
    fn write(&self, bytes: &[u8]) {
        let _ = (&*self.stream).write_all(bytes);
    }
}

/// Reads from a connection, slowly if it must be.
struct Input<'a> {
    connection: &'a Connection<'a>,
    /// How many bytes may be read before the next pause.
    left: usize,
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (network, index) = (self.connection.network, self.connection.index);
        let mut stream = self.connection.stream;
        if !network.lock().peers[index].slow {
            return stream.read(buffer);
        }
        if self.left == 0 {
            thread::sleep(SLOWLY.1);
            self.left = SLOWLY.0;
        }
        let most = self.left.min(buffer.len());
        let read = stream.read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

/// How long a slow reader takes for so many bytes at least.
pub fn slowly(length: usize) -> Duration {
    SLOWLY.1.mul_f64((length / SLOWLY.0) as f64)
}

/// Reads up to the blank line.
fn head(stream: &mut impl Read) -> io::Result<String> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
        if head.len() > 100_000 {
            let endless = "an upgrade request without an end";
            return Err(io::Error::new(io::ErrorKind::InvalidData, endless));
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A recorded answer with the key for this request.
fn accepting(answer: &str, head: &str) -> String {
    let mut lines = head.lines();
    let key = lines.find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    answer.replace("<accept>", &derive_accept_key(key.unwrap_or_default().as_bytes()))
}

/// The bytes of an answer; frames that came with it were recorded as characters.
fn latin1(text: &str) -> Vec<u8> {
    let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
    bytes.unwrap_or_else(|_| text.as_bytes().to_vec())
}

/// The plain side of a connection that is under TLS. If the handshake fails it ends.
fn plain(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<TcpStream> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    let (far, _) = listener.accept()?;
    for stream in [&far, &stream] {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
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
