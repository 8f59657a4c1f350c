//! An application server with any number of connections at a time, as a balancer has behind it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, MutexGuard};
use std::thread;

use ariws_testkit::Watched;
use serde_json::Value;
use socket2::SockRef;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{Message, accept_hdr};

use crate::network::Network;

/// Where health checks ask.
const HEALTH: &[u8] = b"GET /health ";

/// A message of the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub kind: String,
    pub application: String,
}

/// The server.
pub struct Backend {
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Default)]
struct Shared(Watched<State>);

#[derive(Default)]
struct State {
    listener: Option<TcpListener>,
    open: BTreeMap<usize, TcpStream>,
    connections: usize,
    ill: bool,
    received: Vec<Received>,
    pings: usize,
}

impl Backend {
    /// Listens at an address of the far side.
    pub fn start(network: &Network, address: SocketAddr) -> Self {
        let backend = Self {
            shared: Arc::default(),
            address,
        };
        backend.listen(network);
        backend
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends as a process that is killed does: nobody listens any more, and every connection ends without a Close.
    pub fn kill(&self) {
        self.stop_listening();
        self.disconnect();
    }

    fn stop_listening(&self) {
        if let Some(listener) = self.shared.lock().listener.take() {
            // Wakes the thread that accepts.
            let _ = SockRef::from(&listener).shutdown(Shutdown::Both);
        }
    }

    /// Ends as a process that is shut down does: nobody listens any more, and every connection gets a Close with this code.
    pub fn shut_down(&self, code: u16) {
        let frame = [&[0x88, 2], &code.to_be_bytes()[..]].concat();
        for stream in self.shared.lock().open.values_mut() {
            // The peer may have gone first.
            let _ = stream.write_all(&frame);
        }
        self.stop_listening();
    }

    /// Comes back after it was killed.
    pub fn listen(&self, network: &Network) {
        let listener = network.far(|| TcpListener::bind(self.address).expect("its port"));
        self.shared.lock().listener = Some(listener.try_clone().expect("the listener"));
        let shared = Arc::clone(&self.shared);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve(stream));
            }
        });
    }

    /// Waits until what it has received satisfies the test, and gives it.
    pub fn wait_for(&self, wanted: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        self.wait(|state| wanted(&state.received).then(|| state.received.clone()))
    }

    /// Waits until so many connections are open.
    pub fn wait_for_open(&self, count: usize) {
        self.wait(|state| (state.open.len() == count).then_some(()));
    }

    /// Answers health checks so from now on.
    pub fn set_healthy(&self, healthy: bool) {
        self.shared.change(|state| state.ill = !healthy);
    }

    /// Ends every connection without a Close, and takes new ones.
    pub fn disconnect(&self) {
        for stream in std::mem::take(&mut self.shared.lock().open).into_values() {
            // The peer may have ended it already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// How many websockets there have been.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.shared.lock().open.len()
    }

    /// How many pings it has answered.
    pub fn pings(&self) -> usize {
        self.shared.lock().pings
    }

    /// What it has received so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().received.clone()
    }

    fn wait<T>(&self, come: impl FnMut(&State) -> Option<T>) -> T {
        self.shared.0.wait_for(come, |state| {
            let (address, open) = (self.address, state.open.len());
            format!("{address}: {open} open, received: {:#?}", state.received)
        })
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        self.0.change(change);
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut start = [0; HEALTH.len()];
        // Less than that is nothing but a look whether somebody listens.
        if !stream.peek(&mut start).is_ok_and(|length| length == start.len()) {
            return;
        }
        if start == HEALTH {
            let status = if self.lock().ill { "503 Ill" } else { "200 Well" };
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // The balancer may be gone.
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
            return;
        }
        let Ok(twin) = stream.try_clone() else { return };
        let mut connection = 0;
        #[allow(clippy::result_large_err)] // The type is tungstenite's.
        let upgrade = |request: &Request, mut response: Response| {
            if let Some(protocol) = request.headers().get("Sec-WebSocket-Protocol") {
                let fields = response.headers_mut();
                fields.insert("Sec-WebSocket-Protocol", protocol.clone());
            }
            // Before the answer, so that whoever has it finds the connection counted.
            self.change(|state| {
                state.connections += 1;
                connection = state.connections;
                if state.listener.is_some() {
                    state.open.insert(connection, twin);
                } else {
                    // Killed in this moment, and the peer may have gone first.
                    let _ = twin.shutdown(Shutdown::Both);
                }
            });
            Ok(response)
        };
        let Ok(mut websocket) = accept_hdr(stream, upgrade) else {
            self.change(|state| drop(state.open.remove(&connection)));
            return;
        };
        while let Ok(message) = websocket.read() {
            if message.is_ping() {
                self.change(|state| state.pings += 1);
            } else if let Message::Text(text) = message {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                let word = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
                let received = Received {
                    kind: word("type"),
                    application: word("application"),
                };
                self.change(|state| state.received.push(received));
            }
        }
        self.change(|state| {
            state.open.remove(&connection);
        });
    }
}
