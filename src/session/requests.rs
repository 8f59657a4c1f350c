//! What an application asks for: read, refused or given to the host, answered.
//!
//! Requests of one session run in order, `request_concurrency` at a time (one, unless configured). A request that arrived
//! is run even if its connection ends before its turn: an application may say "hang up" and leave.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::state::Session;
use super::view::count;
use crate::config::User;
use crate::host::HostRequest;
use crate::protocol::{self, Request, Response};

/// Requests of one session that may be waiting, running, or answered and not sent. At this many nothing more is read from
/// the application, so that one that asks without listening fills its own network buffers instead of the host's memory.
const INTAKE: u32 = 64;

/// The requests of one session.
#[derive(Debug)]
pub(super) struct Requests {
    intake: Arc<Semaphore>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Job>,
    runners: u32,
}

#[derive(Debug)]
struct Job {
    /// A request, or what it is answered without the host.
    work: Result<Request, Response>,
    connection: u64,
    place: OwnedSemaphorePermit,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self {
            intake: Arc::new(Semaphore::new(INTAKE as usize)),
            queue: Mutex::default(),
        }
    }

    /// Waits until every request is answered and its answer handed over; nothing more is read meanwhile.
    pub(super) async fn answered(&self) {
        // The semaphore is never closed.
        let _ = self.intake.acquire_many(INTAKE).await;
    }

    /// The next job; a runner that finds none, or finds too many runners, has ended.
    fn next(&self, concurrency: u32) -> Option<Job> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let job = if queue.runners > concurrency {
            None
        } else {
            queue.waiting.pop_front()
        };
        if job.is_none() {
            queue.runners -= 1;
        }
        job
    }

    /// Queues a job; whether it needs another runner.
    fn push(&self, job: Job, concurrency: u32) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.waiting.push_back(job);
        let needed = queue.runners < concurrency;
        queue.runners += u32::from(needed);
        needed
    }
}

/// Takes a message from the application. Returns late if the application asks faster than it is answered.
pub(super) async fn receive(session: &Arc<Session>, connection: u64, text: &str) {
    count(&session.counters().requests_received);
    // The semaphore is never closed.
    let Ok(place) = Arc::clone(&session.requests().intake).acquire_owned().await else {
        return;
    };
    let work = protocol::parse(text);
    if let Err(refused) = &work {
        session.context().log.warning(
            session.id(),
            format!(
                "bad request (request_id '{}'): {} {}; answered",
                refused.request_id,
                refused.reason,
                refused.body.as_deref().unwrap_or_default()
            ),
        );
    }
    let job = Job {
        work,
        connection,
        place,
    };
    if session.requests().push(job, session.request_concurrency()) {
        tokio::spawn(run(Arc::clone(session)));
    }
}

/// A runner: one job after the other until there is none.
async fn run(session: Arc<Session>) {
    while let Some(job) = session.requests().next(session.request_concurrency()) {
        let response = match job.work {
            Err(response) => Some(response),
            Ok(request) => {
                let answer = AssertUnwindSafe(answer(&session, &request)).catch_unwind();
                answer.await.unwrap_or_else(|_| {
                    session.context().log.error(
                        session.id(),
                        "a request failed inside the library; answered 500",
                    );
                    Some(request.answer(500, None, None))
                })
            }
        };
        if let Some(response) = response {
            session.respond(job.connection, &response, job.place);
        }
    }
}

/// The answer to one request; none if the instance ends before the host has answered.
async fn answer(session: &Arc<Session>, request: &Request) -> Option<Response> {
    let connection = session.settings();
    let config = session.context().config();
    // The user is looked up for each request: a reload may have changed or removed it.
    let Some(user) = config.users.get(&connection.local_ari_user) else {
        let body = Some(r#"{"message":"Authentication required"}"#);
        return Some(request.answer(401, Some("Unauthorized"), body));
    };
    if let Some(refusal) = request.refusal(user.read_only) {
        return Some(refusal);
    }
    let context = session.context();
    let (id, answer) = context.answers.expect();
    context
        .calls
        .ari_request(host_request(session, request, user, id))
        .await;
    let answer = answer.await.ok()?;
    Some(request.answer(
        answer.status,
        answer.reason.as_deref(),
        answer.body.as_deref(),
    ))
}

fn host_request(session: &Session, request: &Request, user: &User, id: u64) -> HostRequest {
    HostRequest {
        id,
        application: session.first_application(),
        session_id: session.id().to_owned(),
        method: request.method.as_str(),
        path: request.path.clone(),
        parameters: request.parameters.clone(),
        content_type: request.content_type.clone(),
        body: request.body.clone(),
        user: user.name.clone(),
        password: user.password.clone(),
        read_only: user.read_only,
    }
}
