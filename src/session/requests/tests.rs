//! The requests of websockets, by themselves.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::task::TaskTracker;

use super::queue::{Job, Queue, Unanswered};
use crate::protocol;
use crate::session::account::{Account, Room};

const TIMEOUT: Duration = Duration::from_secs(60);

fn job(text: &str, arrived: Instant) -> Job {
    Job {
        work: protocol::parse(text),
        place: TaskTracker::new().token(),
        arrived,
        length: text.len(),
        _room: Room::none(&Arc::new(Account::new(0))),
    }
}

/// A queue under a clock that only the test moves, with everything that waits on it done as the runners and the watcher do.
struct Scene {
    queue: Queue,
    concurrency: u32,
    now: Instant,
    next: u64,
    /// Threads that are inside the callback, each with its request.
    inside: BTreeSet<u64>,
    /// Requests that the host has, in the order in which it got them.
    given: Vec<u64>,
    answered: Vec<u64>,
}

impl Scene {
    fn new(concurrency: u32) -> Self {
        Self {
            queue: Queue::default(),
            concurrency,
            now: Instant::now(),
            next: 0,
            inside: BTreeSet::new(),
            given: Vec::new(),
            answered: Vec::new(),
        }
    }

    /// A request comes; who has a slot for it takes it.
    fn ask(&mut self) {
        let text = r#"{"type":"RESTRequest","method":"GET","uri":"x"}"#;
        let job = job(text, self.now);
        if self.queue.push(job, self.concurrency).runner {
            self.run();
        }
    }

    /// What a thread with a slot does, up to the callback.
    fn run(&mut self) {
        let Some(job) = self.queue.next(self.concurrency, self.now) else {
            return;
        };
        self.next += 1;
        let unanswered = Unanswered {
            request: job.work.expect("a request"),
            place: job.place,
            arrived: job.arrived,
        };
        self.queue.give(self.next, unanswered, self.now);
        self.inside.insert(self.next);
        self.given.push(self.next);
    }

    fn answer(&mut self, id: u64) {
        self.settle(id, false);
    }

    fn settle(&mut self, id: u64, overdue: bool) {
        if let Some((_, more)) = self.queue.answered(id, overdue, self.now) {
            self.answered.push(id);
            if more {
                self.run();
            }
        }
    }

    fn leave_callback(&mut self, id: u64) {
        if self.inside.remove(&id) && self.queue.returned(id, self.now) {
            self.run();
        }
    }

    /// The host answers the last one after this time, and another one comes; whether it is expected to be done with that at once.
    fn is_quick_after(&mut self, time: Duration) -> bool {
        self.now += time;
        let id = self.next;
        self.answer(id);
        self.leave_callback(id);
        self.ask();
        self.queue.is_quick()
    }

    /// Time passes; gives how many requests were not run.
    fn pass(&mut self, time: Duration) -> usize {
        self.now += time;
        let mut not_run = 0;
        loop {
            let overdue = self.queue.look(self.now, TIMEOUT);
            not_run += overdue.not_run.len();
            if !overdue.is_any() {
                return not_run;
            }
            for id in overdue.unanswered {
                self.settle(id, true);
            }
        }
    }
}

#[test]
fn the_next_request_is_given_when_the_one_before_is_answered() {
    for callback_ends_first in [true, false] {
        let mut scene = Scene::new(1);
        scene.ask();
        scene.ask();
        assert_eq!(scene.given, [1]);
        if callback_ends_first {
            scene.leave_callback(1);
            scene.answer(1);
        } else {
            scene.answer(1);
            scene.leave_callback(1);
        }
        assert_eq!(scene.given, [1, 2]);
    }
}

#[test]
fn those_behind_a_request_that_is_overdue_get_a_turn_of_full_length() {
    let mut scene = Scene::new(1);
    for _ in 0..3 {
        scene.ask();
    }
    scene.leave_callback(1);
    assert_eq!(scene.pass(TIMEOUT), 0);
    assert_eq!((&scene.answered[..], &scene.given[..]), (&[1][..], &[1, 2][..]));
    scene.leave_callback(2);
    assert_eq!(scene.pass(TIMEOUT - Duration::from_millis(1)), 0);
    assert_eq!(scene.answered, [1]);
    assert_eq!(scene.pass(Duration::from_millis(1)), 0);
    assert_eq!(scene.given, [1, 2, 3]);
}

#[test]
fn a_thread_that_comes_back_from_an_overdue_request_has_no_slot() {
    let mut scene = Scene::new(1);
    for _ in 0..3 {
        scene.ask();
    }
    scene.pass(TIMEOUT);
    assert_eq!(scene.given, [1, 2]);
    scene.leave_callback(1);
    assert_eq!(scene.given, [1, 2]);
    scene.answer(2);
    scene.leave_callback(2);
    assert_eq!(scene.given, [1, 2, 3]);
}

#[test]
fn requests_that_nobody_took_in_time_are_not_run() {
    let mut scene = Scene::new(1);
    let text = "{}";
    for _ in 0..2 {
        scene.queue.push(job(text, scene.now), 1);
        scene.now += TIMEOUT / 2;
    }
    assert_eq!(scene.pass(Duration::ZERO), 1);
    assert_eq!(scene.queue.waiting(), (1, text.len()));
    assert_eq!(scene.pass(TIMEOUT / 2), 1);
    assert_eq!(scene.queue.waiting(), (0, 0));
}

#[test]
fn nothing_is_looked_after_when_everything_is_answered() {
    let mut scene = Scene::new(2);
    scene.ask();
    let overdue = scene.queue.look(scene.now, TIMEOUT);
    assert_eq!(overdue.next, Some(scene.now + TIMEOUT));
    scene.answer(1);
    scene.leave_callback(1);
    assert_eq!(scene.queue.look(scene.now, TIMEOUT).next, None);
    let again = scene.queue.push(job("{}", scene.now), 2);
    assert!(again.watch && again.runner);
}

#[test]
fn a_request_is_said_to_be_overdue_once_whoever_answers_it() {
    let mut scene = Scene::new(1);
    scene.ask();
    let then = scene.now + TIMEOUT;
    assert_eq!(scene.queue.look(then, TIMEOUT).unanswered, [1]);
    let again = scene.queue.look(then, TIMEOUT);
    assert!(!again.is_any() && again.next.is_none());
}

#[test]
fn the_host_is_told_once_that_nobody_waits() {
    let mut scene = Scene::new(1);
    scene.ask();
    let cancelled = scene.queue.look(scene.now, TIMEOUT).cancelled;
    assert!(cancelled.is_empty());
    scene.queue.close();
    assert_eq!(scene.queue.look(scene.now, TIMEOUT).cancelled, [1]);
    let late = scene.queue.look(scene.now + TIMEOUT, TIMEOUT);
    assert_eq!((late.unanswered, late.cancelled), (vec![1], vec![]));
}

#[test]
fn whatever_the_order_each_request_is_answered_once_and_no_slot_is_lost() {
    for seed in 0..500 {
        let mut state: u64 = seed;
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut scene = Scene::new(1 + u32::try_from(random(3)).expect("small"));
        let (mut asked, mut not_run) = (0, 0);
        for _ in 0..200 {
            let some = scene.given.get(usize::try_from(random(1 + scene.next)).expect("small"));
            let some = some.copied().unwrap_or_default();
            match random(6) {
                0 | 1 => {
                    asked += 1;
                    scene.ask();
                }
                2 => scene.answer(some),
                3 | 4 => scene.leave_callback(some),
                _ => not_run += scene.pass(TIMEOUT / 4),
            }
        }
        let mut id = 1;
        while id <= scene.next {
            scene.leave_callback(id);
            scene.answer(id);
            id += 1;
        }
        assert_eq!(scene.queue.waiting(), (0, 0), "seed {seed}");
        assert_eq!(scene.answered.len() + not_run, asked, "seed {seed}");
        let mut once = scene.answered.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), scene.answered.len(), "seed {seed}");
        // All slots are free again.
        let (before, concurrency) = (scene.given.len(), scene.concurrency);
        for _ in 0..=concurrency {
            scene.ask();
        }
        assert_eq!(
            scene.given.len() - before,
            usize::try_from(concurrency).expect("small"),
            "seed {seed}"
        );
    }
}

#[test]
fn a_host_is_expected_to_be_as_quick_as_it_was_lately() {
    let mut scene = Scene::new(1);
    scene.ask();
    // One waits behind the one that the host has.
    scene.ask();
    assert!(scene.queue.is_quick());
    assert!(!scene.is_quick_after(Duration::from_secs(1)));
    assert!((0..20).any(|_| scene.is_quick_after(Duration::from_micros(5))));
}

#[test]
fn a_slow_request_keeps_those_after_it_from_the_threads_for_input_and_output() {
    let mut scene = Scene::new(1);
    scene.ask();
    scene.ask();
    let mut held = 0;
    for number in 0..1000 {
        let is_slow = number % 10 == 0;
        held += u32::from(is_slow && scene.queue.is_quick());
        scene.is_quick_after(Duration::from_micros(if is_slow { 500 } else { 1 }));
    }
    assert_eq!(held, 1);
}

#[test]
fn many_requests_are_handed_on_unless_the_host_hardly_takes_time() {
    for (time, is_quick) in [(5, true), (20, false)] {
        let mut scene = Scene::new(1);
        scene.ask();
        for _ in 0..50 {
            scene.is_quick_after(Duration::from_micros(time));
        }
        for _ in 0..100 {
            scene.ask();
        }
        assert_eq!(scene.queue.is_quick(), is_quick, "{time} µs");
    }
}

#[test]
fn a_callback_that_outlasts_its_request_is_slow() {
    let mut scene = Scene::new(1);
    scene.ask();
    scene.ask();
    assert!(scene.queue.is_quick());
    scene.pass(TIMEOUT);
    assert_eq!((&scene.answered[..], &scene.given[..]), (&[1][..], &[1, 2][..]));
    scene.ask();
    assert!(!scene.queue.is_quick());
}
