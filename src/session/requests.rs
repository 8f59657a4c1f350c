//! What an application asks for: read, refused or given to the host, answered.
//!
//! Requests of one session run in order, `request_concurrency` at a time (one, unless configured). A request that arrived
//! is run even if its connection ends before its turn: an application may say "hang up" and leave.

use std::collections::VecDeque;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::context::Answer;
use super::state::Session;
use super::view::count;
use crate::config::User;
use crate::host::{Host, HostRequest, Turn};
use crate::protocol::{self, Request, Response};
use crate::text::brief;

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
                brief(&refused.request_id),
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
        begin(Arc::clone(session));
    }
}

/// How long a runner keeps its turn while requests wait: long enough that quick ones are not each handed from thread to
/// thread, short enough that those of other sessions do not notice.
const TURN: Duration = Duration::from_millis(1);

/// A runner takes its turn: one job after the other until there is none.
fn begin(session: Arc<Session>) {
    let calls = session.context().calls.clone();
    if let Some(turn) = calls.turn_at_once() {
        calls.give(turn, |host, turn| run(session, host, turn));
    } else {
        tokio::spawn(async move {
            if let Some(turn) = calls.turn().await {
                calls.give(turn, |host, turn| run(session, host, turn));
            }
        });
    }
}

/// On a thread that may block: jobs in order, until there is none, the host has not answered one yet, or others are to have
/// their turn.
fn run(session: Arc<Session>, host: &dyn Host, turn: Turn) {
    let began = Instant::now();
    while let Some(job) = session.requests().next(session.request_concurrency()) {
        if let Some(unanswered) = work(&session, host, job) {
            drop(turn);
            tokio::spawn(async move {
                unanswered.wait(&session).await;
                begin(session);
            });
            return;
        }
        if began.elapsed() >= TURN {
            drop(turn);
            return begin(session);
        }
    }
}

/// A request that the host has, and answers later.
struct Unanswered {
    request: Request,
    answer: oneshot::Receiver<Answer>,
    connection: u64,
    place: OwnedSemaphorePermit,
}

impl Unanswered {
    async fn wait(self, session: &Session) {
        // There is none if the instance ends before.
        if let Ok(answer) = self.answer.await {
            let response = answered(&self.request, &answer);
            session.respond(self.connection, &response, self.place);
        }
    }
}

/// Runs a job and answers it, unless the host takes its time.
fn work(session: &Session, host: &dyn Host, job: Job) -> Option<Unanswered> {
    let response = match job.work {
        Err(response) => response,
        Ok(mut request) => {
            let asked = catch_unwind(AssertUnwindSafe(|| ask(session, host, &mut request)));
            match asked {
                Ok(Asked::Answered(response)) => response,
                Ok(Asked::Waiting(answer)) => {
                    return Some(Unanswered {
                        request,
                        answer,
                        connection: job.connection,
                        place: job.place,
                    });
                }
                Err(_) => {
                    session.context().log.error(
                        session.id(),
                        "a request failed inside the library; answered 500",
                    );
                    request.answer(500, None, None)
                }
            }
        }
    };
    session.respond(job.connection, &response, job.place);
    None
}

/// What became of a request when the host's callback has returned.
enum Asked {
    Answered(Response),
    Waiting(oneshot::Receiver<Answer>),
}

/// Gives a request to the host, unless the library answers it by itself.
fn ask(session: &Session, host: &dyn Host, request: &mut Request) -> Asked {
    let connection = session.settings();
    let config = session.context().config();
    // The user is looked up for each request: a reload may have changed or removed it.
    let Some(user) = config.users.get(&connection.local_ari_user) else {
        let body = Some(r#"{"message":"Authentication required"}"#);
        return Asked::Answered(request.answer(401, Some("Unauthorized"), body));
    };
    if let Some(refusal) = request.refusal(user.read_only) {
        return Asked::Answered(refusal);
    }
    let (id, mut answer) = session.context().answers.expect();
    host.ari_request(&host_request(session, request, user, id));
    match answer.try_recv() {
        Ok(answer) => Asked::Answered(answered(request, &answer)),
        Err(_) => Asked::Waiting(answer),
    }
}

fn answered(request: &Request, answer: &Answer) -> Response {
    let reason = answer.reason.as_deref();
    request.answer(answer.status, reason, answer.body.as_deref())
}

/// What the answer does not need is the host's.
fn host_request(session: &Session, request: &mut Request, user: &User, id: u64) -> HostRequest {
    HostRequest {
        id,
        application: session.first_application(),
        session_id: session.id().to_owned(),
        method: request.method.as_str(),
        path: request.path.clone(),
        parameters: take(&mut request.parameters),
        content_type: request.content_type.take(),
        body: request.body.take(),
        user: user.name.clone(),
        password: user.password.clone(),
        read_only: user.read_only,
    }
}
