//! Many long events, for servers that cannot keep up with them: what counts is that they come in order, none twice, and none is
//! missing that the library has not counted as possibly lost.

use std::time::{Duration, Instant};

use super::case::Files;
use super::configured;
use super::network::{Network, State};
use super::peer;
use super::pressure::unconfirmed;
use super::story::{Item, member};
use super::support::library::Library;

/// About as long as the recorder's.
const LENGTH: usize = 8000;

/// How long they may take, with the time after which a peer that takes nothing is left.
const LATEST: Duration = Duration::from_secs(60);

/// An event with its number.
fn event(number: usize) -> String {
    let filler = "x".repeat(LENGTH);
    format!("{{\"type\":\"ChannelUserevent\",\"eventname\":\"F{number}\",\"filler\":\"{filler}\"}}")
}

/// The number of an item that is one of them.
pub fn number(item: &Item) -> Option<usize> {
    let Item::Event(text) = item else { return None };
    member(text, "eventname")?.strip_prefix('F')?.parse().ok()
}

/// Their numbers, connection by connection.
fn numbers(state: &State) -> Vec<usize> {
    let mut arrived = state.flood.clone();
    arrived.sort_by_key(|(peer, _)| *peer);
    arrived.into_iter().map(|(_, number)| number).collect()
}

/// Has so many events for the first application, and waits for the last of them or for as many as are awaited. Tells what is
/// wrong with those that arrived.
pub fn run(
    network: &Network,
    library: &Library<'_>,
    files: &Files,
    count: usize,
    awaited: Option<usize>,
) -> Vec<String> {
    let app = configured::connections(files)
        .into_iter()
        .find_map(|its| its.apps.into_iter().next())
        .unwrap_or_default();
    let begun = Instant::now();
    for number in 0..count {
        library.event(&app, &event(number));
    }
    let mut problems = Vec::new();
    let is_last = |(_, number): &(usize, usize)| number + 1 == count;
    let arrived = network.wait(LATEST, |state| match awaited {
        Some(awaited) => state.flood.len() >= awaited,
        None => state.flood.iter().any(is_last),
    });
    let numbers = numbers(&network.lock());
    if awaited.is_some_and(|awaited| begun.elapsed() < peer::slowly(awaited * LENGTH)) {
        problems.push("the server did not read slowly".to_owned());
    }
    if !arrived {
        problems.push(format!("of {count} events {} arrived", numbers.len()));
    }
    if let Some(pair) = numbers.windows(2).find(|pair| pair[0] >= pair[1]) {
        problems.push(format!("event {} came after event {}", pair[1], pair[0]));
    }
    let last = numbers.last().map_or(0, |last| last + 1);
    let (missing, counted) = (last - numbers.len().min(last), unconfirmed(library));
    if missing > counted {
        problems.push(format!(
            "{missing} events are missing, but only {counted} were counted as possibly lost"
        ));
    }
    problems
}
