//! An application that dies again and again while it reads.

use std::net::SocketAddr;
use std::time::Duration;

use ariws_testkit::Server;
use ariws_testkit::tls::{Stream, accept};
use socket2::SockRef;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Message, WebSocket};

/// Random numbers that a seed repeats.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

/// How a connection ends.
#[derive(Clone, Copy)]
enum Kill {
    /// The process is killed: what it has not read is answered by a reset.
    Reset,
    /// It leaves without a word.
    Drop,
    Close,
    /// The whole server is away for a moment.
    Server,
}

/// What one thread of the host has sent, and the application has read.
#[derive(Clone, Copy, Default)]
pub struct Read {
    pub last: usize,
    pub count: usize,
}

pub struct Peer<'a> {
    pub tls: bool,
    pub kills: usize,
    /// The most messages that one connection lives for.
    pub life: usize,
    /// Events have numbers, and may come again on another connection (`delivery = at_least_once`).
    pub numbered: bool,
    /// Told of the last kill.
    pub killed: &'a (dyn Fn() + Sync),
}

impl Peer<'_> {
    /// Serves one connection after the other, and the last as long as it stays; each thread's events are in order, and none
    /// comes twice that is not known by its number.
    pub fn run(&self, server: Server, mut random: Random, threads: &mut [Read]) {
        let mut server = Some(server);
        let mut address = None;
        let mut highest = 0;
        for number in 0..=self.kills {
            let listening = server.take().unwrap_or_else(|| again(address));
            address = Some(listening.address());
            // What the kernels have is lost with a connection: not much, so that most events arrive.
            listening.set_receive_buffer(16 << 10);
            let is_last = number == self.kills;
            if is_last {
                (self.killed)();
            }
            let mut websocket = loop {
                if let Some(websocket) = accept(listening.accept_tcp(), self.tls) {
                    break websocket;
                }
            };
            let life = match is_last {
                true => usize::MAX,
                false => random.below(self.life),
            };
            let ended = self.read(&mut websocket, life, threads, &mut highest);
            assert!(is_last || !ended, "the library ended a connection by itself");
            let kill = [Kill::Reset, Kill::Drop, Kill::Close, Kill::Server];
            match kill[random.below(kill.len())] {
                Kill::Reset => reset(&websocket),
                Kill::Drop => {}
                Kill::Close => {
                    let frame = CloseFrame {
                        code: 1001.into(),
                        reason: "".into(),
                    };
                    // What comes until it is answered is read and counts.
                    if websocket.close(Some(frame)).is_ok() {
                        self.read(&mut websocket, usize::MAX, threads, &mut highest);
                    }
                }
                Kill::Server => {
                    reset(&websocket);
                    drop(listening);
                    continue;
                }
            }
            server = Some(listening);
        }
    }

    /// Reads so many texts; true if the connection ended before.
    fn read(
        &self,
        websocket: &mut WebSocket<Box<dyn Stream>>,
        texts: usize,
        threads: &mut [Read],
        highest: &mut usize,
    ) -> bool {
        let mut before = None;
        for _ in 0..texts {
            let text = loop {
                match websocket.read() {
                    Ok(Message::Text(text)) => break text,
                    Ok(_) => {}
                    Err(_) => return true,
                }
            };
            let Some((thread, number)) = event(&text) else {
                continue;
            };
            if self.numbered {
                let sequence = sequence(&text);
                assert!(
                    before.is_none_or(|before| sequence == before + 1),
                    "{sequence} after {before:?}"
                );
                before = Some(sequence);
                if sequence <= *highest {
                    continue;
                }
                assert_eq!(sequence, *highest + 1, "an event is missing");
                *highest = sequence;
            }
            let read = &mut threads[thread];
            assert!(number > read.last, "thread {thread}: {number} after {}", read.last);
            *read = Read {
                last: number,
                count: read.count + 1,
            };
        }
        false
    }
}

fn reset(websocket: &WebSocket<Box<dyn Stream>>) {
    SockRef::from(websocket.get_ref().tcp())
        .set_linger(Some(Duration::ZERO))
        .expect("a linger time");
}

fn again(address: Option<SocketAddr>) -> Server {
    Server::at(address.expect("an address"))
}

/// The event of a thread, as [`text`] writes it; the library's own messages are none.
pub fn event(text: &str) -> Option<(usize, usize)> {
    let rest = text.strip_prefix(r#"{"type":"Event","thread":"#)?;
    let (thread, rest) = rest.split_once(r#","number":"#)?;
    let digits = rest.find(|character: char| !character.is_ascii_digit())?;
    Some((thread.parse().ok()?, rest[..digits].parse().ok()?))
}

/// The number that the library has given it.
pub fn sequence(text: &str) -> usize {
    let number = text.rsplit_once(r#","ariws_sequence":"#);
    let digits = number.and_then(|(_, rest)| rest.strip_suffix('}'));
    digits.and_then(|digits| digits.parse().ok()).expect("a number")
}

pub fn text(thread: usize, number: usize) -> String {
    format!(r#"{{"type":"Event","thread":{thread},"number":{number}}}"#)
}
