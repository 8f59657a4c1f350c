//! Tries the rows of a group together, and counts what the process has meanwhile and afterwards.

use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use ariws::ffi::{ARIWS_OK, ARIWS_REPORT_REFUSED};
use ariws_testkit::{Census, Configuration, Library};
use socket2::SockRef;

use super::notes::{Notebook, host};
use super::peer::{Fault, PATIENCE};
use super::play::{GRACE, Player};
use super::row::{Group, Outcome, Row};
use super::tls;

/// How long the process may take to come to rest: threads that have nothing to do stay for ten seconds.
const REST: Duration = Duration::from_secs(30);
/// What rows that take time are tried in a hundred rounds.
pub const SLOW: usize = 20;
/// What the second half of the rounds may leave on the heap, of all rows together.
pub const GROWTH: usize = 48 << 10;
/// How many threads the library and the test may have beside those of the rows; a thread that one row leaves behind in each
/// round is found.
pub const THREADS: usize = 32;
/// What the library and all peers of a group together may have on the heap at a time: a peer that reads nothing may have 64 MiB
/// of answers wait for it (`queue_max_bytes`), and all others together much less.
pub const PEAK: usize = 96 << 20;

/// A connection for each row.
pub fn configuration<'a>(group: &Group, rows: impl IntoIterator<Item = (&'a str, &'a Row, SocketAddr)>) -> Configuration {
    let mut configuration = Configuration::empty();
    for (name, row, address) in rows {
        let kind = match row.promise.outcome.is_of_a_call() {
            true => "per_call_config",
            false => "persistent",
        };
        configuration = configuration.connection(name, kind, address, name, "");
        for line in group.settings.iter().chain(row.promise.settings) {
            let line = line.replace("{address}", &address.to_string());
            configuration.set(name, &line.replace("{authority}", &tls::authority_file()));
        }
    }
    configuration
}

/// Tries the rows that are wanted; what came of each, of counting, and of unloading.
pub fn run(group: &Group, wanted: &[bool], rounds: usize) -> Vec<Result<(), Fault>> {
    let mut results: Vec<_> = group.rows.iter().map(|_| Ok(())).collect();
    let before = Census::now();
    let mut players: Vec<(usize, Player<'_>)> = Vec::new();
    for (index, row) in group.rows.iter().enumerate().filter(|(index, _)| wanted[*index]) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        players.push((index, Player::new(group, row, &format!("row{index}"), listener)));
    }
    let served = players.iter().map(|(_, player)| player);
    // Instances of their own serve the rows of unloading.
    let served = served.filter(|player| player.row.promise.outcome != Outcome::Unloaded);
    let address = |player: &Player<'_>| player.listener.local_addr().expect("an address");
    let served = served.map(|player| (player.name.as_str(), player.row, address(player)));
    let configuration = configuration(group, served);
    let notebook: Notebook = players
        .iter()
        .map(|(_, player)| (player.name.clone(), Arc::clone(&player.notes)))
        .collect();
    let handle = Arc::new(OnceLock::new());
    let host = host(notebook, Arc::clone(&handle));
    let mut report = Vec::new();
    let library = Library::try_load(&host, configuration.folder(), &mut report)
        .unwrap_or_else(|(code, message)| panic!("load failed with {code}: {message}"));
    report.retain(|line| line.kind == ARIWS_REPORT_REFUSED);
    assert!(report.is_empty(), "{report:#?}");
    handle.get_or_init(|| library.handle());
    for (_, player) in &mut players {
        player.library = library.handle();
    }

    Census::peak();
    half(&mut players, rounds.div_ceil(2), &mut results);
    let first = come_to_rest();
    half(&mut players, rounds / 2, &mut results);
    for (index, player) in &mut players {
        if results[*index].is_ok() {
            let kept = player.kept();
            results[*index] = kept.map_err(|fault| fault + &player.notes.lock().last_lines());
        }
    }
    let counted = match results.iter().filter(|result| result.is_err()).count() {
        0 => flat(first, rounds),
        failed => Err(format!("not counted: {failed} rows failed")),
    };
    players.retain(|(index, _)| results[*index].is_ok());
    let unloaded = unload(players, library);
    drop((host, configuration, handle));
    let returned = unloaded.and_then(|()| returned(before));
    results.extend([counted, returned]);
    results
}

/// Rounds of all rows that have had no fault, at the same time.
fn half(players: &mut [(usize, Player<'_>)], rounds: usize, results: &mut [Result<(), Fault>]) {
    thread::scope(|scope| {
        let running: Vec<_> = players
            .iter_mut()
            .filter(|(index, _)| results[*index].is_ok())
            .map(|(index, player)| {
                let rounds = match player.row.promise.takes_time {
                    true => rounds.div_ceil(SLOW),
                    false => rounds,
                };
                let played = move || {
                    let played = player.play(rounds);
                    played.map_err(|fault| fault + &player.notes.lock().last_lines())
                };
                (*index, scope.spawn(played))
            })
            .collect();
        for (index, running) in running {
            let played = running.join();
            results[index] = played.unwrap_or_else(|_| Err("the test panicked".into()));
        }
    });
}

/// Waits until what the process has does not change any more.
fn come_to_rest() -> Census {
    let deadline = Instant::now() + REST;
    let mut last = Census::now();
    loop {
        thread::sleep(Duration::from_millis(50));
        let now = Census::now();
        if now == last || Instant::now() > deadline {
            return now;
        }
        last = now;
    }
}

/// Whether the process has what it had after the first half of the rounds.
fn flat(first: Census, rounds: usize) -> Result<(), Fault> {
    let peak = Census::peak();
    let deadline = Instant::now() + REST;
    loop {
        let now = Census::now();
        let told = format!("{first:?} became {now:?} in {} rounds, peak {peak}", rounds / 2);
        let grown = now.descriptors > first.descriptors || now.threads > THREADS || now.bytes > first.bytes + GROWTH;
        if peak > PEAK || grown && Instant::now() > deadline {
            return Err(told);
        }
        if !grown {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Unloads the library while all peers are in the middle of what they do.
fn unload(players: Vec<(usize, Player<'_>)>, library: Library<'_>) -> Result<(), Fault> {
    let players = players.into_iter().map(|(_, player)| player);
    let mut players: Vec<_> = players
        .filter(|player| player.row.promise.outcome != Outcome::Unloaded)
        .collect();
    let clone = |player: &Player<'_>| player.listener.try_clone().expect("a listener");
    let listeners: Vec<_> = players.iter().map(clone).collect();
    let (begun, all_begun) = mpsc::channel();
    thread::scope(|scope| {
        for player in &mut players {
            let begun = begun.clone();
            scope.spawn(move || player.play_into_an_unloading(|| drop(begun)));
        }
        drop(begun);
        // Ends when all have dropped their senders.
        let _: Result<(), _> = all_begun.recv_timeout(PATIENCE);
        let began = Instant::now();
        let code = library.unload(GRACE);
        let took = began.elapsed();
        for listener in &listeners {
            // Whoever waits for a connection is woken.
            let _ = SockRef::from(listener).shutdown(Shutdown::Both);
        }
        match code {
            // The header says: for Closes that nobody answers up to two seconds longer.
            ARIWS_OK if took < GRACE + Duration::from_secs(4) => Ok(()),
            _ => Err(format!("unloading came to {code} after {took:?}")),
        }
    })
}

/// Whether the library has given back its descriptors and threads.
fn returned(before: Census) -> Result<(), Fault> {
    let deadline = Instant::now() + REST;
    loop {
        let now = Census::now();
        if now.descriptors <= before.descriptors && now.threads <= before.threads {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{now:?} remain of {before:?} after unloading"));
        }
        thread::sleep(Duration::from_millis(5));
    }
}
