// SPDX-License-Identifier: MIT OR Apache-2.0
//! One websocket of the application.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{Application, lock};
use crate::Result;
use crate::control::now;

/// A path with this in it is never read from.
pub const STALL: &str = "/stall";
/// Large, so that reading is never what a measurement waits for.
const READ_BUFFER: usize = 64 << 10;

/// What a connection is told to do.
pub(super) enum Order {
    /// Ask for the resource so many times, so many at a time.
    Request {
        path: String,
        count: usize,
        pipelined: usize,
        done: oneshot::Sender<Asked>,
    },
}

/// What came of requests.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) round_trips: Vec<u64>,
    pub(super) sizes: (usize, usize),
}

pub(super) async fn accept(application: Arc<Application>, tcp: TcpStream, acceptor: Option<TlsAcceptor>) {
    // Whoever loses a connection notices that; there is nobody to tell here.
    let _ = match acceptor {
        None => upgrade(application, tcp).await,
        Some(acceptor) => over_tls(application, tcp, acceptor).await,
    };
}

async fn over_tls(application: Arc<Application>, tcp: TcpStream, acceptor: TlsAcceptor) -> Result<()> {
    tcp.set_nodelay(true)?;
    let tls = acceptor.accept(tcp).await?;
    run(application, tls).await
}

async fn upgrade(application: Arc<Application>, tcp: TcpStream) -> Result<()> {
    tcp.set_nodelay(true)?;
    // A reset leaves no port waiting, of which there are fewer than connections that come and go.
    socket2::SockRef::from(&tcp).set_linger(Some(Duration::ZERO))?;
    run(application, tcp).await
}

async fn run<S: AsyncRead + AsyncWrite + Unpin>(application: Arc<Application>, stream: S) -> Result<()> {
    let mut stalls = false;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
    let callback = |request: &Request, response: Response| -> std::result::Result<Response, ErrorResponse> {
        stalls = request.uri().path().contains(STALL);
        Ok(response)
    };
    let upgrade = tokio_tungstenite::accept_hdr_async_with_config(stream, callback, Some(config));
    let mut websocket = upgrade.await?;
    let opened = now();
    let (sender, orders) = mpsc::unbounded_channel();
    lock(&application.connections).push(sender);
    application.open.fetch_add(1, Ordering::AcqRel);
    application.changed.notify_waiters();
    let mut up = application.up.subscribe();
    let outcome = tokio::select! {
        outcome = converse(&application, &mut websocket, orders, opened, stalls) => outcome,
        _ = up.wait_for(|up| !*up) => Ok(()),
    };
    application.open.fetch_sub(1, Ordering::AcqRel);
    application.changed.notify_waiters();
    outcome
}

/// Requests of one connection that are not all answered.
struct Asking {
    request: Utf8Bytes,
    left: usize,
    sent: VecDeque<u64>,
    asked: Asked,
    done: Option<oneshot::Sender<Asked>>,
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    application: &Application,
    websocket: &mut WebSocketStream<S>,
    mut orders: mpsc::UnboundedReceiver<Order>,
    opened: u64,
    stalls: bool,
) -> Result<()> {
    let mut asking: Option<Asking> = None;
    let mut heard_event = false;
    loop {
        let at_once = if stalls { None } else { websocket.next().now_or_never() };
        let frame = match at_once {
            Some(frame) => frame,
            // One write for the answers to all that came in one piece.
            None => {
                websocket.flush().await?;
                tokio::select! {
                    biased;
                    Some(order) = orders.recv() => {
                        let Order::Request { path, count, pipelined, done } = order;
                        let mut new = Asking::new(&path, count, done);
                        for _ in 0..pipelined {
                            new.ask(websocket).await?;
                        }
                        asking = Some(new);
                        continue;
                    }
                    frame = websocket.next(), if !stalls => frame,
                }
            }
        };
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Ok(()),
            Some(Ok(_)) => continue,
        };
        match asking.as_mut().filter(|_| text.starts_with(RESPONSE)) {
            Some(current) => {
                if current.answered(&text) {
                    asking = None;
                } else {
                    current.ask(websocket).await?;
                }
            }
            None => {
                if !heard_event && !text.contains("ApplicationRegistered") {
                    heard_event = true;
                    lock(&application.first_events).push(now() - opened);
                }
                application.text();
            }
        }
    }
}

/// How every answer begins, of the library and of the bare websockets.
const RESPONSE: &str = r#"{"type":"RESTResponse""#;

impl Asking {
    fn new(path: &str, count: usize, done: oneshot::Sender<Asked>) -> Self {
        let request = crate::baseline::request(path);
        let sizes = (request.len(), 0);
        Self {
            request: request.into(),
            left: count,
            sent: VecDeque::new(),
            asked: Asked {
                round_trips: Vec::with_capacity(count),
                sizes,
            },
            done: Some(done),
        }
    }

    async fn ask<S: AsyncRead + AsyncWrite + Unpin>(&mut self, websocket: &mut WebSocketStream<S>) -> Result<()> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        self.sent.push_back(now());
        Ok(websocket.feed(Message::Text(self.request.clone())).await?)
    }

    /// Counts an answer; whether it was the last one.
    fn answered(&mut self, text: &str) -> bool {
        self.asked.sizes.1 = text.len();
        if let Some(sent) = self.sent.pop_front() {
            self.asked.round_trips.push(now() - sent);
        }
        let over = self.left == 0 && self.sent.is_empty();
        if over && let Some(done) = self.done.take() {
            // Whoever asked may have gone.
            let _ = done.send(std::mem::take(&mut self.asked));
        }
        over
    }
}
