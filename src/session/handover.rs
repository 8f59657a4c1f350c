//! A connection to a preferred server takes the place of the one that is open.
//!
//! Until all that was sent over that is known to have arrived, what comes waits; then it goes over the new one, behind the
//! ApplicationRegistered of each application. The one that is left goes on for the answers to its requests, and is closed.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;

use super::clock::now;
use super::delivery::Remains;
use super::endings::{LAST_WORDS, Stop, Wish};
use super::handler::SessionHandler;
use super::listening::Listening;
use super::outbox::Gone;
use super::requests::Websocket;
use super::servers::Servers;
use super::state::Session;
use super::wire::{self, Timeouts};
use crate::net::{Connected, Link, Meter, Metered, Place};

/// A connection whose place another one has taken.
pub(super) struct Left {
    pub(super) websocket: Box<WebSocketStream<Metered<Box<dyn Link>>>>,
    pub(super) meter: Arc<Meter>,
    /// The right to have its socket.
    pub(super) place: Place,
    pub(super) requests: Websocket,
    pub(super) timeouts: Timeouts,
}

/// Waits for a connection to a server that is preferred to this one; for ever if there is none.
pub(super) async fn preferred(servers: &Arc<Servers>, current: Option<usize>, session: &Session) -> (usize, Connected) {
    match current {
        // Larger than all that a connection at rest needs.
        Some(current) if current > 0 && !session.is_per_call() => Box::pin(servers.failback(current, session)).await,
        _ => pending().await,
    }
}

impl Left {
    /// Answers its requests, if that is soon, and closes it. `number` is its own among those of the session, and `remains` what
    /// became of what was sent over it.
    pub(super) fn end(self, session: &Arc<Session>, number: u64, remains: Remains) -> (JoinHandle<()>, Gone) {
        let outbox = Arc::new(session.outbox().of_answers(number));
        // Before the session takes no answers of it any more.
        session.set_left_connection(Some(Arc::clone(&outbox)));
        let (answers, gone) = session.outbox().handed_over(remains);
        outbox.take_in(answers);
        let session = Arc::clone(session);
        let end = tokio::spawn(async move {
            let Self {
                websocket,
                meter,
                requests,
                timeouts,
                ..
            } = self;
            let handler = SessionHandler {
                session: &session,
                outbox: &outbox,
                websocket: requests,
                listening: Listening::default(),
            };
            let closing = pin!(async {
                tokio::select! {
                    biased;
                    () = session.stopping() => {}
                    _ = timeout(LAST_WORDS, handler.websocket.is_answered()) => {}
                }
                Wish::Stop(Stop::Drained(now()))
            });
            let ended = wire::run(websocket, &meter, &outbox, &handler, &timeouts, closing).await;
            handler.websocket.close();
            session.set_left_connection(None);
            session.unconfirmed(outbox.disconnected(ended.how.cause(), ended.remains).unconfirmed);
            session.context().log.connection_ended(&session.settings().name);
            drop(self.place);
        });
        (end, gone)
    }
}
