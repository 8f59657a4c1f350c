// SPDX-License-Identifier: MIT OR Apache-2.0
//! Calls, each with a connection of its own or many on one.

use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::purpose::Treatment;
use crate::{Connection, Failure, now, say};

/// Of the request that answers a call; the channel's id follows.
const ANSWER: &str = "answer ";

/// What of a message counts here.
#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    channel: Option<Channel<'a>>,
    request_id: Option<&'a str>,
    status_code: Option<u16>,
}

#[derive(Deserialize)]
struct Channel<'a> {
    id: &'a str,
}

/// Serves the calls of a connection until the PBX ends it. Says when StasisStart and StasisEnd of
/// each call came, unless the calls are to be as many as possible.
pub(crate) async fn serve(mut connection: Connection, treatment: Treatment) -> Result<(), Failure> {
    while let Some(message) = connection.next().await {
        let text = match message {
            Ok(Message::Text(text)) => text,
            Ok(_) => continue,
            // A request that crosses the Close of a call that has ended.
            Err(Error::Protocol(_)) => break,
            Err(error) => return Err(error.into()),
        };
        let arrival = now();
        let incoming: Incoming = serde_json::from_str(&text)?;
        let channel = incoming.channel.map(|channel| channel.id).unwrap_or_default();
        let next = match (incoming.kind, treatment) {
            ("StasisStart", Treatment::Hold) => None,
            ("StasisStart", Treatment::Continue) => {
                let path = format!("channels/{channel}/continue");
                Some(request("continue", "POST", &path))
            }
            ("StasisStart", Treatment::AnswerAndHangUp) => {
                let path = format!("channels/{channel}/answer");
                Some(request(&format!("{ANSWER}{channel}"), "POST", &path))
            }
            ("RESTResponse", _) if incoming.status_code != Some(204) => {
                say(json!({"error": text.as_str()}));
                None
            }
            ("RESTResponse", _) => incoming
                .request_id
                .and_then(|id| id.strip_prefix(ANSWER))
                .map(|channel| request("hang up", "DELETE", &format!("channels/{channel}"))),
            _ => None,
        };
        if let Some(next) = next {
            connection.send(next).await?;
        }
        let told = matches!(incoming.kind, "StasisStart" | "StasisEnd");
        if told && !matches!(treatment, Treatment::AnswerAndHangUp) {
            say(json!({"call": channel, "event": incoming.kind, "at": arrival}));
        }
    }
    Ok(())
}

fn request(id: &str, method: &str, uri: &str) -> Message {
    let request = json!({"type": "RESTRequest", "request_id": id, "method": method, "uri": uri});
    Message::text(request.to_string())
}
