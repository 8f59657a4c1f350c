//! The requests of one websocket: which of them wait, which the host has, and how many it may have.

use std::collections::VecDeque;
use std::mem::take;
use std::time::{Duration, Instant};

use crate::memory;
use crate::protocol::{Request, Response};
use crate::session::account::Room;
use crate::session::message::Place;

/// Requests that the host is expected to answer in this time are given to it where that costs no change of thread, which takes
/// about as long.
pub(super) const QUICK: Duration = Duration::from_micros(50);

/// Where the host takes so little time that so many are quick, those behind them stay with the thread that reads them as well:
/// to hand them to another one would take longer. Tasks have their turn in between.
const FEW: u32 = 4;

/// What a host is expected to take at most: as long as it takes sixteen quick requests to make up for it.
const LONGEST: Duration = QUICK.saturating_mul(8);

/// A request that waits for its turn.
#[derive(Debug)]
pub(super) struct Job {
    /// A request, or what it is answered without the host.
    pub(super) work: Result<Request, Box<Response<'static>>>,
    pub(super) place: Place,
    pub(super) arrived: Instant,
    /// Of the message that it came in.
    pub(super) length: usize,
    pub(super) _room: Room,
}

/// What the answer to a request needs.
#[derive(Debug)]
pub(super) struct Unanswered {
    pub(super) request: Request,
    pub(super) place: Place,
    pub(super) arrived: Instant,
}

/// A request that the host was given.
#[derive(Debug)]
struct Given {
    id: u64,
    time: Instant,
    /// Until it is answered.
    unanswered: Option<Unanswered>,
    /// The callback has not returned.
    inside: bool,
    /// It was said to be overdue. It stays here until whoever answers it in that moment, which may be the host, has done so.
    overdue: bool,
    /// The host knows that nobody waits for its answer.
    cancelled: bool,
}

/// Requests wait in order. The host has as many at a time as there are slots; who has one takes the next request when the
/// one before is answered.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Job>,
    bytes: usize,
    given: Vec<Given>,
    slots: u32,
    /// How long the host is expected to keep a thread that calls it.
    usual: Duration,
    /// When the host was given one last, or answered one, or was given up with one.
    progress: Option<Instant>,
    watched: bool,
    /// The websocket has ended.
    closed: bool,
}

/// What has to begin because a request came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Begin {
    pub(super) runner: bool,
    pub(super) watch: bool,
}

/// What time has brought.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    /// The host has not answered them.
    pub(super) unanswered: Vec<u64>,
    /// The host took none for so long that they are not run any more.
    pub(super) not_run: Vec<Job>,
    /// The host is to be told that nobody waits for their answers.
    pub(super) cancelled: Vec<u64>,
    /// When to look again. There is none if nothing is left to look after, unless somebody has to be answered first.
    pub(super) next: Option<Instant>,
}

impl Queue {
    pub(super) fn push(&mut self, job: Job, concurrency: u32) -> Begin {
        self.bytes += job.length;
        self.waiting.push_back(job);
        let runner = self.slots < concurrency;
        self.slots += u32::from(runner);
        let watch = !self.watched;
        self.watched = true;
        Begin { runner, watch }
    }

    /// Whether the host is expected to be done at once with what waits, or with each of many.
    pub(super) fn is_quick(&self) -> bool {
        let waiting = u32::try_from(self.waiting.len()).unwrap_or(u32::MAX);
        self.usual.saturating_mul(waiting.min(FEW)) < QUICK
    }

    /// Requests that wait, and their bytes.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.waiting.len(), self.bytes)
    }

    /// Requests that the host has and has not answered.
    pub(super) fn under_way(&self) -> usize {
        let unanswered = |given: &&Given| given.unanswered.is_some();
        self.given.iter().filter(unanswered).count()
    }

    /// The next request for who has a slot; without one, or with too many slots, the slot is given up.
    pub(super) fn next(&mut self, concurrency: u32, now: Instant) -> Option<Job> {
        let job = if self.slots > concurrency {
            None
        } else {
            self.waiting.pop_front()
        };
        match &job {
            Some(job) => {
                self.bytes -= job.length;
                self.progress = Some(now);
            }
            None => {
                self.slots -= 1;
                memory::give_back(&mut self.waiting);
            }
        }
        job
    }

    /// The host is about to be given a request.
    pub(super) fn give(&mut self, id: u64, unanswered: Unanswered, now: Instant) {
        self.given.push(Given {
            id,
            time: now,
            unanswered: Some(unanswered),
            inside: true,
            overdue: false,
            cancelled: false,
        });
    }

    /// The callback has returned; whether its thread keeps the slot. If the request is not answered, the slot waits for the
    /// answer; if it was overdue, somebody else has the slot.
    pub(super) fn returned(&mut self, id: u64, now: Instant) -> bool {
        let index = self.given.iter().position(|given| given.id == id);
        let Some((index, given)) = index.and_then(|at| Some((at, self.given.get_mut(at)?))) else {
            return false;
        };
        given.inside = false;
        let time = now.saturating_duration_since(given.time);
        let is_answered = given.unanswered.is_none();
        if is_answered {
            self.given.swap_remove(index);
        }
        self.kept(time);
        is_answered
    }

    /// The host kept a thread for so long. Where that is longer than it did lately, it is what is expected from now on: an
    /// application that asks for something slow now and then would hold up others each time.
    fn kept(&mut self, time: Duration) {
        let lately = (7 * self.usual + time.min(LONGEST)) / 8;
        self.usual = if time < QUICK { lately } else { lately.max(time.min(LONGEST)) };
    }

    /// The host has answered, or is `overdue`; gives what the answer needs, and whether somebody is to go on with the slot.
    pub(super) fn answered(&mut self, id: u64, overdue: bool, now: Instant) -> Option<(Unanswered, bool)> {
        let index = self.given.iter().position(|given| given.id == id)?;
        let given = self.given.get_mut(index)?;
        let unanswered = given.unanswered.take()?;
        self.progress = Some(now);
        if given.inside && !overdue {
            return Some((unanswered, false));
        }
        let given = self.given.swap_remove(index);
        if given.inside {
            // Nobody waits for its thread, which would tell how long it is kept.
            self.kept(now.saturating_duration_since(given.time));
        }
        let more = !self.waiting.is_empty();
        if !more {
            self.slots -= 1;
            memory::give_back(&mut self.waiting);
        }
        Some((unanswered, more))
    }

    /// The websocket has ended: what waits is run, but nobody waits for an answer.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Gives up the requests that wait.
    pub(super) fn give_up(&mut self) -> VecDeque<Job> {
        self.bytes = 0;
        take(&mut self.waiting)
    }

    /// What is overdue now.
    pub(super) fn look(&mut self, now: Instant, timeout: Duration) -> Overdue {
        let mut overdue = Overdue::default();
        for given in &mut self.given {
            if given.unanswered.is_none() || given.overdue {
                continue;
            }
            let is_late = given.time + timeout <= now;
            given.overdue = is_late;
            if is_late {
                overdue.unanswered.push(given.id);
            } else {
                overdue.look_again(given.time + timeout);
            }
            if (is_late || self.closed) && !given.cancelled {
                given.cancelled = true;
                overdue.cancelled.push(given.id);
            }
        }
        let late = |job: &Job| job.arrived + timeout <= now;
        // The slots of those that are overdue go to those that wait.
        let is_stuck = overdue.unanswered.is_empty() && self.progress.is_none_or(|time| time + timeout <= now);
        if is_stuck {
            let late = self.waiting.iter().take_while(|job| late(job)).count();
            overdue.not_run = self.waiting.drain(..late).collect();
            self.bytes -= overdue.not_run.iter().map(|job| job.length).sum::<usize>();
        }
        if let Some(first) = self.waiting.front() {
            let since = self.progress.map_or(first.arrived, |time| time.max(first.arrived));
            overdue.look_again(since + timeout);
        }
        self.watched = overdue.next.is_some() || !overdue.unanswered.is_empty();
        overdue
    }
}

impl Overdue {
    fn look_again(&mut self, time: Instant) {
        self.next = Some(self.next.map_or(time, |next| next.min(time)));
    }

    /// Whether somebody has to be answered.
    pub(super) fn is_any(&self) -> bool {
        !self.unanswered.is_empty() || !self.not_run.is_empty()
    }
}
