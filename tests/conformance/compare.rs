//! Comparing what the library did with what it is to do.

use std::collections::BTreeSet;

use super::network::{Peer, State};
use super::normal::{Ports, keyless, timeless};
use super::story::{Item, Link, Load, ORDERS, Story};

/// Whether a connection has everything that it is to have before a moment.
pub fn is_settled(link: &Link, peer: Option<&Peer>, at: f64) -> bool {
    let before = |time: Option<f64>| time.is_some_and(|time| time < at);
    let expected = |order: &str| {
        let of_order = |(when, item): &&(f64, Item)| *when < at && item.order() == order;
        link.items.iter().filter(of_order).count()
    };
    let Some(peer) = peer else {
        let none = ORDERS.iter().all(|order| expected(order) == 0);
        return none && !before(link.made) && !before(link.closed);
    };
    let came = |order: &str| peer.items.iter().filter(|item| item.order() == order).count();
    let all = ORDERS.iter().all(|order| came(order) >= expected(order));
    all && (peer.closed || !before(link.closed))
}

/// What is different in the connections.
pub fn connections(state: &State, ports: &Ports, absent: &BTreeSet<usize>, story: &Story) -> Vec<String> {
    let mut problems = Vec::new();
    for (place, link) in story.links.iter().enumerate() {
        match (state.peer(place), story.load) {
            _ if absent.contains(&place) => {}
            (None, _) => problems.push(format!("connection {} was not made", link.number)),
            (Some(peer), None) => problems.extend(connection(link, peer, ports)),
            (Some(peer), Some(_)) => problems.extend(ending(link, peer)),
        }
    }
    if let Some(load) = story.load {
        problems.extend(under_load(load, state));
        return problems;
    }
    let others = state.peers.iter().filter(|peer| peer.link.is_none());
    for peer in others.filter(|peer| !story.begun && !is_retry(peer, &story.links)) {
        let (port, items) = (peer.port, &peer.items);
        problems.push(format!("an unexpected connection, to {port}: {items:#?}"));
    }
    problems
}

/// Whether a connection is one more attempt where the recording ends with attempts that fail.
fn is_retry(peer: &Peer, links: &[Link]) -> bool {
    let last = links.iter().rfind(|link| link.port == peer.port);
    let failed = |link: &Link| link.items.is_empty() && link.made.is_some();
    peer.items.is_empty() && last.is_some_and(failed)
}

fn connection(link: &Link, peer: &Peer, ports: &Ports) -> Vec<String> {
    let (mut problems, number) = (Vec::new(), link.number);
    if let Some(request) = link.request.as_ref().filter(|request| !request.is_empty()) {
        let what = format!("the upgrade request of connection {number}");
        let asked = keyless(&ports.recorded(&peer.head));
        problems.extend(different(&what, &keyless(request), &asked));
    }
    let like = |(_, item): &(f64, Item)| matches!(item, Item::Like(_));
    let in_short = link.items.iter().any(like);
    for order in ORDERS {
        let shown = |item: &Item| match item {
            item if in_short && order == ORDERS[2] => item.summary(),
            item => timeless(&item.to_string()),
        };
        let of_kind = |item: &&Item| item.order() == order;
        let expected = link.items.iter().map(|(_, item)| item).filter(of_kind);
        let expected: Vec<String> = expected.map(shown).collect();
        let actual: Vec<String> = peer.items.iter().filter(of_kind).map(shown).collect();
        let what = format!("the {order} of connection {number}");
        problems.extend(different(&what, &expected.join("\n"), &actual.join("\n")));
    }
    if link.closed.is_some() && !peer.closed {
        problems.push(format!("connection {number} is still open"));
    }
    problems
}

/// What is different in the end of a connection under load.
fn ending(link: &Link, peer: &Peer) -> Option<String> {
    let expected: Vec<&Item> = link.items.iter().map(|(_, item)| item).collect();
    let actual: Vec<&Item> = peer.items.iter().filter(|item| item.is_close()).collect();
    let number = link.number;
    let problem = format!("connection {number} ends with {actual:?}, for Asterisk {expected:?}");
    (expected != actual).then_some(problem)
}

/// What is wrong with the connections of a case that was recorded under load: each begins with what is registered, and they are
/// far enough apart.
fn under_load(load: Load, state: &State) -> Vec<String> {
    let mut problems = Vec::new();
    let mut first = state.peers.iter().filter_map(|peer| peer.items.first());
    if first.any(|item| item.number('N').is_some()) {
        problems.push("a connection begins with an event".to_owned());
    }
    let apart = u128::from(load.apart.unwrap_or_default());
    for (peer, before) in state.peers.iter().zip(0u128..) {
        if peer.accepted.as_millis() < apart * before {
            let (count, time) = (before + 1, peer.accepted);
            problems.push(format!("{count} connections were made in {time:?}"));
            break;
        }
    }
    problems
}

/// Two texts, line by line; nothing if they are equal.
pub fn different(what: &str, expected: &str, actual: &str) -> Option<String> {
    if expected == actual {
        return None;
    }
    let (one, other): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    let alike = |(one, other): &(&&str, &&str)| one == other;
    let same = one.iter().zip(&other).take_while(alike).count();
    let rest = one[same..].iter().rev().zip(other[same..].iter().rev());
    let tail = rest.take_while(alike).count();
    let mut output = format!("different: {what}\n");
    for (mark, lines) in [("Asterisk:", one), ("ours:    ", other)] {
        for line in &lines[same..lines.len() - tail] {
            output.push_str(&format!("    {mark} {line}\n"));
        }
    }
    Some(output)
}
