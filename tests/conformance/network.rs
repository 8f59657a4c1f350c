//! The application's servers: they listen when the story says so, answer upgrade requests with the recorded bytes, and note
//! everything that the library sends.

mod binding;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio_rustls::rustls::ServerConfig;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::flood;
use super::frames::{self, CLOSE, FINAL, PING, PONG, TEXT};
use super::peer::{self, Input, Manners};
use super::story::{Item, Link, member};

/// What a server answers where the recording has no connection to take an answer from.
pub const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: <accept>\r\nSec-WebSocket-Protocol: ari\r\n\r\n";

/// More than fit into the queue of a listener that wants none.
const IN_A_FULL_QUEUE: usize = 3;

/// All servers of one replay.
pub struct Network {
    state: Mutex<State>,
    changed: Condvar,
    pub links: Vec<Link>,
    /// How its servers speak TLS, if they do.
    tls: Option<Arc<ServerConfig>>,
    /// Connections that the recording does not have behave like the last recorded one on their port.
    begun: bool,
    created: Instant,
}

/// What the servers know.
#[derive(Default)]
pub struct State {
    /// The connections that the library made, in the order in which they were accepted.
    pub peers: Vec<Peer>,
    /// The numbers of the events of a flood that have arrived, with the places of their connections.
    pub flood: Vec<(usize, usize)>,
    pub manners: Manners,
    servers: BTreeMap<u16, Server>,
}

/// A connection that the library made.
pub struct Peer {
    /// The recorded port of the server.
    pub port: u16,
    /// The upgrade request.
    pub head: String,
    /// What came after it.
    pub items: Vec<Item>,
    /// How long after the beginning of the replay it was accepted.
    pub accepted: Duration,
    /// The upgrade was answered with 101, since then.
    pub up: Option<Instant>,
    /// The library closed it.
    pub closed: bool,
    /// Which recorded connection it stands for.
    pub link: Option<usize>,
    stream: Option<Arc<TcpStream>>,
}

/// A port that is held for the whole replay, so that nobody else listens on it while the server does not.
struct Server {
    port: u16,
    _held: Socket,
    listening: Option<(Socket, JoinHandle<()>)>,
    /// A listener whose queue is full, and what it is full of.
    full: Vec<Socket>,
}

impl Network {
    pub fn new(links: Vec<Link>, begun: bool, tls: Option<Arc<ServerConfig>>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            links,
            tls,
            begun,
            created: Instant::now(),
        })
    }

    /// Holds a port for a recorded one. Nobody listens on it yet.
    pub fn hold(&self, recorded: u16) -> io::Result<u16> {
        let held = socket(0)?;
        let port = held
            .local_addr()?
            .as_socket()
            .map(|address| address.port())
            .unwrap_or_default();
        self.lock().servers.insert(
            recorded,
            Server {
                port,
                _held: held,
                listening: None,
                full: Vec::new(),
            },
        );
        Ok(port)
    }

    /// Begins to listen.
    pub fn listen(self: &Arc<Self>, recorded: u16) -> io::Result<()> {
        let mut state = self.lock();
        let Some(server) = state.servers.get_mut(&recorded) else {
            return Err(io::Error::other(format!("no port stands for {recorded}")));
        };
        let listener = socket(server.port)?;
        listener.listen(128)?;
        let accepting: std::net::TcpListener = listener.try_clone()?.into();
        let network = Arc::clone(self);
        let thread = thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let network = Arc::clone(&network);
                thread::spawn(move || {
                    let stream = match &network.tls {
                        Some(config) => peer::plain(stream, Arc::clone(config)),
                        None => Ok(stream),
                    };
                    // Without a stream nothing can be served; the library notices that.
                    stream.map(|stream| network.serve(recorded, stream))
                });
            }
        });
        server.listening = Some((listener, thread));
        Ok(())
    }

    /// Listens, but accepts nothing: what comes when the queue is full gets no answer at all.
    pub fn fall_silent(&self, recorded: u16) -> io::Result<()> {
        let mut state = self.lock();
        let Some(server) = state.servers.get_mut(&recorded) else {
            return Err(io::Error::other(format!("no port stands for {recorded}")));
        };
        let listener = socket(server.port)?;
        listener.listen(0)?;
        let address = listener.local_addr()?;
        server.full.push(listener);
        for _ in 0..IN_A_FULL_QUEUE {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
            socket.set_nonblocking(true)?;
            // The first is queued, the others get no answer either.
            let _ = socket.connect(&address);
            server.full.push(socket);
        }
        Ok(())
    }

    /// Stops listening; connections stay.
    pub fn stop_listening(&self, recorded: u16) {
        let listening = self
            .lock()
            .servers
            .get_mut(&recorded)
            .and_then(|server| server.listening.take());
        if let Some((listener, thread)) = listening {
            // Wakes the thread; a listener that is broken has no thread to wake.
            let _ = listener.shutdown(Shutdown::Both);
            let _ = thread.join();
        }
    }

    /// Stops everything.
    pub fn end(&self) {
        let ports: Vec<u16> = self.lock().servers.keys().copied().collect();
        for port in ports {
            self.stop_listening(port);
        }
        self.lock().manners.deaf.clear();
        self.touch();
        for peer in &self.lock().peers {
            if let Some(stream) = &peer.stream {
                // Ends its thread, unless that has ended.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is so; whether it is in time.
    pub fn wait(&self, longest: Duration, wanted: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + longest;
        let mut state = self.lock();
        while !wanted(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        true
    }

    /// Lets those who wait look again.
    pub fn touch(&self) {
        self.changed.notify_all();
    }

    /// The stream of the connection that stands for a recorded one.
    pub fn stream(&self, link: usize) -> Option<Arc<TcpStream>> {
        self.lock().peer(link).and_then(|peer| peer.stream.clone())
    }

    /// Ends a connection as a process that is killed does: closing what has no time to linger resets it.
    pub fn reset(&self, link: usize) {
        let mut state = self.lock();
        let stream = state
            .peers
            .iter_mut()
            .find(|peer| peer.link == Some(link))
            .and_then(|peer| peer.stream.take());
        if let Some(stream) = stream {
            // A stream that is closed already cannot be told.
            let _ = SockRef::from(stream.as_ref()).set_linger(Some(Duration::ZERO));
            // Its thread wakes and lets go of it.
            let _ = stream.shutdown(Shutdown::Read);
        }
    }

    /// One connection, from the accepting to its end.
    fn serve(&self, port: u16, stream: TcpStream) {
        let stream = Arc::new(stream);
        // Small answers are to leave at once; without it they only leave later.
        let _ = stream.set_nodelay(true);
        let index = self.accepted(port, &stream);
        let mut input = stream.as_ref();
        if self.tls.is_none() && peer::begins_with_tls(&stream).unwrap_or_default() {
            self.greeted(index, &stream);
        }
        let served = head(&mut input).and_then(|head| {
            let link = self.asked(index, &head);
            self.answer(index, link, &head, &stream)?;
            self.read(index, &stream)
        });
        if let Err(error) = served
            && error.kind() == io::ErrorKind::InvalidData
        {
            self.note(index, Item::Fault(error.to_string()));
        }
        if self.lock().peers[index].stream.is_some() {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
        // One that is to be reset is reset now.
        drop(stream);
        self.lock().peers[index].closed = true;
        self.touch();
    }

    fn accepted(&self, port: u16, stream: &Arc<TcpStream>) -> usize {
        let mut state = self.lock();
        state.peers.push(Peer {
            port,
            head: String::new(),
            items: Vec::new(),
            accepted: self.created.elapsed(),
            up: None,
            closed: false,
            link: None,
            stream: Some(Arc::clone(stream)),
        });
        let index = state.peers.len() - 1;
        state.bind(index, &self.links, None);
        drop(state);
        self.touch();
        index
    }

    /// Notes the upgrade request; gives the recorded connection to behave like.
    fn asked(&self, index: usize, head: &str) -> Option<Link> {
        let mut state = self.lock();
        state.peers[index].head = head.to_owned();
        let silent = state.peers[index].link.take();
        state.bind(index, &self.links, Some(head));
        // One that never asked, because its server did not wait for that, was made before those that did.
        let made = |link: Option<usize>| {
            link.and_then(|link| self.links[link].made)
                .unwrap_or(f64::INFINITY)
        };
        if made(silent) < made(state.peers[index].link) {
            state.peers[index].link = silent;
        }
        let (port, link) = (state.peers[index].port, state.peers[index].link);
        drop(state);
        self.touch();
        let alike = || {
            self.links
                .iter()
                .rev()
                .find(|link| link.port == port && link.request.is_some())
        };
        match link {
            Some(link) => self.links.get(link).cloned(),
            None => alike().cloned(),
        }
    }

    fn answer(
        &self,
        index: usize,
        link: Option<Link>,
        head: &str,
        mut stream: &TcpStream,
    ) -> io::Result<()> {
        let (answers, beside) = match link {
            Some(link) if link.made.is_some() => (link.answers, link.beside),
            _ => (vec![(Duration::ZERO, ACCEPTED.to_owned())], Vec::new()),
        };
        let asked = Instant::now();
        for (after, answer) in answers {
            // The application takes its time; the library may give up meanwhile.
            let left = after.saturating_sub(asked.elapsed());
            if left > Duration::from_millis(20)
                && self.wait(left, |state| state.peers[index].closed)
            {
                return Ok(());
            }
            let accepts = answer.starts_with("HTTP/1.1 101");
            let mut bytes = peer::latin1(&accepting(&answer, head));
            if accepts {
                bytes.extend(&beside);
            }
            stream.write_all(&bytes)?;
            if accepts {
                self.lock().peers[index].up = Some(Instant::now());
                self.touch();
            }
        }
        Ok(())
    }

    fn read(&self, index: usize, stream: &TcpStream) -> io::Result<()> {
        let mut output = stream;
        let mut input = Input {
            network: self,
            index,
            stream,
            left: 0,
        };
        loop {
            self.listen_to(index);
            let frame = frames::read(&mut input)?;
            if let Some(fault) = frame.fault {
                self.note(index, Item::Fault(fault.to_owned()));
            }
            match frame.opcode {
                TEXT => match String::from_utf8(frame.payload) {
                    Ok(text) => self.note(index, Item::text(text)),
                    Err(_) => self.note(index, Item::Fault("a text that is not UTF-8".to_owned())),
                },
                // The library's own way to learn what has arrived; Asterisk never pings.
                PING => self.pong(index, stream, &frames::frame(FINAL | PONG, &frame.payload)),
                PONG => self.note(index, Item::Pong(frames::hexadecimal(&frame.payload))),
                CLOSE => {
                    let code = frame
                        .payload
                        .first_chunk()
                        .map(|code| u16::from_be_bytes(*code));
                    self.note(index, Item::Close(code));
                    if self.answers_close(index) {
                        output.write_all(&frames::frame(FINAL | CLOSE, &frame.payload))?;
                        // The server closes first (RFC 6455 section 7.1.1).
                        stream.shutdown(Shutdown::Write)?;
                    }
                }
                opcode => self.note(index, Item::Fault(format!("a frame with opcode {opcode}"))),
            }
        }
    }

    /// Whether the server answers a Close on this connection. Of one whose Close was not recorded nobody knows.
    fn answers_close(&self, index: usize) -> bool {
        let link = self.lock().peers[index]
            .link
            .and_then(|link| self.links.get(link));
        link.is_none_or(|link| {
            link.answers_close
                || !link
                    .items
                    .iter()
                    .any(|(_, item)| matches!(item, Item::Close(_)))
        })
    }

    pub fn note(&self, index: usize, item: Item) {
        let mut state = self.lock();
        if let Some(number) = flood::number(&item) {
            state.flood.push((index, number));
            drop(state);
            return self.touch();
        }
        if let Item::Event(text) = &item
            && !state.peers[index]
                .items
                .iter()
                .any(|item| matches!(item, Item::Event(_)))
        {
            state.recognize(index, &self.links, member(text, "application"), self.begun);
        }
        state.peers[index].items.push(item);
        drop(state);
        self.touch();
    }
}

impl State {
    /// How many sockets of this process lead to its servers: the library's connections, as far as it has not closed them, and
    /// what full queues are full of.
    pub fn open(&self) -> usize {
        let connections = self.peers.iter().filter(|peer| !peer.closed).count();
        let full = self.servers.values().map(|server| server.full.len());
        connections + full.sum::<usize>()
    }

    /// The connection that stands for a recorded one.
    pub fn peer(&self, link: usize) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.link == Some(link))
    }
}

fn socket(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

/// Reads up to the blank line.
fn head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
        if head.len() > 100_000 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "an upgrade request without an end",
            ));
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A recorded answer with the key for this request.
fn accepting(answer: &str, head: &str) -> String {
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
    answer.replace(
        "<accept>",
        &derive_accept_key(key.unwrap_or_default().as_bytes()),
    )
}
