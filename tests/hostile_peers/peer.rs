//! One connection of a peer: bytes out, frames in, nothing waited for longer than PATIENCE.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Deserialize;
use socket2::SockRef;
use tokio_rustls::rustls::{Error as TlsError, ServerConnection, StreamOwned};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::bytes::{self, CLOSE, FINAL, PING, PONG, TEXT};
use super::row::Seen;
use super::tls::Server;

/// How long anything may take on a machine that has other work; only a fault reaches it.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Stands for the Sec-WebSocket-Accept that fits the request.
const ACCEPT: &[u8] = b"{accept}";

/// The id of the request behind a flood.
pub const LAST: &str = "last";

/// What went otherwise than promised, in words.
pub type Fault = String;

/// The next connection, if one comes within this time.
pub fn accept_within(listener: &TcpListener, time: Duration) -> Result<Option<TcpStream>, Fault> {
    let accepted = SockRef::from(listener)
        .set_read_timeout(Some(time))
        .and_then(|()| listener.accept());
    match accepted {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(format!("accept: {error}")),
    }
}

pub fn accept(listener: &TcpListener) -> Result<TcpStream, Fault> {
    accept_within(listener, PATIENCE)?.ok_or_else(|| "no further attempt to connect came".into())
}

/// A frame of the library.
#[derive(Debug)]
pub enum Frame {
    Text(Text),
    Ping,
    Pong(usize),
    Close(Option<u16>),
}

/// What matters of a text message.
#[derive(Debug, Deserialize)]
pub struct Text {
    #[serde(rename = "type")]
    pub kind: String,
    pub request_id: Option<String>,
    pub status_code: Option<u16>,
    /// Of an event that the host has numbered.
    pub number: Option<u64>,
}

/// The peer.
pub struct Peer {
    tcp: TcpStream,
    tls: Option<StreamOwned<ServerConnection, TcpStream>>,
    unused: VecDeque<u8>,
    key: String,
    alert: Option<String>,
    flood: Option<JoinHandle<()>>,
    /// The answer to the request behind a flood, where it came before something else that was waited for.
    last: Option<u16>,
}

impl Peer {
    pub fn new(tcp: TcpStream) -> Result<Self, Fault> {
        tcp.set_nodelay(true)
            .and_then(|()| tcp.set_read_timeout(Some(PATIENCE)))
            .and_then(|()| tcp.set_write_timeout(Some(PATIENCE)))
            .map_err(|error| format!("accepted: {error}"))?;
        Ok(Self {
            tcp,
            tls: None,
            unused: VecDeque::new(),
            key: String::new(),
            alert: None,
            flood: None,
            last: None,
        })
    }

    /// Keeps a frame that was not the one to come, if it is the answer to the request behind a flood.
    pub fn keep(&mut self, frame: Frame) {
        if let Frame::Text(text) = frame
            && text.request_id.as_deref() == Some(LAST)
        {
            self.last = text.status_code;
        }
    }

    /// Whether this answer was kept; it is forgotten.
    pub fn take_kept(&mut self, id: &str, status: u16) -> bool {
        id == LAST && self.last.take() == Some(status)
    }

    /// Reads the head of a request; keeps its Sec-WebSocket-Key.
    pub fn head(&mut self) -> Result<(), Fault> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match self.take(1)? {
                Some(byte) => head.extend(byte),
                None => return Err("the library ended the connection before its request".into()),
            }
        }
        let head = String::from_utf8_lossy(&head);
        let key = |line: &str| line.strip_prefix("Sec-WebSocket-Key: ").map(str::to_owned);
        self.key = head.lines().find_map(key).unwrap_or_default();
        Ok(())
    }

    /// With the right Sec-WebSocket-Accept where it is asked for.
    pub fn filled_in(&self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        if bytes.starts_with(b"HTTP/")
            && let Some(place) = bytes.windows(ACCEPT.len()).position(|part| part == ACCEPT)
        {
            let accept = derive_accept_key(self.key.as_bytes());
            bytes.splice(place..place + ACCEPT.len(), accept.into_bytes());
        }
        bytes
    }

    /// Sends all of it, unless the library ends the connection; whether it did not.
    pub fn send(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        let sent = match &mut self.tls {
            Some(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
            None => self.tcp.write_all(bytes),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err("the library has not read for too long".into()),
            // What the library said before can still be read.
            Err(_) => Ok(false),
        }
    }

    /// Sends this so many times and then a request, from a thread of its own, so that the script can read.
    pub fn flood(&mut self, bytes: Vec<u8>, times: usize) -> Result<(), Fault> {
        let mut tcp = self.tcp.try_clone().map_err(|error| error.to_string())?;
        let last = bytes::with(&format!(r#""request_id":"{LAST}""#));
        self.flood = Some(std::thread::spawn(move || {
            let sent = (0..times).try_for_each(|_| tcp.write_all(&bytes));
            // The script sees whether it is answered.
            let _ = sent.and_then(|()| tcp.write_all(&last));
        }));
        Ok(())
    }

    /// Reads at most so many bytes; false at the end of the connection.
    pub fn fill(&mut self, most: usize) -> Result<bool, Fault> {
        let mut buffer = [0; 16 << 10];
        let most = most.min(buffer.len());
        let read = match &mut self.tls {
            Some(tls) => tls.read(&mut buffer[..most]),
            None => self.tcp.read(&mut buffer[..most]),
        };
        match read {
            Ok(length) => {
                self.unused.extend(&buffer[..length]);
                Ok(length > 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err("nothing came from the library".into()),
            // A reset, a TLS alert, TLS that ends without a word.
            Err(error) => {
                self.alert = self.alert.take().or_else(|| alert(&error));
                Ok(false)
            }
        }
    }

    /// The next bytes; none at the end of the connection.
    fn take(&mut self, length: usize) -> Result<Option<Vec<u8>>, Fault> {
        while self.unused.len() < length {
            if !self.fill(usize::MAX)? {
                return Ok(None);
            }
        }
        Ok(Some(self.unused.drain(..length).collect()))
    }

    /// The next frame, which has to be one of a client (RFC 6455 section 5); none at the end of the connection.
    pub fn frame(&mut self) -> Result<Option<Frame>, Fault> {
        let Some(header) = self.take(2)? else {
            return Ok(None);
        };
        let more = match header[1] & 0x7f {
            126 => self.take(2)?,
            127 => self.take(8)?,
            length => Some(vec![length]),
        };
        let Some(length) = more else {
            return Ok(None);
        };
        let number = |all, byte: &u8| all << 8 | usize::from(*byte);
        let (mask, payload) = (self.take(4)?, self.take(length.iter().fold(0, number))?);
        let (Some(mask), Some(payload)) = (mask, payload) else {
            return Ok(None);
        };
        let unmasked = payload.iter().zip(mask.iter().cycle());
        let payload: Vec<u8> = unmasked.map(|(byte, mask)| byte ^ mask).collect();
        let opcode = header[0] ^ FINAL;
        match opcode {
            _ if header[1] & 0x80 == 0 => Err("the library sent a frame without a mask".into()),
            TEXT => match serde_json::from_slice(&payload) {
                Ok(text) => Ok(Some(Frame::Text(text))),
                Err(error) => Err(format!("the library sent a text that is no message: {error}")),
            },
            PING => Ok(Some(Frame::Ping)),
            PONG => Ok(Some(Frame::Pong(payload.len()))),
            CLOSE => {
                let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                Ok(Some(Frame::Close(code)))
            }
            _ => Err(format!("the library sent a frame that begins with {:#04x}", header[0])),
        }
    }

    pub fn half_close(&mut self) {
        // The library may have ended the connection.
        let _ = self.tcp.shutdown(Shutdown::Write);
    }

    pub fn close(&mut self) {
        let _ = self.tcp.shutdown(Shutdown::Both);
    }

    pub fn reset(&mut self) {
        // connect(2) to nowhere.
        let _ = rustix::net::connect_unspec(&self.tcp);
    }

    /// The peer's part of a TLS handshake. If the library ends it, that is seen later.
    pub fn tls(&mut self, server: Server) -> Result<(), Fault> {
        let mut connection = ServerConnection::new(server.config()).map_err(|error| error.to_string())?;
        let mut tcp = self.tcp.try_clone().map_err(|error| error.to_string())?;
        while connection.is_handshaking() {
            if let Err(error) = connection.complete_io(&mut tcp) {
                self.alert = alert(&error);
                break;
            }
        }
        self.tls = Some(StreamOwned::new(connection, tcp));
        Ok(())
    }

    /// Sends past TLS.
    pub fn below(&mut self, bytes: &[u8]) {
        // The library may have ended the connection.
        let _ = self.tcp.write_all(bytes);
    }

    pub fn keys(&mut self, times: usize) -> Result<(), Fault> {
        for _ in 0..times {
            let tls = self.tls.as_mut().ok_or("only TLS has keys")?;
            let changed = tls.conn.refresh_traffic_keys();
            changed.map_err(|error| error.to_string())?;
            tls.flush().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// What the end of the connection was.
    pub fn end(&self) -> Seen {
        // The names that rows have; another one is seen as the bare end.
        let known = ["BadCertificate", "CertificateExpired", "UnknownCA", "BadRecordMac"];
        let more = ["UnexpectedMessage", "RecordOverflow", "DecodeError", "ProtocolVersion"];
        let mut known = known.into_iter().chain(more);
        let alert = known.find(|known| self.alert.as_deref() == Some(known));
        alert.map_or(Seen::End, Seen::Alert)
    }

    /// Goes in order: with a Close, the library's answer and the end.
    pub fn leave(mut self) -> Result<(), Fault> {
        self.send(&bytes::close(1000, ""))?;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.frame()? {
                Some(Frame::Close(Some(1000))) => return Ok(()),
                Some(Frame::Close(code)) => {
                    return Err(format!("a Close with 1000 was answered with {code:?}"));
                }
                Some(_) => {}
                None => break,
            }
        }
        Err("a Close was not answered".into())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(flood) = self.flood.take() {
            self.close();
            let _ = flood.join();
        }
    }
}

/// The alert that an error of rustls tells.
fn alert(error: &io::Error) -> Option<String> {
    match error.get_ref()?.downcast_ref()? {
        TlsError::AlertReceived(alert) => Some(format!("{alert:?}")),
        _ => None,
    }
}
