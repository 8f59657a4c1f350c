//! What a session is given to send, and what becomes of what cannot be sent: events of the host, answers to requests.

use std::sync::Arc;

use super::message::{Arrival, ChannelEvent, Kind as MessageKind, Message, Number, Place};
use super::outbox::{Bound, Offer, Responded};
use super::state::Session;
use super::view::count;
use crate::error::{Error, Result};
use crate::host::Kind;
use crate::protocol::{self, Inspection, Response, Trusted};

impl Session {
    /// Takes an event of the host's; adds what is missing and queues it.
    ///
    /// # Errors
    /// It is not a JSON object, it is larger than what may wait, or the queue is full and keeps what it has.
    pub fn event(&self, application: Arc<str>, json: &[u8]) -> Result<()> {
        self.take(application, &protocol::inspect(json).map_err(Error::Json)?)
    }

    /// The same for an event of which the host says what is in it.
    ///
    /// # Errors
    /// As for [`Session::event`]; it is not looked at whether all of it is JSON.
    pub fn event_trusted(&self, application: Arc<str>, event: &Trusted<'_>) -> Result<()> {
        self.take(application, &protocol::trust(event).map_err(Error::Json)?)
    }

    fn take(&self, application: Arc<str>, inspection: &Inspection<'_>) -> Result<()> {
        let text = match self.outbox().gives_numbers() {
            true => self.completed_for_number(inspection, &application),
            false => self.completed(inspection, &application, 0),
        };
        let channel = self.channel_event(&application, inspection);
        let Some(text) = text else {
            // What it tells of has happened all the same.
            if let Some(event) = &channel {
                self.outbox().refused(event);
            }
            count(&self.counters().events_offered);
            count(&self.counters().events_dropped_no_memory);
            self.outbox().skip_number(&application);
            return Err(Error::System(format!(
                "the system refused the memory for an event of {} bytes; it was dropped and counted",
                inspection.text.len()
            )));
        };
        let length = text.len();
        let offered = self.outbox().offer(application, text, channel);
        if let Some(bound) = offered.first_drop {
            let full = match bound {
                Bound::Queue => "the queue of events is full (queue_max_messages, queue_max_bytes)",
                Bound::AllQueues => "the queues of all connections together are full (queue_max_total_bytes)",
            };
            self.context().log.limited(
                Kind::FullQueue,
                &self.settings().name,
                self.id(),
                format_args!("{full}; events are dropped and counted until it drains"),
            );
        }
        match offered.offer {
            Offer::Queued | Offer::DroppedOldest => Ok(()),
            Offer::DroppedNewest => Err(Error::Full),
            Offer::TooLarge(bound) => {
                let bound = match bound {
                    Bound::Queue => "the queue of its connection may be (queue_max_bytes)",
                    Bound::AllQueues => "the queues of all connections together may be (queue_max_total_bytes)",
                };
                let error = Error::TooLarge(format!(
                    "an event of {length} bytes is larger than {bound}; it was dropped and counted"
                ));
                self.context()
                    .log
                    .limited(Kind::LargeEvent, &self.settings().name, self.id(), &error);
                Err(error)
            }
            Offer::Ending => Err(Error::NotFound("the connection of the application is closing".to_owned())),
        }
    }

    /// The event with what is missing, and room for so many bytes more; nothing if the system refuses the memory.
    fn completed(&self, inspection: &Inspection<'_>, application: &str, room: usize) -> Option<String> {
        protocol::complete(
            inspection,
            application,
            || self.context().timestamp(),
            &self.context().asterisk_id,
            room,
            self.outbox().memory(inspection.text.len()),
        )
    }

    /// The same for an event that is given a number: one that it came with is not the library's.
    fn completed_for_number(&self, inspection: &Inspection<'_>, application: &str) -> Option<String> {
        if !inspection.has_number {
            return self.completed(inspection, application, protocol::NUMBER_ROOM);
        }
        let text = protocol::without_number(inspection.text)?;
        self.completed(&inspection.with_text(&text), application, protocol::NUMBER_ROOM)
    }

    /// What the event means for a per-call session, or for a persistent one from which channels have to leave: that is noted at
    /// once.
    fn channel_event(&self, application: &str, inspection: &Inspection<'_>) -> Option<ChannelEvent> {
        if !self.is_per_call() {
            if self.turns_away()
                && let Some(event) = channel_event(inspection)
            {
                self.outbox().told_of(application, &event);
            }
            return None;
        }
        channel_event(inspection)
    }

    pub(super) fn respond(&self, connection: u64, response: Response<'_>, place: Place) {
        // The request has been run, so that somebody has to hear that its answer is lost.
        let (place, short) = match self.answer(&response) {
            Some(text) => match self.hand(connection, text, place, false) {
                Some(place) => (place, response.without_room()),
                None => return,
            },
            None => (place, response.without_memory()),
        };
        match self.answer(&short.shortened()) {
            Some(short) => drop(self.hand(connection, short, place, true)),
            None => count(&self.counters().responses_undelivered),
        }
    }

    /// The answer to a request that was refused. It goes out whatever else waits, so it is short, and there are few of them.
    pub(super) fn refuse(&self, connection: u64, response: &Response<'_>, place: Place) {
        match self.answer(&response.shortened()) {
            Some(text) => drop(self.hand(connection, text, place, true)),
            None => count(&self.counters().responses_undelivered),
        }
    }

    /// Hands an answer to its connection, the one that is open or one whose place that has taken; it goes nowhere if that has
    /// ended. Gives its place back if there is no room for it.
    fn hand(&self, connection: u64, text: String, place: Place, must: bool) -> Option<Place> {
        let mut responded = self.outbox().respond(connection, text, place, must);
        if let Responded::NotHere(text, place) = responded {
            responded = match self.left_connection() {
                Some(left) => left.respond(connection, text, place, must),
                None => Responded::NotHere(text, place),
            };
        }
        match responded {
            Responded::Queued => None,
            Responded::NoRoom(place) => Some(place),
            Responded::NotHere(..) => {
                count(&self.counters().responses_undelivered);
                None
            }
        }
    }

    /// An answer as it is sent.
    fn answer(&self, response: &Response<'_>) -> Option<String> {
        response.to_json(
            self.first_application(&self.settings()),
            &self.context().timestamp(),
            &self.context().asterisk_id,
        )
    }

    /// The system has no memory to send a message that waited; gives the short answer that is sent in place of a long one.
    pub(super) fn given_up(&self, message: &Message) -> Option<String> {
        let (what, short) = match &message.kind {
            MessageKind::Event { channel, number, .. } => {
                if let Some(event) = channel {
                    self.outbox().dropped(event);
                }
                match number {
                    Number::None | Number::Given => count(&self.counters().events_dropped_no_memory),
                    Number::Sent => self.unconfirmed(1),
                }
                ("event", None)
            }
            MessageKind::Response { .. } => ("answer", self.answer(&protocol::lost_answer(&message.text))),
            MessageKind::Notice => ("notice", None),
        };
        let length = message.text.len();
        self.context().log.limited(
            Kind::NoMemory,
            &self.settings().name,
            self.id(),
            format_args!("the system refused the memory to send an {what} of {length} bytes"),
        );
        short
    }
}

/// What an event tells of where a channel is.
fn channel_event(inspection: &Inspection<'_>) -> Option<ChannelEvent> {
    let event: fn(Arrival) -> ChannelEvent = match &*inspection.kind {
        "StasisStart" => ChannelEvent::Started,
        "StasisEnd" => |of| ChannelEvent::Ended(of.channel),
        "ChannelDestroyed" => |of| ChannelEvent::Destroyed(of.channel),
        _ => return None,
    };
    let channels = inspection.channels();
    Some(event(Arrival {
        channel: channels.id?,
        replaces: channels.replaced,
    }))
}
