// SPDX-License-Identifier: MIT OR Apache-2.0
//! Instructions as valgrind's callgrind counts them, and what they are spent on.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::process::{Command, Stdio};

use crate::Result;

/// What instructions are spent on: a name for people, and how the functions' names begin or what they have in them. The
/// first that fits counts; what is inlined counts for the function that it is in.
const PURPOSES: [(&str, &[&str]); 6] = [
    (
        "the websocket: tungstenite, and counting what the kernel took",
        &["tungstenite", "ariws::net::meter", "chacha20", "rand"],
    ),
    (
        "JSON: serde_json, and the library's use of it",
        &["serde", "ariws::protocol", "from_utf8", "memchr"],
    ),
    (
        "allocator",
        &[
            "malloc",
            "free",
            "realloc",
            "calloc",
            "_int_",
            "__rust_",
            "__rdl_",
            "unlink_chunk",
            "raw_vec",
        ],
    ),
    ("copies", &["memcpy", "memmove", "memset", "memcmp", "bcmp"]),
    (
        "the runtime: tokio, futures, locks",
        &["tokio", "mio::", "futures", "pthread", "futex", "parking", "bytes::"],
    ),
    ("the library's own", &["ariws", "core::", "std::", "alloc::"]),
];
const OTHER: &str = "other";

/// Instructions by what they were spent on.
#[derive(Default)]
pub struct Profile {
    pub total: u64,
    pub purposes: BTreeMap<&'static str, u64>,
}

impl Profile {
    /// What one of many took, if `fewer` is the profile of so many less.
    pub fn each(&self, fewer: &Self, more: usize) -> Self {
        let each = |all: u64, some: u64| all.saturating_sub(some) / more as u64;
        Self {
            total: each(self.total, fewer.total),
            purposes: purposes()
                .map(|purpose| (purpose, each(self.of(purpose), fewer.of(purpose))))
                .collect(),
        }
    }

    /// The middle of each of several.
    pub fn median(profiles: &[Self]) -> Self {
        let median = |of: &dyn Fn(&Self) -> u64| {
            let mut counts: Vec<_> = profiles.iter().map(of).collect();
            counts.sort_unstable();
            counts.get(counts.len() / 2).copied().unwrap_or_default()
        };
        Self {
            total: median(&|profile| profile.total),
            purposes: purposes()
                .map(|purpose| (purpose, median(&|profile| profile.of(purpose))))
                .collect(),
        }
    }

    /// What was spent on one purpose.
    pub fn of(&self, purpose: &str) -> u64 {
        self.purposes.get(purpose).copied().unwrap_or_default()
    }
}

/// Every purpose, in the order of tables.
pub fn purposes() -> impl Iterator<Item = &'static str> {
    let names = PURPOSES.into_iter().map(|(name, _)| name);
    names.chain([OTHER])
}

/// For callgrind a string instruction is as many as it has bytes, so a copy of some length would outweigh all else: it is
/// left to loops of vector instructions.
const TUNABLES: &str = "glibc.cpu.x86_rep_movsb_threshold=1000000000:glibc.cpu.x86_rep_stosb_threshold=1000000000";

/// Runs this program with the arguments and counts, without what is this program's own.
pub fn count(arguments: &[&str]) -> Result<Profile> {
    let program = std::env::current_exe()?;
    let file = tempfile::NamedTempFile::new()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", file.path().display()))
        .arg(&program)
        .args(arguments)
        .env("GLIBC_TUNABLES", TUNABLES)
        .stdout(Stdio::null())
        .output()?;
    if !output.status.success() {
        return Err(format!("valgrind: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    parse(&fs::read_to_string(file.path())?, program.to_str().unwrap_or_default())
}

/// Reads a profile (valgrind's manual, "Callgrind Format Specification"), but for one object.
fn parse(text: &str, without: &str) -> Result<Profile> {
    let (mut objects, mut names) = (HashMap::new(), HashMap::new());
    let mut profile = Profile::default();
    let mut purpose = OTHER;
    let (mut counts, mut of_a_call) = (true, false);
    for line in text.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            counts = named(&mut objects, object) != without;
        } else if let Some(object) = line.strip_prefix("cob=") {
            named(&mut objects, object);
        } else if let Some(name) = line.strip_prefix("fn=") {
            purpose = purpose_of(named(&mut names, name));
        } else if let Some(name) = line.strip_prefix("cfn=") {
            named(&mut names, name);
        } else if line.starts_with("calls=") {
            of_a_call = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            // The line after a call has what the call took, which its function has too.
            if !std::mem::take(&mut of_a_call) && counts {
                let cost: u64 = line.split(' ').nth(1).ok_or("a line without a cost")?.parse()?;
                profile.total += cost;
                *profile.purposes.entry(purpose).or_default() += cost;
            }
        }
    }
    if profile.total == 0 {
        return Err("callgrind counted nothing".into());
    }
    Ok(profile)
}

/// The name that `(number) name` gives to a number, or that `(number)` stands for.
fn named<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text).copied().unwrap_or_default(),
    }
}

fn purpose_of(function: &str) -> &'static str {
    PURPOSES
        .into_iter()
        .find(|(_, parts)| parts.iter().any(|part| function.contains(part)))
        .map_or(OTHER, |(name, _)| name)
}
