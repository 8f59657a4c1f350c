// SPDX-License-Identifier: MIT OR Apache-2.0
//! How many instructions an event and a request take, counted by callgrind: the same number on every machine, give or take
//! little, so that it can be compared with one that was recorded.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;
use crate::control::Addresses;
use crate::figures::application;
use crate::probes::{Probe, Side, Task};

/// What is allowed above what was recorded.
const TOLERANCE: f64 = 1.10;

/// What to compare with.
pub struct Check {
    pub library: PathBuf,
    pub recorded: PathBuf,
    /// Record instead of comparing.
    pub write: bool,
}

/// What is counted, and how often at least and at most.
type Counted = (&'static str, fn(usize) -> Task, [usize; 2]);

const COUNTED: [Counted; 2] = [
    (
        "event",
        |count| Task::Events {
            connections: 1,
            bytes: 200,
            count,
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
];

pub fn run(check: &Check) -> Result<()> {
    let (mut child, addresses) = application()?;
    let outcome = compare(check, &addresses);
    child.kill()?;
    child.wait()?;
    outcome
}

fn compare(check: &Check, addresses: &Addresses) -> Result<()> {
    let mut counted = BTreeMap::new();
    for (name, task, [few, many]) in COUNTED {
        // What is not the event's or the request's own is in both.
        let fewer = instructions(&check.library, addresses, task(few))?;
        let more = instructions(&check.library, addresses, task(many))?;
        counted.insert(name, (more - fewer) / (many - few) as u64);
    }
    if check.write {
        let text = serde_json::to_string_pretty(&counted)?;
        println!("{text}");
        return Ok(fs::write(&check.recorded, text + "\n")?);
    }
    let recorded: BTreeMap<String, u64> =
        serde_json::from_str(&fs::read_to_string(&check.recorded)?)?;
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
    Err(format!(
        "more than a tenth above what was recorded: {}",
        grown.join(", ")
    )
    .into())
}

fn instructions(library: &Path, addresses: &Addresses, task: Task) -> Result<u64> {
    let profile = tempfile::NamedTempFile::new()?;
    let probe = Probe {
        side: Side::Library,
        library: library.to_owned(),
        addresses: addresses.clone(),
        task,
    };
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", profile.path().display()))
        .arg(std::env::current_exe()?)
        .arg("probe")
        .arg(serde_json::to_string(&probe)?)
        .stdout(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(format!("valgrind: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let profile = fs::read_to_string(profile.path())?;
    profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok())
        .ok_or_else(|| "callgrind wrote no totals".into())
}
