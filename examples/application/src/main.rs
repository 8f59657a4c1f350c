// SPDX-License-Identifier: MIT OR Apache-2.0
//! A sample ARI application for PBXs that connect out: it listens, the PBX comes to it.
//!
//! Every call is answered, hears a menu, and is hung up when no digit comes for a while after the playback. Digit 1 plays
//! something else, 2 lets the call go on in the dialplan, # hangs up, others are printed. What happens is printed line by
//! line, with the time in milliseconds since the start. With `--page` a browser shows it as well, and has buttons for the
//! calls.
//!
//! ```text
//! cargo run -p ariws-application -- --listen 127.0.0.1:8765 --page 127.0.0.1:8090 --manual
//! ```
//!
//! `examples/python` is the same in Python and `examples/node` in JavaScript, both with TLS and an orderly end.

mod board;
mod call;
mod conversation;
mod journal;
mod log;
mod options;
mod page;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, unbounded_channel};
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::protocol::Message;
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
    let listener = TcpListener::bind(&options.listen).await?;
    println!("listening on {}", listener.local_addr()?);
    if let (Some(address), Some(board)) = (options.page, board) {
        let listener = TcpListener::bind(address).await?;
        println!("page at http://{}/", listener.local_addr()?);
        tokio::spawn(page::serve(listener, board));
    }
    let (outcome, mut outcomes) = unbounded_channel();
    let deadline = options.deadline.map(|after| start + after);
    let mut connections = 0;
    let mut total = Outcome { calls: 0, errors: 0 };
    let in_time = loop {
        if options.calls.is_some_and(|wanted| total.calls >= wanted) {
            break true;
        }
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, address) = accepted?;
                connections += 1;
                let connection = Connection {
                    number: connections,
                    address,
                    shared: Arc::clone(&shared),
                    authorization: options.authorization(),
                };
                let outcome = outcome.clone();
                tokio::spawn(async move {
                    let _ = outcome.send(connection.run(stream).await);
                });
            }
            Some(one) = outcomes.recv() => {
                total.calls += one.calls;
                total.errors += one.errors;
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

/// Sleeps until then, or for ever.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// One connection, from the upgrade to its end.
struct Connection {
    number: usize,
    address: SocketAddr,
    shared: Arc<Shared>,
    /// What the PBX must present.
    authorization: Option<String>,
}

impl Connection {
    async fn run(self, stream: TcpStream) -> Outcome {
        let Self { number, address, .. } = self;
        let mut conversation = Conversation::new(number, Arc::clone(&self.shared));
        match upgrade(stream, self.authorization.as_deref()).await {
            Ok(socket) => {
                conversation.say(format_args!("connected from {address}"));
                let board = self.shared.board.as_deref();
                let commands = board.map(|board| board.opened(number, address));
                let end = converse(socket, &mut conversation, commands).await;
                if let Some(board) = board {
                    let text = match &end {
                        Ok(code) => format!("closed with {}", u16::from(*code)),
                        Err(error) => error.to_string(),
                    };
                    board.ended(number, &text);
                }
                match end {
                    Ok(code) => conversation.closed(code.into()),
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
}

/// Answers the upgrade request.
async fn upgrade(stream: TcpStream, authorization: Option<&str>) -> Result<WebSocketStream<TcpStream>, Failure> {
    stream.set_nodelay(true)?;
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
    mut socket: WebSocketStream<TcpStream>,
    conversation: &mut Conversation,
    mut commands: Option<Receiver<Command>>,
) -> Result<CloseCode, Failure> {
    let mut closed = None;
    loop {
        for text in conversation.outgoing.drain(..) {
            if closed.is_none() {
                socket.send(Message::text(text)).await?;
            }
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
