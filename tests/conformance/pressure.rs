//! Cases that were recorded under load: how many events there were is told in words only, so that here a thread makes events
//! all the while, and what counts is that none comes twice, none comes out of order, and none is missing that the library has
//! not counted as possibly lost. None is missing at all where every connection ends with a Close or a FIN.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::frames::{CLOSE, FINAL};
use super::network::{Network, State};
use super::story::{Act, Item, Saying, Story, What, member};
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

/// Makes events until it is told to stop.
pub struct Pressure {
    stop: Arc<AtomicBool>,
    made: Arc<AtomicUsize>,
    thread: JoinHandle<usize>,
}

impl Pressure {
    /// Begins to make events for an application.
    pub fn begin(handle: Handle, app: String) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let made = Arc::new(AtomicUsize::new(0));
        let (stopping, counting) = (Arc::clone(&stop), Arc::clone(&made));
        let thread = thread::spawn(move || {
            let mut count = 0;
            while !stopping.load(Ordering::Relaxed) {
                handle.event(
                    &app,
                    &format!("{{\"type\":\"ChannelUserevent\",\"eventname\":\"N{count}\"}}"),
                );
                count += 1;
                counting.store(count, Ordering::Relaxed);
                thread::sleep(PACE);
            }
            count
        });
        Self { stop, made, thread }
    }

    /// Waits until enough events have been made before something is done.
    pub fn lead_up_to(&self, act: &Act, story: &Story, network: &Network) {
        match &act.what {
            What::Say(link, saying) if ends(saying) => {
                let made = story.links[*link].made.unwrap_or_default();
                let wanted = if act.at - made < AT_ONCE {
                    0
                } else {
                    BEFORE_AN_END
                };
                network.wait(LATEST, |state| {
                    let peer = state.peer(*link);
                    let events = |item: &&Item| is_made(item);
                    peer.is_some_and(|peer| {
                        peer.closed || peer.items.iter().filter(events).count() >= wanted
                    })
                });
            }
            What::Listen(_) | What::End => {
                let enough = self.made.load(Ordering::Relaxed) + MEANWHILE;
                while self.made.load(Ordering::Relaxed) < enough && !self.thread.is_finished() {
                    network.wait(PACE, |_| false);
                }
            }
            _ => {}
        }
    }

    /// Stops, waits for the last event, and tells what is wrong with all of them. `clean`: none may be missing.
    pub fn end(self, network: &Network, library: &Library<'_>, clean: bool) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let Ok(made) = self.thread.join() else {
            return vec!["the thread that makes events panicked".to_owned()];
        };
        let begun = Instant::now();
        let arrived = |state: &State| {
            let last = state
                .peers
                .iter()
                .rev()
                .find_map(|peer| peer.items.iter().rev().find_map(number));
            last.map_or(0, |last| last + 1) == made
        };
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
        let missing = made - numbers.len().min(made);
        let counted = if clean { 0 } else { unconfirmed(library) };
        if missing > counted {
            problems.push(format!(
                "{missing} of {made} events are missing, at most {counted} may be"
            ));
        }
        problems
    }
}

/// Whether an application ends its connection by this.
fn ends(saying: &Saying) -> bool {
    match saying {
        Saying::Last(_) | Saying::Finish | Saying::Reset => true,
        Saying::Bytes(bytes) => bytes.first() == Some(&(FINAL | CLOSE)),
        Saying::Pieces(..) | Saying::Half(_) | Saying::Rest(..) | Saying::Request(..) => false,
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
pub fn unconfirmed(library: &Library<'_>) -> usize {
    let metrics = library.metrics();
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("ariws_messages_unconfirmed_total "));
    line.and_then(|count| count.parse().ok())
        .unwrap_or_default()
}
