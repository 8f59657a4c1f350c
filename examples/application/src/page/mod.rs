// SPDX-License-Identifier: MIT OR Apache-2.0
//! A small web server for one page and its websocket, for browsers on this machine.

mod request;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use crate::Failure;
use crate::board::Board;
use request::{Asked, asked};

const PAGE: &str = include_str!("page.html");

/// Connections of browsers at a time.
const CLIENTS: usize = 32;
/// How long a browser may take for its request, and for what it is sent.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two pictures of a flood, which no page could follow message by message.
const PAUSE: Duration = Duration::from_millis(200);
/// What a button sends is short.
const LONGEST_COMMAND: usize = 1024;

/// Serves as long as the application runs.
pub(crate) async fn serve(listener: TcpListener, board: Arc<Board>) {
    let clients = Arc::new(Semaphore::new(CLIENTS));
    loop {
        // The next one waits in the kernel until one of them goes.
        let Ok(place) = Arc::clone(&clients).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            // No descriptor is left, for instance.
            sleep(PAUSE).await;
            continue;
        };
        let board = Arc::clone(&board);
        tokio::spawn(async move {
            // Whatever goes wrong concerns this browser alone, and it sees it.
            let _ = client(stream, &board).await;
            drop(place);
        });
    }
}

async fn client(mut stream: TcpStream, board: &Board) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    let (asked, length) = timeout(PATIENCE, read(&mut stream, &mut bytes)).await??;
    match asked {
        Asked::Page => respond(&mut stream, &page()).await,
        Asked::Live(accept) => {
            let response = format!(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            );
            respond(&mut stream, &response).await?;
            let config = WebSocketConfig::default()
                .max_message_size(Some(LONGEST_COMMAND))
                .max_frame_size(Some(LONGEST_COMMAND));
            let rest = bytes.split_off(length);
            show(
                WebSocketStream::from_partially_read(stream, rest, Role::Server, Some(config)).await,
                board,
            )
            .await
        }
        Asked::Refused(status, why) => respond(&mut stream, &plain(status, why)).await,
        Asked::More => Ok(()),
    }
}

/// Reads until the request is complete.
async fn read(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<(Asked, usize), Failure> {
    let mut piece = [0; 2048];
    loop {
        let count = stream.read(&mut piece).await?;
        bytes.extend_from_slice(&piece[..count]);
        let result = asked(bytes);
        if count == 0 || result.0 != Asked::More {
            return Ok(result);
        }
    }
}

async fn respond(stream: &mut TcpStream, response: &str) -> Result<(), Failure> {
    Ok(timeout(PATIENCE, stream.write_all(response.as_bytes())).await??)
}

/// The page, which may run its own script and style, connect to where it comes from, and nothing else.
fn page() -> String {
    // Random: each one has a key of its own.
    let nonce = format!("{:016x}", RandomState::new().hash_one(0));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers = format!("Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: {policy}\r\n");
    response(StatusCode::OK, &headers, &PAGE.replace("@NONCE@", &nonce))
}

fn plain(status: StatusCode, why: &str) -> String {
    response(status, "Content-Type: text/plain; charset=utf-8\r\n", &format!("{why}\n"))
}

fn response(status: StatusCode, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         X-Frame-Options: DENY\r\n\r\n{body}",
        body.len()
    )
}

/// Shows all there is and what changes, and takes what the buttons ask for, until the page is closed.
async fn show(mut socket: WebSocketStream<TcpStream>, board: &Board) -> Result<(), Failure> {
    let (all, mut changes) = board.watch();
    send(&mut socket, all).await?;
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Ok(change) => send(&mut socket, change).await?,
                Err(RecvError::Lagged(_)) => {
                    sleep(PAUSE).await;
                    let (all, from_here) = board.watch();
                    changes = from_here;
                    send(&mut socket, all).await?;
                }
                Err(RecvError::Closed) => return Ok(()),
            },
            message = socket.next() => match message.transpose()? {
                Some(Message::Text(text)) => board.command(&text),
                Some(_) => {}
                None => return Ok(()),
            },
        }
    }
}

async fn send(socket: &mut WebSocketStream<TcpStream>, text: Utf8Bytes) -> Result<(), Failure> {
    Ok(timeout(PATIENCE, socket.send(Message::Text(text))).await??)
}
