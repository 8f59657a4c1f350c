//! Runs seeds, on every core, and shortens the first schedule that fails.

use std::cell::Cell;
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, available_parallelism};
use std::time::{Duration, Instant};

use super::schedule::{HostManners, Manners, Schedule};
use super::world::{Outcome, run};

/// How long a run may take that waits for nothing.
const DEADLINE: Duration = Duration::from_secs(30);

/// Schedules that are made up in their place, until there is none shorter that fails.
fn shortened(mut schedule: Schedule) -> Schedule {
    let fails = |schedule: &Schedule| !run(schedule, false).violations.is_empty();
    let calmer: [fn(&mut Schedule); 7] = [
        |it| it.host = HostManners::default(),
        |it| it.host.blocks = false,
        |it| it.host.fails = false,
        |it| it.host.panics = false,
        |it| it.host.calls_back = false,
        |it| it.servers = Manners::Good,
        |it| it.servers = Manners::Asking,
    ];
    for calm in calmer {
        let mut calmer = schedule.clone();
        calm(&mut calmer);
        if fails(&calmer) {
            schedule = calmer;
        }
    }
    let mut length = schedule.steps.len().div_ceil(2);
    while length > 0 {
        let before = schedule.steps.len();
        let mut from = 0;
        while from < schedule.steps.len() {
            let mut shorter = schedule.clone();
            let to = (from + length).min(shorter.steps.len());
            shorter.steps.drain(from..to);
            if fails(&shorter) {
                schedule = shorter;
            } else {
                from = to;
            }
        }
        if length > 1 {
            length /= 2;
        } else if schedule.steps.len() == before {
            break;
        }
    }
    schedule
}

/// What there is to say of a seed that fails.
fn told(seed: u64, outcome: &Outcome) -> String {
    let all = Schedule::of(seed);
    let short = shortened(all.clone());
    let again = run(&short, true);
    format!(
        "seed {seed} fails: {}\n\nof {} steps, {} are enough:\n{short:#?}\n\n{}\n\nbecause of which: {:#?}\n\nmake simulate SEEDS=1 SEED={seed}",
        outcome.violations.join("; "),
        all.steps.len(),
        short.steps.len(),
        again.lines.join("\n"),
        again.violations,
    )
}

/// What so many seeds came to.
#[derive(Default)]
struct Tally {
    seeds: AtomicU64,
    events: AtomicU64,
    starts: AtomicU64,
}

/// Runs so many seeds from the first on.
fn run_seeds(first: u64, count: u64, threads: usize, goes_on: impl Fn(&Tally) -> bool) -> Tally {
    let (next, tally) = (AtomicU64::new(0), Tally::default());
    let (is_over, failed) = (AtomicBool::new(false), Mutex::new(None));
    let running: Vec<_> = (0..threads).map(|_| Mutex::new(None)).collect();
    thread::scope(|scope| {
        let workers: Vec<_> = running
            .iter()
            .map(|running| {
                let (next, tally, failed) = (&next, &tally, &failed);
                let is_over = &is_over;
                scope.spawn(move || {
                    while !is_over.load(Relaxed) {
                        let number = next.fetch_add(1, Relaxed);
                        if number >= count {
                            break;
                        }
                        let seed = first.wrapping_add(number);
                        *running.lock().expect("a lock") = Some((seed, Instant::now()));
                        let outcome = run(&Schedule::of(seed), false);
                        *running.lock().expect("a lock") = None;
                        tally.seeds.fetch_add(1, Relaxed);
                        tally.events.fetch_add(outcome.events, Relaxed);
                        tally.starts.fetch_add(outcome.starts, Relaxed);
                        if !outcome.violations.is_empty() {
                            is_over.store(true, Relaxed);
                            let mut failed = failed.lock().expect("a lock");
                            failed.get_or_insert_with(|| told(seed, &outcome));
                        }
                    }
                })
            })
            .collect();
        while !workers.iter().all(|worker| worker.is_finished()) {
            thread::sleep(Duration::from_millis(10));
            if !goes_on(&tally) {
                is_over.store(true, Relaxed);
            }
            for running in &running {
                if let Some((seed, since)) = *running.lock().expect("a lock")
                    && since.elapsed() > DEADLINE
                {
                    eprintln!("seed {seed} hangs: make simulate SEEDS=1 SEED={seed}");
                    std::process::abort();
                }
            }
        }
    });
    if let Some(failed) = failed.into_inner().expect("a lock") {
        panic!("{failed}");
    }
    tally
}

#[test]
fn a_seed_always_does_the_same() {
    for seed in 1..=5 {
        let schedule = Schedule::of(seed);
        let hash = run(&schedule, false).hash;
        for _ in 0..3 {
            assert_eq!(run(&schedule, false).hash, hash, "seed {seed}");
        }
    }
}

fn env_number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// Fifty seeds, or as many as `make simulate` is asked for.
#[test]
fn what_has_to_hold_holds_whatever_happens() {
    let first = env_number("ARIWS_SIMULATE_SEED").unwrap_or(1);
    let count = env_number("ARIWS_SIMULATE_SEEDS").unwrap_or(50);
    let threads = available_parallelism().map_or(1, usize::from);
    let longest = env_number("ARIWS_SIMULATE_TIME").map(Duration::from_secs);
    let began = Instant::now();
    let told = Cell::new(began);
    let tally = run_seeds(first, count, threads, |tally| {
        if told.get().elapsed() > Duration::from_secs(10) {
            told.set(Instant::now());
            println!("{} seeds", tally.seeds.load(Relaxed));
        }
        longest.is_none_or(|longest| began.elapsed() < longest)
    });
    let time = began.elapsed().as_secs_f64();
    let count = tally.seeds.load(Relaxed);
    println!(
        "{count} seeds from {first} on in {time:.1} s, {:.0} a second: {} starts, {} events sent",
        count as f64 / time,
        tally.starts.load(Relaxed),
        tally.events.load(Relaxed)
    );
}
