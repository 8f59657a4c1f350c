//! What varies from run to run, made equal: times, ports, random keys, timeouts.

use std::collections::BTreeMap;

/// How Asterisk writes times; the digits vary.
const TIME: &[u8] = b"0000-00-00T00:00:00.000+0000";
/// By how many milliseconds timeouts are longer than they were recorded.
const LONGER: u64 = 60_000;
/// What `ari show outbound-websocket` calls `connection_timeout`.
const TIMEOUT: &str = "connec_timeout = ";

/// The text with every time in it made the same.
pub fn timeless(text: &str) -> String {
    let mut output = String::with_capacity(text.len());
    let mut rest = text;
    // The 'T' of a time is its eleventh character.
    while let Some(at) = rest.find('T') {
        let begin = at.checked_sub(10).filter(|begin| is_time(rest, *begin));
        let end = begin.map_or(at + 1, |begin| begin + TIME.len());
        output.push_str(&rest[..begin.unwrap_or(end)]);
        output.push_str(begin.map_or("", |_| "<time>"));
        rest = &rest[end..];
    }
    output + rest
}

fn is_time(text: &str, begin: usize) -> bool {
    let time = text.as_bytes().get(begin..begin + TIME.len());
    let fits = |(actual, pattern): (&u8, &u8)| match pattern {
        b'0' => actual.is_ascii_digit(),
        b'+' => [b'+', b'-'].contains(actual),
        _ => actual == pattern,
    };
    time.is_some_and(|time| time.iter().zip(TIME).all(fits))
}

/// Recorded ports and the ones that stand for them.
#[derive(Debug, Clone, Default)]
pub struct Ports(pub BTreeMap<u16, u16>);

impl Ports {
    /// The text with the ports in use in the place of the recorded ones.
    pub fn in_use(&self, text: &str) -> String {
        let replace = |text: String, (old, new)| replaced(&text, old, new);
        self.0.iter().fold(text.to_owned(), replace)
    }

    /// The text with the recorded ports in the place of the ones in use. Columns of tables keep their width.
    pub fn recorded(&self, text: &str) -> String {
        let replace = |text: String, (new, old)| replaced(&text, old, new);
        self.0.iter().fold(text.to_owned(), replace)
    }
}

/// Replaces `:old` by `:new` where no further digit follows; what follows a shorter one in a padded column stays where it is.
fn replaced(text: &str, old: &u16, new: &u16) -> String {
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

/// What the library printed, with the timeouts as they were recorded.
pub fn recorded_timeouts(output: &str) -> String {
    let recorded = |line: &str| {
        let (before, value) = line.split_once(TIMEOUT)?;
        let given = value.trim().parse::<u64>().ok()?.checked_sub(LONGER)?;
        let blanks = &value[..value.len() - value.trim_start().len()];
        Some(format!("{before}{TIMEOUT}{blanks}{given}\n"))
    };
    let lines = output.split_inclusive('\n');
    let lines = lines.map(|line| recorded(line).unwrap_or_else(|| line.to_owned()));
    lines.collect()
}

/// The upgrade request with its random key under a name, and without the User-Agent that only the library sends.
pub fn keyless(request: &str) -> String {
    let lines = request.split_inclusive("\r\n");
    let lines = lines.filter(|line| !line.starts_with("User-Agent: "));
    let named = lines.map(|line| match line.split_once(": ") {
        Some(("Sec-WebSocket-Key", _)) => "Sec-WebSocket-Key: <key>\r\n",
        _ => line,
    });
    named.collect()
}

/// What of a request tells connections apart; the port differs between recording and replay.
pub fn identity(request: &str) -> String {
    let request = keyless(request);
    let lines = request.split_inclusive("\r\n");
    lines.filter(|line| !line.starts_with("Host: ")).collect()
}
