//! The application's servers: they listen when the story says so, and know of every connection which recorded one it stands for
//! and what the library sent on it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio_rustls::rustls::ServerConfig;

use super::connection;
use super::normal::{Ports, identity};
use super::story::{Item, Link, Story};

/// More than fit into the queue of a listener that wants none.
const IN_A_FULL_QUEUE: usize = 3;

/// All servers of one replay.
pub struct Network {
    state: Mutex<State>,
    changed: Condvar,
    pub links: Vec<Link>,
    pub ports: Ports,
    /// How its servers speak TLS, if they do.
    pub tls: Option<Arc<ServerConfig>>,
    /// Connections that the recording does not have behave like the last recorded one on their port.
    begun: bool,
    created: Instant,
}

/// What the servers know.
pub struct State {
    /// The connections that the library made, in the order in which they were accepted.
    pub peers: Vec<Peer>,
    servers: BTreeMap<u16, Server>,
}

/// A connection that the library made.
#[derive(Default)]
pub struct Peer {
    /// The recorded port of the server.
    pub port: u16,
    /// The upgrade request.
    pub head: String,
    /// What came after it.
    pub items: Vec<Item>,
    /// The numbers of the events of a flood that came.
    pub flood: Vec<usize>,
    /// How long after the beginning of the replay it was accepted.
    pub accepted: Duration,
    /// The upgrade was answered with 101.
    pub up: bool,
    /// The library closed it.
    pub closed: bool,
    /// Which recorded connection it stands for.
    pub link: Option<usize>,
    pub stream: Option<Arc<TcpStream>>,
    /// Nothing is read.
    pub deaf: bool,
    /// It is read slowly.
    pub slow: bool,
    /// Pongs that wait for the end of a frame that is being sent.
    pub held: Option<Vec<u8>>,
}

/// A port that is held for the whole replay, so that nobody else listens on it while the server does not.
struct Server {
    _holder: Socket,
    listening: Option<(Socket, JoinHandle<()>)>,
    /// A listener whose queue is full, and what it is full of.
    full: Vec<Socket>,
}

impl Network {
    /// Servers that hold a port for each recorded one. None of them listens yet.
    pub fn new(story: &Story, tls: Option<Arc<ServerConfig>>) -> io::Result<Arc<Self>> {
        let (mut servers, mut ports) = (BTreeMap::new(), BTreeMap::new());
        for recorded in &story.ports {
            let holder = socket(0)?;
            let held = TcpListener::from(holder.try_clone()?).local_addr()?;
            ports.insert(*recorded, held.port());
            let server = Server {
                _holder: holder,
                listening: None,
                full: Vec::new(),
            };
            servers.insert(*recorded, server);
        }
        let state = State {
            peers: Vec::new(),
            servers,
        };
        Ok(Arc::new(Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            links: story.links.clone(),
            ports: Ports(ports),
            tls,
            begun: story.begun,
            created: Instant::now(),
        }))
    }

    fn bound(&self, recorded: u16) -> io::Result<Socket> {
        let held = self.ports.0.get(&recorded);
        socket(*held.ok_or_else(|| io::Error::other(format!("no port stands for {recorded}")))?)
    }

    /// Begins to listen.
    pub fn listen(self: &Arc<Self>, recorded: u16) -> io::Result<()> {
        let listener = self.bound(recorded)?;
        listener.listen(128)?;
        let accepting = TcpListener::from(listener.try_clone()?);
        let network = Arc::clone(self);
        let thread = thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let network = Arc::clone(&network);
                thread::spawn(move || connection::serve(&network, recorded, stream));
            }
        });
        if let Some(server) = self.lock().servers.get_mut(&recorded) {
            server.listening = Some((listener, thread));
        }
        Ok(())
    }

    /// Listens, but accepts nothing: what comes when the queue is full gets no answer at all.
    pub fn fall_silent(&self, recorded: u16) -> io::Result<()> {
        let listener = self.bound(recorded)?;
        listener.listen(0)?;
        let address = listener.local_addr()?;
        let mut full = vec![listener];
        for _ in 0..IN_A_FULL_QUEUE {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
            socket.set_nonblocking(true)?;
            // The first is queued, the others get no answer either.
            let _ = socket.connect(&address);
            full.push(socket);
        }
        if let Some(server) = self.lock().servers.get_mut(&recorded) {
            server.full = full;
        }
        Ok(())
    }

    /// Stops listening; connections stay.
    pub fn stop_listening(&self, recorded: u16) {
        let mut state = self.lock();
        let server = state.servers.get_mut(&recorded);
        let listening = server.and_then(|server| server.listening.take());
        drop(state);
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
        for peer in &mut self.lock().peers {
            peer.deaf = false;
            if let Some(stream) = &peer.stream {
                // Ends its thread, unless that has ended.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.touch();
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something about the connection that stands for a recorded one, if there is one.
    pub fn change<T>(&self, link: usize, change: impl FnOnce(&mut Peer) -> T) -> Option<T> {
        let mut state = self.lock();
        let peer = state.peers.iter_mut().find(|peer| peer.link == Some(link));
        let changed = peer.map(change);
        self.touch();
        changed
    }

    /// Waits until something is so; whether it is in time.
    pub fn wait(&self, longest: Duration, wanted: impl Fn(&State) -> bool) -> bool {
        let unwanted = |state: &mut State| !wanted(state);
        let waited = self.changed.wait_timeout_while(self.lock(), longest, unwanted);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Lets time pass, or something happen.
    pub fn pause(&self, longest: Duration) {
        self.wait(longest, |_| false);
    }

    /// Lets those who wait look again.
    pub fn touch(&self) {
        self.changed.notify_all();
    }

    /// Ends a connection as a process that is killed does: closing what has no time to linger resets it.
    pub fn reset(&self, link: usize) {
        if let Some(stream) = self.change(link, |peer| peer.stream.take()).flatten() {
            // A stream that is closed already cannot be told.
            let _ = SockRef::from(stream.as_ref()).set_linger(Some(Duration::ZERO));
            // Its thread wakes and lets go of it.
            let _ = stream.shutdown(Shutdown::Read);
        }
    }

    /// A connection was accepted; gives its place.
    pub fn accepted(&self, port: u16, stream: &Arc<TcpStream>) -> usize {
        let mut state = self.lock();
        state.peers.push(Peer {
            port,
            accepted: self.created.elapsed(),
            stream: Some(Arc::clone(stream)),
            ..Peer::default()
        });
        let index = state.peers.len() - 1;
        state.bind(index, &self.links, None);
        drop(state);
        self.touch();
        index
    }

    /// Notes the upgrade request; gives the recorded connection to behave like.
    pub fn asked(&self, index: usize, head: &str) -> Option<&Link> {
        let mut state = self.lock();
        state.peers[index].head = head.to_owned();
        let silent = state.peers[index].link.take();
        state.bind(index, &self.links, Some(head));
        // One that never asked, because its server did not wait for that, was made before those that did.
        let made = |link: Option<usize>| {
            let made = link.and_then(|link| self.links[link].made);
            made.unwrap_or(f64::INFINITY)
        };
        if made(silent) < made(state.peers[index].link) {
            state.peers[index].link = silent;
        }
        let (port, link) = (state.peers[index].port, state.peers[index].link);
        drop(state);
        self.touch();
        let alike = |link: &&Link| link.port == port && link.request.is_some();
        match link {
            Some(link) => self.links.get(link),
            None => self.links.iter().rfind(alike),
        }
    }

    pub fn note(&self, index: usize, item: Item) {
        let mut state = self.lock();
        let events = |item: &Item| matches!(item, Item::Event(_));
        if let Some(number) = item.number('F') {
            state.peers[index].flood.push(number);
        } else {
            if events(&item) && !state.peers[index].items.iter().any(events) {
                state.recognize(index, &self.links, &item, self.begun);
            }
            state.peers[index].items.push(item);
        }
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

    /// The numbers of all events with a mark that came, connection by connection.
    pub fn numbers(&self, mark: char) -> Vec<usize> {
        let items = self.peers.iter().flat_map(|peer| &peer.items);
        items.filter_map(|item| item.number(mark)).collect()
    }

    /// Finds the recorded connection that a new one stands for: the first on its port that asked for the same. One that has
    /// not asked yet may stand for one that never did.
    fn bind(&mut self, index: usize, links: &[Link], head: Option<&str>) {
        let taken: BTreeSet<usize> = self.peers.iter().filter_map(|peer| peer.link).collect();
        let port = self.peers[index].port;
        let free = |(place, link): &(usize, &Link)| {
            let fits = link.port == port && link.made.is_some();
            fits && link.request.is_some() == head.is_some() && !taken.contains(place)
        };
        let same = |(_, link): &(usize, &Link)| {
            let asked = link.request.as_deref().unwrap_or_default();
            identity(asked) == identity(head.unwrap_or_default())
        };
        let mut all = links.iter().enumerate().filter(free);
        let first = all.clone().next();
        self.peers[index].link = all.find(same).or(first).map(|(place, _)| place);
    }

    /// Connections that are made at the same time are told apart by the application of their first event.
    fn recognize(&mut self, index: usize, links: &[Link], first: &Item, begun: bool) {
        let Item::Event(text) = first else { return };
        let application = super::story::member(text, "application");
        let fits = |link: usize| links[link].application == application;
        let (mine, port) = (self.peers[index].link, self.peers[index].port);
        if application.is_none() || mine.is_some_and(fits) {
            return;
        }
        let silent = |peer: &Peer| !peer.items.iter().any(|item| matches!(item, Item::Event(_)));
        let other = (0..links.len()).find(|link| {
            let there = begun || links[*link].port == port;
            fits(*link) && there && self.peer(*link).is_none_or(silent)
        });
        if other.is_some() {
            if let Some(peer) = self.peers.iter_mut().find(|peer| peer.link == other) {
                peer.link = mine;
            }
            self.peers[index].link = other;
        }
    }
}

fn socket(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}
