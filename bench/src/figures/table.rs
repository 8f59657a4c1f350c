// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tables of the page.

use std::fmt::Write;

use super::Bench;

/// One line of a table: what, of the library, of what it is compared with, the ratio of the two, and the goal.
pub struct Row {
    pub what: String,
    pub library: String,
    pub bare: String,
    pub ratio: Option<f64>,
    /// What is to be reached, in words, and whether it was.
    pub goal: Option<(String, bool)>,
}

impl Row {
    /// A time or a size: the ratio may be at most so much.
    pub fn at_most(what: impl Into<String>, values: (f64, f64), unit: &Unit, most: f64) -> Self {
        let ratio = values.0 / values.1;
        let goal = Some((format!("≤ {most} ×"), ratio <= most));
        Self {
            goal,
            ..Self::beside(what, values, unit)
        }
    }

    /// A rate: the ratio must be at least so much.
    pub fn at_least(what: impl Into<String>, values: (f64, f64), unit: &Unit, least: f64) -> Self {
        let ratio = values.0 / values.1;
        let goal = Some((format!("≥ {least} ×"), ratio >= least));
        Self {
            goal,
            ..Self::beside(what, values, unit)
        }
    }

    /// Without a goal.
    pub fn beside(what: impl Into<String>, values: (f64, f64), unit: &Unit) -> Self {
        Self {
            what: what.into(),
            library: unit.write(values.0),
            bare: unit.write(values.1),
            ratio: Some(values.0 / values.1),
            goal: None,
        }
    }

    /// A value with a limit of its own.
    pub fn limited(what: impl Into<String>, value: f64, unit: &Unit, most: f64) -> Self {
        Self {
            what: what.into(),
            library: unit.write(value),
            bare: "–".into(),
            ratio: None,
            goal: Some((format!("≤ {}", unit.write(most)), value <= most)),
        }
    }

    /// The same, beside what the bare side has.
    pub fn limited_beside(what: impl Into<String>, values: (f64, f64), unit: &Unit, most: f64) -> Self {
        Self {
            goal: Some((format!("≤ {}", unit.write(most)), values.0 <= most)),
            ..Self::beside(what, values, unit)
        }
    }
}

/// A unit, its size in what the probes give, and how many digits after the point.
pub struct Unit(pub &'static str, pub f64, pub usize);

impl Unit {
    pub const MICROSECONDS: Self = Self("µs", 1e3, 1);
    pub const MILLISECONDS: Self = Self("ms", 1e6, 2);
    pub const SECONDS: Self = Self("s", 1.0, 2);
    pub const THOUSANDS: Self = Self("k/s", 1e3, 1);
    pub const KIBIBYTES: Self = Self("KiB", 1024.0, 1);
    pub const MEBIBYTES: Self = Self("MiB", 1024.0 * 1024.0, 2);
    pub const NUMBER: Self = Self("", 1.0, 0);

    fn write(&self, value: f64) -> String {
        let value = format!("{:.*}", self.2, value / self.1);
        if self.0.is_empty() {
            value
        } else {
            format!("{value} {}", self.0)
        }
    }
}

/// Lines of one table.
pub struct Rows {
    bare: &'static str,
    rows: Vec<Row>,
}

impl Rows {
    /// `bare` is the head of the column of what the library is compared with.
    pub fn new(bare: &'static str) -> Self {
        Self { bare, rows: Vec::new() }
    }

    pub fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The table; goals go into the summary as well.
    pub fn render(self, bench: &mut Bench) -> String {
        let mut text = format!(
            "| | ariws | {} | ratio | goal | |\n|---|---:|---:|---:|---:|---|\n",
            self.bare
        );
        for row in self.rows {
            let ratio = row.ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"));
            let (goal, verdict) = match &row.goal {
                None => ("–".into(), ""),
                Some((goal, true)) => (goal.clone(), "met"),
                Some((goal, false)) => (goal.clone(), "**missed**"),
            };
            let Row { what, library, bare, .. } = row;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "| {what} | {library} | {bare} | {ratio} | {goal} | {verdict} |");
            if row.goal.is_some() {
                bench.summary.push(format!("{verdict}: {what}: {library}, goal {goal}"));
            }
        }
        text
    }
}
