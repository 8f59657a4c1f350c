//! Cases that were recorded under load: how many events there were is told in words only, so that here a thread makes events
//! all the while, and what counts is that none comes twice, none comes out of order, and none is missing that the library has
//! not counted as possibly lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::network::{Network, State};
use super::story::{Item, member};
use super::support::library::{Handle, Library};

/// The time between two events.
const PACE: Duration = Duration::from_micros(500);
/// How long the last event may take, with every attempt to connect that is needed before.
const LATEST: Duration = Duration::from_secs(20);

/// Makes events until it is told to stop.
pub struct Pressure {
    stop: std::sync::Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Pressure {
    /// Begins to make events for an application.
    pub fn begin(handle: Handle, app: String) -> Self {
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let stopping = std::sync::Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut count = 0;
            while !stopping.load(Ordering::Relaxed) {
                handle.event(
                    &app,
                    &format!("{{\"type\":\"ChannelUserevent\",\"eventname\":\"N{count}\"}}"),
                );
                count += 1;
                thread::sleep(PACE);
            }
            count
        });
        Self { stop, thread }
    }

    /// Stops, waits for the last event, and tells what is wrong with all of them.
    pub fn end(self, network: &Network, library: &Library<'_>) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let Ok(made) = self.thread.join() else {
            return vec!["the thread that makes events panicked".to_owned()];
        };
        let (begun, last) = (Instant::now(), made - 1);
        let arrived = |state: &State| numbers(state).last().is_some_and(|number| *number == last);
        let mut problems = Vec::new();
        if !network.wait(LATEST, arrived) {
            problems.push(format!(
                "the last of {made} events has not come after {:?}",
                begun.elapsed()
            ));
        }
        let numbers = numbers(&network.lock());
        if let Some(pair) = numbers.windows(2).find(|pair| pair[0] >= pair[1]) {
            problems.push(format!("event {} came after event {}", pair[1], pair[0]));
        }
        let (missing, counted) = (made - numbers.len().min(made), unconfirmed(library));
        if missing > counted {
            problems.push(format!("{missing} of {made} events are missing, but only {counted} were counted as possibly lost"));
        }
        problems
    }
}

/// The numbers of the events that arrived, connection by connection.
fn numbers(state: &State) -> Vec<usize> {
    let items = state.peers.iter().flat_map(|peer| &peer.items);
    items.filter_map(number).collect()
}

fn number(item: &Item) -> Option<usize> {
    let Item::Event(text) = item else { return None };
    member(text, "eventname")?.strip_prefix('N')?.parse().ok()
}

/// Whether an item is one of the events that were made here.
pub fn is_made(item: &Item) -> bool {
    number(item).is_some()
}

/// How many messages the library has counted as possibly lost.
fn unconfirmed(library: &Library<'_>) -> usize {
    let metrics = library.metrics();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("ariws_messages_unconfirmed_total "));
    line.and_then(|count| count.parse().ok())
        .unwrap_or_default()
}
