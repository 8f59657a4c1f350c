// SPDX-License-Identifier: MIT OR Apache-2.0
//! The application's side of `make bench-asterisk`: a server for the PBX to connect to, fast enough not to be what is
//! measured. What a connection is for is said by the path of its URI:
//!
//! ```text
//! /count?events=N         reads, and says when each N events are complete
//! /stall                  reads nothing
//! /ping?count=N&window=N  asks for asterisk/ping so often, with so many requests on their way at a time
//! /hold                   lets calls stay
//! /continue               sends each call back into the dialplan
//! /calls                  answers each call, then hangs it up
//! ```
//!
//! It says what it sees as lines of JSON; times are microseconds since 1970, which a dialplan can tell as well. It ends
//! when its input ends, so that nothing is left of it.

mod calls;
mod events;
mod ping;
mod purpose;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::process::{self, ExitCode};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use http::{HeaderValue, header};
use serde_json::{Value, json};
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use purpose::Purpose;

type Failure = Box<dyn Error + Send + Sync>;
type Connection = WebSocketStream<TcpStream>;

/// Room for the connections that wait to be accepted: many calls begin at once.
const BACKLOG: i32 = 1024;

const USAGE: &str = "\
usage: bench_application [options]
  --receive-buffer BYTES  of the kernel, for what is not read yet (the kernel's choice)
";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_application: {error}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Failure> {
    let listener = listen(receive_buffer()?)?;
    say(json!({"port": listener.local_addr()?.port()}));
    thread::spawn(end_with_input);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(async move {
            if let Err(error) = connection(stream).await {
                say(json!({"error": error.to_string()}));
            }
        });
    }
}

/// Whoever started this process holds the other end of its input.
fn end_with_input() {
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
    process::exit(0);
}

fn receive_buffer() -> Result<Option<usize>, lexopt::Error> {
    use lexopt::prelude::*;
    let mut bytes = None;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("receive-buffer") => bytes = Some(arguments.value()?.parse()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(bytes)
}

/// Listens on a free port; what it accepts has the buffer that is asked for.
fn listen(receive_buffer: Option<usize>) -> Result<TcpListener, Failure> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if let Some(bytes) = receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0))))?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into())?)
}

/// One connection, from the upgrade to its end.
async fn connection(stream: TcpStream) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut target = String::new();
    // The size of the error is tungstenite's choice.
    #[allow(clippy::result_large_err)]
    let answer = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        target = request.uri().to_string();
        response
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("ari"));
        Ok(response)
    };
    let connection = accept_hdr_async(stream, answer).await?;
    match Purpose::from_target(&target)? {
        Purpose::Count { events } => events::count(connection, events).await,
        Purpose::Stall => events::stall(connection).await,
        Purpose::Ping { count, window } => ping::ping(connection, count, window).await,
        Purpose::Calls(treatment) => calls::serve(connection, treatment).await,
    }
}

/// Microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_micros() as u64
}

/// One line of output.
fn say(line: Value) {
    println!("{line}");
}
