//! What the command prints about files, kept in `snapshots` to be read by eye. `INSTA_UPDATE=always cargo test --test
//! check` writes them anew.

use std::fs;
use std::path::Path;

use crate::check;

/// Compares a page of outputs with the one in `snapshots`.
pub fn compare(name: &str, page: &str) {
    insta::with_settings!({
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, page);
    });
}

/// What the command prints about a folder, and its exit status. Below each problem stands the line that it is about.
pub fn output(folder: &Path) -> String {
    let name = folder.to_str().expect("UTF-8");
    let (text, status) = check(&[name]);
    let mut page = String::new();
    for line in text.lines() {
        let line = line.replace(&format!("{name}/"), "");
        page.push_str(&cut(&line));
        page.push('\n');
        if let Some(quoted) = quoted(folder, &line) {
            page.push_str(&format!("    | {quoted}\n"));
        }
    }
    page.push_str(&format!("exit status {status}\n"));
    page
}

/// The line of a file that `error: FILE:LINE: ...` speaks of.
fn quoted(folder: &Path, problem: &str) -> Option<String> {
    let (_, place) = problem.split_once(": ")?;
    let mut parts = place.splitn(3, ':');
    let (file, line) = (parts.next()?, parts.next()?.parse::<usize>().ok()?);
    let bytes = fs::read(folder.join(file)).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().nth(line.checked_sub(1)?)?;
    Some(cut(line).replace('\t', "⇥").replace('\0', "␀"))
}

/// A line without the end of a very long one.
fn cut(line: &str) -> String {
    const LENGTH: usize = 300;
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}
