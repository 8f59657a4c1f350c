//! The table of differences: what the documentation says about each rule, and cases that cannot be replayed.

use super::case::fits;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::many_calls::ManyCalls;
use super::network::ACCEPTED;
use super::rules::made_up;
use super::story::{Compare, Item, Link, Story, What};

/// The table.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Table {
    /// Where each rule is documented.
    #[serde(default)]
    rules: BTreeMap<String, Said>,
    /// Parts of messages with which the library refuses what Asterisk accepts, and the rules that say so.
    #[serde(default)]
    pub refusals: Vec<(String, String)>,
    /// What is different in single cases.
    #[serde(default)]
    cases: Vec<Single>,
    /// Cases that were recorded under load, and the rule that says what is different, if anything is.
    #[serde(default)]
    under_load: Vec<UnderLoad>,
    /// Cases that tell of many calls in words.
    #[serde(default)]
    many_calls: Vec<ManyCalls>,
    /// Texts that the library's log must have, where there is nothing else to compare or where the log says what is different.
    #[serde(default)]
    logs: Vec<Logs>,
    /// Cases that cannot be replayed.
    #[serde(default)]
    not_applicable: Vec<NotApplicable>,
}

/// Cases that were recorded under load.
#[derive(Debug, Clone, Deserialize)]
pub struct UnderLoad {
    cases: Vec<String>,
    pub rule: Option<String>,
    /// How many milliseconds the attempts to connect are apart at least.
    apart: Option<u64>,
}

impl UnderLoad {
    /// How far the attempts to connect are apart at least.
    pub fn apart(&self) -> Option<Duration> {
        self.apart.map(Duration::from_millis)
    }
}

/// What the library does instead of Asterisk in single cases.
#[derive(Debug, Clone, Deserialize)]
pub struct Single {
    cases: Vec<String>,
    /// The rule that says so.
    pub rule: String,
    #[serde(default)]
    outputs: Vec<Output>,
    #[serde(default)]
    connections: Vec<Connection>,
    /// STASISSTATUS of the first time of channels in an application.
    #[serde(default)]
    statuses: Vec<(String, String)>,
    /// Applications that are registered, where Asterisk has lost them.
    #[serde(default)]
    registered: Vec<Registered>,
    /// Applications that are not registered from one moment to another, where Asterisk had them.
    #[serde(default)]
    unregistered: Vec<(String, f64, f64)>,
    /// A change that has no effect: the beginnings of the words of its step and of the one that takes it back.
    ignores: Option<(String, String)>,
}

/// An application that is registered for a connection from a moment on.
#[derive(Debug, Clone, Deserialize)]
struct Registered {
    app: String,
    conn: u32,
    at: f64,
}

/// What a command prints.
#[derive(Debug, Clone, Deserialize)]
struct Output {
    /// The command line.
    line: String,
    /// Which of the times that it is run, from 0 up; all of them if it is not said.
    nth: Option<usize>,
    /// Texts to be replaced in what Asterisk printed.
    #[serde(default)]
    replace: Vec<(String, String)>,
    /// The whole output.
    text: Option<String>,
    /// Texts that are in the output, which is not compared otherwise.
    contains: Option<Vec<String>>,
}

/// A heading of the documentation.
#[derive(Debug, Clone, Deserialize)]
pub struct Said {
    pub document: String,
    pub heading: String,
}

/// Texts of which the library's log has each in these cases.
#[derive(Debug, Clone, Deserialize)]
struct Logs {
    cases: Vec<String>,
    texts: Vec<String>,
}

/// Cases that cannot be replayed, and why.
#[derive(Debug, Clone, Deserialize)]
pub struct NotApplicable {
    /// Names such as `handshake/tls_*`.
    cases: Vec<String>,
    reason: String,
}

impl Table {
    /// Reads the table of this repository and, if there is one, that of a folder of cases.
    pub fn read(root: &Path, folder: &Path) -> Result<Self, String> {
        let mut table = Self::default();
        for folder in BTreeSet::from([root.join("tests/reference"), folder.to_owned()]) {
            let path = folder.join("differences.json");
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let more: Self = serde_json::from_str(&text)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            table.rules.extend(more.rules);
            table.refusals.extend(more.refusals);
            table.cases.extend(more.cases);
            table.under_load.extend(more.under_load);
            table.many_calls.extend(more.many_calls);
            table.logs.extend(more.logs);
            table.not_applicable.extend(more.not_applicable);
        }
        table.check(root)?;
        Ok(table)
    }

    /// Every heading that is named exists.
    fn check(&self, root: &Path) -> Result<(), String> {
        for (rule, said) in &self.rules {
            let text = fs::read_to_string(root.join(&said.document))
                .map_err(|error| format!("{}: {error}", said.document))?;
            let is_it = |line: &str| {
                line.starts_with('#') && line.trim_start_matches('#').trim() == said.heading
            };
            if !text.lines().any(is_it) {
                return Err(format!(
                    "{rule}: {} has no heading \"{}\"",
                    said.document, said.heading
                ));
            }
        }
        Ok(())
    }

    /// Where a rule is documented.
    pub fn said(&self, rule: &str) -> Option<&Said> {
        self.rules.get(rule)
    }

    /// What is different in a case, and only there.
    pub fn of<'a>(&'a self, case: &str) -> impl Iterator<Item = &'a Single> {
        self.cases
            .iter()
            .filter(move |single| single.cases.iter().any(|pattern| fits(pattern, case)))
    }

    /// What there is to know of a case that was recorded under load.
    pub fn under_load(&self, case: &str) -> Option<&UnderLoad> {
        self.under_load
            .iter()
            .find(|entry| entry.cases.iter().any(|pattern| fits(pattern, case)))
    }

    /// How many calls there were in a case that tells of them in words.
    pub fn many_calls(&self, case: &str) -> Option<&ManyCalls> {
        self.many_calls
            .iter()
            .find(|entry| entry.cases.iter().any(|pattern| fits(pattern, case)))
    }

    /// What the library's log must have in a case.
    pub fn logs(&self, case: &str) -> Vec<String> {
        let entries = self
            .logs
            .iter()
            .filter(|entry| entry.cases.iter().any(|pattern| fits(pattern, case)));
        entries.flat_map(|entry| entry.texts.clone()).collect()
    }

    /// Why a case cannot be replayed, if it cannot.
    pub fn not_applicable(&self, case: &str) -> Option<&str> {
        let entry = self
            .not_applicable
            .iter()
            .find(|entry| entry.cases.iter().any(|pattern| fits(pattern, case)));
        entry.map(|entry| entry.reason.as_str())
    }
}

/// What comes of a connection.
#[derive(Debug, Clone, Deserialize)]
struct Connection {
    /// Its number in the recording.
    conn: u32,
    /// It is not made at all.
    #[serde(default)]
    absent: bool,
    /// Texts to be replaced in its upgrade request.
    #[serde(default)]
    request: Vec<(String, String)>,
    /// It is made, but no upgrade is asked for, so that nothing can be said on it.
    #[serde(default)]
    unasked: bool,
    /// What is not sent on it.
    #[serde(default)]
    drop: Vec<String>,
    /// What is sent on it besides, of what concerns applications and Closes, and when.
    #[serde(default)]
    insert: Vec<(f64, String)>,
    /// When it is made, and to which port, if Asterisk did not make it.
    made: Option<(f64, u16)>,
    /// What is sent on it besides answers, such as `ApplicationRegistered app1` and `Close 1000`.
    messages: Option<Vec<String>>,
    /// Whether the library closes it.
    closed: Option<bool>,
}

impl Single {
    /// Changes the story.
    pub fn apply(&self, story: &mut Story) {
        for connection in &self.connections {
            connection.apply(story);
        }
        if let Some((from, to)) = &self.ignores
            && let Some((from, to)) = story.time_of(from).zip(story.time_of(to))
        {
            story.ignore_change(from, to);
        }
        for (channel, status) in &self.statuses {
            story.end_stasis(channel, status);
        }
        for (app, from, to) in &self.unregistered {
            for act in story
                .acts
                .iter_mut()
                .filter(|act| act.at > *from && act.at < *to)
            {
                if let What::Http(http) = &mut act.what
                    && http.status == 204
                    && http.query.contains(&format!("application={app}"))
                {
                    http.status = 404;
                }
            }
        }
        for registered in &self.registered {
            story.register(&registered.app, registered.conn, registered.at);
        }
        let mut times: HashMap<String, usize> = HashMap::new();
        for act in &mut story.acts {
            let What::Command(command) = &mut act.what else {
                continue;
            };
            let time = times.entry(command.line.clone()).or_default();
            let concerns = |output: &&Output| {
                output.line == command.line && output.nth.is_none_or(|nth| nth == *time)
            };
            let outputs: Vec<&Output> = self.outputs.iter().filter(concerns).collect();
            *time += 1;
            for output in outputs {
                for (old, new) in &output.replace {
                    command.output = command.output.replace(old, new);
                }
                if let Some(text) = &output.text {
                    command.output.clone_from(text);
                }
                if let Some(texts) = &output.contains {
                    command.compare = Compare::Contains(texts.clone());
                }
            }
        }
    }
}

impl Connection {
    fn apply(&self, story: &mut Story) {
        if let Some((at, port)) = self.made {
            story.links.push(Link {
                number: self.conn,
                port,
                made: Some(at),
                request: Some(String::new()),
                answers: vec![(Duration::ZERO, ACCEPTED.to_owned())],
                ..Link::default()
            });
            story.ports.insert(port);
        }
        let Some(index) = story.links.iter().position(|link| link.number == self.conn) else {
            return;
        };
        if self.absent {
            return story.remove_link(index);
        }
        let link = &mut story.links[index];
        for (old, new) in &self.request {
            link.request = link.request.take().map(|request| request.replace(old, new));
        }
        if self.unasked {
            link.request = None;
            link.items.retain(|(_, item)| !item.is_answer());
            story
                .acts
                .retain(|act| !matches!(&act.what, What::Say(its, _) if *its == index));
        }
        link.items
            .retain(|(_, item)| !self.drop.contains(&item.summary()));
        for (at, message) in &self.insert {
            let (kind, app) = message.split_once(' ').unwrap_or((message, ""));
            link.items.push(match kind {
                "Close" => (*at, Item::Close(app.parse().ok())),
                _ => (*at, Item::Event(made_up(kind, app, ""))),
            });
        }
        if let Some(messages) = &self.messages {
            let times: Vec<f64> = link
                .items
                .iter()
                .filter(|(_, item)| !item.is_answer())
                .map(|(at, _)| *at)
                .collect();
            let last = times.last().copied().or(link.made).unwrap_or_default();
            link.items.retain(|(_, item)| item.is_answer());
            for (index, message) in messages.iter().enumerate() {
                let at = times.get(index).copied().unwrap_or(last);
                link.items.push((at, Item::Like(message.clone())));
            }
        }
        match self.closed {
            Some(true) => {
                let last = link.items.last().map(|(at, _)| *at);
                link.closed = link.closed.or(last).or(link.made);
            }
            Some(false) => link.closed = None,
            None => {}
        }
    }
}

/// What the tests of the runner itself check.
pub fn check() {
    assert!(fits("a/*_x", "a/b_x") && fits("a/*", "a/b") && fits("a", "a"));
    assert!(!fits("a/*_x", "a/b_y") && !fits("a/b", "a/bc"));
}
