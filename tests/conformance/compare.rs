//! Comparing what the library did with what Asterisk did.

use std::collections::BTreeSet;

use super::network::{Peer, State};
use super::normal::{Ports, keyless, timeless};
use super::pressure::is_made;
use super::story::{Item, Link, Load, Story};

/// Whether a connection has everything that Asterisk's had before a moment.
pub fn is_settled(link: &Link, peer: Option<&Peer>, at: f64) -> bool {
    let before = |answers: bool| {
        let items = link
            .items
            .iter()
            .filter(|(when, item)| *when < at && item.is_answer() == answers);
        items.count()
    };
    let (answers, others) = (before(true), before(false));
    let made = link.made.is_some_and(|made| made < at);
    let closed = link.closed.is_some_and(|closed| closed < at);
    let Some(peer) = peer else {
        return !made && !closed && answers == 0 && others == 0;
    };
    let answered = peer.items.iter().filter(|item| item.is_answer()).count();
    answered >= answers && peer.items.len() - answered >= others && (!closed || peer.closed)
}

/// What is different in the connections.
pub fn connections(
    state: &State,
    ports: &Ports,
    absent: &BTreeSet<usize>,
    story: &Story,
) -> Vec<String> {
    let links = &story.links;
    if let Some(load) = story.load {
        return under_load(story, load, state);
    }
    let mut problems = Vec::new();
    let links_made = links
        .iter()
        .enumerate()
        .filter(|(index, _)| !absent.contains(index));
    for (index, link) in links_made {
        match state.peer(index) {
            Some(peer) => problems.extend(connection(link, peer, ports)),
            None => problems.push(format!("connection {} was not made", link.number)),
        }
    }
    for peer in state
        .peers
        .iter()
        .filter(|peer| peer.link.is_none() && !story.begun && !is_retry(peer, links))
    {
        let items: Vec<String> = peer.items.iter().map(shown).collect();
        problems.push(format!(
            "a connection that Asterisk did not make, to {}: {items:#?}",
            peer.port
        ));
    }
    problems
}

/// What is different in the connections of a case that was recorded under load: each recorded one is made, begins with what is
/// registered, and ends as it ended.
fn under_load(story: &Story, load: Load, state: &State) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, link) in story.links.iter().enumerate() {
        let Some(peer) = state.peer(index) else {
            problems.push(format!("connection {} was not made", link.number));
            continue;
        };
        let closes = |item: &&Item| matches!(item, Item::Close(_));
        let expected: Vec<String> = link.items.iter().map(|(_, item)| item.summary()).collect();
        let actual: Vec<String> = peer
            .items
            .iter()
            .filter(closes)
            .map(Item::summary)
            .collect();
        if expected != actual {
            problems.push(format!(
                "connection {} ends with {actual:?}, for Asterisk {expected:?}",
                link.number
            ));
        }
    }
    if state
        .peers
        .iter()
        .any(|peer| peer.items.first().is_some_and(is_made))
    {
        problems.push("a connection begins with an event".to_owned());
    }
    let apart = load.apart.unwrap_or_default();
    let early = |(peer, before): &(&Peer, u32)| peer.accepted < apart * *before;
    if let Some((peer, before)) = state.peers.iter().zip(0..).find(early) {
        problems.push(format!(
            "{} connections were made in {:?}",
            before + 1,
            peer.accepted
        ));
    }
    problems
}

/// What the log must have and has not.
pub fn logs(story: &Story, log: &[String]) -> Vec<String> {
    let texts = story.logs.iter();
    let missing = texts.filter(|text| !log.iter().any(|line| line.contains(text.as_str())));
    missing
        .map(|text| format!("the log does not have \"{text}\""))
        .collect()
}

/// Whether a connection is one more attempt where the recording ends with attempts that fail.
fn is_retry(peer: &Peer, links: &[Link]) -> bool {
    let last = links.iter().rfind(|link| link.port == peer.port);
    let failed = |link: &Link| link.items.is_empty() && link.made.is_some();
    peer.items.is_empty() && last.is_some_and(failed)
}

fn connection(link: &Link, peer: &Peer, ports: &Ports) -> Vec<String> {
    let mut problems = Vec::new();
    if let Some(request) = link.request.as_ref().filter(|request| !request.is_empty()) {
        let (expected, actual) = (keyless(request), keyless(&ports.recorded(&peer.head)));
        if expected != actual {
            problems.push(different(
                &format!("the upgrade request of connection {}", link.number),
                &expected,
                &actual,
            ));
        }
    }
    for answers in [true, false] {
        let of_kind = |item: &&Item| item.is_answer() == answers;
        let in_short = link
            .items
            .iter()
            .any(|(_, item)| matches!(item, Item::Like(_)) && !answers);
        let shown = if in_short { Item::summary } else { shown };
        let expected: Vec<String> = link
            .items
            .iter()
            .map(|(_, item)| item)
            .filter(of_kind)
            .map(shown)
            .collect();
        let actual: Vec<String> = peer.items.iter().filter(of_kind).map(shown).collect();
        if expected != actual {
            let what = if answers { "answers" } else { "messages" };
            let what = format!("the {what} of connection {}", link.number);
            problems.push(different(&what, &expected.join("\n"), &actual.join("\n")));
        }
    }
    if link.closed.is_some() && !peer.closed {
        problems.push(format!("connection {} is still open", link.number));
    }
    problems
}

/// An item in words, without what varies.
fn shown(item: &Item) -> String {
    match item {
        Item::Event(text) | Item::Answer(text) => timeless(text),
        Item::Close(Some(code)) => format!("Close {code}"),
        Item::Close(None) => "Close without a code".to_owned(),
        Item::Hello => "the beginning of a TLS handshake".to_owned(),
        Item::Pong(payload) => format!("Pong {payload}"),
        Item::Like(summary) => summary.clone(),
        Item::Fault(fault) => format!("a fault: {fault}"),
    }
}

/// What is different in a command's output.
pub fn outputs(line: &str, expected: &str, actual: &str) -> String {
    different(&format!("the output of '{line}'"), expected, actual)
}

/// Two texts, line by line.
fn different(what: &str, expected: &str, actual: &str) -> String {
    let (one, other): (Vec<&str>, Vec<&str>) =
        (expected.lines().collect(), actual.lines().collect());
    let mut output = format!("different: {what}\n");
    let same = one
        .iter()
        .zip(&other)
        .take_while(|(one, other)| one == other)
        .count();
    let tail = one[same..]
        .iter()
        .rev()
        .zip(other[same..].iter().rev())
        .take_while(|(one, other)| one == other)
        .count();
    let lines = |mark: &str, lines: &[&str]| -> String {
        lines[same..lines.len() - tail]
            .iter()
            .map(|line| format!("    {mark} {line}\n"))
            .collect()
    };
    output.push_str(&lines("Asterisk:", &one));
    output.push_str(&lines("ours:    ", &other));
    output
}
