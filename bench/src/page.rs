// SPDX-License-Identifier: MIT OR Apache-2.0
//! A run, and docs/benchmarks.md: what is measured goes between marks, the words around them stay.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::Result;
use crate::figures::{Bench, GROWTH, PARTS};

/// What to run.
pub struct Run {
    pub library: PathBuf,
    pub page: PathBuf,
    pub quick: bool,
    /// The parts; all if none is named.
    pub only: Vec<String>,
}

pub fn run(run: &Run) -> Result<()> {
    let began = Instant::now();
    let plots = run.page.with_extension("");
    fs::create_dir_all(&plots)?;
    let mut page = fs::read_to_string(&run.page)?;
    let mut bench = Bench::new(&run.library, plots, run.quick)?;
    let growth = (!run.quick || run.only.iter().any(|name| name == GROWTH.0)).then_some(GROWTH);
    for (name, measure) in PARTS.into_iter().chain(growth) {
        if !run.only.is_empty() && !run.only.iter().any(|only| only == name) {
            continue;
        }
        let text = measure(&mut bench)?;
        println!("## {name}\n\n{text}");
        replace(&mut page, name, &text)?;
        // What was measured stays if a later part fails.
        fs::write(&run.page, &page)?;
    }
    replace(&mut page, "machine", &machine()?)?;
    fs::write(&run.page, page)?;
    for line in &bench.summary {
        println!("{line}");
    }
    println!("\n{} s; {}", began.elapsed().as_secs(), run.page.display());
    Ok(())
}

/// Puts text between the marks of a part of the page in a file.
pub fn write(file: &Path, name: &str, text: &str) -> Result<()> {
    let mut page = fs::read_to_string(file)?;
    replace(&mut page, name, text)?;
    Ok(fs::write(file, page)?)
}

/// Puts text between the marks of a part.
fn replace(page: &mut String, name: &str, text: &str) -> Result<()> {
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let missing = || format!("the page has no marks for {name}");
    let start = page.find(&begin).ok_or_else(missing)? + begin.len();
    let length = page[start..].find(&end).ok_or_else(missing)?;
    page.replace_range(start..start + length, &format!("{}\n", text.trim_end()));
    Ok(())
}

/// Where and what was measured.
fn machine() -> Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .unwrap_or("an unnamed processor");
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "Commit {}, {}, Linux {}, {cores} cores of {model}.\n",
        said("git", &["describe", "--always", "--dirty"]),
        said("rustc", &["--version"]),
        // Without what its builder has added.
        kernel.trim().split('-').next().unwrap_or_default(),
    ))
}

/// What a program says; the sources may be without a history, and rustc elsewhere.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    said.ok()
        .filter(|said| !said.is_empty())
        .unwrap_or_else(|| format!("of an unknown {program}"))
}
