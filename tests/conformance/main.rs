//! Conformance: recorded cases of Asterisk's own outbound websockets are replayed against the library through its C ABI.
//!
//! Each case is one test, named after its folder and file. `tests/reference` has the cases and says where they come from;
//! another folder of cases is named by the environment variable `REFERENCE`. The last lines count what came of them.

use ariws_testkit as support;

mod abi;
mod asterisk;
mod case;
mod certificates;
mod compare;
mod comparison;
mod configured;
mod counts;
mod dialplan;
mod differences;
mod flood;
mod frames;
mod load;
mod many_calls;
mod network;
mod normal;
mod patience;
mod peer;
mod pressure;
mod refusals;
mod replay;
mod report;
mod requests;
mod rules;
mod saying;
mod security;
mod sockets;
mod story;
mod terminal;
mod timeline;
mod told;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use case::{Amendment, Case, Entry};
use differences::Table;
use libtest_mimic::{Arguments, Failed, Trial};
use load::Loaded;
use report::{Outcome, Report};

/// Cases that run at a time: most of them wait for a timer of the library's most of the time.
const AT_A_TIME: usize = 16;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(AT_A_TIME);
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<ExitCode, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("REFERENCE").filter(|folder| !folder.is_empty());
    let folder = folder.map_or_else(|| root.join("tests/reference"), PathBuf::from);
    let table = Table::read(root, &folder)?;
    let mut amendments = Vec::new();
    for folder in BTreeSet::from([root.join("tests/reference"), folder.clone()]) {
        let path = folder.join("amendments.json");
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let more: Vec<Amendment> =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        amendments.extend(more);
    }
    let (table, report) = (Arc::new(table), Arc::new(Report::default()));
    let cases = load::cases(&folder, &amendments)?;
    let mut trials = own(root);
    trials.extend(cases.into_iter().map(|case| trial(case, &table, &report)));
    let conclusion = libtest_mimic::run(arguments, trials);
    if !arguments.list {
        report.print(&table);
    }
    Ok(conclusion.exit_code())
}

/// Tests of the runner itself, and of what is written about the cases.
fn own(root: &'static Path) -> Vec<Trial> {
    let none = |faults: Vec<String>| match faults.as_slice() {
        [] => Ok(()),
        faults => Err(Failed::from(faults.join("\n"))),
    };
    vec![
        Trial::test("runner/checks", || {
            normal::check();
            differences::check();
            comparison::check();
            frames::check();
            patience::check();
            security::check();
            sockets::check();
            Ok(())
        }),
        Trial::test("runner/comparison_in_the_readme", move || {
            none(comparison::faults(root))
        }),
        Trial::test("runner/tests_named_in_security", move || {
            none(security::faults(root))
        }),
        Trial::test("runner/counts_in_the_readme", move || {
            none(counts::faults(&root.join("tests/reference"))?)
        }),
    ]
}

/// The test of one case.
fn trial(case: Loaded, table: &Arc<Table>, report: &Arc<Report>) -> Trial {
    let id = case
        .as_ref()
        .map_or_else(|unreadable| unreadable.id.clone(), Case::id);
    let (table, report) = (Arc::clone(table), Arc::clone(report));
    Trial::test(id.clone(), move || {
        let outcome = match &case {
            Ok(case) => outcome(case, &table),
            Err(unreadable) => Err(vec![unreadable.reason.clone()]),
        };
        report.add(&id, outcome.clone().unwrap_or(Outcome::Failed));
        outcome
            .map(drop)
            .map_err(|problems| Failed::from(problems.join("\n")))
    })
}

/// Replays a case; gives what came of it, or what is wrong.
fn outcome(case: &Case, table: &Table) -> Result<Outcome, Vec<String>> {
    if let Some(reason) = table.not_applicable(&case.id()) {
        return Ok(Outcome::NotApplicable(reason.to_owned()));
    }
    let is_summary = |entry: &Entry| entry.t.is_none();
    if !case.observed.is_empty() && case.observed.iter().all(is_summary) {
        return Ok(Outcome::NotApplicable(
            "the results of repeated runs are told in words".to_owned(),
        ));
    }
    if told::needs_names(case) {
        return Ok(Outcome::NotApplicable(
            "the names would have to be in the hosts file of the machine".to_owned(),
        ));
    }
    let mut story = timeline::story(case);
    story.logs = table.logs(&case.id());
    if !story.shows_anything() {
        return Ok(Outcome::NotApplicable(
            "nothing but Asterisk's log or its HTTP server shows what it did".to_owned(),
        ));
    }
    if let Some(calls) = table.many_calls(&case.id()) {
        calls.retell(&mut story);
    }
    if let Some(load) = table.under_load(&case.id()) {
        story.put_under_load(load.apart());
        let mut met = replay::replay(&story, table)?;
        met.extend(load.rule.clone());
        return explained(met, table);
    }
    let mut met: BTreeSet<String> = rules::apply(&mut story)
        .into_iter()
        .map(str::to_owned)
        .collect();
    for single in table.of(&case.id()) {
        single.apply(&mut story);
        met.insert(single.rule.clone());
    }
    // What a single case says may make a connection for events that were lost.
    rules::lost_events(&mut story);
    story.sort();
    met.extend(replay::replay(&story, table)?);
    explained(met, table)
}

/// What came of a case that met these rules.
fn explained(met: BTreeSet<String>, table: &Table) -> Result<Outcome, Vec<String>> {
    for rule in &met {
        if table.said(rule).is_none() {
            return Err(vec![format!("no documentation is named for \"{rule}\"")]);
        }
    }
    Ok(if met.is_empty() {
        Outcome::Equal
    } else {
        Outcome::Different(met)
    })
}
