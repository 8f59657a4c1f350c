//! A recorded case becomes a story: what was done is told apart from what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::case::{Case, Direction, Entry};
use super::saying::saying;
use super::story::{
    Act, Channel, Command, Compare, Event, Http, Item, Link, Request, Saying, Story, What, member,
    type_of,
};
use super::{dialplan, normal, told};

/// Events of the connection itself, which the library sends by itself or which registering makes the host send.
const OWN: [&str; 3] = [
    "ApplicationRegistered",
    "ApplicationUnregistered",
    "ApplicationReplaced",
];
/// What arrived within this many milliseconds after it was made was never queued.
const AT_ONCE: f64 = 20.0;
/// What a server sent within this many milliseconds was one write; times are recorded in tenths.
const SAME_WRITE: f64 = 0.05;
/// What was observed in the same tenth of a millisecond is told apart by this many milliseconds.
const LATER: f64 = 1e-6;

/// The story of a case.
pub fn story(case: &Case) -> Story {
    let case = &told::completed(case);
    let mut story = Story {
        files: case.files.clone(),
        elsewhere: BTreeSet::new(),
        steps: case.steps.clone(),
        acts: Vec::new(),
        links: Vec::new(),
        begun: !case
            .steps
            .iter()
            .any(|(_, words)| words == "start asterisk"),
        ports: normal::ports(&case.files),
        load: None,
        statuses: dialplan::statuses(case),
        tls: case.tls.clone(),
        about_time: false,
        logs: Vec::new(),
        unknown: Vec::new(),
    };
    for change in &case.changes {
        story.ports.extend(normal::ports(&change.files));
    }
    let observed = observed(case);
    let observed: Vec<&Entry> = observed.iter().collect();
    add_steps(&mut story, case);
    add_links(&mut story, &observed);
    add_servers(&mut story);
    let offset = offset(&observed);
    for entry in &observed {
        add_entry(&mut story, entry, &observed, offset);
    }
    pair_requests(&mut story);
    dialplan::add_entries(&mut story, case);
    if story.begun {
        story.add(f64::NEG_INFINITY, What::Load);
    }
    story.add(f64::INFINITY, What::End);
    // What happens at the same moment stays in the order in which it was added.
    story.acts.sort_by(|one, other| one.at.total_cmp(&other.at));
    story
}

/// What was observed before the end, each entry later than the one before it.
fn observed(case: &Case) -> Vec<Entry> {
    let end = case.end();
    let within = case
        .observed
        .iter()
        .filter(|entry| entry.t.is_some_and(|at| at <= end));
    let in_order = within.zip(0..).map(|(entry, place)| Entry {
        t: Some(entry.at() + LATER * f64::from(place)),
        ..entry.clone()
    });
    in_order.collect()
}

impl Story {
    pub fn add(&mut self, at: f64, what: What) {
        self.acts.push(Act { at, what });
    }

    /// The link of a connection's number.
    fn link(&mut self, number: u32) -> usize {
        match self.links.iter().position(|link| link.number == number) {
            Some(index) => index,
            None => {
                self.links.push(Link {
                    number,
                    ..Link::default()
                });
                self.links.len() - 1
            }
        }
    }
}

fn add_steps(story: &mut Story, case: &Case) {
    let mut changes = case.changes.iter();
    for (at, words) in &case.steps {
        let port = |prefix: &str| -> Option<u16> {
            let rest = words.strip_prefix(prefix)?;
            let rest = rest.split(',').next()?;
            rest.rsplit(':').next()?.trim().parse().ok()
        };
        let number = |prefix: &str| -> Option<usize> {
            let (number, _) = words.strip_prefix(prefix)?.split_once(' ')?;
            number.parse().ok()
        };
        if words == "start asterisk" {
            story.add(*at, What::Load);
        } else if let Some(port) = port("server: listen on ") {
            story.ports.insert(port);
            story.add(*at, What::Listen(port));
        } else if let Some(port) = port("server: stop listening on ") {
            story.add(*at, What::StopListening(port));
        } else if let Some(port) = port("server: accept nothing on ") {
            story.add(*at, What::Silence(port));
            story.about_time = true;
        } else if words == "SIGTERM" {
            story.add(*at, What::Unload);
        } else if words.starts_with("server stops reading; ") {
            story.add(*at, What::Deaf(0, true));
            story.add(*at, What::Flood(1500, None));
        } else if let Some(count) = number("server reads slowly; ") {
            story.add(*at, What::Slow(0));
            // As many as the recorded server had read.
            story.add(*at, What::Flood(count, Some(count / 3)));
        } else if words == "server reads again" {
            story.add(*at, What::Deaf(0, false));
        } else if case.changes.iter().any(|change| change.label == *words)
            && let Some(change) = changes.find(|change| change.label == *words)
        {
            story.add(*at, What::Write(change.files.clone()));
        }
    }
}

fn add_links(story: &mut Story, observed: &[&Entry]) {
    let mut asked = BTreeMap::new();
    for entry in observed {
        let Some(number) = entry.conn else { continue };
        let index = story.link(number);
        let link = &mut story.links[index];
        match (entry.dir, entry.kind.as_str()) {
            (Direction::ToServer, "tcp-connect") => {
                link.made = entry.t;
                link.port = entry.port.unwrap_or_default();
            }
            (Direction::ToServer, "http-request") => {
                link.request = Some(entry.raw.clone());
                asked.insert(number, entry.at());
            }
            (Direction::ToAsterisk, kind) if kind.starts_with("http-response") => {
                let after = entry.at() - asked.get(&number).copied().unwrap_or(entry.at());
                let after = Duration::from_secs_f64((after / 1000.0).max(0.0));
                link.answers.push((after, entry.raw.clone()));
            }
            (Direction::ToAsterisk, "close-reply") => link.answers_close = true,
            _ => {}
        }
    }
}

/// Servers that no step starts listen all the time.
fn add_servers(story: &mut Story) {
    let connected: BTreeSet<u16> = story
        .links
        .iter()
        .filter(|link| link.made.is_some())
        .map(|link| link.port)
        .collect();
    for port in connected {
        story.ports.insert(port);
        let started = |act: &Act| matches!(act.what, What::Listen(started) if started == port);
        if !story.begun && !story.acts.iter().any(started) {
            story.add(f64::NEG_INFINITY, What::Listen(port));
        }
    }
}

/// What is to be added to the time in a message to get the time since the case began.
fn offset(observed: &[&Entry]) -> Option<f64> {
    let differences = observed
        .iter()
        .filter(|entry| entry.dir == Direction::ToServer)
        .filter_map(|entry| {
            let made = normal::milliseconds(&member(&entry.raw, "timestamp")?)?;
            Some(entry.at() - made)
        });
    differences.reduce(f64::min)
}

fn add_entry(story: &mut Story, entry: &Entry, observed: &[&Entry], offset: Option<f64>) {
    let at = entry.at();
    match entry.dir {
        Direction::Command => {
            let line = entry.cmd.clone().unwrap_or_default();
            if line.starts_with("core restart ") {
                story.add(before_effects(entry, observed) + 2.0 * LATER, What::Load);
            }
            let what = if is_reload(&line) {
                What::Reload
            } else if is_unload(&line, &entry.raw) {
                What::Unload
            } else {
                What::Command(Command {
                    line: line.clone(),
                    output: entry.raw.clone(),
                    compare: Compare::Whole,
                })
            };
            story.add(
                if only_shows(&line) {
                    at
                } else {
                    before_effects(entry, observed)
                },
                what,
            );
        }
        Direction::Http => add_http(story, entry),
        Direction::FromInbound if entry.kind == "connected" => {
            let name = entry.name.clone().unwrap_or_default();
            // Where no list of sessions was recorded, any id will do.
            let (id, address) = normal::inbound_session(observed)
                .unwrap_or_else(|| (format!("inbound-{name}"), String::new()));
            story.add(
                before_effects(entry, observed),
                What::Inbound {
                    name,
                    id,
                    address,
                    apps: inbound_apps(&entry.raw),
                },
            );
        }
        Direction::ToInbound if entry.kind == "text" => {
            story.elsewhere.extend(member(&entry.raw, "eventname"));
            // A channel that enters the application of somebody else.
            if type_of(&entry.raw) == "StasisStart"
                && let Some(channel) = dialplan::channel_of(&entry.raw)
            {
                story.end_stasis(&channel.name, "SUCCESS");
            }
        }
        // One that Asterisk closed with a code was shut down by a command.
        Direction::ToInbound if entry.kind == "closed" && entry.code.is_none() => {
            story.add(
                at,
                What::InboundGone(entry.name.clone().unwrap_or_default()),
            );
        }
        Direction::ToAsterisk => {
            let Some(number) = entry.conn else { return };
            let link = story.link(number);
            match saying(entry) {
                Ok(Some(Saying::Bytes(bytes))) if is_beside_answer(entry, observed) => {
                    story.links[link].beside.extend(bytes);
                }
                Ok(Some(saying)) if entry.kind.contains("(same ") => {
                    let saying = story.together(link, saying);
                    story.add(at, What::Say(link, saying));
                }
                Ok(Some(Saying::Finish)) => story.finish(link, at),
                Ok(Some(saying)) => story.add(at, What::Say(link, saying)),
                Ok(None) => {}
                Err(unknown) => story.unknown.push(unknown),
            }
        }
        Direction::ToServer => add_item(story, entry, offset),
        Direction::FromInbound | Direction::ToInbound | Direction::Unknown => {}
    }
}

/// Whether a server sent something in one write with its answer to the upgrade request.
fn is_beside_answer(entry: &Entry, observed: &[&Entry]) -> bool {
    observed.iter().any(|answer| {
        answer.conn == entry.conn
            && answer.kind == "http-response"
            && (entry.at() - answer.at()).abs() < SAME_WRITE
    })
}

fn add_http(story: &mut Story, entry: &Entry) {
    let request = entry.request.clone().unwrap_or_default();
    let (method, target) = request.split_once(' ').unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let what = What::Http(Http {
        method: method.to_owned(),
        path: path.trim_start_matches("/ari/").to_owned(),
        query: query.to_owned(),
        status: entry.status.unwrap_or_default(),
    });
    // A channel that has hung up when the answer comes may have entered its application before.
    let at = if method == "DELETE" {
        entry.at()
    } else {
        entry.begin()
    };
    story.add(at, what);
}

fn add_item(story: &mut Story, entry: &Entry, offset: Option<f64>) {
    let Some(number) = entry.conn else { return };
    let (at, index) = (entry.at(), story.link(number));
    let item = match entry.kind.as_str() {
        "text" => {
            add_event(story, index, entry, offset);
            Item::text(entry.raw.clone())
        }
        "close" => Item::Close(entry.code),
        "pong" => Item::Pong(entry.raw.clone()),
        "tls client hello" => Item::Hello,
        "tcp-eof" | "eof" | "eof-before-request-complete" => {
            story.links[index].closed = Some(at);
            return;
        }
        kind if kind.starts_with("tcp-error") => {
            story.links[index].closed = Some(at);
            return;
        }
        "tcp-connect" | "http-request" => return,
        kind => {
            return story.unknown.push(format!(
                "the runner does not know what \"{kind}\" of Asterisk's is"
            ));
        }
    };
    story.links[index].items.push((at, item));
}

/// An event that Asterisk had is one that the host has when it was made, which may be long before it arrived.
fn add_event(story: &mut Story, link: usize, entry: &Entry, offset: Option<f64>) {
    let text = &entry.raw;
    let kind = type_of(text);
    if kind.is_empty() || kind == "RESTResponse" || OWN.contains(&kind.as_str()) {
        return;
    }
    let made = member(text, "timestamp")
        .as_deref()
        .and_then(normal::milliseconds);
    let made = made
        .zip(offset)
        .map_or(entry.at(), |(made, offset)| made + offset);
    let at = if entry.at() - made < AT_ONCE {
        entry.at()
    } else {
        made
    };
    // Events of one connection were made in the order in which they arrived.
    let before = story.acts.iter().rev().find_map(|act| match &act.what {
        What::Event(event) if event.link == link => Some(act.at),
        _ => None,
    });
    let at = before.map_or(at, |before| at.max(before));
    let event = Event {
        link,
        application: member(text, "application").unwrap_or_default(),
        channel: dialplan::channel_of(text),
        kind,
        text: text.clone(),
    };
    story.add(at, What::Event(event));
}

/// A command that changes something is run before the first thing that came of it.
fn before_effects(entry: &Entry, observed: &[&Entry]) -> f64 {
    let begun = match entry.took_ms {
        Some(_) => entry.begin(),
        None => entry.at() - 1.0,
    };
    let effects = observed.iter().filter(|effect| {
        effect.dir == Direction::ToServer && effect.at() > begun && effect.at() <= entry.at()
    });
    let first = effects.map(|effect| effect.at()).reduce(f64::min);
    first.unwrap_or(entry.at()) - 0.05
}

fn is_reload(line: &str) -> bool {
    line == "core reload"
        || line.starts_with("module reload res_ari.so")
        || line.starts_with("module reload res_websocket_client.so")
}

fn is_unload(line: &str, output: &str) -> bool {
    ["core stop ", "core restart "]
        .iter()
        .any(|start| line.starts_with(start))
        || output == "Unloaded res_ari.so\n"
}

/// Whether a command changes nothing.
pub fn only_shows(line: &str) -> bool {
    ["ari show ", "dialplan show ", "core show ", "_command "]
        .iter()
        .any(|start| line.to_ascii_lowercase().starts_with(start))
}

fn inbound_apps(request: &str) -> Vec<String> {
    let (_, query) = request.split_once('?').unwrap_or_default();
    let apps = query
        .split(['&', ' '])
        .find_map(|pair| pair.strip_prefix("app="));
    apps.unwrap_or_default()
        .split(',')
        .map(str::to_owned)
        .collect()
}

/// Gives every request its answer. They are answered one at a time and in order; some never were.
fn pair_requests(story: &mut Story) {
    for link in 0..story.links.len() {
        let mut waiting: Vec<(f64, &mut Request)> = Vec::new();
        for act in &mut story.acts {
            if let What::Say(to, saying) = &mut act.what
                && *to == link
                && let Some(request) = saying.request()
            {
                waiting.push((act.at, request));
            }
        }
        waiting.sort_by(|one, other| one.0.total_cmp(&other.0));
        for (at, item) in &story.links[link].items {
            let Item::Answer(answer) = item else { continue };
            let fits = |(said, request): &(f64, &mut Request)| {
                said <= at && request.is_answered_by(answer)
            };
            if let Some(index) = waiting.iter().position(fits) {
                waiting.drain(..index);
                let (_, request) = waiting.remove(0);
                request.answer = Some(answer.clone());
            }
        }
    }
}

/// A channel that a host's request over HTTP ends.
pub fn hung_up(http: &Http) -> Option<&str> {
    (http.method == "DELETE").then(|| http.path.strip_prefix("channels/"))?
}

/// A channel that enters an application, known by the event that says so.
pub fn entering(event: &Event) -> Option<&Channel> {
    (event.kind == "StasisStart").then_some(event.channel.as_ref())?
}
