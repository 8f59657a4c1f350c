//! The README's comparison with Asterisk says nothing that is not shown somewhere, and leaves out nothing important.
//!
//! A line of it links to the heading of the documentation that explains the difference, which recorded cases show, or
//! `differences.json` names what shows it, mostly a test on real Asterisks. Headings that it calls important have a line.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

const DOCUMENT: &str = "docs/differences.md";
/// What stands above the table in the README.
const TABLE: &str = "\n## What is different from Asterisk\n";

/// What `differences.json` says about the table.
#[derive(Deserialize)]
struct Comparison {
    /// Headings that the table must have.
    headings: Vec<String>,
    /// Lines without a link: their first column, and a file with the text that shows it, mostly the name of a test.
    rows: Vec<(String, String, String)>,
}

#[derive(Deserialize)]
struct Table {
    comparison: Comparison,
}

/// Everything that is wrong with the table.
pub fn faults(root: &Path) -> Vec<String> {
    match (text(root, "README.md"), text(root, DOCUMENT), listed(root)) {
        (Ok(readme), Ok(document), Ok(listed)) => {
            compared(&readme, &document, &listed, |file| text(root, file))
        }
        (readme, document, listed) => [readme.err(), document.err(), listed.err()]
            .into_iter()
            .flatten()
            .collect(),
    }
}

fn text(root: &Path, file: &str) -> Result<String, String> {
    fs::read_to_string(root.join(file)).map_err(|error| format!("{file}: {error}"))
}

fn listed(root: &Path) -> Result<Comparison, String> {
    let table: Table = serde_json::from_str(&text(root, "tests/reference/differences.json")?)
        .map_err(|error| format!("differences.json: {error}"))?;
    Ok(table.comparison)
}

fn compared(
    readme: &str,
    document: &str,
    listed: &Comparison,
    read: impl Fn(&str) -> Result<String, String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let anchors: BTreeMap<String, &str> = document
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim())
        .map(|heading| (anchor(heading), heading))
        .collect();
    let mut linked = Vec::new();
    let mut rows = rows(readme);
    if rows.is_empty() {
        faults.push("the README has no table of differences".to_owned());
    }
    rows.retain(|row| {
        let Some(anchor) = anchor_of(row) else {
            return true;
        };
        match anchors.get(anchor) {
            Some(heading) => linked.push(*heading),
            None => faults.push(format!("README: {DOCUMENT} has no heading for \"{row}\"")),
        }
        false
    });
    for heading in &listed.headings {
        if !linked.contains(&heading.as_str()) {
            faults.push(format!(
                "README: no line of the table links to \"{heading}\""
            ));
        }
    }
    for (row, file, test) in &listed.rows {
        if !rows.contains(&row.as_str()) {
            faults.push(format!("README: the table has no line \"{row}\""));
        }
        match read(file) {
            Ok(text) if text.contains(test.as_str()) => {}
            Ok(_) => faults.push(format!("{row}: {file} has no \"{test}\"")),
            Err(error) => faults.push(format!("{row}: {error}")),
        }
    }
    for row in rows {
        if !listed.rows.iter().any(|(listed, _, _)| listed == row) {
            faults.push(format!(
                "README: \"{row}\" links to no heading of {DOCUMENT}, and differences.json names nothing that shows it"
            ));
        }
    }
    faults
}

/// The first column of the table, without its heading.
fn rows(readme: &str) -> Vec<&str> {
    let (_, table) = readme.split_once(TABLE).unwrap_or_default();
    let table = table.trim_start().lines();
    let rows = table.take_while(|line| line.starts_with('|')).skip(2);
    let first = rows.filter_map(|row| row.strip_prefix("| ")?.split(" | ").next());
    first.collect()
}

/// What `[text](docs/differences.md#anchor)` links to.
fn anchor_of(row: &str) -> Option<&str> {
    let (_, link) = row.split_once("](")?;
    let link = link.strip_suffix(')')?;
    link.strip_prefix(DOCUMENT)?.strip_prefix('#')
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|one| one.is_alphanumeric() || " -_".contains(*one));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// What the tests of the runner itself check.
pub fn check() {
    assert_eq!(anchor("Errors in [general]"), "errors-in-general");
    assert_eq!(
        anchor("A missing connection_type"),
        "a-missing-connection_type"
    );
    let readme = "# x\n\n## What is different from Asterisk\n\n| | a | b |\n|---|---|---|\n\
        | [one](docs/differences.md#one-thing) | 1 | 2 |\n| two | 1 | 2 |\n\nNo table.\n| three | 1 |\n";
    assert_eq!(
        rows(readme),
        ["[one](docs/differences.md#one-thing)", "two"]
    );
    let listed = |heading: &str, row: &str, test: &str| Comparison {
        headings: vec![heading.to_owned()],
        rows: vec![(row.to_owned(), "file".to_owned(), test.to_owned())],
    };
    let faults = |document: &str, listed: &Comparison| {
        compared(readme, document, listed, |_| Ok("a test".to_owned())).len()
    };
    let good = listed("One thing", "two", "test");
    assert_eq!(faults("# All\n### One thing\n### A new one\n", &good), 0);
    // A link that leads nowhere, and an important heading without a line.
    assert_eq!(faults("### Another thing\n", &good), 2);
    assert_eq!(
        faults("### One thing\n", &listed("Two things", "two", "test")),
        1
    );
    // A line that is gone, and one that nothing shows.
    assert_eq!(
        faults("### One thing\n", &listed("One thing", "four", "test")),
        2
    );
    assert_eq!(
        faults("### One thing\n", &listed("One thing", "two", "no test")),
        1
    );
}
