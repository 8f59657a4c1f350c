//! How many connections to open, and which to close. It is decided here, without input or output, clock or lock.

use std::time::{Duration, Instant};

use crate::config::Client;
use crate::session::backoff::{pause, steady};

/// Attempts at a time at a server that accepts; at any other there is one.
const AT_A_TIME: usize = 8;

/// What there is.
pub(super) struct Stock<'a> {
    /// Those that wait, the oldest first.
    pub(super) waiting: &'a [Known],
    /// Attempts that are under way, but for those elsewhere.
    pub(super) opening: usize,
    /// Those that were closed, and the server still has, but for those elsewhere.
    pub(super) closing: usize,
    pub(super) health: &'a Health,
}

/// A connection that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: u64,
    pub(super) since: Instant,
    /// The files of TLS are others by now.
    pub(super) is_outdated: bool,
    /// A call would go to another server now.
    pub(super) is_elsewhere: bool,
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Todo {
    /// How many to open.
    pub(super) open: usize,
    /// Those to close: too many, or to be replaced.
    pub(super) close: Vec<u64>,
    /// When to decide again, if nothing happens before.
    pub(super) again: Option<Instant>,
}

/// How the server has taken attempts lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Health {
    failures: u32,
    /// No attempt before that.
    not_before: Option<Instant>,
    /// Since when connections are open without a loss.
    well_since: Option<Instant>,
}

impl Health {
    /// Attempts, or connections that were lost at once, since it was well.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// A connection was opened.
    pub(super) fn opened(&mut self, now: Instant) {
        self.well_since.get_or_insert(now);
    }

    /// An attempt failed, or a connection was lost as soon as it was made. Those that were under way at a time fail as one.
    pub(super) fn failed(&mut self, client: &Client, now: Instant, random: f64) {
        if self.not_before.is_some_and(|time| now < time) {
            return;
        }
        if self.is_well(client, now) {
            self.failures = 0;
        }
        self.failures += 1;
        self.well_since = None;
        self.not_before = Some(now + pause(client, self.failures, random));
    }

    /// A connection was lost after so long.
    pub(super) fn lost(&mut self, client: &Client, lasted: Duration, now: Instant, random: f64) {
        // A peer that accepts and drops is no better than one that refuses.
        if lasted < steady(client, self.failures) {
            self.failed(client, now, random);
        }
    }

    fn is_well(&self, client: &Client, now: Instant) -> bool {
        self.well_from(client).is_some_and(|time| now >= time)
    }

    fn well_from(&self, client: &Client) -> Option<Instant> {
        let time = if self.failures == 0 {
            Duration::ZERO
        } else {
            steady(client, self.failures)
        };
        self.well_since.map(|since| since + time)
    }

    fn at_a_time(&self, client: &Client, now: Instant) -> usize {
        if self.is_well(client, now) { AT_A_TIME } else { 1 }
    }
}

/// Brings what there is to what the client wants. A server never has more, also while one is replaced, which so goes before
/// another comes; that happens to a few at a time. Those elsewhere are made anew first, and go when others stand in their place.
pub(super) fn decide(stock: &Stock<'_>, client: &Client, now: Instant) -> Todo {
    let Stock {
        waiting,
        opening,
        closing,
        health,
    } = *stock;
    let wanted = client.standby_connections;
    let (elsewhere, here): (Vec<_>, Vec<_>) = waiting.iter().partition(|known| known.is_elsewhere);
    let missing = wanted.saturating_sub(here.len() + opening + closing);
    let surplus = (here.len() + opening).saturating_sub(wanted).min(here.len());
    let (too_many, here) = here.split_at(surplus);
    let spare = (here.len() + elsewhere.len()).saturating_sub(wanted).min(elsewhere.len());
    // Those that were lost at once before have to last first.
    let unsure = health.well_from(client).filter(|time| spare > 0 && now < *time);
    let (replaced, elsewhere) = elsewhere.split_at(if unsure.is_none() { spare } else { 0 });

    let away = wanted.saturating_sub(here.len() + elsewhere.len());
    let at_a_time = (wanted / 4).max(1).saturating_sub(away);
    let is_due = |known: &&Known| known.is_outdated || now.saturating_duration_since(known.since) >= client.standby_max_age;
    let kept = || here.iter().chain(elsewhere).copied();
    let due = kept().filter(is_due).take(at_a_time);
    let close = too_many.iter().chain(replaced).copied().chain(due);
    let blocked = health.not_before.filter(|time| now < *time);
    let open = match blocked {
        Some(_) => 0,
        None => missing.min(health.at_a_time(client, now).saturating_sub(opening)),
    };
    let old = kept()
        .filter(|known| !is_due(known))
        .map(|known| known.since + client.standby_max_age);
    Todo {
        open,
        close: close.map(|known| known.id).collect(),
        again: old.chain(blocked.filter(|_| missing > 0)).chain(unsure).min(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::backoff::tests::client;

    const SECOND: Duration = Duration::from_secs(1);

    /// Attempts that fail are made again after 100 ms.
    fn settings(wanted: usize) -> Client {
        client(&format!(
            "connection_type = per_call_config\nreconnect_interval = 100\nstandby_connections = {wanted}\nstandby_max_age = 60"
        ))
    }

    /// A server that has accepted.
    fn well(now: Instant) -> Health {
        let mut health = Health::default();
        health.opened(now);
        health
    }

    /// What is done where connections of these ages wait, in seconds.
    fn todo(wanted: usize, ages: &[u64], opening: usize, health: &Health) -> Todo {
        let start = Instant::now();
        let now = start + 1000 * SECOND;
        let known = ages.iter().enumerate().map(|(id, age)| Known {
            id: id as u64,
            since: now - Duration::from_secs(*age),
            is_outdated: false,
            is_elsewhere: false,
        });
        let waiting: Vec<_> = known.collect();
        let stock = Stock {
            waiting: &waiting,
            opening,
            closing: 0,
            health,
        };
        decide(&stock, &settings(wanted), now)
    }

    #[test]
    fn as_many_are_opened_as_are_missing_a_few_at_a_time() {
        let health = well(Instant::now());
        assert_eq!(todo(5, &[1, 1], 1, &health).open, 2);
        assert_eq!(todo(100, &[], 3, &health).open, AT_A_TIME - 3);
        assert_eq!(todo(2, &[1, 1], 0, &health).open, 0);
    }

    #[test]
    fn at_a_server_that_has_not_accepted_one_attempt_is_made_at_a_time() {
        assert_eq!(todo(5, &[], 0, &Health::default()).open, 1);
        assert_eq!(todo(5, &[], 1, &Health::default()).open, 0);
    }

    #[test]
    fn the_oldest_go_if_there_are_too_many() {
        let health = well(Instant::now());
        assert_eq!(todo(1, &[9, 5, 1], 0, &health).close, [0, 1]);
        assert_eq!(todo(2, &[9, 5], 1, &health).close, [0]);
        assert_eq!(todo(0, &[9, 5], 1, &health).close, [0, 1]);
        // Attempts are not ended for it.
        assert_eq!(todo(1, &[], 3, &health), Todo::default());
    }

    #[test]
    fn what_has_waited_too_long_is_replaced_a_few_at_a_time() {
        let health = well(Instant::now());
        let replaced = todo(8, &[70, 69, 68, 67, 5, 4, 3, 2], 0, &health);
        // The server still has them, so that no others are opened yet.
        assert_eq!((replaced.close, replaced.open), (vec![0, 1], 0));
        // Those that have gone are waited for.
        assert_eq!(todo(8, &[68, 67, 5, 4, 3, 2], 2, &health).close, Vec::<u64>::new());
        assert_eq!(todo(1, &[60], 0, &health).close, [0]);
    }

    #[test]
    fn what_is_being_closed_has_its_place_until_it_is() {
        let now = Instant::now();
        let health = well(now);
        let open = |closing| {
            let stock = Stock {
                waiting: &[],
                opening: 1,
                closing,
                health: &health,
            };
            decide(&stock, &settings(4), now).open
        };
        assert_eq!([open(0), open(2), open(5)], [3, 1, 0]);
    }

    #[test]
    fn it_is_decided_again_when_the_next_has_waited_too_long() {
        let health = well(Instant::now());
        let (young, old) = (todo(1, &[10], 0, &health).again, todo(2, &[10, 59], 0, &health).again);
        assert!(young > old && old.is_some());
    }

    #[test]
    fn after_a_failure_nothing_is_tried_before_its_time() {
        let (now, client) = (Instant::now(), settings(3));
        let mut health = well(now);
        health.failed(&client, now, 0.5);
        let stock = Stock {
            waiting: &[],
            opening: 0,
            closing: 0,
            health: &health,
        };
        let todo = decide(&stock, &client, now);
        assert_eq!((todo.open, todo.again), (0, Some(now + client.interval())));
        assert_eq!(decide(&stock, &client, now + client.interval()).open, 1);
    }

    #[test]
    fn attempts_that_fail_together_are_one_failure() {
        let (now, client) = (Instant::now(), settings(3));
        let mut health = Health::default();
        health.failed(&client, now, 0.5);
        health.failed(&client, now, 0.5);
        assert_eq!(health.failures(), 1);
        health.failed(&client, now + client.interval(), 0.5);
        assert_eq!(health.failures(), 2);
    }

    #[test]
    fn a_server_that_accepts_and_drops_is_no_better_than_one_that_refuses() {
        let (now, client) = (Instant::now(), settings(3));
        let mut health = well(now);
        health.lost(&client, Duration::from_millis(99), now, 0.5);
        assert_eq!(health.failures(), 1);
        let then = now + client.interval();
        health.opened(then);
        assert_eq!(health.at_a_time(&client, then), 1);
        assert_eq!(health.at_a_time(&client, then + client.interval()), AT_A_TIME);
        health.lost(&client, client.interval(), then + client.interval(), 0.5);
        assert_eq!(health.failures(), 1);
    }

    #[test]
    fn connections_of_other_files_are_replaced() {
        let now = Instant::now();
        let health = well(now);
        let known = |id, is_outdated| Known {
            id,
            since: now,
            is_outdated,
            is_elsewhere: false,
        };
        let waiting = [known(1, false), known(2, true)];
        let stock = Stock {
            waiting: &waiting,
            opening: 0,
            closing: 0,
            health: &health,
        };
        assert_eq!(decide(&stock, &settings(2), now).close, [2]);
    }

    /// What is done where so many wait here, the first ones, and so many elsewhere, with so many attempts under way.
    fn moving(wanted: usize, here: u64, elsewhere: u64, opening: usize) -> (usize, Vec<u64>) {
        let now = Instant::now();
        let health = well(now);
        let known = (0..here + elsewhere).map(|id| Known {
            id,
            since: now,
            is_outdated: false,
            is_elsewhere: id >= here,
        });
        let waiting: Vec<_> = known.collect();
        let stock = Stock {
            waiting: &waiting,
            opening,
            closing: 0,
            health: &health,
        };
        let todo = decide(&stock, &settings(wanted), now);
        (todo.open, todo.close)
    }

    #[test]
    fn those_elsewhere_are_made_anew_and_go_when_others_stand_in_their_place() {
        assert_eq!(moving(3, 0, 3, 0), (3, vec![]));
        assert_eq!(moving(3, 0, 3, 3), (0, vec![]));
        assert_eq!(moving(3, 1, 3, 2), (0, vec![1]));
        assert_eq!(moving(3, 1, 2, 2), (0, vec![]));
        assert_eq!(moving(3, 3, 1, 0), (0, vec![3]));
    }

    #[test]
    fn those_elsewhere_stay_while_the_others_are_not_enough() {
        assert_eq!(moving(3, 1, 1, 0), (2, vec![]));
    }

    #[test]
    fn those_elsewhere_stay_until_others_have_lasted_where_some_were_lost_at_once() {
        let (now, client) = (Instant::now(), settings(1));
        let known = |id, is_elsewhere| Known {
            id,
            since: now,
            is_outdated: false,
            is_elsewhere,
        };
        let waiting = [known(1, true), known(2, false)];
        let mut health = well(now);
        health.lost(&client, Duration::ZERO, now, 0.5);
        health.opened(now);
        let stock = Stock {
            waiting: &waiting,
            opening: 0,
            closing: 0,
            health: &health,
        };
        let todo = decide(&stock, &client, now);
        assert_eq!((todo.close, todo.again), (vec![], Some(now + client.interval())));
        assert_eq!(decide(&stock, &client, now + client.interval()).close, [1]);
    }

    #[test]
    fn those_elsewhere_that_have_waited_too_long_are_replaced_as_any() {
        let now = Instant::now();
        let health = well(now);
        let waiting = [Known {
            id: 1,
            since: now,
            is_outdated: false,
            is_elsewhere: true,
        }];
        let stock = Stock {
            waiting: &waiting,
            opening: 1,
            closing: 0,
            health: &health,
        };
        let client = settings(1);
        assert_eq!(decide(&stock, &client, now + client.standby_max_age).close, [1]);
    }
}
