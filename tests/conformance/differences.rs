//! The table of differences: what the documentation says about each rule, and cases that cannot be replayed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

/// The table.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Table {
    /// Where each rule is documented.
    #[serde(default)]
    rules: BTreeMap<String, Said>,
    /// Cases that cannot be replayed.
    #[serde(default)]
    not_applicable: Vec<NotApplicable>,
}

/// A heading of the documentation.
#[derive(Debug, Clone, Deserialize)]
pub struct Said {
    pub document: String,
    pub heading: String,
}

/// Cases that cannot be replayed, and why.
#[derive(Debug, Clone, Deserialize)]
pub struct NotApplicable {
    /// Names such as `handshake/tls_*`.
    cases: Vec<String>,
    reason: String,
}

impl Table {
    /// Reads the table of this repository and, if there is one, that of a folder of cases.
    pub fn read(root: &Path, folder: &Path) -> Result<Self, String> {
        let mut table = Self::default();
        for path in [
            root.join("tests/reference/differences.json"),
            folder.join("differences.json"),
        ] {
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let more: Self = serde_json::from_str(&text)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            table.rules.extend(more.rules);
            table.not_applicable.extend(more.not_applicable);
        }
        table.check(root)?;
        Ok(table)
    }

    /// Every heading that is named exists.
    fn check(&self, root: &Path) -> Result<(), String> {
        for (rule, said) in &self.rules {
            let text = fs::read_to_string(root.join(&said.document))
                .map_err(|error| format!("{}: {error}", said.document))?;
            let is_it = |line: &str| {
                line.starts_with('#') && line.trim_start_matches('#').trim() == said.heading
            };
            if !text.lines().any(is_it) {
                return Err(format!(
                    "{rule}: {} has no heading \"{}\"",
                    said.document, said.heading
                ));
            }
        }
        Ok(())
    }

    /// Where a rule is documented.
    pub fn said(&self, rule: &str) -> Option<&Said> {
        self.rules.get(rule)
    }

    /// Why a case cannot be replayed, if it cannot.
    pub fn not_applicable(&self, case: &str) -> Option<&str> {
        let entry = self
            .not_applicable
            .iter()
            .find(|entry| entry.cases.iter().any(|pattern| fits(pattern, case)));
        entry.map(|entry| entry.reason.as_str())
    }
}

/// Whether a name fits a pattern, in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(name) = name.strip_prefix(start) else {
        return false;
    };
    (0..=name.len())
        .filter(|at| name.is_char_boundary(*at))
        .any(|at| fits(rest, &name[at..]))
}

/// What the tests of the runner itself check.
pub fn check() {
    assert!(fits("a/*_x", "a/b_x") && fits("a/*", "a/b") && fits("a", "a"));
    assert!(!fits("a/*_x", "a/b_y") && !fits("a/b", "a/bc"));
}
