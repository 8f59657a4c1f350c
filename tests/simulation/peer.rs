//! Servers of applications, good and bad ones.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};

use super::dice::Dice;
use super::network::{End, Wire};
use super::schedule::{APPS, Manners, SERVERS};
use super::shared::Simulation;
use crate::config::Client;
use crate::net::{AttemptError, Dial, Dialed, Server, Stage, Trail};

/// What makes streams to the servers.
pub(super) struct Dialer(pub(super) Arc<Simulation>);

impl Dial for Dialer {
    fn dial<'a>(&'a self, _: &'a Client, to: &'a Server, trail: &'a Trail) -> BoxFuture<'a, Result<Dialed, AttemptError>> {
        let remote = ([192, 0, 2, 1], 80).into();
        let mark = trail.enter(Stage::Tcp, Some(remote));
        // Each session has a task of its own.
        let session = format!("{:?}", tokio::task::try_id());
        Box::pin(async move {
            let failed = |cause: &str| AttemptError {
                stage: Stage::Tcp,
                cause: cause.to_owned(),
                refused: false,
                retry_after: None,
                status: None,
                timed_out: false,
            };
            let place = to.resources.sockets.take();
            let place = place.map_err(|cause| failed(&cause))?;
            let name = to.uri.host.clone();
            let server = SERVERS.iter().position(|its| *its == name);
            let server = server.expect("a server");
            let manners = self.0.manners(server);
            let mut dice = self.0.dice(&name);
            sleep(Duration::from_millis(dice.pick(&[0, 1, 30]))).await;
            match manners {
                Manners::Refusing if dice.chance(70) => return Err(failed("refused")),
                Manners::Refusing => sleep(Duration::from_secs(30)).await,
                Manners::Any if dice.chance(15) => return Err(failed("refused")),
                _ => {}
            }
            let pieces = dice.chance(30).then(|| dice.clone());
            let wire = Wire::new(pieces);
            let (near, far) = wire.ends();
            self.0.connected(server, wire.clone());
            trail.passed(mark, String::new);
            let peer = Peer {
                simulation: Arc::clone(&self.0),
                name,
                session,
                dice,
                manners,
            };
            tokio::spawn(peer.serve(far, wire));
            Ok(Dialed {
                stream: Box::new(near),
                remote,
                place,
            })
        })
    }
}

/// Of one connection.
struct Peer {
    simulation: Arc<Simulation>,
    name: String,
    session: String,
    dice: Dice,
    manners: Manners,
}

impl Peer {
    async fn serve(mut self, mut stream: End, wire: Wire) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let value = |name: &str| {
            let mut lines = head.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        if let Some(told) = value("X-Call") {
            self.simulation.oracle(|oracle| oracle.told_of_call(&self.name, told));
        }
        let accept = derive_accept_key(value("Sec-WebSocket-Key").unwrap_or_default().as_bytes());
        let mut answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        if self.manners == Manners::Any && self.dice.chance(30) {
            answer = match self.dice.below(7) {
                0 => "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".into(),
                6 => "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 2\r\n\r\n".into(),
                1 => "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".into(),
                2 => "\0\x01 garbage \r\n\r\n".into(),
                3 => answer.replace(&accept, "AAAA"),
                4 => answer[..answer.len() / 2].to_owned(),
                _ => return sleep(Duration::from_secs(30)).await,
            };
        }
        if self.dice.chance(20) {
            sleep(Duration::from_millis(self.dice.below(300))).await;
        }
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        if !answer.contains(&accept) || !answer.ends_with("\r\n\r\n") {
            return;
        }
        let websocket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        let number = self.simulation.opened(&self.name, self.session.clone(), wire.clone());
        self.talk(websocket, wire, number).await;
        self.simulation.oracle(|oracle| oracle.outages.closed(number));
        self.simulation.note(format_args!("websocket {number} ended"));
    }

    async fn talk(&mut self, mut websocket: WebSocketStream<End>, wire: Wire, number: usize) {
        let ends = match self.manners {
            Manners::Ending => true,
            Manners::Any => self.dice.chance(50),
            _ => false,
        };
        let ending = ends.then(|| {
            let time = self.dice.pick(&[0, 5, 100, 1000, 5000]);
            Instant::now() + Duration::from_millis(self.dice.below(1 + time))
        });
        let asks = matches!(self.manners, Manners::Any | Manners::Asking);
        let mut asking = asks.then(|| Instant::now() + self.pause());
        let slow = self.manners == Manners::Any && self.dice.chance(30);
        loop {
            tokio::select! {
                biased;
                () = until(ending) => return self.end(websocket, wire, number).await,
                () = until(asking) => {
                    if self.ask(&mut websocket).await.is_err() {
                        return;
                    }
                    let goes_on = !self.simulation.is_settled();
                    asking = goes_on.then(|| Instant::now() + self.pause());
                }
                frame = websocket.next() => match frame {
                    Some(Ok(Message::Text(text))) => self.hear(number, &text),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                }
            }
            if slow {
                sleep(Duration::from_millis(self.dice.below(200))).await;
            }
        }
    }

    fn pause(&mut self) -> Duration {
        let longest = self.dice.pick(&[1, 50, 2000]);
        Duration::from_millis(self.dice.below(longest))
    }

    async fn ask(&mut self, websocket: &mut WebSocketStream<End>) -> Result<(), ()> {
        let number = self.simulation.next_request();
        let text = match self.dice.below(12) {
            0 if self.manners == Manners::Any => "no request".to_owned(),
            _ => {
                let app = self.dice.pick(&APPS);
                let uri = format!("applications/{app}?app={app}");
                format!(r#"{{"type":"RESTRequest","request_id":"r{number}","method":"GET","uri":"{uri}"}}"#)
            }
        };
        let frame = match self.dice.below(12) {
            0 => Message::Ping(vec![1, 2, 3].into()),
            1 => Message::Binary(vec![1, 2, 3].into()),
            _ => Message::text(text),
        };
        websocket.send(frame).await.map_err(drop)
    }

    fn hear(&self, number: usize, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap_or_default();
        let of = |key: &str| message[key].as_str().unwrap_or_default();
        let (kind, app) = (of("type"), of("application"));
        self.simulation.heard(number, kind, app, &message["n"]);
        self.simulation.oracle(|oracle| match kind {
            "ApplicationRegistered" => oracle.registered(number, app, of("ariws_sequence_id")),
            "ApplicationResumed" => oracle.resumed(number, app),
            "ApplicationUnregistered" => oracle.unregistered(number, app),
            "RESTResponse" => match of("request_id") {
                "" => {}
                request => oracle.answered(number, request),
            },
            _ => match message["n"].as_u64() {
                Some(event) => {
                    let event = usize::try_from(event).expect("a number of an event");
                    oracle.arrived(number, app, event, message["ariws_sequence"].as_u64());
                }
                None => oracle.violated(format!("a message that nobody knows: {text}")),
            },
        });
    }

    /// Ends it in one of many ways.
    async fn end(&mut self, mut websocket: WebSocketStream<End>, wire: Wire, number: usize) {
        self.simulation.oracle(|oracle| oracle.outages.closed(number));
        let close = |code| Some(CloseFrame { code, reason: "".into() });
        match self.dice.below(8) {
            0 | 1 => {
                let code = self
                    .dice
                    .pick(&[CloseCode::Normal, CloseCode::Policy, CloseCode::Restart, CloseCode::Again]);
                let _ = websocket.close(close(code)).await;
                while let Some(Ok(frame)) = websocket.next().await {
                    if let Message::Text(text) = frame {
                        self.hear(number, &text);
                    }
                }
            }
            2 => wire.reset(),
            3 => drop(websocket),
            // Silence: it neither reads nor writes.
            4 => {
                let time = self.dice.pick(&[500, 3000, 60_000]);
                sleep(Duration::from_millis(time)).await;
            }
            5 => {
                let _ = websocket.get_mut().shutdown().await;
                sleep(Duration::from_secs(3)).await;
            }
            _ => {
                // A frame that no server may send: a reserved opcode, a mask, no UTF-8, the rest of nothing, a length that is
                // longer than it needs to be.
                let lie = self.dice.pick(&[
                    &[0x83, 0x01, b'x'] as &[u8],
                    &[0x81, 0x81, 1, 2, 3, 4, 5],
                    &[0x81, 0x02, 0xff, 0xfe],
                    &[0x80, 0x01, b'x'],
                    &[0x81, 126, 0, 1, b'x'],
                    &[0xf1, 0x00],
                    &[0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0],
                ]);
                let _ = websocket.get_mut().write_all(lie).await;
                while let Some(Ok(frame)) = websocket.next().await {
                    if let Message::Text(text) = frame {
                        self.hear(number, &text);
                    }
                }
            }
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
