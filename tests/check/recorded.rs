//! The configurations that Asterisk was recorded with, and the sample of its documentation.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::outputs::{compare, output};

/// Configuration files by name; `None` for one that does not exist.
type Files = BTreeMap<String, Option<String>>;

#[test]
fn the_sample_of_the_documentation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    compare("sample", &output(&root.join("c_examples/sample")));
}

#[test]
fn every_recorded_configuration() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let mut python = Command::new("python3");
    let printed = python.args([&folder.join("story"), &folder]).arg("config");
    let printed = printed.output().expect("python3, which reads the cases");
    assert!(printed.status.success() && printed.stderr.is_empty());
    let text = String::from_utf8(printed.stdout).expect("UTF-8");
    // The cases that have the same output stand together.
    let mut outputs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let (name, files): (String, Files) = serde_json::from_str(line).expect("files");
        outputs.entry(of(&files)).or_default().push(name);
    }
    let mut pages: Vec<(Vec<String>, String)> = outputs.into_iter().map(|(output, names)| (names, output)).collect();
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
