//! The configurations that Asterisk was recorded with, and the sample of its documentation.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::case::{Amendment, Files};
use crate::load::cases;
use crate::outputs::{compare, output};

#[test]
fn the_sample_of_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    compare("sample", &output(&root.join("c_examples/sample")));
}

#[test]
fn every_recorded_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let amendments = fs::read_to_string(folder.join("amendments.json")).expect("the file");
    let amendments: Vec<Amendment> = serde_json::from_str(&amendments).expect("amendments");
    // The cases that have the same output stand together.
    let mut outputs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for case in cases(&folder, &amendments).expect("cases") {
        let case =
            case.unwrap_or_else(|unreadable| panic!("{}: {}", unreadable.id, unreadable.reason));
        if case.area != "config" {
            continue;
        }
        let mut files = case.files.clone();
        let mut name = case.name.clone();
        outputs.entry(of(&files)).or_default().push(name);
        for change in &case.changes {
            files.extend(change.files.clone());
            name = format!("{} after \"{}\"", case.name, change.label);
            outputs.entry(of(&files)).or_default().push(name);
        }
    }
    let mut pages: Vec<(Vec<String>, String)> = outputs
        .into_iter()
        .map(|(output, names)| (names, output))
        .collect();
    pages.sort();
    let pages = pages
        .iter()
        .map(|(names, output)| format!("== {}\n{output}", names.join(", ")));
    compare("recorded", &pages.collect::<Vec<_>>().join("\n"));
}

/// The output for some files.
fn of(files: &Files) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        // Files of the system, and the dialplan, are none of the library's.
        if let Some(text) = text
            && !name.starts_with('/')
            && name != "extensions.conf"
        {
            fs::write(folder.path().join(name), text).expect("a file");
        }
    }
    output(folder.path())
}
