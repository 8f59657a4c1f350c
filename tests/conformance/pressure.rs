//! Many events, numbered: what counts is that they come in order, none twice, and none is missing that the library has not
//! counted as possibly lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::connection::slowly;
use super::network::{Network, State};
use super::story::{Act, Story, What};
use super::support::library::{Handle, Library};

/// The time between two events.
const PACE: Duration = Duration::from_micros(500);
/// How long the last event may take, with every attempt to connect that is needed before.
const LATEST: Duration = Duration::from_secs(20);
/// Events on a connection before it ends, unless it ended at once.
const BEFORE_AN_END: usize = 20;
/// A connection that ended within this many milliseconds ended at once.
const AT_ONCE: f64 = 10.0;
/// Events while no server listens, and at the end.
const MEANWHILE: usize = 300;
/// The length of a long event, about that of the recorder's.
const LONG: usize = 8000;
/// How long long ones may take, with the time after which a peer that takes nothing is left.
const LATEST_LONG: Duration = Duration::from_secs(60);

/// Makes events until it is told to stop.
pub struct Pressure {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

fn event(mark: char, number: usize, length: usize) -> String {
    let filler = "x".repeat(length);
    format!(r#"{{"type":"ChannelUserevent","eventname":"{mark}{number}","filler":"{filler}"}}"#)
}

impl Pressure {
    /// Begins to make events for an application.
    pub fn begin(handle: Handle, app: String) -> Self {
        let (stop, made) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let (stopping, counting) = (Arc::clone(&stop), Arc::clone(&made));
        let thread = thread::spawn(move || {
            while !stopping.load(Ordering::Relaxed) {
                let number = counting.load(Ordering::Relaxed);
                handle.event(&app, &event('N', number, 0));
                counting.store(number + 1, Ordering::Relaxed);
                thread::sleep(PACE);
            }
        });
        Self { stop, made, thread }
    }

    /// Waits until enough events have been made before something is done.
    pub fn lead_up_to(&self, act: &Act, story: &Story, network: &Network) {
        match &act.what {
            What::Say(said) if said.ends() => {
                let made = story.links[said.link].made.unwrap_or_default();
                let at_once = act.at - made < AT_ONCE;
                let wanted = if at_once { 0 } else { BEFORE_AN_END };
                network.wait(LATEST, |state| {
                    state.peer(said.link).is_some_and(|peer| {
                        let events = peer.items.iter().filter(|item| item.number('N').is_some());
                        peer.closed || events.count() >= wanted
                    })
                });
            }
            What::Listen(_) | What::End => {
                let enough = self.made.load(Ordering::Relaxed) + MEANWHILE;
                while self.made.load(Ordering::Relaxed) < enough && !self.thread.is_finished() {
                    network.pause(PACE);
                }
            }
            _ => {}
        }
    }

    /// Stops, waits for the last event, and tells what is wrong with all of them. `clean`: none may be missing.
    pub fn end(self, network: &Network, library: &Library<'_>, clean: bool) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        if self.thread.join().is_err() {
            return vec!["the thread that makes events panicked".to_owned()];
        }
        let made = self.made.load(Ordering::Relaxed);
        let last = |state: &State| state.numbers('N').last().map_or(0, |last| last + 1);
        let mut problems = Vec::new();
        if !network.wait(LATEST, |state| last(state) == made) {
            problems.push(format!("the last of {made} events has not come"));
        }
        let counted = if clean { 0 } else { unconfirmed(library) };
        problems.extend(wrong(&network.lock().numbers('N'), made, counted));
        problems
    }
}

/// Has so many long events for an application, and waits for the last of them or for as many as are awaited. Tells what is
/// wrong with those that arrived.
pub fn flood(network: &Network, library: &Library<'_>, app: &str, count: usize, awaited: Option<usize>) -> Vec<String> {
    let begun = Instant::now();
    for number in 0..count {
        library.event(app, &event('F', number, LONG));
    }
    let came = |state: &State| -> Vec<usize> {
        let peers = state.peers.iter();
        peers.flat_map(|peer| peer.flood.iter().copied()).collect()
    };
    let mut problems = Vec::new();
    let arrived = network.wait(LATEST_LONG, |state| match awaited {
        Some(awaited) => came(state).len() >= awaited,
        None => came(state).contains(&(count - 1)),
    });
    let numbers = came(&network.lock());
    if awaited.is_some_and(|awaited| begun.elapsed() < slowly(awaited * LONG)) {
        problems.push("the server did not read slowly".to_owned());
    }
    if !arrived {
        problems.push(format!("of {count} events {} arrived", numbers.len()));
    }
    let last = numbers.last().map_or(0, |last| last + 1);
    problems.extend(wrong(&numbers, last, unconfirmed(library)));
    problems
}

/// What is wrong with the events that came, of which at most so many may be missing.
fn wrong(numbers: &[usize], made: usize, counted: usize) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(pair) = numbers.windows(2).find(|pair| pair[0] >= pair[1]) {
        problems.push(format!("event {} came after event {}", pair[1], pair[0]));
    }
    let missing = made.saturating_sub(numbers.len());
    if missing > counted {
        problems.push(format!("{missing} of {made} events are missing, at most {counted} may be"));
    }
    problems
}

/// How many messages the library has counted as possibly lost.
fn unconfirmed(library: &Library<'_>) -> usize {
    let metrics = library.metrics();
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix("ariws_messages_unconfirmed_total "));
    count.and_then(|count| count.parse().ok()).unwrap_or_default()
}
