// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many instructions an event, a request and a start take, counted by callgrind: the same on every machine, give or take
//! little, so that it can be compared with one that was recorded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::callgrind::{self, Profile};
use crate::control::Addresses;
use crate::figures::Application;
use crate::page;
use crate::probes::{Bare, EventCall, Probe, Side, Task};

/// What is allowed above what was recorded.
const TOLERANCE: f64 = 1.05;

/// How often it is counted: threads take turns by chance, so the middle is taken.
const ROUNDS: usize = 5;

/// What to compare with.
pub struct Check {
    pub library: PathBuf,
    pub recorded: PathBuf,
    /// Record instead of comparing.
    pub write: bool,
    /// Where to tell what they are spent on.
    pub page: PathBuf,
}

/// What is counted, and how often at least and at most.
type Counted = (&'static str, fn(usize) -> Task, [usize; 2]);

const COUNTED: [Counted; 4] = [
    (
        "event",
        |count| Task::Events {
            call: EventCall::Checked,
            connections: 1,
            bytes: 200,
            count,
            bare: Bare::InBursts,
        },
        [1_000, 9_000],
    ),
    (
        "trusted event",
        |count| Task::Events {
            call: EventCall::Trusted,
            connections: 1,
            bytes: 200,
            count,
            bare: Bare::InBursts,
        },
        [1_000, 9_000],
    ),
    (
        "request",
        |count| Task::Requests {
            connections: 1,
            pipelined: 16,
            count,
        },
        [500, 2_500],
    ),
    ("start", |count| Task::Calls { count }, [50, 250]),
];

pub fn run(check: &Check) -> Result<()> {
    let application = Application::start()?;
    let addresses = &application.addresses;
    let mut profiles = Vec::new();
    for (name, task, [few, many]) in COUNTED {
        let median_of = |count| -> Result<Profile> {
            let rounds = (0..ROUNDS).map(|_| profile(&check.library, addresses, task(count)));
            Ok(Profile::median(&rounds.collect::<Result<Vec<_>>>()?))
        };
        // What is not their own is in both.
        let (fewer, more) = (median_of(few)?, median_of(many)?);
        profiles.push((name, more.each(&fewer, many - few)));
    }
    page::write(&check.page, "instructions", &table(&profiles))?;
    let counted: BTreeMap<_, _> = profiles.iter().map(|(name, profile)| (*name, profile.total)).collect();
    if check.write {
        let text = serde_json::to_string_pretty(&counted)?;
        println!("{text}");
        return Ok(fs::write(&check.recorded, text + "\n")?);
    }
    let recorded: BTreeMap<String, u64> = serde_json::from_str(&fs::read_to_string(&check.recorded)?)?;
    let mut grown = Vec::new();
    for (name, count) in &counted {
        let before = *recorded.get(*name).ok_or("nothing was recorded")?;
        let ratio = *count as f64 / before as f64;
        println!("instructions for one {name}: {count}, recorded {before}, ratio {ratio:.3}");
        if ratio > TOLERANCE {
            grown.push(*name);
        }
    }
    if grown.is_empty() {
        return Ok(());
    }
    Err(format!("more than a twentieth above what was recorded: {}", grown.join(", ")).into())
}

fn profile(library: &Path, addresses: &Addresses, task: Task) -> Result<Profile> {
    let probe = Probe {
        side: Side::Library,
        library: library.to_owned(),
        addresses: addresses.clone(),
        // With more of them it is chance that decides how often one wakes another.
        io_threads: 1,
        task,
    };
    callgrind::count(&["probe", &serde_json::to_string(&probe)?])
}

fn table(profiles: &[(&str, Profile)]) -> String {
    let row = |name: &str, cells: &mut dyn Iterator<Item = String>| {
        let cells: Vec<_> = cells.collect();
        format!("| {name} | {} |\n", cells.join(" | "))
    };
    let mut table = row("", &mut profiles.iter().map(|(name, _)| format!("one {name}")));
    table += &row("---", &mut profiles.iter().map(|_| "---:".to_owned()));
    for purpose in callgrind::purposes() {
        let counts = &mut profiles.iter().map(|(_, profile)| profile.of(purpose).to_string());
        table += &row(purpose, counts);
    }
    table + &row("all", &mut profiles.iter().map(|(_, profile)| profile.total.to_string()))
}
