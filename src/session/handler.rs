//! What a session does with what passes over one of its websockets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio_tungstenite::tungstenite::Message as Frame;

use super::delivery::Proof;
use super::listening::Listening;
use super::message::{ChannelEvent, Kind, Message};
use super::outbox::Outbox;
use super::requests::Websocket;
use super::state::Session;
use super::wire::Handler;
use crate::protocol;

/// Of one websocket.
pub(super) struct SessionHandler<'a> {
    pub(super) session: &'a Arc<Session>,
    /// Where what goes over it comes from.
    pub(super) outbox: &'a Outbox,
    pub(super) websocket: Websocket,
    pub(super) listening: Listening,
}

impl SessionHandler<'_> {
    /// What moves a channel is on the wire.
    fn moved(&self, event: &ChannelEvent) {
        if let ChannelEvent::Started(_) = event {
            self.listening.started();
        }
        self.outbox.sent(event);
    }
}

impl Handler for SessionHandler<'_> {
    fn heard(&self) {
        if self.listening.heard() {
            self.outbox.heard();
            self.session.context().silent.forget(&self.session.settings().name);
        }
    }

    async fn received(&self, text: &str) {
        self.websocket.receive(text).await;
    }

    fn sent(&self, messages: impl Iterator<Item = (u64, Message)>) {
        let (mut events, mut repeats, mut responses) = (0, 0, 0);
        let mut numbered = Vec::new();
        for (place, mut message) in messages {
            if message.is_numbered() {
                match message.is_repeat() {
                    true => repeats += 1,
                    false => events += 1,
                }
                if let Some(event) = message.take_channel() {
                    self.moved(&event);
                }
                numbered.push((place, message));
                continue;
            }
            match message.kind {
                Kind::Notice => {}
                Kind::Response { .. } => responses += 1,
                Kind::Event { channel, .. } => {
                    events += 1;
                    if let Some(event) = channel {
                        self.moved(&event);
                    }
                }
            }
        }
        let counters = self.session.counters();
        if !numbered.is_empty() {
            self.outbox.keep(numbered);
            counters.events_repeated.fetch_add(repeats, Ordering::Relaxed);
        }
        // Once for all of them: the threads of the host add to what lies beside.
        counters.events_sent.fetch_add(events, Ordering::Relaxed);
        counters.responses_sent.fetch_add(responses, Ordering::Relaxed);
    }

    fn proven(&self, proof: &Proof) {
        self.session.context().times.round_trip.add(proof.time);
        self.outbox.proven(proof.settled);
        self.outbox.note(|status| status.answered(proof.time));
    }

    fn spelled(&self, messages: &[Message]) -> Vec<Frame> {
        // Looked up each time: a reload changes it on connections that are open.
        let pretty = self.session.context().config().general.pretty;
        let spelled = messages.iter().map(|message| {
            let indented = pretty.then(|| protocol::indented(&message.text)).flatten();
            match indented {
                Some(text) => Frame::text(text),
                // Where there is no memory for it to be pretty, it goes as it is.
                None => Frame::Text(message.text.clone()),
            }
        });
        spelled.collect()
    }

    async fn hurried(&self, latest: Option<Instant>) -> Instant {
        // Boxed, as a connection at rest has no room for what it needs at its end only.
        Box::pin(self.session.hurried(latest)).await
    }

    fn given_up(&self, message: &Message) -> Option<Frame> {
        self.session.given_up(message).map(Frame::text)
    }
}
