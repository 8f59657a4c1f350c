//! The queue of the log.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::super::{ContextState, Failed, HostRequest, Registration};
use super::*;

const DEADLINE: Duration = Duration::from_secs(10);

/// A host that takes a message of the log only when it is waited for.
struct Waited(SyncSender<(Level, String)>);

impl Host for Waited {
    fn log(&self, level: Level, _: &str, message: &str) {
        // Fails at the end of a test that does not wait for it.
        let _ = self.0.send((level, message.to_owned()));
    }
    fn ari_request(&self, _: &HostRequest<'_>) {}
    fn app_register(&self, _: &str, _: bool) -> Result<Registration, Failed> {
        Err(Failed)
    }
    fn app_unregister(&self, _: &str) {}
    fn app_is_registered(&self, _: &str) -> bool {
        false
    }
    fn context_create(&self, _: &str, _: &str) -> Result<ContextState, Failed> {
        Err(Failed)
    }
    fn context_destroy(&self, _: &str) {}
    fn stasis_failed(&self, _: &str, _: &str) {}
    fn inbound_shutdown(&self, _: &str) -> bool {
        false
    }
    fn request_cancelled(&self, _: u64) {}
    fn finalize(&self) {}
}

fn start(threshold: Level) -> (Log, Receiver<(Level, String)>) {
    let (sender, lines) = sync_channel(0);
    let log = Log::start(Arc::new(Waited(sender)), threshold).expect("a thread");
    (log, lines)
}

fn next(lines: &Receiver<(Level, String)>) -> String {
    lines.recv_timeout(DEADLINE).expect("a line").1
}

/// What comes until the log is closed, with the time that it was given.
fn rest(log: &Log, lines: Receiver<(Level, String)>, time: Duration) -> Vec<String> {
    let reading = std::thread::spawn(move || lines.iter().map(|(_, line)| line).collect());
    log.close(Instant::now() + time);
    // The host ends with the thread of the log, and with it the lines.
    reading.join().expect("lines")
}

/// How many messages a host that takes none leaves waiting, of this length.
fn taken(length: usize, offered: usize) -> usize {
    let (log, _lines) = start(Level::Debug);
    let text = "x".repeat(length);
    for _ in 0..offered {
        log.info("", &text);
    }
    let dropped = usize::try_from(log.dropped()).expect("a number");
    offered - dropped
}

#[test]
fn messages_that_wait_are_bounded_in_number_and_in_bytes() {
    // One of them the host has.
    assert!((CAPACITY..=CAPACITY + 1).contains(&taken(10, 2 * CAPACITY)));
    let long = BYTES / 100;
    assert!((100..=101).contains(&taken(long, 1000)));
    assert!((1..=2).contains(&taken(2 * BYTES, 10)));
}

#[test]
fn what_was_dropped_is_told_in_its_place() {
    let (log, lines) = start(Level::Debug);
    let long = "x".repeat(BYTES / 2);
    log.info("", "first");
    assert_eq!(next(&lines), "first");
    for _ in 0..5 {
        log.info("", &long);
    }
    let dropped = log.dropped();
    while log.waiting().lines.len() > 1 {
        assert_eq!(next(&lines), long);
    }
    log.info("", "last");
    let expected = format!("{dropped} messages for the log were dropped: the host took too long");
    let mut line = next(&lines);
    while line == long {
        line = next(&lines);
    }
    assert_eq!(line, expected);
    assert_eq!(next(&lines), "last");
}

#[test]
fn only_what_is_grave_enough_is_made_and_told() {
    struct Unmade;
    impl Display for Unmade {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("nobody asked for this text")
        }
    }
    let (log, lines) = start(Level::Notice);
    log.debug("", Unmade);
    log.info("", Unmade);
    log.notice("", "a notice");
    log.warning("", "a warning");
    log.error("", "an error");
    let rest = rest(&log, lines, DEADLINE);
    assert_eq!(rest, ["a notice", "a warning", "an error"]);
    let (log, lines) = start(Level::Error);
    log.limited(Kind::BadRequest, "bots", "bots", Unmade);
    assert_eq!(self::rest(&log, lines, DEADLINE), [""; 0]);
}

#[test]
fn what_was_left_out_is_told_at_the_end() {
    let (log, lines) = start(Level::Debug);
    for number in 0..1_234 {
        log.limited(Kind::BadRequest, "bots", "bots:1", number);
    }
    let rest = rest(&log, lines, DEADLINE);
    assert_eq!(rest.len(), 11);
    assert_eq!(rest[10], "… and 1,224 more bad requests");
}

#[test]
fn an_end_without_time_tells_how_many_were_dropped() {
    let (log, lines) = start(Level::Debug);
    for number in 0..10 {
        log.info("", number);
    }
    let waiter = std::thread::spawn({
        let log = log.clone();
        move || log.close(Instant::now())
    });
    // The host takes nothing for longer than what is given to it.
    while !waiter.is_finished() && log.waiting().closed.is_none_or(|end| end > Instant::now()) {
        std::thread::yield_now();
    }
    assert_eq!(next(&lines), "0");
    assert_eq!(
        next(&lines),
        "9 messages for the log were dropped: the instance ended before the host had taken them"
    );
    waiter.join().expect("an end");
    assert_eq!(log.dropped(), 9);
}
