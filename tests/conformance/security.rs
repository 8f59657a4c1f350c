//! Each line of docs/security.md names what shows it: a case on real Asterisks or a test of the library.

use std::fs;
use std::path::Path;

const DOCUMENT: &str = "docs/security.md";

/// Everything that is wrong with the document's tables.
pub fn faults(root: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for folder in ["src", "tests"] {
        collect(&root.join(folder), &mut texts);
    }
    match fs::read_to_string(root.join(DOCUMENT)) {
        Ok(document) => unshown(&document, &texts),
        Err(error) => vec![format!("{DOCUMENT}: {error}")],
    }
}

/// The texts of all programs below a folder; what cannot be read shows nothing.
fn collect(folder: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, texts);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "py" || extension == "rs")
        {
            texts.extend(fs::read_to_string(path));
        }
    }
}

/// Lines of tables whose last column names nothing, or something that is not there.
fn unshown(document: &str, texts: &[String]) -> Vec<String> {
    let is_there = |test: &str| {
        let (case, function) = (format!("\"{test}\""), format!("fn {test}("));
        let shows = |text: &String| text.contains(&function) || declares(text, &case);
        texts.iter().any(shows)
    };
    let rows = document.lines().filter(|line| line.starts_with('|'));
    // The first of two lines before a row of hyphens is a heading.
    let rows: Vec<&str> = rows.collect();
    let mut faults = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let heads = |row: &str| row.starts_with("|---");
        if heads(row) || rows.get(index + 1).is_some_and(|next| heads(next)) {
            continue;
        }
        let last = row.trim_end_matches('|').rsplit('|').next();
        let named: Vec<&str> = last
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        if named.is_empty() {
            faults.push(format!("{DOCUMENT}: nothing shows \"{row}\""));
        }
        for test in named.into_iter().filter(|test| !is_there(test)) {
            faults.push(format!("{DOCUMENT}: there is no test \"{test}\""));
        }
    }
    if faults.is_empty() && rows.len() < 3 {
        faults.push(format!("{DOCUMENT} has no table"));
    }
    faults
}

/// Whether a program declares a case of this quoted name.
fn declares(text: &str, case: &str) -> bool {
    text.match_indices(case).any(|(position, _)| {
        let before = text.get(..position).unwrap_or_default();
        before.trim_end().ends_with("@case(")
    })
}

/// What the tests of the runner itself check.
pub fn check() {
    let texts = [
        "@case(\"a/case\")\n@case(\n    \"a/long one\",\n)".to_owned(),
        "fn a_test() {}\nassert_eq!(\"a/text\", \"\");".to_owned(),
    ];
    let faults = |cell: &str| {
        let table = format!("x\n\n| a | shown by |\n|---|---|\n| `a` | {cell} |\n");
        unshown(&table, &texts).len()
    };
    assert_eq!(faults("`a/case`, `a/long one`, `a_test`"), 0);
    assert_eq!(faults("a/case"), 1);
    assert_eq!(faults("`a/text`, `test`, `a/case`"), 2);
    assert_eq!(unshown("no table", &texts).len(), 1);
}
