//! What a recording tells in words, or leaves out, made observations like the others.

use super::case::{Case, Direction, Entry};
use super::frames;
use super::network::ACCEPTED;
use super::rules::made_up;
use super::story::{Saying, Story, What, type_of};
use super::{certificates, configured, normal};

/// The recorder's hosts file, if it had one of its own.
const HOSTS: &str = "/etc/hosts";

/// The case with all that it tells.
pub fn completed(case: &Case) -> Case {
    let mut case = case.clone();
    for text in case.files.values_mut().flatten() {
        *text = certificates::in_use(text);
    }
    number(&mut case);
    act(&mut case);
    reconnect(&mut case);
    fail(&mut case);
    order(&mut case.observed);
    say(&mut case);
    ping(&mut case);
    join(&mut case.observed);
    case.observed
        .sort_by(|one, other| one.at().total_cmp(&other.at()));
    case
}

/// Whether a case was recorded with names that only the recorder's own hosts file had.
pub fn needs_names(case: &Case) -> bool {
    let is_local = |uri: &String| {
        let host = configured::host_of(uri);
        matches!(host, "127.0.0.1" | "::1" | "localhost")
    };
    let clients = configured::sections(&case.files, "websocket_client.conf");
    let mut uris = clients.iter().filter_map(|(_, client)| client.get("uri"));
    case.files.keys().any(|name| name.starts_with(HOSTS)) && !uris.all(is_local)
}

/// Servers that spoke no websocket numbered no connections, and did not note what they heard.
fn number(case: &mut Case) {
    // Of several servers nobody knows which one it was.
    let connections = configured::connections(&case.files);
    let [connection] = connections.as_slice() else {
        return;
    };
    let Some(port) = normal::ports(&case.files).first().copied() else {
        return;
    };
    let mut number = case.observed.iter().filter_map(|entry| entry.conn).max();
    let says = |name: &str, text: &str| {
        let value = connection.client.get(name);
        value.is_some_and(|value| value.starts_with(text))
    };
    let secure = says("uri", "wss://") || says("tls_enabled", "yes");
    let answer = case
        .about
        .contains("answers plain HTTP to the TLS hello")
        .then_some("HTTP/1.1 400 Bad Request\r\n\r\n");
    let mut more = Vec::new();
    for entry in &mut case.observed {
        if entry.dir != Direction::ToServer || entry.conn.is_some() {
            continue;
        }
        if entry.kind == "tcp-connect" {
            number = Some(number.unwrap_or_default() + 1);
            entry.port = Some(port);
            let heard = |kind: &str, raw: String| Entry {
                t: entry.t,
                dir: Direction::ToServer,
                kind: kind.to_owned(),
                raw,
                conn: number,
                ..Entry::default()
            };
            let said = |raw: &str| Entry {
                dir: Direction::ToAsterisk,
                ..heard("http-response", raw.to_owned())
            };
            if secure {
                more.push(heard("tls client hello", String::new()));
                more.extend(answer.map(said));
            } else {
                let registered = made_up("ApplicationRegistered", "testapp", "");
                more.push(heard("http-request", String::new()));
                more.push(said(ACCEPTED));
                more.push(heard("text", registered));
            }
        }
        entry.conn = number;
    }
    if !more.is_empty() {
        case.observed
            .retain(|entry| entry.kind != "tls client hello");
    }
    case.observed.extend(more);
}

/// What the server did is told by what the case is about.
fn act(case: &mut Case) {
    let time = |words: &str| {
        let step = case.steps.iter().find(|(_, its)| its == words);
        step.map(|(t, _)| *t)
    };
    let port = normal::ports(&case.files).first().copied();
    let step = if case.about.starts_with("TCP connect never completes") {
        let words = port.map(|port| format!("server: accept nothing on 127.0.0.1:{port}"));
        time("start asterisk").map(|t| t - 0.1).zip(words)
    } else if case.about.starts_with("server reads slowly ") {
        let (_, events) = case.about.split_once(" while ").unwrap_or_default();
        let words = format!("server reads slowly; {events}");
        time("asterisk fully booted").zip(Some(words))
    } else {
        None
    };
    case.steps.extend(step);
}

/// Of many connections only the first were noted.
fn reconnect(case: &mut Case) {
    let (count, rest) = case.about.split_once(' ').unwrap_or_default();
    let Ok(count) = count.parse::<u32>() else {
        return;
    };
    let end = case.end();
    let within = case.observed.iter().filter(|entry| entry.at() <= end);
    let last = within.filter_map(|entry| entry.conn).max();
    let Some(last) = last.filter(|_| rest.starts_with("reconnects ")) else {
        return;
    };
    let of = |conn: u32| {
        case.observed
            .iter()
            .filter(move |entry| entry.conn == Some(conn))
    };
    let begun = of(last).next().map_or(0.0, Entry::at);
    let after = case.observed.iter().map(Entry::at);
    let over = after
        .filter(|at| *at > begun + 1.0)
        .fold(f64::NAN, f64::min);
    // Each is like the first one, without what the application asked there.
    let asks = |entry: &&Entry| entry.dir == Direction::ToAsterisk && entry.kind == "text";
    let answered = |entry: &&Entry| type_of(&entry.raw) == "RESTResponse";
    let one: Vec<Entry> = of(1)
        .filter(|entry| !asks(entry) && !answered(entry))
        .cloned()
        .collect();
    let apart = (over - begun) / f64::from(count + 1);
    let mut more = Vec::new();
    for number in last..=count + 1 {
        let from = begun + apart * f64::from(number - last);
        let stays = number > count;
        let entries = one.iter().filter(|entry| {
            !(stays && entry.kind.starts_with("tcp-") && entry.kind != "tcp-connect")
        });
        let pause = apart / (one.len() + 1) as f64;
        more.extend(entries.zip(0u32..).map(|(entry, place)| Entry {
            t: Some(from + pause * f64::from(place)),
            conn: Some(number),
            ..entry.clone()
        }));
    }
    case.observed.retain(|entry| entry.conn != Some(last));
    case.observed.extend(more);
    shorten_intervals(case);
}

/// The library waits before each of many connections.
fn shorten_intervals(case: &mut Case) {
    for text in case.files.values_mut().flatten() {
        let lines = text.split_inclusive('\n').map(|line| match line {
            line if line.starts_with("reconnect_interval") => "reconnect_interval = 10\n",
            line => line,
        });
        *text = lines.collect();
    }
}

/// Of TLS handshakes that failed not even the connections were noted.
fn fail(case: &mut Case) {
    let noted = case.observed.iter().any(|entry| entry.conn.is_some());
    let Some((begun, _)) = case
        .steps
        .iter()
        .find(|(_, words)| words == "start asterisk")
    else {
        return;
    };
    if noted || case.tls.is_none() {
        return;
    }
    for (after, kind) in [
        (100.0, "tcp-connect"),
        (101.0, "eof-before-request-complete"),
    ] {
        case.observed.push(Entry {
            t: Some(begun + after),
            dir: Direction::ToServer,
            kind: kind.to_owned(),
            conn: Some(1),
            port: normal::ports(&case.files).first().copied(),
            ..Entry::default()
        });
    }
}

/// A server ended a connection after what it had noted before at the same moment.
fn order(observed: &mut [Entry]) {
    let mut before: Option<Entry> = None;
    for entry in observed {
        let heard = before.is_some_and(|before| {
            before.dir == Direction::ToServer && before.conn == entry.conn && before.t == entry.t
        });
        before = Some(entry.clone());
        if heard && entry.dir == Direction::ToAsterisk && entry.kind.ends_with("(no close frame)") {
            entry.t = entry.t.map(|t| t + 0.05);
        }
    }
}

/// Steps that say what the server sent.
fn say(case: &mut Case) {
    let mut more = Vec::new();
    for (t, words) in &case.steps {
        let said = |kind: &str, raw: String| Entry {
            t: Some(*t),
            dir: Direction::ToAsterisk,
            kind: kind.to_owned(),
            raw,
            conn: Some(1),
            ..Entry::default()
        };
        if let Some(payload) = words.strip_prefix("send close frame with payload ") {
            more.push(said("close", payload.to_owned()));
        } else if let Some(count) = words.strip_suffix(" requests in one TLS record") {
            let requests = (0..count.parse().unwrap_or_default()).map(|index| {
                let kind = if index == 0 { "text" } else { "text (same TLS record)" };
                said(kind, format!("{{\"type\": \"RESTRequest\", \"request_id\": \"m{index}\", \"method\": \"GET\", \"uri\": \"asterisk/ping\"}}"))
            });
            more.extend(requests);
        }
    }
    case.observed.extend(more);
}

/// Pongs that no noted ping was sent for.
fn ping(case: &mut Case) {
    let pings = case
        .observed
        .iter()
        .any(|entry| entry.dir == Direction::ToAsterisk && entry.kind.contains("ping"));
    if pings {
        return;
    }
    let pongs = case.observed.iter().filter(|entry| entry.kind == "pong");
    let pings: Vec<Entry> = pongs
        .map(|pong| Entry {
            t: pong.t.map(|t| t - 0.2),
            dir: Direction::ToAsterisk,
            kind: "ping".to_owned(),
            ..pong.clone()
        })
        .collect();
    case.observed.extend(pings);
}

/// The rest of a frame shows which text it was.
fn join(observed: &mut [Entry]) {
    let mut begun = None;
    for entry in observed
        .iter_mut()
        .filter(|entry| entry.dir == Direction::ToAsterisk)
    {
        if entry.kind.starts_with("first ") {
            begun = Some(entry.raw.clone());
        } else if entry.kind == "rest of the frame"
            && let Some(first) = begun.take()
            && let Some(bytes) = frames::from_hexadecimal(&(first + &entry.raw))
        {
            let mut rest = bytes.as_slice();
            entry.raw_hex = frames::read(&mut rest)
                .ok()
                .map(|frame| frames::hexadecimal(&frame.payload));
        }
    }
}

/// What is sent within so many milliseconds of the end of its connection is sent together with that.
const SAME_SEGMENT: f64 = 1.0;

impl Story {
    /// The end of a connection without a Close, or together with the frames that were sent right before it.
    pub fn finish(&mut self, link: usize, at: f64) {
        if let Some(act) = self.acts.last_mut()
            && at - act.at < SAME_SEGMENT
            && let What::Say(its, saying) = &mut act.what
            && *its == link
            && let Saying::Bytes(bytes) = saying
        {
            *saying = Saying::Last(std::mem::take(bytes));
        } else {
            self.add(at, What::Say(link, Saying::Finish));
        }
    }

    /// Joins what was sent in one write, or in one TLS record, with what was sent before: that is only announced.
    pub fn together(&mut self, link: usize, saying: Saying) -> Saying {
        let before = self
            .acts
            .iter_mut()
            .rev()
            .find_map(|act| match &mut act.what {
                What::Say(its, Saying::Request(bytes, _)) if *its == link => Some(bytes),
                _ => None,
            });
        match (before.map(std::mem::take), saying) {
            (Some(mut before), Saying::Request(bytes, request)) => {
                before.extend(bytes);
                Saying::Request(before, request)
            }
            (_, saying) => saying,
        }
    }
}
