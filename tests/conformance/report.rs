//! What came of the cases, counted, and where the documentation speaks of each difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;

/// What `differences.json` says to the runner.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Table {
    /// Where each difference is documented.
    #[serde(default)]
    rules: BTreeMap<String, Said>,
    /// Parts of messages with which the library refuses what Asterisk accepts, and the differences that say so.
    #[serde(default)]
    pub refusals: Vec<(String, String)>,
}

/// A heading of the documentation.
#[derive(Debug, Clone, Deserialize)]
struct Said {
    document: String,
    heading: String,
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
        }
        for (rule, Said { document, heading }) in &table.rules {
            let text = fs::read_to_string(root.join(document))
                .map_err(|error| format!("{document}: {error}"))?;
            let mut headings = text.lines().filter(|line| line.starts_with('#'));
            if !headings.any(|line| line.trim_start_matches('#').trim() == heading) {
                return Err(format!("{rule}: {document} has no heading \"{heading}\""));
            }
        }
        Ok(table)
    }

    /// A difference of which the documentation does not speak.
    pub fn unsaid<'a>(&self, mut met: impl Iterator<Item = &'a String>) -> Option<&'a String> {
        met.find(|rule| !self.rules.contains_key(*rule))
    }
}

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The library did what Asterisk did.
    Equal,
    /// It did something else, as the documentation says of each of these.
    Different(BTreeSet<String>),
    /// It cannot be replayed, for this reason.
    NotApplicable(String),
    Failed,
}

/// The outcomes of all cases.
#[derive(Default)]
pub struct Report(Mutex<BTreeMap<String, Outcome>>);

impl Report {
    pub fn add(&self, case: &str, outcome: Outcome) {
        let mut outcomes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        outcomes.insert(case.to_owned(), outcome);
    }

    /// Prints the counts, and what they are made of.
    pub fn print(&self, table: &Table) {
        let outcomes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut areas = BTreeMap::<&str, [usize; 4]>::new();
        let mut rules = BTreeMap::<&str, usize>::new();
        let mut reasons = BTreeMap::<&str, usize>::new();
        for (case, outcome) in &*outcomes {
            let column = match outcome {
                Outcome::Equal => 0,
                Outcome::Different(names) => {
                    for name in names {
                        *rules.entry(name).or_default() += 1;
                    }
                    1
                }
                Outcome::NotApplicable(reason) => {
                    *reasons.entry(reason).or_default() += 1;
                    2
                }
                Outcome::Failed => 3,
            };
            let area = case.split('/').next().unwrap_or_default();
            for line in [area, "~"] {
                areas.entry(line).or_default()[column] += 1;
            }
        }
        println!("different on purpose, by what the documentation says:");
        for (rule, count) in rules {
            let place = table.rules.get(rule);
            let place = place.map(|said| format!(" ({}, \"{}\")", said.document, said.heading));
            println!("{count:>6}  {rule}{}", place.unwrap_or_default());
        }
        println!("not applicable:");
        for (reason, count) in reasons {
            println!("{count:>6}  {reason}");
        }
        let row = |first: &str, [a, b, c, d, e]: [&str; 5]| {
            println!("{first:<16}{a:>8}{b:>12}{c:>16}{d:>8}{e:>8}");
        };
        let headings = ["equal", "different", "not applicable", "failed", "cases"];
        println!();
        row("", headings);
        for (area, counts) in areas {
            let sum = counts.iter().sum();
            let [a, b, c, d] = counts;
            let cells = [a, b, c, d, sum].map(|count: usize| count.to_string());
            let name = if area == "~" { "all" } else { area };
            row(name, cells.each_ref().map(String::as_str));
        }
        println!();
    }
}
