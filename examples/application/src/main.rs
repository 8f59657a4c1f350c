// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sample ARI application for PBXs that connect out: it listens, the PBX comes to it.
//!
//! Every call is answered, hears a menu, and is hung up when no digit comes for a while after the playback. Digit 1 plays
//! something else, 2 lets the call go on in the dialplan, # hangs up, others are printed. What happens is printed line by
//! line, with the time in milliseconds since the start. With `--page` a browser shows it as well, and has buttons for the
//! calls. At SIGTERM or SIGINT no call is taken any more, and each connection is closed when its calls have ended; a second
//! signal ends at once.
//!
//! ```text
//! cargo run -p ariws-application -- --listen 127.0.0.1:8765 --page 127.0.0.1:8090 --manual
//! ```
//!
//! `examples/python` is the same in Python and `examples/node` in JavaScript, but for the page.

mod board;
mod call;
mod conversation;
mod journal;
mod log;
mod options;
mod page;
mod shutdown;
mod tls;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, unbounded_channel};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use board::{Board, Command};
use conversation::{Conversation, Shared};
use journal::Journal;
use log::Log;
use options::{Options, USAGE};

/// The subprotocol of ARI.
const SUBPROTOCOL: &str = "ari";

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let start = Instant::now();
    let result = match Options::parse() {
        Ok(Some(options)) => serve(options, start).await,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => Err(format!("{error}\n{USAGE}").into()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("ariws-application: {error}");
        ExitCode::FAILURE
    })
}

/// What a connection leaves behind.
struct Outcome {
    /// Calls that ran from ApplicationRegistered to StasisEnd, on a connection closed with 1000.
    calls: usize,
    errors: usize,
}

async fn serve(options: Options, start: Instant) -> Result<ExitCode, Failure> {
    let log = Log {
        start,
        quiet: options.quiet,
    };
    let board = options.page.map(|_| Arc::new(Board::new(start)));
    let shared = Arc::new(Shared {
        lead: options.lead,
        log,
        journal: Mutex::new(Journal::open(options.journal.as_deref())?),
        board: board.clone(),
    });
    let tls = tls::acceptor(options.certificate.as_deref(), options.key.as_deref())?;
    let mut signals = shutdown::Signals::new()?;
    let (leave, leaving) = watch::channel(false);
    let listener = TcpListener::bind(&options.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    // None when no call is taken any more.
    let mut listener = Some(listener);
    if let (Some(address), Some(board)) = (options.page, board) {
        let listener = TcpListener::bind(address).await?;
        println!("page at http://{}/", listener.local_addr()?);
        tokio::spawn(page::serve(listener, board));
    }
    let (outcome, mut outcomes) = unbounded_channel();
    let deadline = options.deadline.map(|after| start + after);
    let mut connections = 0;
    let mut open = 0;
    let mut total = Outcome { calls: 0, errors: 0 };
    let in_time = loop {
        if options.calls.is_some_and(|wanted| total.calls >= wanted) || listener.is_none() && open == 0 {
            break true;
        }
        tokio::select! {
            accepted = accept(listener.as_ref()) => {
                let (stream, address) = accepted?;
                connections += 1;
                open += 1;
                let connection = Connection {
                    number: connections,
                    address,
                    shared: Arc::clone(&shared),
                    authorization: options.authorization(),
                    tls: tls.clone(),
                    leaving: leaving.clone(),
                };
                let outcome = outcome.clone();
                tokio::spawn(async move {
                    let _ = outcome.send(connection.run(stream).await);
                });
            }
            Some(one) = outcomes.recv() => {
                open -= 1;
                total.calls += one.calls;
                total.errors += one.errors;
            }
            () = signals.first() => {
                log.always("shutting down");
                listener = None;
                let _ = leave.send(true);
            }
            () = until(deadline) => break false,
        }
    };
    log.always(format_args!(
        "{}{} calls ran from ApplicationRegistered to StasisEnd and were closed with 1000; {} errors",
        if in_time { "" } else { "deadline: " },
        total.calls,
        total.errors
    ));
    Ok(if in_time && total.errors == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The next connection; none ever without a listener.
async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Sleeps until then, or for ever.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// What a websocket runs over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

type Socket = WebSocketStream<Box<dyn Stream>>;

/// One connection, from the upgrade to its end.
struct Connection {
    number: usize,
    address: SocketAddr,
    shared: Arc<Shared>,
    /// What the PBX must present.
    authorization: Option<String>,
    tls: Option<TlsAcceptor>,
    /// Whether no call is taken any more.
    leaving: watch::Receiver<bool>,
}

impl Connection {
    async fn run(mut self, stream: TcpStream) -> Outcome {
        let (number, address) = (self.number, self.address);
        let mut conversation = Conversation::new(number, Arc::clone(&self.shared));
        match self.upgrade(stream).await {
            Ok(socket) => {
                conversation.say(format_args!("connected from {address}"));
                let board = self.shared.board.as_deref();
                let commands = board.map(|board| board.opened(number, address));
                let end = converse(socket, &mut conversation, commands, &mut self.leaving).await;
                if let Some(board) = board {
                    let text = match &end {
                        Ok(code) => format!("closed with {}", u16::from(*code)),
                        Err(error) => error.to_string(),
                    };
                    board.ended(number, &text);
                }
                match end {
                    Ok(code) => conversation.closed(code.into(), *self.leaving.borrow()),
                    Err(error) => conversation.broken(error),
                }
            }
            Err(error) => conversation.lost(format_args!("refused {address}: {error}")),
        }
        Outcome {
            calls: conversation.finished,
            errors: conversation.errors,
        }
    }

    /// Answers the upgrade request, over TLS if that is served.
    async fn upgrade(&self, stream: TcpStream) -> Result<Socket, Failure> {
        stream.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            Some(tls) => Box::new(tls.accept(stream).await?),
            None => Box::new(stream),
        };
        upgrade(stream, self.authorization.as_deref()).await
    }
}

async fn upgrade(stream: Box<dyn Stream>, authorization: Option<&str>) -> Result<Socket, Failure> {
    // The size of the error is tungstenite's choice.
    #[allow(clippy::result_large_err)]
    let check = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let headers = request.headers();
        if authorization.is_some_and(|wanted| !header_is(headers, wanted)) {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::UNAUTHORIZED;
            let challenge = HeaderValue::from_static("Basic realm=\"application\"");
            refusal.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            return Err(refusal);
        }
        if !offers_subprotocol(headers) {
            let mut refusal = ErrorResponse::new(Some(format!("the subprotocol must be {SUBPROTOCOL}\n")));
            *refusal.status_mut() = StatusCode::BAD_REQUEST;
            return Err(refusal);
        }
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        Ok(response)
    };
    Ok(accept_hdr_async(stream, check).await?)
}

fn header_is(headers: &HeaderMap, authorization: &str) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value.as_bytes() == authorization.as_bytes())
}

fn offers_subprotocol(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|offered| offered.trim() == SUBPROTOCOL)
}

/// Carries messages between the socket and the conversation until the socket is closed; returns the code of the Close.
async fn converse(
    mut socket: Socket,
    conversation: &mut Conversation,
    mut commands: Option<Receiver<Command>>,
    leaving: &mut watch::Receiver<bool>,
) -> Result<CloseCode, Failure> {
    let mut closed = None;
    // Whether this side has sent its Close.
    let mut closing = false;
    loop {
        for text in conversation.outgoing.drain(..) {
            if closed.is_none() && !closing {
                socket.send(Message::text(text)).await?;
            }
        }
        if *leaving.borrow() && conversation.is_idle() && closed.is_none() && !closing {
            closing = true;
            let reason = "".into();
            let code = CloseCode::Away;
            socket.close(Some(CloseFrame { code, reason })).await?;
        }
        tokio::select! {
            // Reading on after a Close sends the Close that answers it.
            message = socket.next() => match message.transpose()? {
                Some(Message::Text(text)) => conversation.receive(&text),
                Some(Message::Close(frame)) => closed = Some(frame.map_or(CloseCode::Status, |frame| frame.code)),
                Some(_) => {}
                None => return closed.ok_or_else(|| "the connection ended without a Close".into()),
            },
            () = until(conversation.deadline()) => conversation.time_is_up(),
            Some(command) = next(&mut commands) => conversation.command(command),
            Ok(()) = leaving.changed() => {}
        }
    }
}

/// The next command of the page, if there is one.
async fn next(commands: &mut Option<Receiver<Command>>) -> Option<Command> {
    commands.as_mut()?.recv().await
}

/// The text at a JSON pointer, or nothing.
fn text_at<'a>(message: &'a Value, pointer: &str) -> &'a str {
    message.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
