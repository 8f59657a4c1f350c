//! What an application asks for: read, refused or given to the host, answered.
//!
//! Requests belong to the websocket that they came over: those of one run in order, `request_concurrency` at a time (one,
//! unless configured), whatever those of another wait for. A request that arrived is run even if its websocket ends before
//! its turn: an application may say "hang up" and leave.

mod queue;
#[cfg(test)]
mod tests;
mod watch;
pub(super) mod websockets;

use std::fmt::Display;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::account::Room;
use super::answers::Answer;
use super::clock::now;
use super::message::{Message, Place};
use super::state::Session;
use super::view::count;
use crate::config::{Connection, User};
use crate::host::{Host, HostRequest, Kind, Turn};
use crate::memory;
use crate::protocol::{self, Alias, Request, Response};
use crate::text::brief;
use queue::{Job, QUICK, Unanswered};
use websockets::{PLACES, Requests};

/// What the messages of those that wait may have together, in bytes. One request may be larger.
const WAITING_BYTES: usize = 4 << 20;
/// What the texts of a request may take while it is read and given to the host, as often as its message does.
const COPIES: usize = 8;
/// Refusals that may wait to be sent. Only an application that does not read has so many, and it is not read either.
const REFUSALS: usize = 64;

/// One websocket of a session, and what came over it.
#[derive(Clone)]
pub(super) struct Websocket {
    session: Arc<Session>,
    requests: Arc<Requests>,
}

impl Websocket {
    /// A websocket of the session is open.
    pub(super) fn open(session: &Arc<Session>, number: u64) -> Self {
        Self {
            session: Arc::clone(session),
            requests: session.requests().open(number),
        }
    }

    /// It has ended. Requests that arrived are run, as long as those of the websockets before do not wait as well: then the
    /// oldest give way, so that an application that comes and goes does not fill the memory.
    pub(super) fn close(&self) {
        self.requests.queue().close();
        self.requests.changed.notify_one();
        let not_run = self.session.requests().give_up_oldest();
        let refused = take(&mut *self.refused());
        if not_run > 0 {
            self.warn(format_args!(
                "{not_run} requests of connections that have ended were not run: more than {PLACES} waited"
            ));
        }
        if refused > 1 {
            self.warn(format_args!("{refused} requests were refused while the connection was up"));
        }
    }

    /// Waits until every request is answered, and every answer handed to the kernel.
    pub(super) async fn is_answered(&self) {
        self.requests.places.wait().await;
    }

    /// Takes a message from the application. Waits only if that does not read its answers.
    pub(super) async fn receive(&self, text: &str) {
        count(&self.session.counters().requests_received);
        let work = if memory::is_there_for(text.len(), COPIES) {
            protocol::parse(text)
        } else {
            Err(Box::new(protocol::refused_memory(text)))
        };
        if let Err(refused) = &work {
            self.warn_of(
                Kind::BadRequest,
                format_args!(
                    "bad request (request_id '{}'): {} {}; answered",
                    brief(&refused.request_id),
                    refused.reason,
                    refused.body.as_deref().unwrap_or_default()
                ),
            );
        }
        let Some(room) = self.room(text.len()) else {
            return Box::pin(self.refuse(work)).await;
        };
        let job = Job {
            work,
            place: self.requests.places.token(),
            arrived: now(),
            length: text.len(),
            _room: room,
        };
        let concurrency = self.session.request_concurrency();
        let begin = self.requests.queue().push(job, concurrency);
        if begin.watch {
            tokio::spawn(self.clone().watch());
        }
        if begin.runner {
            self.clone().begin();
        }
    }

    /// Room to wait in, if there is any.
    fn room(&self, length: usize) -> Option<Room> {
        let (waiting, bytes) = self.requests.queue().waiting();
        let fits = waiting == 0 || bytes + length <= WAITING_BYTES;
        if !fits || self.requests.places.len() >= PLACES {
            return None;
        }
        let mut room = Room::none(&self.session.context().queued);
        room.resize(Message::cost(length)).then_some(room)
    }

    async fn refuse(&self, work: Result<Request, Box<Response<'static>>>) {
        if self.requests.refusals.len() >= REFUSALS {
            self.requests.refusals.wait().await;
        }
        count(&self.session.counters().requests_refused);
        let refused = {
            let mut refused = self.refused();
            *refused += 1;
            *refused
        };
        if refused == 1 {
            let (waiting, bytes) = self.requests.queue().waiting();
            self.warn_of(
                Kind::RefusedRequest,
                format_args!("requests are refused: {waiting} wait, with {bytes} bytes; answered 503"),
            );
        }
        let response = match &work {
            Err(bad) => Response::clone(bad),
            Ok(request) => {
                let body = Some(r#"{"message":"Too many requests wait"}"#);
                request.answer(503, None, body)
            }
        };
        let place = self.requests.refusals.token();
        self.session.refuse(self.requests.number, &response, place);
    }

    /// `took`: since the request arrived.
    fn respond(&self, response: Response<'_>, place: Place, took: Duration) {
        self.session.context().times.answered(response.status, took);
        self.session.respond(self.requests.number, response, place);
    }

    /// A runner takes its turn: one request after the other until there is none; where the messages were read, if the host is
    /// expected to be done with them at once.
    fn begin(self) {
        let calls = self.session.context().calls.clone();
        if let Some(turn) = calls.turn_at_once() {
            if self.requests.queue().is_quick() {
                calls.give_here(turn, |host, turn| self.run(host, turn, QUICK));
            } else {
                calls.give(turn, |host, turn| self.run(host, turn, TURN));
            }
        } else {
            tokio::spawn(async move {
                if let Some(turn) = calls.turn().await {
                    calls.give(turn, |host, turn| self.run(host, turn, TURN));
                }
            });
        }
    }

    /// On a thread that may block: requests in order, until there is none, the host has not answered one yet, or others are
    /// to have their turn.
    fn run(self, host: &dyn Host, turn: Turn, longest: Duration) {
        let began = now();
        let mut time = began;
        while let Some(job) = self.next(time) {
            match self.work(host, job, time) {
                Some(ended) => time = ended,
                None => return,
            }
            let is_over = time.saturating_duration_since(began) >= longest;
            if is_over && self.requests.queue().waiting().0 > 0 {
                drop(turn);
                return self.begin();
            }
        }
    }

    /// The next request; where there is none and none will come, nobody need watch any more.
    fn next(&self, now: Instant) -> Option<Job> {
        let concurrency = self.session.request_concurrency();
        let mut queue = self.requests.queue();
        let job = queue.next(concurrency, now);
        if job.is_none() && queue.is_closed() {
            self.requests.changed.notify_one();
        }
        job
    }

    /// Has a request answered; gives what time it is then, if this thread is to go on with the next one.
    fn work(&self, host: &dyn Host, job: Job, began: Instant) -> Option<Instant> {
        let Job {
            work, place, arrived, ..
        } = job;
        let request = match work {
            Ok(request) => request,
            Err(bad) => return self.refused_here(*bad, place, arrived),
        };
        let config = self.session.context().config();
        let settings = self.session.settings();
        // The user is looked up for each request: a reload may have changed or removed it.
        let Some(user) = config.users.get(&settings.local_ari_user) else {
            let body = Some(r#"{"message":"Authentication required"}"#);
            return self.refused_here(request.answer(401, Some("Unauthorized"), body), place, arrived);
        };
        if let Some(refusal) = request.refusal(user.read_only) {
            return self.refused_here(refusal, place, arrived);
        }
        let unanswered = Unanswered { request, place, arrived };
        self.ask(host, unanswered, user, &settings, began)
    }

    /// A request that the host does not see is answered.
    fn refused_here(&self, response: Response<'_>, place: Place, arrived: Instant) -> Option<Instant> {
        let now = now();
        self.respond(response, place, now.saturating_duration_since(arrived));
        Some(now)
    }

    /// Gives a request to the host; gives what time it is then, if it was answered inside the callback.
    fn ask(
        &self,
        host: &dyn Host,
        mut unanswered: Unanswered,
        user: &User,
        settings: &Connection,
        began: Instant,
    ) -> Option<Instant> {
        let answers = &self.session.context().answers;
        let id = answers.number();
        // What the answer does not need is the host's.
        let request = &mut unanswered.request;
        let (method, path, content_type) = (request.method, Arc::clone(&request.path), request.content_type.take());
        let (mut parameters, mut body) = (take(&mut request.parameters), request.body.take());
        let own_path = match settings.client.own_app_alias {
            true => self.session.mean_own_app(&path, &mut parameters, &mut body),
            false => None,
        };
        self.requests.queue().give(id, unanswered, began);
        let websocket = self.clone();
        let reply = move |answer: &Answer<'_>| websocket.answered(id, answer, false);
        answers.expect(id, Box::new(reply));
        let asked = HostRequest {
            id,
            application: self.session.first_application(settings),
            session_id: self.session.id(),
            method: method.as_str(),
            path: own_path.as_deref().unwrap_or(&path),
            parameters: &parameters,
            content_type: content_type.as_deref(),
            body: body.as_deref(),
            user: &user.name,
            password: &user.password,
            read_only: user.read_only,
        };
        let call = AssertUnwindSafe(|| host.ari_request(&asked));
        if catch_unwind(call).is_err() {
            let message = "a request failed inside the library; answered 500";
            self.warn_of(Kind::FailedRequest, message);
            // Fails if it was answered before.
            let _ = answers.complete(id, &Answer::of(500));
        }
        let ended = now();
        self.requests.queue().returned(id, ended).then_some(ended)
    }

    /// The host's answer to a request, or what is answered because it is `overdue`; once for each.
    fn answered(&self, id: u64, answer: &Answer<'_>, overdue: bool) {
        let mut queue = self.requests.queue();
        let now = now();
        let Some((unanswered, more)) = queue.answered(id, overdue, now) else {
            return;
        };
        let is_over = queue.is_closed();
        drop(queue);
        let Unanswered { request, place, arrived } = unanswered;
        let response = request.answer(answer.status, answer.reason, answer.body);
        self.respond(response, place, now.saturating_duration_since(arrived));
        if more {
            // This may be a thread of the host's, and threads take the signal mask of the one that starts them.
            let websocket = self.clone();
            let begin = async move { websocket.begin() };
            drop(self.requests.runtime.spawn(begin));
        }
        if is_over {
            self.requests.changed.notify_one();
        }
    }

    fn refused(&self) -> MutexGuard<'_, u64> {
        let refused = self.requests.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner)
    }

    fn warn(&self, message: impl Display) {
        let log = &self.session.context().log;
        log.warning(self.session.id(), message);
    }

    /// A warning of something that the application can bring about with each of its messages.
    fn warn_of(&self, kind: Kind, message: impl Display) {
        let log = &self.session.context().log;
        let connection = &self.session.settings().name;
        log.limited(kind, connection, self.session.id(), message);
    }
}

/// How long a runner keeps its turn while requests wait: long enough that quick ones are not each handed from thread to
/// thread, short enough that those of other sessions do not notice.
const TURN: Duration = Duration::from_millis(1);

impl Session {
    /// Where a request of a call names the application as it is configured, it means that of the call; gives the path that
    /// means that, if it is another one.
    fn mean_own_app(&self, path: &str, parameters: &mut [(String, String)], body: &mut Option<String>) -> Option<String> {
        let (own, base) = self.call_application().zip(self.base_application())?;
        let alias = Alias { base, own };
        alias.parameters(parameters);
        if let Some(changed) = body.as_deref().and_then(|body| alias.body(body)) {
            *body = Some(changed);
        }
        alias.path(path)
    }
}
