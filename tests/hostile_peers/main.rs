//! A table of hostile peers: what each of them does to the library, and what is promised then.
//!
//! Each row is a test. Those of a group are tried together, as often as ARIWS_HOSTILE_ROUNDS says, on connections of one
//! instance of the library; then its descriptors, threads and memory are what they were half-way. `docs/reliability.md` is made
//! of the same rows.

mod bytes;
mod calls;
mod document;
mod group;
mod notes;
mod peer;
mod play;
mod row;
mod rows;
mod tls;

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use ariws_testkit::{Counting, rounds};
use libtest_mimic::{Arguments, Failed, Trial};

use peer::Fault;
use row::Group;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The rows of a group run together; groups one after the other, as they are counted.
    arguments.test_threads = Some(1);
    let rounds = rounds(2);
    let groups = rows::all();
    let mut all = vec![document::trial(&groups)];
    for group in groups {
        all.extend(trials(group, &arguments, rounds));
    }
    libtest_mimic::run(&arguments, all).exit_code()
}

/// The tests of a group. The first of them that is run tries all that are wanted.
fn trials(group: Group, arguments: &Arguments, rounds: usize) -> Vec<Trial> {
    let rows = group.rows.iter().map(|row| row.peer.as_str());
    let all = rows.chain(["leave nothing behind", "are unloaded meanwhile"]);
    let names: Vec<_> = all.map(|row| format!("{}: {row}", group.name)).collect();
    let wanted: Vec<_> = names.iter().map(|name| is_wanted(name, arguments)).collect();
    let results = move || group::run(&group, &wanted, rounds);
    let results = Arc::new(LazyLock::<Vec<Result<(), Fault>>, _>::new(results));
    let trial = |(index, name): (usize, String)| {
        let results = Arc::clone(&results);
        Trial::test(name, move || results[index].clone().map_err(Failed::from))
    };
    names.into_iter().enumerate().map(trial).collect()
}

/// As libtest_mimic chooses.
fn is_wanted(name: &str, arguments: &Arguments) -> bool {
    let fits = |pattern: &String| match arguments.exact {
        true => name == pattern,
        false => name.contains(pattern.as_str()),
    };
    arguments.filter.as_ref().is_none_or(fits) && !arguments.skip.iter().any(fits)
}
