//! What came of the cases, counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::story::Table;

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
            let place = table.rules.get(rule).map_or("", String::as_str);
            println!("{count:>6}  {rule} ({place})");
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
