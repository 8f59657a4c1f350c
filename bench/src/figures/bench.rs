// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts the processes of a run.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::Result;
use crate::control::Addresses;
use crate::probes::{Figures, Probe, Side, Task};
use crate::statistics::median;

/// A run: the application's process, and how thorough to be.
pub struct Bench {
    application: Child,
    addresses: Addresses,
    library: PathBuf,
    /// Fewer rounds of fewer things.
    pub quick: bool,
    /// Where plots go.
    pub plots: PathBuf,
    /// Goals, and what was measured.
    pub summary: Vec<String>,
}

/// The application's process, and where it listens.
pub fn application() -> Result<(Child, Addresses)> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("application")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    let output = child.stdout.take().ok_or("no output")?;
    BufReader::new(output).read_line(&mut line)?;
    Ok((child, serde_json::from_str(&line)?))
}

impl Bench {
    pub fn new(library: &Path, plots: PathBuf, quick: bool) -> Result<Self> {
        let (application, addresses) = application()?;
        Ok(Self {
            application,
            addresses,
            library: library.to_owned(),
            quick,
            plots,
            summary: Vec::new(),
        })
    }

    /// What is measured.
    pub fn library_path(&self) -> &Path {
        &self.library
    }

    /// The first of the two in a quick run.
    pub fn pick<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// The median of each figure over a few rounds, of the library alone.
    pub fn library(&self, task: &Task) -> Result<Figures> {
        let rounds = (0..self.rounds())
            .map(|_| self.probe(Side::Library, task))
            .collect::<Result<Vec<_>>>()?;
        Ok(medians(&rounds))
    }

    /// The same of the library and of the bare websockets, in turn, so that both meet the same noise.
    pub fn pair(&self, task: &Task) -> Result<(Figures, Figures)> {
        let (mut library, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds() {
            library.push(self.probe(Side::Library, task)?);
            bare.push(self.probe(Side::Bare, task)?);
        }
        Ok((medians(&library), medians(&bare)))
    }

    /// One measurement of both, for what takes long.
    pub fn once(&self, task: &Task) -> Result<(Figures, Figures)> {
        Ok((
            self.probe(Side::Library, task)?,
            self.probe(Side::Bare, task)?,
        ))
    }

    /// The same of two tasks that mostly wait, at the same time.
    pub fn both(&self, tasks: [&Task; 2]) -> Result<[(Figures, Figures); 2]> {
        thread::scope(|scope| {
            let [first, second] = tasks.map(|task| scope.spawn(move || self.pair(task)));
            let end = |running: thread::ScopedJoinHandle<'_, Result<_>>| {
                running.join().map_err(|_| "a thread panicked")?
            };
            Ok([end(first)?, end(second)?])
        })
    }

    fn rounds(&self) -> usize {
        self.pick(1, 5)
    }

    fn probe(&self, side: Side, task: &Task) -> Result<Figures> {
        let probe = Probe {
            side,
            library: self.library.clone(),
            addresses: self.addresses.clone(),
            task: task.clone(),
        };
        let output = Command::new(std::env::current_exe()?)
            .arg("probe")
            .arg(serde_json::to_string(&probe)?)
            .stderr(Stdio::inherit())
            .output()?;
        if !output.status.success() {
            return Err(format!("{side:?}, {task:?}: {}", output.status).into());
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.application.kill();
        let _ = self.application.wait();
    }
}

fn medians(rounds: &[Figures]) -> Figures {
    let mut values: BTreeMap<&String, Vec<f64>> = BTreeMap::new();
    for (name, value) in rounds.iter().flatten() {
        values.entry(name).or_default().push(*value);
    }
    values
        .into_iter()
        .map(|(name, values)| (name.clone(), median(values)))
        .collect()
}
