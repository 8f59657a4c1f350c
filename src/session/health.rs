//! How the servers of a connection are doing, and so in which order they are tried. Knows neither clock nor network.

use std::time::{Duration, Instant};

use crate::config::Preference;

/// What is known of one server.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    pub(super) stand: Stand,
    /// Since when.
    pub(super) since: Option<Instant>,
    /// Why the last attempt at it failed, or its last connection was lost at once.
    pub(super) last_failure: Option<String>,
    failed: Option<Instant>,
    /// It asks to be left alone until then.
    pub(super) not_before: Option<Instant>,
}

/// Whether a server can be connected to, as far as is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stand {
    /// Nobody has tried.
    #[default]
    Unknown,
    /// The last attempt came to a connection.
    Up,
    /// The last attempt failed.
    Down,
}

impl Stand {
    /// A word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// What an open connection to a server is worth to a call that comes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    /// Nothing: the server is known to be down, and another one is not.
    None,
    /// The call would rather be at a preferred server, which is not known to be down.
    Less,
    /// As much as one that would be made now.
    Full,
}

/// The servers of a round of attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// The one that is tried first; none if all of them have asked to be left alone.
    pub(super) first: Option<usize>,
    /// Those after it.
    pub(super) rest: Vec<usize>,
    /// How many servers there are.
    pub(super) count: usize,
    /// If there is none to try, when there will be one.
    pub(super) ready_in: Duration,
    /// Every server is known to be down, and why one of them is.
    pub(super) down: Option<String>,
}

/// How the servers of one connection are doing.
#[derive(Debug, Default)]
pub(super) struct Health {
    pub(super) servers: Vec<Standing>,
    /// The server that was chosen last.
    turn: Option<usize>,
}

impl Health {
    /// Of servers of which this is known.
    pub(super) fn of(servers: Vec<Standing>) -> Self {
        Self { servers, turn: None }
    }

    /// The order of a round: of those that are not known to be down, `own` first, where a call has been, then by preference;
    /// then the others, the least recently failed first. Those `without` and those that ask to be left alone are not tried.
    pub(super) fn choose(&mut self, preference: Preference, own: Option<usize>, without: &[usize], now: Instant) -> Choice {
        let count = self.servers.len();
        let after = match (preference, self.turn) {
            (Preference::Spread, Some(turn)) => turn + 1,
            _ => 0,
        };
        let wanted = |server: &usize| !without.contains(server) && self.ready_in(*server, now).is_zero();
        let mut order = (0..count).map(|place| (place + after) % count).filter(wanted);
        let Some(only) = order.next() else {
            return self.nobody(without, now);
        };
        let rest: Vec<usize> = order.collect();
        let mut choice = Choice {
            first: Some(only),
            rest,
            count,
            ready_in: Duration::ZERO,
            down: self.down(),
        };
        if !choice.rest.is_empty() {
            choice.rest.insert(0, only);
            choice.rest.sort_by_key(|server| {
                let standing = &self.servers[*server];
                let is_down = standing.stand == Stand::Down;
                (is_down, Some(*server) != own, standing.failed.filter(|_| is_down))
            });
            choice.first = Some(choice.rest.remove(0));
        }
        self.turn = choice.first;
        choice
    }

    fn nobody(&self, without: &[usize], now: Instant) -> Choice {
        let others = (0..self.servers.len()).filter(|server| !without.contains(server));
        let first = others.min_by_key(|server| self.ready_in(*server, now));
        Choice {
            first: None,
            rest: Vec::new(),
            count: self.servers.len(),
            ready_in: first.map_or(Duration::ZERO, |first| self.ready_in(first, now)),
            down: self.down(),
        }
    }

    /// Why a server is down, if all of them are.
    fn down(&self) -> Option<String> {
        let all_down = self.servers.iter().all(|standing| standing.stand == Stand::Down);
        let last = self.servers.iter().max_by_key(|standing| standing.failed)?;
        all_down.then(|| last.last_failure.clone().unwrap_or_default())
    }

    /// Until when a server is to be left alone, from now.
    pub(super) fn ready_in(&self, server: usize, now: Instant) -> Duration {
        let not_before = self.servers.get(server).and_then(|standing| standing.not_before);
        not_before.map_or(Duration::ZERO, |time| time.saturating_duration_since(now))
    }

    /// A connection came of an attempt; whether the server was down.
    pub(super) fn succeeded(&mut self, server: usize, now: Instant) -> bool {
        let Some(standing) = self.servers.get_mut(server) else {
            return false;
        };
        standing.not_before = None;
        standing.enter(Stand::Up, now) == Some(Stand::Down)
    }

    /// An attempt failed, or its connection was lost at once. The server is to be left alone for a time, if it asks for that.
    /// Whether it was not known to be down.
    pub(super) fn failed(&mut self, server: usize, cause: &str, left_alone: Option<Duration>, now: Instant) -> bool {
        let Some(standing) = self.servers.get_mut(server) else {
            return false;
        };
        standing.last_failure = Some(cause.to_owned());
        standing.failed = Some(now);
        standing.not_before = left_alone.map(|time| now + time);
        standing.enter(Stand::Down, now).is_some()
    }

    /// What an open connection to each server is worth. Where all are down any is welcome.
    pub(super) fn worths(&self, preference: Preference) -> Vec<Worth> {
        let is_down = |standing: &Standing| standing.stand == Stand::Down;
        let all_down = self.servers.iter().all(is_down);
        let mut is_later = false;
        let worth = |standing| match (is_down(standing) && !all_down, preference) {
            (true, _) => Worth::None,
            (false, Preference::Failover) if std::mem::replace(&mut is_later, !all_down) => Worth::Less,
            (false, _) => Worth::Full,
        };
        self.servers.iter().map(worth).collect()
    }

    /// Whether a server is known to be down, and another one is not.
    pub(super) fn is_worse(&self, server: usize, other: usize) -> bool {
        let is_down = |server: usize| self.servers.get(server).is_some_and(|standing| standing.stand == Stand::Down);
        is_down(server) && !is_down(other)
    }

    /// Those that are known to be down, and do not ask to be left alone.
    pub(super) fn to_probe(&self, now: Instant) -> Vec<usize> {
        let servers = 0..self.servers.len();
        let down = servers.filter(|server| self.servers[*server].stand == Stand::Down);
        down.filter(|server| self.ready_in(*server, now).is_zero()).collect()
    }

    /// Whether a server is known to be down, and whether all are.
    pub(super) fn any_and_all_down(&self) -> (bool, bool) {
        let mut stands = self.servers.iter().map(|standing| standing.stand == Stand::Down);
        (stands.clone().any(|down| down), stands.all(|down| down))
    }
}

impl Standing {
    /// Gives where it stood before, if that was elsewhere.
    fn enter(&mut self, stand: Stand, now: Instant) -> Option<Stand> {
        if self.stand == stand {
            return None;
        }
        self.since = Some(now);
        Some(std::mem::replace(&mut self.stand, stand))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn three() -> (Health, Instant) {
        (Health::of(vec![Standing::default(); 3]), Instant::now())
    }

    fn order(health: &mut Health, preference: Preference, now: Instant) -> Vec<usize> {
        chosen(health.choose(preference, None, &[], now))
    }

    fn chosen(choice: Choice) -> Vec<usize> {
        choice.first.into_iter().chain(choice.rest).collect()
    }

    #[test]
    fn failover_keeps_the_configured_order() {
        let (mut health, now) = three();
        for _ in 0..3 {
            assert_eq!(order(&mut health, Preference::Failover, now), [0, 1, 2]);
        }
    }

    #[test]
    fn spread_takes_each_in_its_turn() {
        let (mut health, now) = three();
        let firsts: Vec<_> = (0..4).map(|_| order(&mut health, Preference::Spread, now)[0]).collect();
        assert_eq!(firsts, [0, 1, 2, 0]);
    }

    #[test]
    fn a_server_that_just_failed_is_tried_last_until_it_answers() {
        for preference in [Preference::Failover, Preference::Spread] {
            let (mut health, now) = three();
            assert!(health.failed(0, "refused", None, now));
            assert!(!health.failed(0, "refused", None, now), "known already");
            assert_eq!(order(&mut health, preference, now).last(), Some(&0));
            assert!(health.succeeded(0, now));
            assert_eq!(chosen(health.choose(Preference::Failover, None, &[], now)), [0, 1, 2]);
        }
    }

    #[test]
    fn of_those_that_are_down_the_least_recently_failed_comes_first() {
        let (mut health, now) = three();
        for (server, later) in [(2, 0), (0, 1), (1, 2)] {
            health.failed(server, "refused", None, now + SECOND * later);
        }
        assert_eq!(order(&mut health, Preference::Failover, now + SECOND * 9), [2, 0, 1]);
    }

    #[test]
    fn a_server_that_asks_to_be_left_alone_is_not_tried_before() {
        let (mut health, now) = three();
        health.failed(0, "503", Some(SECOND * 5), now);
        assert_eq!(order(&mut health, Preference::Failover, now), [1, 2]);
        assert_eq!(order(&mut health, Preference::Failover, now + SECOND * 5), [1, 2, 0]);
    }

    #[test]
    fn where_all_ask_for_that_the_first_one_that_is_ready_counts() {
        let (mut health, now) = three();
        for (server, time) in [(0, 9), (1, 4), (2, 7)] {
            health.failed(server, "503", Some(SECOND * time), now);
        }
        let choice = health.choose(Preference::Failover, None, &[], now + SECOND);
        assert_eq!((choice.first, choice.ready_in), (None, SECOND * 3));
        let without = health.choose(Preference::Failover, None, &[1], now + SECOND);
        assert_eq!((without.first, without.ready_in), (None, SECOND * 6));
    }

    #[test]
    fn a_call_returns_to_its_own_server_unless_that_is_down() {
        let (mut health, now) = three();
        assert_eq!(chosen(health.choose(Preference::Failover, Some(1), &[], now)), [1, 0, 2]);
        health.failed(1, "refused", None, now);
        assert_eq!(chosen(health.choose(Preference::Failover, Some(1), &[], now)), [0, 2, 1]);
    }

    #[test]
    fn servers_that_would_not_have_a_call_are_left_out() {
        let (mut health, now) = three();
        assert_eq!(chosen(health.choose(Preference::Failover, None, &[0, 2], now)), [1]);
    }

    #[test]
    fn a_server_is_worse_than_another_if_it_alone_is_down() {
        let (mut health, now) = three();
        assert!(!health.is_worse(0, 1));
        health.failed(0, "refused", None, now);
        assert!(health.is_worse(0, 1) && !health.is_worse(1, 0));
        health.failed(1, "refused", None, now);
        assert!(!health.is_worse(0, 1));
    }

    #[test]
    fn a_connection_is_worth_most_where_a_call_would_go() {
        use Worth::{Full, Less, None};
        let (mut health, now) = three();
        assert_eq!(health.worths(Preference::Failover), [Full, Less, Less]);
        assert_eq!(health.worths(Preference::Spread), [Full; 3]);
        health.failed(0, "refused", Option::None, now);
        assert_eq!(health.worths(Preference::Failover), [None, Full, Less]);
        assert_eq!(health.worths(Preference::Spread), [None, Full, Full]);
        for server in [1, 2] {
            health.failed(server, "refused", Option::None, now);
        }
        assert_eq!(health.worths(Preference::Failover), [Full; 3]);
    }

    #[test]
    fn all_are_down_only_if_each_is() {
        let (mut health, now) = three();
        for (server, expected) in [(0, None), (1, None), (2, Some("last".to_owned()))] {
            health.failed(server, "last", None, now);
            let choice = health.choose(Preference::Failover, None, &[], now);
            assert_eq!(choice.down, expected);
        }
        health.succeeded(1, now);
        assert_eq!(health.any_and_all_down(), (true, false));
    }
}
