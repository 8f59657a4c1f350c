//! Conformance: recorded cases of Asterisk's own outbound websockets are replayed against the library through its C ABI.
//!
//! Each case is one test, named after its folder and file. `tests/reference` has the cases and says where they come from; the
//! Python program `tests/reference/story` tells what each of them does and expects; the runner does it and compares. Another
//! folder of cases is named by the environment variable `REFERENCE`. The last lines count what came of them.

use ariws_testkit as support;

mod abi;
mod asterisk;
mod certificates;
mod commands;
mod compare;
mod connection;
mod frames;
mod network;
mod normal;
mod pressure;
mod refusals;
mod replay;
mod report;
mod saying;
mod sockets;
mod story;
mod terminal;
mod variables;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use report::{Outcome, Report};
use story::{Case, Table};

/// Cases that run at a time: most of them wait for a timer of the library's most of the time.
const AT_A_TIME: usize = 16;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_A_TIME);
    run(&arguments).unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("REFERENCE").filter(|folder| !folder.is_empty());
    let folder = folder.map_or_else(|| root.join("tests/reference"), PathBuf::from);
    let (table, cases) = story::read(root, &folder)?;
    let (table, report) = (Arc::new(table), Arc::default());
    let mut trials = vec![Trial::test("runner/documents", || documents(root))];
    trials.extend(cases.into_iter().map(|case| trial(case, &table, &report)));
    let conclusion = libtest_mimic::run(arguments, trials);
    if !arguments.list {
        report.print(&table);
    }
    Ok(conclusion.exit_code())
}

/// What the documents say of the cases is so.
fn documents(root: &Path) -> Result<(), Failed> {
    let checked = Command::new("python3")
        .arg(root.join("tests/reference/documents.py"))
        .output()?;
    if checked.status.success() {
        return Ok(());
    }
    let said = [checked.stdout, checked.stderr].concat();
    Err(Failed::from(String::from_utf8_lossy(&said)))
}

/// The test of one case.
fn trial(case: Case, table: &Arc<Table>, report: &Arc<Report>) -> Trial {
    let (table, report) = (Arc::clone(table), Arc::clone(report));
    Trial::test(case.id.clone(), move || {
        let outcome = outcome(&case, &table);
        report.add(&case.id, outcome.clone().unwrap_or(Outcome::Failed));
        let problems = outcome.err().map(|problems| problems.join("\n"));
        problems.map_or(Ok(()), |problems| Err(Failed::from(problems)))
    })
}

/// Replays a case; gives what came of it, or what is wrong.
fn outcome(case: &Case, table: &Table) -> Result<Outcome, Vec<String>> {
    if let Some(reason) = &case.not_applicable {
        return Ok(Outcome::NotApplicable(reason.clone()));
    }
    let Some(story) = &case.story else {
        return Err(vec![case.failed.clone().unwrap_or_default()]);
    };
    let met = replay::replay(story, table)?;
    match met.iter().find(|rule| !table.rules.contains_key(*rule)) {
        Some(rule) => Err(vec![format!("no documentation is named for \"{rule}\"")]),
        None if met.is_empty() => Ok(Outcome::Equal),
        None => Ok(Outcome::Different(met)),
    }
}
