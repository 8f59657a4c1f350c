// SPDX-License-Identifier: MIT OR Apache-2.0
//! Connections that events are pumped into.

use std::future::pending;

use futures_util::StreamExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::{Connection, Failure, now, say};

/// Counts events, and says when so many have come: how many bytes they had, when the first and the last came.
pub(crate) async fn count(mut connection: Connection, events: u64) -> Result<(), Failure> {
    let mut registered = false;
    let (mut got, mut bytes, mut first) = (0, 0, 0);
    while let Some(message) = connection.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        // The first message is ApplicationRegistered, and no event of the pump's.
        if !registered {
            registered = true;
            say(json!({"registered": true}));
            continue;
        }
        if got == 0 {
            first = now();
        }
        got += 1;
        bytes += text.len();
        if got == events {
            say(json!({"events": got, "bytes": bytes, "first": first, "last": now()}));
            (got, bytes) = (0, 0);
        }
    }
    Ok(())
}

/// Keeps the connection open and reads nothing from it.
pub(crate) async fn stall(connection: Connection) -> Result<(), Failure> {
    say(json!({"registered": true}));
    let _open = connection;
    pending().await
}
