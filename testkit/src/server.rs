//! An application's websocket server, one connection after the other, under the test's control.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{TryRecvError, channel};
use std::thread::spawn;
use std::time::Duration;

use serde_json::{Value, json};
use socket2::SockRef;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, WebSocket, accept_hdr};

use crate::{DEADLINE, QUIET};

/// A listening server.
pub struct Server {
    listener: Option<TcpListener>,
    address: SocketAddr,
}

/// A connection that the library made.
pub struct Connection {
    pub websocket: WebSocket<TcpStream>,
    pub path: String,
}

impl Server {
    /// Listens on a free port.
    pub fn start() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Listens where an earlier server did.
    pub fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        SockRef::from(&listener).set_read_timeout(Some(DEADLINE)).expect("a time-out");
        let address = listener.local_addr().expect("an address");
        Self {
            listener: Some(listener),
            address,
        }
    }

    /// Listens no more: whoever connects is refused.
    pub fn stop(&mut self) {
        self.listener = None;
    }

    /// Listens again where it did.
    pub fn listen(&mut self) {
        *self = Self::at(self.address);
    }

    fn listener(&self) -> &TcpListener {
        self.listener.as_ref().expect("a server that listens")
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The most that one segment of TCP has on connections to come: with small ones the kernels take little at a time.
    pub fn set_segment_size(&self, bytes: u32) {
        SockRef::from(self.listener()).set_tcp_mss(bytes).expect("a segment size");
    }

    /// What the kernel keeps of connections to come until it is read.
    pub fn set_receive_buffer(&self, bytes: usize) {
        SockRef::from(self.listener()).set_recv_buffer_size(bytes).expect("a buffer");
    }

    /// The next TCP connection, without an answer to its upgrade request.
    pub fn accept_tcp(&self) -> TcpStream {
        let (stream, _) = self.listener().accept().expect("a connection in time");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        stream.set_nodelay(true).expect("no delay");
        stream
    }

    /// The next connection, upgraded with the subprotocol that it asked for.
    pub fn accept(&self) -> Connection {
        upgrade(self.accept_tcp())
    }

    /// Whether nobody connects for a while.
    pub fn is_quiet(&self) -> bool {
        SockRef::from(self.listener())
            .set_read_timeout(Some(QUIET))
            .expect("a time-out");
        let quiet = self.listener().accept().is_err();
        SockRef::from(self.listener())
            .set_read_timeout(Some(DEADLINE))
            .expect("a time-out");
        quiet
    }
}

impl Connection {
    /// The next text message.
    pub fn text(&mut self) -> String {
        loop {
            match self.websocket.read().expect("a message in time") {
                Message::Text(text) => return text.to_string(),
                Message::Close(frame) => panic!("closed with {frame:?} instead of a text"),
                _ => {}
            }
        }
    }

    /// The next text message as JSON.
    pub fn json(&mut self) -> Value {
        serde_json::from_str(&self.text()).expect("JSON")
    }

    /// The next message's type and application, "StasisStart app1".
    pub fn summary(&mut self) -> String {
        let message = self.json();
        format!(
            "{} {}",
            message["type"].as_str().unwrap_or_default(),
            message["application"].as_str().unwrap_or_default()
        )
    }

    /// The next messages' types and applications.
    pub fn summaries(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.summary()).collect()
    }

    /// Checks the types and applications of the next messages.
    #[track_caller]
    pub fn says<Text: AsRef<str>>(&mut self, expected: impl IntoIterator<Item = Text>) {
        for expected in expected {
            assert_eq!(self.summary(), expected.as_ref());
        }
    }

    pub fn send(&mut self, message: &Value) {
        self.websocket.send(Message::text(message.to_string())).expect("room");
    }

    /// Asks and waits for the answer.
    pub fn ask(&mut self, method: &str, uri: &str) -> Value {
        self.send(&request("r", method, uri));
        self.json()
    }

    /// Waits for the library's Close; gives its code.
    pub fn wait_for_close(&mut self) -> u16 {
        loop {
            match self.websocket.read() {
                Ok(Message::Close(Some(CloseFrame { code, .. }))) => {
                    // Sends the answer.
                    while self.websocket.read().is_ok() {}
                    return code.into();
                }
                Ok(Message::Close(None)) => return 1005,
                Ok(_) => {}
                Err(error) => panic!("no Close: {error}"),
            }
        }
    }

    /// Reads to the end of the connection; gives the first text that comes before it.
    pub fn wait_for_end(&mut self) -> Option<String> {
        loop {
            match self.websocket.read() {
                Ok(Message::Text(text)) => return Some(text.to_string()),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// Closes with a Close frame and waits for the answer.
    pub fn close(mut self, code: u16) {
        let frame = CloseFrame {
            code: code.into(),
            reason: "".into(),
        };
        self.websocket.close(Some(frame)).expect("room");
        loop {
            match self.websocket.read() {
                Ok(_) => {}
                Err(Error::ConnectionClosed) => return,
                Err(error) => panic!("the Close was not answered: {error}"),
            }
        }
    }

    /// Ends the connection as a process that is killed does: by a reset.
    pub fn reset(self) {
        SockRef::from(self.websocket.get_ref())
            .set_linger(Some(Duration::ZERO))
            .expect("a linger time");
    }

    /// Ends the connection without a Close.
    pub fn finish(self) {
        self.websocket.get_ref().shutdown(Shutdown::Both).expect("a connection");
    }

    /// Whether no text message comes for a while.
    pub fn is_quiet(&mut self) -> bool {
        let stream = self.websocket.get_ref();
        stream.set_read_timeout(Some(QUIET)).expect("a time-out");
        let quiet = loop {
            match self.websocket.read() {
                Ok(Message::Text(_) | Message::Close(_)) => break false,
                Ok(_) => {}
                Err(Error::Io(_)) => break true,
                Err(_) => break false,
            }
        };
        let stream = self.websocket.get_ref();
        stream.set_read_timeout(Some(DEADLINE)).expect("a time-out");
        quiet
    }

    /// Reads on another thread, and so answers pings, for as long as this thread waits for something; also gives whether no text
    /// message came.
    pub fn reads_during<T>(mut self, wait: impl FnOnce() -> T) -> (Self, bool) {
        let (waiting, over) = channel::<()>();
        let reading = spawn(move || {
            let mut quiet = true;
            while over.try_recv() == Err(TryRecvError::Empty) {
                quiet &= self.is_quiet();
            }
            (self, quiet)
        });
        wait();
        drop(waiting);
        reading.join().expect("a reader")
    }

    /// Sends bytes past the websocket.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.websocket.get_mut().write_all(bytes).expect("room");
    }

    /// Reads bytes past the websocket until the end of the connection.
    pub fn read_raw(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end as well.
        let _ = self.websocket.get_mut().read_to_end(&mut bytes);
        bytes
    }
}

/// Upgrades a connection with the subprotocol that it asks for.
pub(crate) fn upgrade(stream: TcpStream) -> Connection {
    let mut path = String::new();
    #[allow(clippy::result_large_err)] // The type is tungstenite's.
    let answer = |request: &Request, response: Response| {
        path = request.uri().to_string();
        agree(request, response)
    };
    let websocket = accept_hdr(stream, answer).expect("an upgrade");
    Connection { websocket, path }
}

/// Answers an upgrade request with the subprotocol that it asks for.
#[allow(clippy::result_large_err)] // The type is tungstenite's.
pub(crate) fn agree(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    if let Some(protocol) = request.headers().get("Sec-WebSocket-Protocol") {
        response.headers_mut().insert("Sec-WebSocket-Protocol", protocol.clone());
    }
    Ok(response)
}

/// A RESTRequest.
pub fn request(id: &str, method: &str, uri: &str) -> Value {
    json!({"type": "RESTRequest", "request_id": id, "method": method, "uri": uri})
}
