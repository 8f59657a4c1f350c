//! What a session does with what passes over one of its websockets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::delivery::Proof;
use super::listening::Listening;
use super::message::{ChannelEvent, Kind, Load, Message, Number};
use super::outbox::Outbox;
use super::requests::Websocket;
use super::state::Session;
use super::wire::Handler;
use crate::net::Outgoing;
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

    fn sent(&self, first: u64, mut sent: Load) {
        let (mut events, mut repeats, mut responses) = (0, 0, 0);
        let mut places = Vec::new();
        for (place, message) in (first..).zip(&mut sent.messages) {
            match message.kind {
                Kind::Notice => {}
                Kind::Response { .. } => responses += 1,
                Kind::Event {
                    number: Number::Sent, ..
                } => repeats += 1,
                Kind::Event { .. } => events += 1,
            }
            if let Some(event) = message.take_channel() {
                self.moved(&event);
            }
            if message.is_numbered() {
                places.push(place);
            }
        }
        let numbered = sent.split_off(Message::is_numbered);
        if !places.is_empty() {
            self.outbox.keep(places, numbered);
        }
        // The places of answers are free at once.
        sent.retain(Message::is_event);
        self.outbox.is_done_with(sent);
        let counters = self.session.counters();
        // Once for all of them: the threads of the host add to what lies beside.
        counters.events_repeated.fetch_add(repeats, Ordering::Relaxed);
        counters.events_sent.fetch_add(events, Ordering::Relaxed);
        counters.responses_sent.fetch_add(responses, Ordering::Relaxed);
    }

    fn proven(&self, proof: &Proof) {
        self.session.context().times.round_trip.add(proof.time);
        self.outbox.proven(proof.settled);
        self.outbox.note(|status| status.answered(proof.time));
    }

    fn framed(&self, burst: &mut Load, frames: &mut Outgoing) {
        // Looked up each time: a reload changes it on connections that are open.
        let pretty = self.session.context().config().general.pretty;
        burst.retain(|message| {
            let indented = pretty.then(|| protocol::indented(&message.text)).flatten();
            // Where there is no memory for it to be pretty, it goes as it is.
            let text = indented.as_deref().unwrap_or(&message.text);
            frames.push(text) || self.session.given_up(message).is_some_and(|short| frames.push(&short))
        });
    }

    async fn hurried(&self, latest: Option<Instant>) -> Instant {
        // Boxed, as a connection at rest has no room for what it needs at its end only.
        Box::pin(self.session.hurried(latest)).await
    }
}
