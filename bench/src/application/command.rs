// SPDX-License-Identifier: MIT OR Apache-2.0
//! What probes ask of the application.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::connection::Order;
use super::{Application, lock};
use crate::Result;
use crate::control::{Answer, Command, Requests, now};

/// Shorter than a probe waits, so that it hears what was waited for in vain.
const DEADLINE: Duration = Duration::from_secs(100);

pub(super) async fn serve(application: Arc<Application>, stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 0 {
        let command = serde_json::from_str(&line)?;
        let answer = run(&application, command).await.unwrap_or_else(|error| Answer {
            error: Some(error.to_string()),
            ..Answer::default()
        });
        let mut answer = serde_json::to_vec(&answer)?;
        answer.push(b'\n');
        stream.write_all(&answer).await?;
        line.clear();
    }
    Ok(())
}

async fn run(application: &Application, command: Command) -> Result<Answer> {
    match command {
        Command::Reset => {
            application.reset();
            lock(&application.connections).retain(|connection| !connection.is_closed());
            Ok(at(now()))
        }
        Command::Connections(count) => {
            let open = || application.open.load(Ordering::Acquire);
            within(wait(application, || open() == count))
                .await
                .map_err(|_| format!("{} connections are open instead of {count}", open()))?;
            Ok(at(now()))
        }
        Command::Texts(count) => {
            application.wanted.store(count, Ordering::Release);
            let texts = || application.texts.load(Ordering::Acquire);
            // They may have been there before they were waited for.
            let was_there = texts() >= count;
            within(wait(application, || texts() >= count))
                .await
                .map_err(|_| format!("{} texts came instead of {count}", texts()))?;
            let reached = application.reached.load(Ordering::Acquire);
            Ok(Answer {
                first_events: std::mem::take(&mut *lock(&application.first_events)),
                ..at(if was_there { now() } else { reached })
            })
        }
        Command::Request(requests) => request(application, requests).await,
        Command::RequestOnce { connection, path } => {
            let (done, _) = oneshot::channel();
            let order = Order::Request {
                path,
                count: 1,
                pipelined: 1,
                done,
            };
            let connections = lock(&application.connections);
            let connection = connections.get(connection).ok_or("no such connection")?;
            connection.send(order).map_err(|_| "the connection has ended")?;
            Ok(at(now()))
        }
        Command::Fail => {
            application.up.send_replace(false);
            within(wait(application, || application.open.load(Ordering::Acquire) == 0)).await?;
            lock(&application.connections).clear();
            Ok(at(now()))
        }
        Command::Return => {
            application.up.send_replace(true);
            Ok(at(now()))
        }
    }
}

fn at(at: u64) -> Answer {
    Answer { at, ..Answer::default() }
}

async fn within<T>(waiting: impl Future<Output = T>) -> Result<T> {
    Ok(timeout(DEADLINE, waiting).await?)
}

async fn wait(application: &Application, condition: impl Fn() -> bool) {
    loop {
        let changed = application.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if condition() {
            return;
        }
        changed.await;
    }
}

async fn request(application: &Application, requests: Requests) -> Result<Answer> {
    let mut waiting = Vec::new();
    let began = now();
    {
        let connections = lock(&application.connections);
        let asking = connections.len().saturating_sub(requests.skip).max(1);
        for connection in connections.iter().skip(requests.skip) {
            let (done, answered) = oneshot::channel();
            let order = Order::Request {
                path: "asterisk/ping".into(),
                count: (requests.count / asking).max(1),
                pipelined: requests.pipelined,
                done,
            };
            connection.send(order).map_err(|_| "a connection has ended")?;
            waiting.push(answered);
        }
    }
    let mut answer = Answer::default();
    for answered in waiting {
        let asked = within(answered).await??;
        answer.round_trips.extend(asked.round_trips);
        answer.sizes = asked.sizes;
    }
    answer.elapsed = now() - began;
    Ok(answer)
}
