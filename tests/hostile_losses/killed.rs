//! Connections and servers that are killed while eight threads offer events.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, yield_now};
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::tls::UNVERIFIED;
use ariws_testkit::{Configuration, DEADLINE, Handle, Host, Library, Server, alone, metric, rounds};

use super::peer::{Peer, Random, Read, text};

const THREADS: usize = 8;
const EVENTS_A_KILL: usize = 10_000;
/// Less than the threads get ahead, so that some events are dropped, too.
const QUEUE: usize = 20_000;
const AHEAD: usize = 20_100;
/// More than all that is offered.
pub const WITHOUT_BOUNDS: &str = "queue_max_messages = 100000000\nqueue_max_bytes = 10000000000";

/// How far everybody is; they all stop if one of them fails.
#[derive(Default)]
struct Progress {
    /// Events that were sent or dropped.
    done: AtomicUsize,
    offering: AtomicUsize,
    /// Everything has been killed that is to be.
    killed: AtomicBool,
    failed: AtomicBool,
}

/// Tells the others if its owner fails.
struct Part<'a>(&'a Progress);

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.store(true, Ordering::Relaxed);
        }
    }
}

impl Progress {
    /// Offers so many events, and more as long as connections are being killed; gives how many.
    fn offer(&self, handle: Handle, thread: usize, events: usize) -> usize {
        let _part = Part(self);
        let mut number = 0;
        while number < events || !self.killed.load(Ordering::Relaxed) {
            number += 1;
            let wanted = (number * THREADS).saturating_sub(AHEAD);
            while self.done.load(Ordering::Relaxed) < wanted {
                assert!(!self.failed.load(Ordering::Relaxed), "another part failed");
                yield_now();
            }
            assert_eq!(handle.event("app1", &text(thread, number)), ARIWS_OK);
        }
        self.offering.fetch_sub(1, Ordering::Relaxed);
        number
    }

    /// Watches the metrics until nothing is offered any more and nothing waits; gives them.
    fn watch(&self, library: &Library<'_>) -> String {
        let _part = Part(self);
        let mut last = Instant::now();
        loop {
            let over = self.offering.load(Ordering::Relaxed) == 0;
            let metrics = library.metrics();
            let done = metric(&metrics, "events_sent_total") + metric(&metrics, "events_dropped_total");
            if over && done == metric(&metrics, "events_offered_total") {
                return metrics;
            }
            let done = usize::try_from(done).expect("a number of events");
            if self.done.swap(done, Ordering::Relaxed) != done {
                last = Instant::now();
            }
            assert!(!self.failed.load(Ordering::Relaxed), "another part failed");
            assert!(last.elapsed() < DEADLINE, "nothing goes on:\n{metrics}");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn every_event_is_accounted_for(tls: bool, at_least_once: bool) {
    let _alone = alone();
    let (server, host) = (Server::start(), Host::new());
    let mut configuration = Configuration::with("persistent", server.address(), "app1");
    match at_least_once {
        // What the kernels hold of small events may be more of them than are kept by default, and then the oldest are not
        // sent again.
        true => configuration.set("connection1", &format!("delivery = at_least_once\n{WITHOUT_BOUNDS}")),
        false => configuration.set("connection1", &format!("queue_max_messages = {QUEUE}")),
    }
    if tls {
        configuration = configuration.replacing("ws://", "wss://");
        configuration.set("connection1", UNVERIFIED);
    }
    let library = Library::load(&host, &configuration);
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let kills = rounds(5);
    let events = kills * EVENTS_A_KILL / THREADS;
    let progress = Progress::default();
    let peer = Peer {
        tls,
        kills,
        life: EVENTS_A_KILL,
        numbered: at_least_once,
        killed: &|| progress.killed.store(true, Ordering::Relaxed),
    };
    progress.offering.store(THREADS, Ordering::Relaxed);
    let mut read = [Read::default(); THREADS];
    let (metrics, offered) = scope(|scope| {
        let (handle, progress, read) = (library.handle(), &progress, &mut read);
        let offer = |thread| scope.spawn(move || progress.offer(handle, thread, events));
        let threads: Vec<_> = (0..THREADS).map(offer).collect();
        let peer = &peer;
        scope.spawn(move || {
            let _part = Part(progress);
            peer.run(server, Random::new(seed), read);
        });
        let metrics = progress.watch(&library);
        // The last connection ends with it.
        library.unload(DEADLINE);
        let offered = threads.into_iter().map(|thread| thread.join().expect("its events"));
        (metrics, offered.sum::<usize>())
    });
    let count = |name: &str| {
        let count = metric(&metrics, &format!("{name}_total"));
        usize::try_from(count).expect("a number of events")
    };
    let arrived: usize = read.iter().map(|read| read.count).sum();
    let (sent, unconfirmed) = (count("events_sent"), count("messages_unconfirmed"));
    println!(
        "{offered} offered, {sent} sent, {} again, {} dropped, {arrived} arrived, {unconfirmed} unconfirmed",
        count("events_repeated"),
        count("events_dropped")
    );
    if at_least_once {
        assert_eq!((arrived, sent), (offered, offered));
    }
    assert_eq!(count("events_offered"), offered);
    assert!(arrived <= sent && sent <= arrived + unconfirmed, "{metrics}");
    assert!(count("websockets_opened") > kills);
}

#[test]
fn every_event_is_accounted_for_though_connections_and_servers_are_killed() {
    every_event_is_accounted_for(false, false);
}

#[test]
fn every_event_is_accounted_for_though_connections_and_servers_are_killed_over_tls() {
    every_event_is_accounted_for(true, false);
}

#[test]
fn every_event_arrives_that_is_sent_again_though_connections_and_servers_are_killed() {
    every_event_is_accounted_for(false, true);
}
