//! The numbers of cases that `tests/reference/README.md` gives.

use std::fs;
use std::path::Path;

/// How the line of a case begins in a compact file.
const CASE: &str = "{\"case\":";

/// What the text about a folder of compact files says wrong about them.
pub fn faults(folder: &Path) -> Result<Vec<String>, String> {
    let said = |error: std::io::Error| format!("{}: {error}", folder.display());
    let text = fs::read_to_string(folder.join("README.md")).map_err(said)?;
    let (mut faults, mut all) = (Vec::new(), 0);
    for entry in fs::read_dir(folder).map_err(said)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(".jsonl") {
            continue;
        }
        let lines = fs::read_to_string(entry.path()).map_err(said)?;
        let count = lines.lines().filter(|line| line.starts_with(CASE)).count();
        all += count;
        if !text.contains(&format!("`{name}` ({count})")) {
            faults.push(format!("{name} has {count} cases"));
        }
    }
    if !text.contains(&format!("These are {all} cases.")) {
        faults.push(format!("there are {all} cases"));
    }
    Ok(faults)
}
