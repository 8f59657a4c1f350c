//! Answers to the upgrade, and how connections end.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::configured;
use crate::frames;
use crate::story::{Act, Command, Compare, Item, Link, Saying, Story, What};

use super::applications::made_up;
use super::requests;

/// What Asterisk's command line prints when there is no Asterisk any more.
const CRASHED: &str = "Unable to connect to remote asterisk";

/// In Asterisk `connection_timeout` covers no more than TCP: a server that never answers holds the connection for ever, and one
/// that answers late is heard. The library gives up and tries again.
pub fn silent_servers(story: &mut Story) -> bool {
    let mut changed = false;
    for index in 0..story.links.len() {
        let Some((timeout, interval)) = story.timing(&story.links[index]) else {
            continue;
        };
        let link = &story.links[index];
        let asks = |(_, item): &(f64, Item)| *item == Item::Hello;
        if link.request.is_none() && !link.items.iter().any(asks) {
            continue;
        }
        let Some(made) = link.made.filter(|_| !link.is_answered_within(timeout)) else {
            continue;
        };
        let over = made + timeout.as_secs_f64() * 1000.0;
        if !story.is_left_alone(index, over) {
            continue;
        }
        let link = &mut story.links[index];
        link.items.retain(|(_, item)| *item == Item::Hello);
        link.answers.retain(|(after, _)| *after <= timeout);
        let port = link.port;
        link.closed = Some(over);
        let again = over + interval.as_secs_f64() * 1000.0;
        let next = link.again(again);
        let later = story.links.iter().filter(|link| link.port == port);
        let later = later.filter_map(|link| link.made);
        let until = later.filter(|at| *at > made).fold(f64::INFINITY, f64::min);
        story.show_down(port, over, until);
        story.follow_with(next);
        changed = true;
    }
    story.about_time |= changed;
    changed
}

/// A frame that comes together with the answer to the upgrade, or in one TLS record with others, is seen at once.
pub fn first_frames(story: &mut Story) -> bool {
    let mut expected = Vec::new();
    for link in &mut story.links {
        let Some((made, frame)) = link.made.zip(link.first_frame()) else {
            continue;
        };
        if let Some(request) = crate::saying::request(&frame) {
            let application = link.application().unwrap_or_default();
            let answer = requests::answer(&request, &application);
            link.items.push((made + 1.0, Item::Answer(answer)));
            expected.push(request);
        }
    }
    let mut changed = !expected.is_empty();
    for request in expected {
        story.add(f64::NEG_INFINITY, What::Expect(request));
    }
    if story.tls.is_some() {
        let asked: Vec<(usize, f64, Option<String>)> = story
            .requests()
            .map(|(link, at, request)| (link, at, request.answer.clone()))
            .collect();
        for (link, at, answer) in asked {
            let late = |(when, item): &&mut (f64, Item)| {
                *when > at + 1000.0
                    && matches!((item, &answer), (Item::Answer(its), Some(answer)) if its == answer)
            };
            if let Some((when, _)) = story.links[link].items.iter_mut().find(late) {
                *when = at + 1.0;
                changed = true;
            }
        }
    }
    changed
}

/// The library closes with the code of RFC 6455 what breaks the protocol, and connects again. Asterisk passes over most of it.
pub fn broken_frames(story: &mut Story) -> bool {
    let broken = story.acts.iter().find_map(|act| match &act.what {
        What::Say(link, Saying::Bytes(bytes) | Saying::Request(bytes, _)) => {
            Some((act.at, *link, frames::violation(bytes)?))
        }
        _ => None,
    });
    let Some((at, index, code)) = broken else {
        return false;
    };
    let link = &mut story.links[index];
    link.items.retain(|(when, _)| *when < at);
    link.items.push((at + 0.1, Item::Close(Some(code))));
    link.answers_close = true;
    link.closed = Some(at + 0.2);
    let next = link.again(at + 0.3);
    story
        .acts
        .retain(|act| act.at <= at || !matches!(act.what, What::Say(its, _) if its == index));
    story.follow_with(next);
    true
}

/// The library answers a Close as it came, without a code if it had none; Asterisk then says 1000.
pub fn closes(story: &mut Story) -> bool {
    let mut changed = false;
    for act in &story.acts {
        if let What::Say(link, Saying::Bytes(bytes)) = &act.what
            && *bytes == frames::frame(frames::FINAL | frames::CLOSE, &[])
        {
            let answer = story.links[*link]
                .items
                .iter_mut()
                .find(|(when, item)| *when > act.at && *item == Item::Close(Some(1000)));
            if let Some((_, item)) = answer {
                *item = Item::Close(None);
                changed = true;
            }
        }
    }
    changed
}

/// A frame may come in as many pieces as it likes, and stay unfinished: the library goes on meanwhile. Asterisk is blocked by
/// it, drops the connection, and may crash.
pub fn frames_in_pieces(story: &mut Story) -> bool {
    let pieces: Vec<(f64, usize, Saying)> = story
        .acts
        .iter()
        .filter_map(|act| match &act.what {
            What::Say(link, saying @ (Saying::Pieces(..) | Saying::Half(_))) => {
                Some((act.at, *link, saying.clone()))
            }
            _ => None,
        })
        .collect();
    let mut changed = false;
    for (at, link, saying) in pieces {
        let rest = story.acts.iter().find_map(|act| match act.what {
            What::Say(its, Saying::Rest(..)) if its == link && act.at > at => Some(act.at),
            _ => None,
        });
        if let Some(rest) = rest {
            for (when, item) in &mut story.links[link].items {
                if !item.is_answer() && *when > rest {
                    *when = rest - 1.0;
                    changed = true;
                }
            }
            continue;
        }
        changed |= story.goes_on(link, at);
        if matches!(saying, Saying::Pieces(_, _, _, Some(_))) {
            let answer = story.answer_for(link, at);
            story.links[link]
                .items
                .push((at + 0.1, Item::Answer(answer)));
        }
    }
    changed
}

/// A server that stops reading is left after `write_timeout`, and what it has not taken is sent on the next connection. Asterisk
/// loses events, and may crash.
pub fn stopped_reading(story: &mut Story) -> bool {
    let flood = story.acts.iter().find_map(|act| match act.what {
        What::Flood(_, None) => Some(act.at),
        _ => None,
    });
    let Some(at) = flood else { return false };
    for index in 1..story.links.len() {
        let made = story.links[index].made.unwrap_or(at);
        story.links[index] = Link {
            number: story.links[index].number,
            ..story.links[0].again(made)
        };
    }
    story.survive();
    true
}

/// However Asterisk ends, the library takes leave of every application.
pub fn unloading(story: &mut Story) -> bool {
    let ends = story.acts.iter().find_map(|act| match act.what {
        What::Unload => Some(act.at),
        _ => None,
    });
    let Some(at) = ends else { return false };
    let mut changed = false;
    for link in &mut story.links {
        let closes = |(_, item): &(f64, Item)| matches!(item, Item::Close(_));
        if link.closed.is_some_and(|closed| closed > at) && !link.items.iter().any(closes) {
            let app = link.application().unwrap_or_default();
            let unregistered = made_up("ApplicationUnregistered", &app, "");
            link.items.push((at + 0.1, Item::Event(unregistered)));
            link.items.push((at + 0.2, Item::Close(Some(1000))));
            link.answers_close = true;
            changed = true;
        }
    }
    changed
}

impl Story {
    /// The timeout and the interval of the client that a connection is made by.
    fn timing(&self, link: &Link) -> Option<(Duration, Duration)> {
        let client = self.client(link)?;
        let milliseconds = |name: &str| {
            let given = client.get(name).and_then(|text| text.parse().ok());
            Duration::from_millis(given.unwrap_or(configured::DEFAULT_MILLISECONDS))
        };
        Some((
            milliseconds("connection_timeout"),
            milliseconds("reconnect_interval"),
        ))
    }

    /// The parameters of the client that a connection is made by.
    pub fn client(&self, link: &Link) -> Option<BTreeMap<String, String>> {
        let connections = configured::connections(&self.files_at(link.made?));
        let connection = connections
            .into_iter()
            .find(|connection| connection.leads_to(link.port))?;
        Some(connection.client)
    }

    /// Whether nothing but time ends a connection before a moment.
    fn is_left_alone(&self, index: usize, until: f64) -> bool {
        let link = &self.links[index];
        let ended = link.closed.is_some_and(|closed| closed <= until);
        let begun = |act: &&Act| link.made.is_some_and(|made| act.at > made);
        let mut acts = self.acts.iter().filter(begun);
        let disturbed = acts.any(|act| match &act.what {
            What::Say(its, _) => *its == index && act.at <= until,
            What::Reload | What::End | What::Unload => act.at <= until,
            What::Command(Command { line, .. }) => {
                act.at <= until && line.starts_with("ari shutdown ")
            }
            _ => false,
        });
        !self.begun && !ended && !disturbed
    }

    /// A connection is followed by another one, unless one is recorded.
    fn follow_with(&mut self, mut next: Link) {
        let follows = |link: &Link| link.made > next.made.map(|made| made - 1.0);
        if self.links.iter().any(follows) {
            return;
        }
        let numbers = self.links.iter().map(|link| link.number);
        next.number = numbers.max().unwrap_or_default() + 1;
        self.links.push(next);
    }

    /// A connection stays, where Asterisk dropped it after a moment and went on, if at all, on another one. Returns whether it
    /// did.
    fn goes_on(&mut self, link: usize, at: f64) -> bool {
        let dropped = self.links[link].closed.is_some();
        self.links[link]
            .items
            .retain(|(when, item)| *when < at || !matches!(item, Item::Close(_)));
        while let Some(next) = self
            .links
            .iter()
            .position(|next| next.made.is_some_and(|made| made > at))
        {
            self.merge(link, next);
        }
        self.links[link].closed = None;
        self.survive();
        for (at, kind) in self.stays() {
            let app = self.links[link].application().unwrap_or_default();
            self.arrive(&app, at, made_up(kind, &app, ""));
        }
        dropped
    }

    /// When channels entered and left applications, as requests over HTTP tell.
    fn stays(&self) -> Vec<(f64, &'static str)> {
        let stay = |act: &Act| match &act.what {
            What::Http(http) if http.path.starts_with("channels") => match http.method.as_str() {
                "POST" => Some((act.at + 1.0, "StasisStart")),
                "DELETE" => Some((act.at + 1.0, "StasisEnd")),
                _ => None,
            },
            _ => None,
        };
        self.acts.iter().filter_map(stay).collect()
    }

    /// Commands find a connection that is up where Asterisk has crashed.
    fn survive(&mut self) {
        for act in &mut self.acts {
            if let What::Command(command) = &mut act.what
                && command.output.starts_with(CRASHED)
            {
                command.compare = Compare::Contains(vec![" Up ".to_owned()]);
            }
        }
    }
}

impl Link {
    /// Whether the whole head of an answer came in time.
    fn is_answered_within(&self, timeout: Duration) -> bool {
        let answers = self.answers.iter();
        let in_time = answers.filter(|(after, _)| *after <= timeout);
        let answer: String = in_time.map(|(_, answer)| answer.as_str()).collect();
        answer.contains("\r\n\r\n") || answer.contains("\n\n")
    }

    /// The same connection once more.
    fn again(&self, made: f64) -> Link {
        let first = self.items.iter().find(|(_, item)| match item {
            Item::Hello => true,
            Item::Event(text) => crate::story::type_of(text) == "ApplicationRegistered",
            _ => false,
        });
        Link {
            port: self.port,
            made: Some(made),
            request: self.request.clone(),
            answers: self.answers.clone(),
            answers_close: self.answers_close,
            items: first
                .map(|(_, item)| (made + 0.1, item.clone()))
                .into_iter()
                .collect(),
            ..Link::default()
        }
    }

    /// The text of the frame that came in one piece with the answer to the upgrade.
    fn first_frame(&self) -> Option<Vec<u8>> {
        let (_, answer) = self.answers.last()?;
        let (_, rest) = answer.split_once("\r\n\r\n")?;
        let bytes: Vec<u8> = rest
            .chars()
            .map(u8::try_from)
            .collect::<Result<_, _>>()
            .ok()?;
        Some(frames::read(&mut bytes.as_slice()).ok()?.payload)
    }
}
