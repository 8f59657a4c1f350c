//! Two servers of one connection come and go while numbered events are offered.

use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Configuration, DEADLINE, Handle, Host, Library, Watched, alone, metric, rounds, until};
use socket2::SockRef;
use tokio_tungstenite::tungstenite::{Message, accept};

use super::killed::WITHOUT_BOUNDS;
use super::peer::{Random, event, sequence, text};

/// Servers come or go so often in a round, each after so many events on average.
const STEPS: usize = 8;
const EVENTS_A_STEP: usize = 2_500;

/// Events that may wait to be sent.
const AHEAD: u64 = 10_000;

/// What the application has handled, wherever it runs.
#[derive(Default)]
struct Journal {
    /// Events have numbers, and may come again (`delivery = at_least_once`).
    numbered: bool,
    /// The library's highest number.
    highest: usize,
    /// The host's numbers that were handled.
    handled: Vec<bool>,
    count: usize,
    repeats: usize,
    /// What was wrong first.
    fault: Option<String>,
}

/// What one connection has brought last: the library's number, and the host's.
#[derive(Default)]
struct Last {
    sequence: Option<usize>,
    number: usize,
}

impl Journal {
    /// Takes one message; an error if it should not have come.
    fn take(&mut self, message: &str, last: &mut Last) -> Result<(), String> {
        let Some((_, number)) = event(message) else {
            return Ok(());
        };
        if number <= last.number {
            return Err(format!("{number} after {} on one connection", last.number));
        }
        last.number = number;
        if self.numbered {
            let sequence = sequence(message);
            let before = last.sequence.replace(sequence);
            if before.is_some_and(|before| sequence != before + 1) {
                return Err(format!("{sequence} after {before:?} on one connection"));
            }
            if sequence <= self.highest {
                self.repeats += 1;
                return Ok(());
            }
            if sequence != self.highest + 1 || number != self.count + 1 {
                return Err(format!("event {number}, {sequence}, after {}, {}", self.count, self.highest));
            }
            self.highest = sequence;
        }
        if self.handled.len() <= number {
            self.handled.resize(number + 1, false);
        }
        if std::mem::replace(&mut self.handled[number], true) {
            return Err(format!("event {number} twice"));
        }
        self.count += 1;
        Ok(())
    }
}

/// A server with the application, while it runs: killed at the end.
struct Running {
    listener: TcpListener,
    lives: Arc<Watched<Life>>,
    journal: Arc<Watched<Journal>>,
}

struct Life {
    is_dead: bool,
    open: Vec<TcpStream>,
}

impl Running {
    fn start(address: SocketAddr, journal: &Arc<Watched<Journal>>) -> Self {
        let listener = TcpListener::bind(address).expect("a port");
        // What the kernels have is lost with a connection: not much, so that most events arrive.
        SockRef::from(&listener).set_recv_buffer_size(16 << 10).expect("a buffer");
        let lives = Arc::new(Watched::new(Life {
            is_dead: false,
            open: Vec::new(),
        }));
        let running = Self {
            listener,
            lives,
            journal: Arc::clone(journal),
        };
        let listener = running.listener.try_clone().expect("the listener");
        let (lives, journal) = (Arc::clone(&running.lives), Arc::clone(journal));
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (lives, journal) = (Arc::clone(&lives), Arc::clone(&journal));
                thread::spawn(move || serve(stream, &lives, &journal));
            }
        });
        running
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("its address")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing is handled behind this.
        let _journal = self.journal.lock();
        let mut life = self.lives.lock();
        life.is_dead = true;
        // Wakes the threads; the peer may have gone first.
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        for stream in &life.open {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Serves one connection until it ends, or the server is killed.
fn serve(stream: TcpStream, lives: &Watched<Life>, journal: &Watched<Journal>) {
    {
        let mut life = lives.lock();
        if life.is_dead {
            return;
        }
        life.open.push(stream.try_clone().expect("the stream"));
    }
    let Ok(mut websocket) = accept(stream) else { return };
    let mut last = Last::default();
    while let Ok(message) = websocket.read() {
        let Message::Text(text) = message else { continue };
        let is_dead = journal.change(|journal| {
            let is_dead = lives.lock().is_dead;
            if !is_dead && let Err(fault) = journal.take(&text, &mut last) {
                journal.fault.get_or_insert(fault);
            }
            is_dead
        });
        if is_dead {
            return;
        }
    }
    // What is left would have the connection end with a reset.
    let _ = websocket.get_mut().read_to_end(&mut Vec::new());
}

/// Waits until the application has handled so many events.
fn wait_for(journal: &Watched<Journal>, count: usize) {
    journal.wait_for(
        |journal| {
            assert_eq!(journal.fault, None);
            (journal.count >= count).then_some(())
        },
        |journal| format!("{} of {count} events handled", journal.count),
    );
}

/// Offers so many events, and more until everything has come and gone; gives how many.
fn offer(handle: Handle, events: usize, is_over: &AtomicBool) -> usize {
    let mut number = 0;
    while number < events || !is_over.load(Ordering::Relaxed) {
        number += 1;
        assert_eq!(handle.event("app1", &text(0, number)), ARIWS_OK);
        if number % 1_000 == 0 {
            handle.wait_for_metrics(|metrics| {
                let done = metric(metrics, "events_sent_total") + metric(metrics, "events_dropped_total");
                number as u64 - done < AHEAD
            });
        }
    }
    number
}

/// Lets two servers come and go while events are offered; gives what the application has handled, how many were offered, and
/// the metrics.
fn servers_come_and_go(delivery: &str) -> (Arc<Watched<Journal>>, usize, String) {
    let _alone = alone();
    let journal = Arc::new(Watched::new(Journal {
        numbered: delivery == "at_least_once",
        ..Journal::default()
    }));
    let start = |address| Running::start(address, &journal);
    let mut servers = [(); 2].map(|()| Some(start(SocketAddr::from(([127, 0, 0, 1], 0)))));
    let addresses = servers.each_ref().map(|server| server.as_ref().expect("a server").address());
    let host = Host::new();
    let mut configuration = Configuration::with("persistent", addresses[0], "app1");
    configuration.server("connection1", addresses[1]);
    let settings = format!("delivery = {delivery}\nfailback_interval = 10\nreconnect_interval = 10\n{WITHOUT_BOUNDS}");
    configuration.set("connection1", &settings);
    let library = Library::load(&host, &configuration);
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let mut random = Random::new(seed);
    let steps = rounds(5) * STEPS;
    let is_over = Arc::new(AtomicBool::new(false));
    let offering = {
        let (handle, is_over) = (library.handle(), Arc::clone(&is_over));
        thread::spawn(move || offer(handle, steps * EVENTS_A_STEP, &is_over))
    };
    let goes_on = |random: &mut Random| {
        let count = journal.lock().count;
        wait_for(&journal, count + 1 + random.below(2 * EVENTS_A_STEP));
    };
    goes_on(&mut random);
    servers[0] = None;
    goes_on(&mut random);
    servers[0] = Some(start(addresses[0]));
    host.wait_for_log("moves from");
    for _ in 0..steps {
        let place = random.below(2);
        servers[place] = match servers[place].take() {
            Some(_) => None,
            None => Some(start(addresses[place])),
        };
        if servers.iter().any(Option::is_some) {
            goes_on(&mut random);
        }
    }
    for (server, address) in servers.iter_mut().zip(addresses) {
        server.get_or_insert_with(|| start(address));
    }
    // So that what is offered from now on goes to one that lives.
    goes_on(&mut random);
    is_over.store(true, Ordering::Relaxed);
    let offered = offering.join().expect("its events");
    until(
        || {
            let journal = journal.lock();
            assert_eq!(journal.fault, None);
            (journal.handled.len() == offered + 1).then_some(())
        },
        || format!("the last of {offered} events does not come"),
    );
    let metrics = library.metrics();
    library.unload(DEADLINE);
    drop(servers);
    let repeats = journal.lock().repeats;
    println!(
        "{delivery}: {offered} offered, {} handled, {repeats} repeated",
        journal.lock().count
    );
    (journal, offered, metrics)
}

#[test]
fn every_event_is_handled_once_and_in_order_though_two_servers_come_and_go() {
    let (journal, offered, metrics) = servers_come_and_go("at_least_once");
    let journal = journal.lock();
    assert_eq!((journal.count, &journal.fault), (offered, &None));
    assert_eq!(metric(&metrics, "events_dropped_total"), 0);
}

#[test]
fn no_event_comes_twice_by_default_though_two_servers_come_and_go() {
    let (journal, offered, metrics) = servers_come_and_go("at_most_once");
    let journal = journal.lock();
    assert_eq!((journal.repeats, &journal.fault), (0, &None));
    let lost = metric(&metrics, "messages_unconfirmed_total") + metric(&metrics, "events_dropped_total");
    assert!(journal.count as u64 + lost >= offered as u64, "{metrics}");
}
