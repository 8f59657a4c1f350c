//! What has to hold of persistent connections that are down, and is known to find out whether it does.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

/// What is known of outages.
#[derive(Default)]
pub(super) struct Outages {
    /// What the configuration has said of each connection so far.
    said: BTreeMap<&'static str, Said>,
    /// The websockets of each connection that servers have.
    open: BTreeMap<String, BTreeMap<usize, Instant>>,
    /// What the host was told of each connection.
    told: BTreeMap<String, bool>,
    /// When connections may have been ended by a wish of this side.
    disturbed: Option<Instant>,
    /// A server need not notice that its websocket has ended.
    has_stalled: bool,
}

/// What was ever said of a connection.
#[derive(Default)]
struct Said {
    apps: BTreeSet<&'static str>,
    fallbacks: BTreeSet<&'static str>,
    fails: bool,
    fails_inside: bool,
}

/// How long a connection may be open before it serves, or an operator's wish takes to be done, but for what hosts block.
const SLOW: Duration = Duration::from_secs(5);

impl Outages {
    /// The configuration of a connection from now on.
    pub(super) fn configured(
        &mut self,
        connection: &'static str,
        apps: impl Iterator<Item = &'static str>,
        fails: bool,
        fails_inside: bool,
        fallback: Option<&'static str>,
    ) {
        let said = self.said.entry(connection).or_default();
        said.apps.extend(apps);
        said.fallbacks.extend(fallback);
        said.fails |= fails;
        said.fails_inside |= fails && fails_inside;
    }

    pub(super) fn disturbed(&mut self) {
        self.disturbed = Some(Instant::now());
    }

    pub(super) fn stalled(&mut self) {
        self.has_stalled = true;
    }

    /// A server has a websocket of the connection.
    pub(super) fn opened(&mut self, connection: &str, websocket: usize) {
        let open = self.open.entry(connection.to_owned()).or_default();
        open.insert(websocket, Instant::now());
    }

    /// It has no more, or will not read what comes.
    pub(super) fn closed(&mut self, websocket: usize) {
        for open in self.open.values_mut() {
            open.remove(&websocket);
        }
    }

    /// What is wrong with what the host is told.
    pub(super) fn told(&mut self, connection: &str, up: bool) -> Option<String> {
        let before = self.told.insert(connection.to_owned(), up);
        (up && before == Some(true)).then(|| format!("{connection} came up twice"))
    }

    /// Whether the host takes the connection for one that is up.
    pub(super) fn is_up(&self, connection: &str) -> bool {
        self.told.get(connection) == Some(&true)
    }

    /// The connections that the host takes for up.
    pub(super) fn up(&self) -> usize {
        self.told.values().filter(|up| **up).count()
    }

    /// Whether a channel that asked for the application may come into this one: its own, or one step further.
    pub(super) fn may_enter(&self, asked: &str, application: &str) -> bool {
        let base = application.split(':').next().unwrap_or_default();
        let mut with = self.said.values().filter(|said| said.apps.contains(asked));
        base == asked || with.any(|said| said.fallbacks.contains(base))
    }

    /// Whether channels inside the application may have to leave it.
    pub(super) fn may_have_to_leave(&self, application: &str) -> bool {
        let mut with = self.said.values().filter(|said| said.apps.contains(application));
        application.contains(':') || with.any(|said| said.fails_inside)
    }

    /// A start has failed because nobody serves the application. What is wrong with that, if these websockets are still open
    /// in a moment.
    pub(super) fn failed(&self, asked: &str, reason: &str, blocked: Duration) -> Result<Vec<usize>, String> {
        let mut with = self.said.values().filter(|said| said.apps.contains(asked));
        if !with.any(|said| said.fails) {
            return Err(format!(
                "a channel is turned away from {asked}, whose connection lets channels wait"
            ));
        }
        let connection = reason.split(' ').nth(1).unwrap_or_default();
        let since = Instant::now().checked_sub(SLOW + blocked);
        let is_calm = self.disturbed.is_none_or(|time| time.elapsed() > SLOW + blocked) && !self.has_stalled;
        let open = self.open.get(connection).filter(|_| is_calm && reason.contains("down_grace"));
        let open = open.into_iter().flatten();
        Ok(open
            .filter(|(_, opened)| since.is_some_and(|since| **opened < since))
            .map(|(websocket, _)| *websocket)
            .collect())
    }

    /// Whether all of them are still open.
    pub(super) fn are_open(&self, websockets: &[usize]) -> bool {
        let is_open = |websocket: &usize| self.open.values().any(|open| open.contains_key(websocket));
        !websockets.is_empty() && websockets.iter().all(is_open)
    }
}
