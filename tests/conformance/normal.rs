//! What varies from run to run, made equal: times, ports, random keys.

use std::collections::{BTreeMap, BTreeSet};

use super::case::{Direction, Entry, Files};

/// How Asterisk writes times; the digits vary.
const TIME: &str = "0000-00-00T00:00:00.000+0000";

/// The text with every time in it made the same.
pub fn timeless(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('T') {
        // The 'T' of a time is its eleventh character.
        let begin = start
            .checked_sub(10)
            .filter(|begin| rest.get(*begin..).is_some_and(begins_with_time));
        let end = match begin {
            Some(begin) => {
                output.push_str(&rest[..begin]);
                output.push_str("<time>");
                begin + TIME.len()
            }
            None => {
                output.push_str(&rest[..=start]);
                start + 1
            }
        };
        rest = &rest[end..];
    }
    output + rest
}

fn begins_with_time(text: &str) -> bool {
    text.len() >= TIME.len()
        && text
            .bytes()
            .zip(TIME.bytes())
            .all(|(actual, pattern)| match pattern {
                b'0' => actual.is_ascii_digit(),
                b'+' => actual == b'+' || actual == b'-',
                _ => actual == pattern,
            })
}

/// The time of day of `2026-11-23T00:34:23.507+0000` in milliseconds.
pub fn milliseconds(time: &str) -> Option<f64> {
    if !begins_with_time(time) {
        return None;
    }
    let number = |from: usize, to: usize| time.get(from..to)?.parse::<f64>().ok();
    Some(
        ((number(11, 13)? * 60.0 + number(14, 16)?) * 60.0 + number(17, 19)?) * 1000.0
            + number(20, 23)?,
    )
}

/// The ports of local URIs in configuration files, as far as a test may use them.
pub fn ports(files: &Files) -> BTreeSet<u16> {
    let texts = files.values().flatten();
    let uris = texts.flat_map(|text| {
        text.split("127.0.0.1:")
            .skip(1)
            .chain(text.split("localhost:").skip(1))
    });
    uris.filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().filter(|port| *port >= 1024)
    })
    .collect()
}

/// Recorded ports and the ones that stand for them.
#[derive(Debug, Clone, Default)]
pub struct Ports(pub BTreeMap<u16, u16>);

impl Ports {
    /// The text with the ports in use in the place of the recorded ones.
    pub fn in_use(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (recorded, port)| {
                replaced(&text, *recorded, *port)
            })
    }

    /// The text with the recorded ports in the place of the ones in use. Columns of tables keep their width.
    pub fn recorded(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (recorded, port)| {
                replaced(&text, *port, *recorded)
            })
    }
}

/// Replaces `:old` by `:new` where no further digit follows; what follows a shorter one in a padded column stays where it is.
fn replaced(text: &str, old: u16, new: u16) -> String {
    let (old, new) = (format!(":{old}"), format!(":{new}"));
    let mut parts = text.split(old.as_str());
    let mut output = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_port = !part.starts_with(|next: char| next.is_ascii_digit());
        output.push_str(if is_port { &new } else { &old });
        if is_port && part.starts_with(' ') {
            output.push_str(&" ".repeat(old.len().saturating_sub(new.len())));
        }
        output.push_str(part);
    }
    output
}

/// The upgrade request with its random key under a name, and without the User-Agent that only the library sends.
pub fn keyless(request: &str) -> String {
    let lines = request.split_inclusive("\r\n");
    lines
        .filter(|line| !line.starts_with("User-Agent: "))
        .map(|line| match line.split_once(": ") {
            Some(("Sec-WebSocket-Key", _)) => "Sec-WebSocket-Key: <key>\r\n",
            _ => line,
        })
        .collect()
}

/// The id and the address of an inbound session, as a list of sessions shows them.
pub fn inbound_session(observed: &[&Entry]) -> Option<(String, String)> {
    let outputs = observed
        .iter()
        .filter(|entry| entry.dir == Direction::Command);
    outputs
        .flat_map(|entry| entry.raw.lines())
        .find_map(|line| {
            let mut cells = line.split_whitespace();
            let (id, kind, address) = (cells.next()?, cells.next()?, cells.next()?);
            (kind == "inbound").then(|| (id.to_owned(), address.to_owned()))
        })
}

/// What the tests of the runner itself check.
pub fn check() {
    assert_eq!(
        timeless("T {\"a\":\"2026-11-23T00:34:23.507+0000\"} xT"),
        "T {\"a\":\"<time>\"} xT"
    );
    assert_eq!(
        milliseconds("2026-11-23T01:00:02.007+0000"),
        Some(3_602_007.0)
    );
    let ports = Ports(BTreeMap::from([(9100, 45678)]));
    assert_eq!(ports.recorded("a:45678   Up"), "a:9100    Up");
    assert_eq!(ports.recorded("a:45678/ari\n"), "a:9100/ari\n");
    assert_eq!(ports.recorded("a:456789"), "a:456789");
    assert_eq!(
        ports.in_use("uri = ws://127.0.0.1:9100/ari"),
        "uri = ws://127.0.0.1:45678/ari"
    );
}
