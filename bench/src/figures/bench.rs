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
    application: Application,
    library: PathBuf,
    /// Fewer rounds of fewer things.
    pub quick: bool,
    /// Where plots go.
    pub plots: PathBuf,
    /// Goals, and what was measured.
    pub summary: Vec<String>,
}

/// The application's process, and where it listens.
pub struct Application {
    child: Child,
    pub addresses: Addresses,
}

impl Application {
    pub fn start() -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("application")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let addresses = serde_json::from_str(&line)?;
        Ok(Self { child, addresses })
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Bench {
    pub fn new(library: &Path, plots: PathBuf, quick: bool) -> Result<Self> {
        Ok(Self {
            application: Application::start()?,
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
        self.pair_with(&self.application, task)
    }

    fn pair_with(&self, application: &Application, task: &Task) -> Result<(Figures, Figures)> {
        let (mut library, mut bare) = (Vec::new(), Vec::new());
        for _ in 0..self.rounds() {
            library.push(self.probe_with(application, Side::Library, task)?);
            bare.push(self.probe_with(application, Side::Bare, task)?);
        }
        Ok((medians(&library), medians(&bare)))
    }

    /// One measurement of both, for what takes long.
    pub fn once(&self, task: &Task) -> Result<(Figures, Figures)> {
        Ok((self.probe(Side::Library, task)?, self.probe(Side::Bare, task)?))
    }

    /// The same of tasks that mostly wait, at the same time, each with an application of its own.
    pub fn together(&self, tasks: &[Task]) -> Result<Vec<(Figures, Figures)>> {
        thread::scope(|scope| {
            let running: Vec<_> = tasks
                .iter()
                .map(|task| scope.spawn(move || self.pair_with(&Application::start()?, task)))
                .collect();
            running
                .into_iter()
                .map(|task| task.join().map_err(|_| "a thread panicked")?)
                .collect()
        })
    }

    fn rounds(&self) -> usize {
        self.pick(1, 5)
    }

    fn probe(&self, side: Side, task: &Task) -> Result<Figures> {
        self.probe_with(&self.application, side, task)
    }

    fn probe_with(&self, application: &Application, side: Side, task: &Task) -> Result<Figures> {
        let probe = Probe {
            side,
            library: self.library.clone(),
            addresses: application.addresses.clone(),
            io_threads: 0,
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
