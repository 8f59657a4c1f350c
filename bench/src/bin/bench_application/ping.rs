// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests that cost the PBX next to nothing, as fast as it answers them.

use std::time::Instant;

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::{Connection, Failure, say};

/// Before anything is measured.
const WARM_UP: usize = 100;

/// What of a message counts here.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    request_id: Option<&'a str>,
    status_code: Option<u16>,
}

/// The requests that were sent and their answers.
struct Requests {
    connection: Connection,
    sent: Vec<Instant>,
    /// Nanoseconds from each request to its answer.
    times: Vec<u128>,
}

/// Sends requests with so many on their way at a time, and says how long the answers took.
pub(crate) async fn ping(connection: Connection, count: usize, window: usize) -> Result<(), Failure> {
    let mut requests = Requests {
        connection,
        sent: Vec::new(),
        times: Vec::new(),
    };
    // Asterisk's own may wait for more before it looks at a request that comes earlier than its first message.
    let registered = requests.connection.next().await;
    registered.ok_or("the connection ended")??;
    requests.run(WARM_UP, window).await?;
    say(json!({"ready": true}));
    let begin = Instant::now();
    requests.run(count, window).await?;
    let seconds = begin.elapsed().as_secs_f64();
    requests.times.sort_unstable();
    let part = |part: f64| requests.times[((count - 1) as f64 * part) as usize];
    say(json!({
        "requests": count,
        "seconds": seconds,
        "p50": part(0.5) as f64 / 1e9,
        "p99": part(0.99) as f64 / 1e9,
    }));
    // The PBX ends it.
    while let Some(Ok(_)) = requests.connection.next().await {}
    Ok(())
}

impl Requests {
    async fn run(&mut self, count: usize, window: usize) -> Result<(), Failure> {
        self.sent.clear();
        self.times.clear();
        for _ in 0..window.min(count) {
            self.feed().await?;
        }
        self.connection.flush().await?;
        while self.times.len() < count {
            let message = self.connection.next().await;
            self.take(message.ok_or("the connection ended")??)?;
            // All that has come is taken before the next requests go out, in one write.
            while let Some(message) = self.connection.next().now_or_never() {
                self.take(message.ok_or("the connection ended")??)?;
            }
            while self.sent.len() < count && self.sent.len() - self.times.len() < window {
                self.feed().await?;
            }
            self.connection.flush().await?;
        }
        Ok(())
    }

    async fn feed(&mut self) -> Result<(), Failure> {
        let text = format!(
            r#"{{"type":"RESTRequest","request_id":"{}","method":"GET","uri":"asterisk/ping"}}"#,
            self.sent.len()
        );
        self.sent.push(Instant::now());
        Ok(self.connection.feed(Message::text(text)).await?)
    }

    fn take(&mut self, message: Message) -> Result<(), Failure> {
        let Message::Text(text) = message else {
            return Ok(());
        };
        let answer: Answer = serde_json::from_str(&text)?;
        if answer.kind != "RESTResponse" {
            return Ok(());
        }
        let number: usize = answer.request_id.unwrap_or_default().parse()?;
        match (answer.status_code, self.sent.get(number)) {
            (Some(200), Some(sent)) => self.times.push(sent.elapsed().as_nanos()),
            _ => return Err(format!("the answer to a ping: {text}").into()),
        }
        Ok(())
    }
}
