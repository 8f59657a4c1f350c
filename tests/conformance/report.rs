//! What came of the cases, counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::differences::Table;

/// What came of one case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The library did what Asterisk did.
    Equal,
    /// It did something else, as these rules say.
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
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(case.to_owned(), outcome);
    }

    /// Prints the counts, and what they are made of.
    pub fn print(&self, table: &Table) {
        let outcomes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut areas: BTreeMap<&str, Counts> = BTreeMap::new();
        let (mut rules, mut reasons) = (
            BTreeMap::<&str, usize>::new(),
            BTreeMap::<&str, usize>::new(),
        );
        for (case, outcome) in &*outcomes {
            let area = case.split('/').next().unwrap_or_default();
            areas.entry(area).or_default().count(outcome);
            match outcome {
                Outcome::Different(names) => names
                    .iter()
                    .for_each(|name| *rules.entry(name).or_default() += 1),
                Outcome::NotApplicable(reason) => *reasons.entry(reason).or_default() += 1,
                Outcome::Equal | Outcome::Failed => {}
            }
        }
        println!("different on purpose, by what the documentation says:");
        for (rule, count) in rules {
            let place = table.said(rule).map_or(String::new(), |said| {
                format!(" ({}, \"{}\")", said.document, said.heading)
            });
            println!("{count:>6}  {rule}{place}");
        }
        println!("not applicable:");
        for (reason, count) in reasons {
            println!("{count:>6}  {reason}");
        }
        println!(
            "\n{:<16}{:>8}{:>12}{:>16}{:>8}{:>8}",
            "", "equal", "different", "not applicable", "failed", "cases"
        );
        let mut all = Counts::default();
        for (area, counts) in &areas {
            counts.print(area);
            all.add(counts);
        }
        all.print("all");
        println!();
    }
}

/// How many cases came to what.
#[derive(Default)]
struct Counts {
    equal: usize,
    different: usize,
    not_applicable: usize,
    failed: usize,
}

impl Counts {
    fn count(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Equal => self.equal += 1,
            Outcome::Different(_) => self.different += 1,
            Outcome::NotApplicable(_) => self.not_applicable += 1,
            Outcome::Failed => self.failed += 1,
        }
    }

    fn add(&mut self, other: &Self) {
        self.equal += other.equal;
        self.different += other.different;
        self.not_applicable += other.not_applicable;
        self.failed += other.failed;
    }

    fn print(&self, area: &str) {
        let sum = self.equal + self.different + self.not_applicable + self.failed;
        println!(
            "{area:<16}{:>8}{:>12}{:>16}{:>8}{sum:>8}",
            self.equal, self.different, self.not_applicable, self.failed
        );
    }
}
