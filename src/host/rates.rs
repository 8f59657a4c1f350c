//! How often the log is told of one kind of thing: a few times at once, then now and then, with the number of those that were
//! left out.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Level;

/// What happens as often as the other end of a connection likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A message that is no request.
    BadRequest,
    /// A request that found too many others waiting.
    RefusedRequest,
    /// A request that the host has not answered in time.
    UnansweredRequest,
    /// A request that the host was not given in time.
    RequestNotRun,
    /// A request failed inside the library.
    FailedRequest,
    /// An attempt to connect was refused in another way than the one before.
    Refusal,
    /// The queue of events became full: the application reads too slowly, and by fits and starts.
    FullQueue,
    /// An event was larger than the queue may be.
    LargeEvent,
    /// The system refused the memory to send a message.
    NoMemory,
}

const KINDS: usize = 9;

impl Kind {
    const ALL: [Self; KINDS] = [
        Self::BadRequest,
        Self::RefusedRequest,
        Self::UnansweredRequest,
        Self::RequestNotRun,
        Self::FailedRequest,
        Self::Refusal,
        Self::FullQueue,
        Self::LargeEvent,
        Self::NoMemory,
    ];

    pub(super) fn level(self) -> Level {
        match self {
            Self::FailedRequest => Level::Error,
            _ => Level::Warning,
        }
    }

    /// What more of them are called.
    fn plural(self) -> &'static str {
        match self {
            Self::BadRequest => "bad requests",
            Self::RefusedRequest => "times that requests were refused",
            Self::UnansweredRequest => "requests that the PBX did not answer",
            Self::RequestNotRun => "requests that were not run",
            Self::FailedRequest => "requests that failed inside the library",
            Self::Refusal => "refusals",
            Self::FullQueue => "times that the queue of events became full",
            Self::LargeEvent => "events that are larger than the queue may be",
            Self::NoMemory => "messages for which there was no memory",
        }
    }
}

/// Lines of one kind that come at once.
const BURST: u32 = 10;
/// The time from one line to the next after that.
const INTERVAL: Duration = Duration::from_secs(5);

/// The lines about each configured connection. Sessions of calls share those of their connection, so that there are never more
/// than what is configured.
#[derive(Debug, Default)]
pub(super) struct Rates(HashMap<String, [Rate; KINDS]>);

#[derive(Debug, Clone, Copy, Default)]
struct Rate {
    /// When all lines so far will have had their interval.
    settled: Option<Instant>,
    /// Lines that were left out and not told of.
    left_out: u64,
}

impl Rate {
    /// From when on there may be another line; none if at once.
    fn next(&self) -> Option<Instant> {
        self.settled.and_then(|settled| settled.checked_sub(INTERVAL * (BURST - 1)))
    }

    /// There is a line; gives the number of those that were left out before it.
    fn tell(&mut self, now: Instant) -> u64 {
        self.settled = Some(self.settled.map_or(now, |settled| settled.max(now)) + INTERVAL);
        std::mem::take(&mut self.left_out)
    }

    fn may_tell(&self, now: Instant) -> bool {
        self.next().is_none_or(|next| next <= now)
    }

    fn is_forgotten(&self, now: Instant) -> bool {
        self.left_out == 0 && self.settled.is_none_or(|settled| settled <= now)
    }
}

impl Rates {
    /// Whether there is a line about this one: the number of those that were left out before it, or else, with this one, until
    /// the next.
    pub(super) fn admit(&mut self, kind: Kind, connection: &str, now: Instant) -> Result<u64, u64> {
        if !self.0.contains_key(connection) {
            // A reload may have removed connections.
            self.0.retain(|_, rates| !rates.iter().all(|rate| rate.is_forgotten(now)));
            self.0.insert(connection.to_owned(), Default::default());
        }
        let rates = self.0.get_mut(connection);
        // It was inserted, if it was not there.
        let Some(rate) = rates.and_then(|rates| rates.get_mut(kind as usize)) else {
            return Ok(0);
        };
        if rate.may_tell(now) {
            return Ok(rate.tell(now));
        }
        rate.left_out += 1;
        Err(rate.left_out)
    }

    /// When lines that were left out are due, if any were.
    pub(super) fn due(&self) -> Option<Instant> {
        let rates = self.0.values().flatten();
        rates.filter(|rate| rate.left_out > 0).filter_map(Rate::next).min()
    }

    /// Lines for those that were left out: the level, the connection and the text.
    pub(super) fn told(&mut self, which: Which<'_>, now: Instant) -> Vec<(Level, String, String)> {
        let mut lines = Vec::new();
        for (connection, rates) in &mut self.0 {
            for (kind, rate) in Kind::ALL.into_iter().zip(rates) {
                let asked = match which {
                    Which::Due => rate.may_tell(now),
                    Which::Of(name) => name == connection,
                    Which::All => true,
                };
                if rate.left_out > 0 && asked {
                    let text = format!("{} {}", and_more(rate.tell(now)), kind.plural());
                    lines.push((kind.level(), connection.clone(), text));
                }
            }
        }
        lines
    }
}

/// Of whom [`Rates::told`] tells.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which<'a> {
    /// Of those who may have a line now.
    Due,
    /// Of a connection.
    Of(&'a str),
    /// Of all.
    All,
}

/// How many more there were.
pub(super) fn and_more(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::from("… and ");
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(" more");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[(Level, String, String)]) -> Vec<(&str, &str)> {
        let lines = lines.iter();
        lines
            .map(|(_, connection, text)| (connection.as_str(), text.as_str()))
            .collect()
    }

    /// Admits so many at once; gives how many had a line.
    fn flood(rates: &mut Rates, connection: &str, count: u64, now: Instant) -> usize {
        (0..count)
            .filter(|_| rates.admit(Kind::BadRequest, connection, now).is_ok())
            .count()
    }

    #[test]
    fn a_burst_has_its_lines_and_the_next_one_says_how_many_were_left_out() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        assert_eq!(flood(&mut rates, "bots", 4_822, now), 10);
        let soon = now + INTERVAL / 2;
        assert_eq!(rates.admit(Kind::BadRequest, "bots", soon), Err(4_813));
        let later = now + INTERVAL;
        assert_eq!(rates.admit(Kind::BadRequest, "bots", later), Ok(4_813));
        assert_eq!(rates.admit(Kind::BadRequest, "bots", later), Err(1));
    }

    #[test]
    fn the_end_of_a_flood_is_told_when_a_line_is_due() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        assert_eq!(rates.due(), None);
        flood(&mut rates, "bots", 4_822, now);
        assert_eq!(rates.due(), Some(now + INTERVAL));
        assert_eq!(told(&rates.told(Which::Due, now)), []);
        assert_eq!(
            told(&rates.told(Which::Due, now + INTERVAL)),
            [("bots", "… and 4,812 more bad requests")]
        );
        assert_eq!(rates.due(), None);
    }

    #[test]
    fn the_end_of_a_connection_is_told_at_once_and_of_it_alone() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        flood(&mut rates, "bots", 11, now);
        flood(&mut rates, "others", 1_000_012, now);
        assert_eq!(
            told(&rates.told(Which::Of("bots"), now)),
            [("bots", "… and 1 more bad requests")]
        );
        assert_eq!(
            told(&rates.told(Which::All, now)),
            [("others", "… and 1,000,002 more bad requests")]
        );
    }

    #[test]
    fn kinds_and_connections_have_lines_of_their_own() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        flood(&mut rates, "bots", 100, now);
        assert_eq!(rates.admit(Kind::FullQueue, "bots", now), Ok(0));
        assert_eq!(rates.admit(Kind::BadRequest, "others", now), Ok(0));
    }

    #[test]
    fn connections_that_are_quiet_again_are_forgotten() {
        let (mut rates, now) = (Rates::default(), Instant::now());
        for number in 0..1000 {
            let later = now + 2 * INTERVAL * number;
            let admitted = rates.admit(Kind::BadRequest, &number.to_string(), later);
            assert_eq!((admitted, rates.0.len()), (Ok(0), 1));
        }
    }
}
