//! The task that looks after the requests of a websocket while there are any: it answers those that the host does not, and
//! tells the host when nobody waits for an answer any more.

use tokio::time::{Instant as Timer, sleep_until};

use super::queue::Job;
use super::{Answer, Websocket, now};
use crate::host::Kind;
use crate::protocol::Response;
use crate::session::view::count;
use crate::text::brief;

impl Websocket {
    /// Looks whenever a request may be overdue, and when the websocket has ended. A request costs nothing here as long as it
    /// is answered in time.
    pub(super) async fn watch(self) {
        loop {
            let timeout = self.session.settings().client.request_timeout;
            let overdue = self.requests.queue().look(now(), timeout);
            let is_any = overdue.is_any();
            for id in overdue.unanswered {
                self.give_up(id);
            }
            for job in overdue.not_run {
                self.answer_unrun(job);
            }
            for id in overdue.cancelled {
                let calls = &self.session.context().calls;
                calls.request_cancelled(id).await;
            }
            match overdue.next {
                // What was answered here may have been the last.
                _ if is_any => {}
                None => return,
                Some(time) => tokio::select! {
                    biased;
                    () = sleep_until(Timer::from_std(time)) => {}
                    () = self.requests.changed.notified() => {}
                },
            }
        }
    }

    /// The host has not answered in time.
    fn give_up(&self, id: u64) {
        // In this moment it may.
        if self.session.context().answers.take(id).is_none() {
            return;
        }
        let timeout = self.session.settings().client.request_timeout.as_millis();
        count(&self.session.counters().requests_timed_out);
        self.warn_of(
            Kind::UnansweredRequest,
            format_args!("request {id} was not answered by the PBX for {timeout} ms (request_timeout); answered 504"),
        );
        let body = format!(r#"{{"message":"No answer for {timeout} ms (request_timeout)"}}"#);
        let answer = Answer {
            body: Some(&body),
            ..Answer::of(504)
        };
        self.answered(id, &answer, true);
    }

    /// Other requests have kept the host busy for so long that it was not given this one.
    fn answer_unrun(&self, job: Job) {
        let timeout = self.session.settings().client.request_timeout.as_millis();
        let body;
        let response = match &job.work {
            Err(bad) => Response::clone(bad),
            Ok(request) => {
                count(&self.session.counters().requests_timed_out);
                self.warn_of(
                    Kind::RequestNotRun,
                    format_args!(
                        "the request {} {} was not run: the PBX took none for {timeout} ms (request_timeout); answered 504",
                        request.method.as_str(),
                        brief(&request.path)
                    ),
                );
                body = format!(r#"{{"message":"Not run: no turn for {timeout} ms (request_timeout)"}}"#);
                request.answer(504, None, Some(&body))
            }
        };
        let took = now().saturating_duration_since(job.arrived);
        self.respond(response, job.place, took);
    }
}
