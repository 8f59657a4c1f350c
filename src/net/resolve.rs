//! Names to addresses, as the system's resolver has them: what `hosts`, `nsswitch.conf` and the name servers say.
//!
//! That resolver blocks, for as long as it likes, so each look-up has a thread of its own. Everybody who asks for a name at a
//! time shares one, and no name waits for another: those of a dead zone hold nothing that others need.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// How long whoever asks for a name relies on a look-up that says nothing. Later ones begin a further one beside it: the
/// system's resolver asks a name server that has lost a question again after 5 s only.
const FRESH: Duration = Duration::from_secs(1);
/// Look-ups of one name at a time; at this many everybody shares the last.
const OF_A_NAME: usize = 4;
/// Further look-ups, beside the first of each name, over all names. So there are never more threads here than names, and so
/// many.
const FURTHER: usize = 8;
/// Threads of Asterisk's, on which it calls the system's resolver itself, have no more.
const STACK: usize = 512 << 10;

/// What the system's resolver says.
type Addresses = io::Result<Vec<IpAddr>>;

/// The same for everybody who asked.
type Outcome = Result<Vec<IpAddr>, (io::ErrorKind, String)>;

/// Asks the system for addresses.
pub struct Resolver(Arc<Lookups>);

struct Lookups {
    ask: Box<dyn Fn(&str) -> Addresses + Send + Sync>,
    stack: usize,
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// Those that have not ended, the oldest first.
    running: HashMap<String, Vec<Lookup>>,
    begun: u64,
}

/// A look-up that has not ended.
struct Lookup {
    number: u64,
    since: Instant,
    outcome: Shared<oneshot::Receiver<Outcome>>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::asking(STACK, |name| {
            let found = (name, 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

impl Resolver {
    fn asking(stack: usize, ask: impl Fn(&str) -> Addresses + Send + Sync + 'static) -> Self {
        Self(Arc::new(Lookups {
            ask: Box::new(ask),
            stack,
            state: Mutex::default(),
            ended: Notify::new(),
        }))
    }

    /// The addresses of a host. From a task only: threads take the signal mask of the one that starts them.
    ///
    /// A look-up whose askers have gone is not ended by that, as nothing can end it; what it finds is dropped.
    pub(super) async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let outcome = self.0.look_up(host)?.await.unwrap_or_else(|_| {
            let message = "the look-up failed inside the library".to_owned();
            Err((io::ErrorKind::Other, message))
        });
        let addresses = outcome.map_err(|(kind, error)| io::Error::new(kind, format!("{host}: {error}")))?;
        if addresses.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address")));
        }
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }

    /// Waits until no look-up is under way.
    pub async fn is_idle(&self) {
        loop {
            let ended = self.0.ended.notified();
            if self.0.state().running.is_empty() {
                return;
            }
            ended.await;
        }
    }
}

impl Lookups {
    /// The outcome of a look-up that is under way, or of one that begins.
    fn look_up(self: &Arc<Self>, name: &str) -> io::Result<Shared<oneshot::Receiver<Outcome>>> {
        let mut state = self.state();
        if let Some(lookup) = state.to_share(name) {
            return Ok(lookup);
        }
        let (sender, receiver) = oneshot::channel();
        let outcome = receiver.shared();
        state.begun += 1;
        let number = state.begun;
        let (lookups, asked) = (Arc::clone(self), name.to_owned());
        let look_up = move || {
            let running = Running {
                lookups,
                name: asked,
                number,
            };
            let outcome = (running.lookups.ask)(&running.name);
            // Who asks from here on gets a look-up of their own.
            drop(running);
            // All who asked may have gone.
            let _ = sender.send(outcome.map_err(|error| (error.kind(), error.to_string())));
        };
        // Not one of the runtime's threads: where the system refuses one, those may be held by look-ups already.
        thread::Builder::new()
            .name("ariws-resolver".into())
            .stack_size(self.stack)
            .spawn(look_up)
            .map_err(|error| {
                let text = format!("the system refused a thread to look up {name}: {error}");
                io::Error::new(error.kind(), text)
            })?;
        let running = state.running.entry(name.to_owned()).or_default();
        running.push(Lookup {
            number,
            since: Instant::now(),
            outcome: outcome.clone(),
        });
        Ok(outcome)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The outcome of the last look-up of a name, unless it is time for a further one.
    fn to_share(&self, name: &str) -> Option<Shared<oneshot::Receiver<Outcome>>> {
        let lookups = self.running.get(name)?;
        let last = lookups.last()?;
        let further: usize = self.running.values().map(|all| all.len() - 1).sum();
        let full = lookups.len() >= OF_A_NAME || further >= FURTHER;
        (full || last.since.elapsed() < FRESH).then(|| last.outcome.clone())
    }
}

/// Takes a look-up off the list when it ends.
struct Running {
    lookups: Arc<Lookups>,
    name: String,
    number: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.lookups.state();
        if let Some(lookups) = state.running.get_mut(&self.name) {
            lookups.retain(|lookup| lookup.number != self.number);
            if lookups.is_empty() {
                state.running.remove(&self.name);
            }
        }
        drop(state);
        self.lookups.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::time::timeout;

    use super::*;

    const ANSWER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const DEADLINE: Duration = Duration::from_secs(20);

    #[derive(Default)]
    struct Gate {
        open: Mutex<bool>,
        opened: Condvar,
    }

    impl Gate {
        fn pass(&self) {
            let open = self.open.lock().expect("the gate");
            drop(self.opened.wait_while(open, |open| !*open));
        }

        fn open(&self) {
            *self.open.lock().expect("the gate") = true;
            self.opened.notify_all();
        }
    }

    /// A system that says nothing of names that begin with "dead", until it may.
    struct System {
        resolver: Resolver,
        gate: Arc<Gate>,
        asked: Arc<AtomicUsize>,
    }

    impl System {
        fn new() -> Self {
            let (gate, asked) = (Arc::<Gate>::default(), Arc::<AtomicUsize>::default());
            let (waits_for, counted) = (Arc::clone(&gate), Arc::clone(&asked));
            let resolver = Resolver::asking(STACK, move |name| {
                counted.fetch_add(1, Ordering::SeqCst);
                if name.starts_with("dead") {
                    waits_for.pass();
                }
                Ok(vec![ANSWER])
            });
            Self { resolver, gate, asked }
        }

        async fn ask(&self, name: &str) -> bool {
            let found = self.resolver.resolve(name, 80);
            timeout(Duration::from_millis(500), found).await.is_ok()
        }

        /// Waits until the threads that were started have asked.
        fn asked(&self) -> usize {
            let begun = usize::try_from(self.resolver.0.state().begun).expect("a small number");
            let deadline = std::time::Instant::now() + DEADLINE;
            while self.asked.load(Ordering::SeqCst) < begun {
                assert!(std::time::Instant::now() < deadline, "a thread hangs");
                thread::yield_now();
            }
            begun
        }
    }

    #[tokio::test]
    async fn an_address_needs_no_look_up() {
        let system = System::new();
        let found = system.resolver.resolve("2001:db8::1", 8088).await;
        let expected = "[2001:db8::1]:8088".parse().expect("an address");
        assert_eq!(found.expect("a literal"), [expected]);
        assert_eq!(system.asked(), 0);
    }

    #[tokio::test]
    async fn all_who_ask_for_a_name_at_a_time_share_a_look_up() {
        let system = System::new();
        let mut asking = join_all((0..100).map(|_| system.resolver.resolve("dead", 80)));
        assert!((&mut asking).now_or_never().is_none());
        system.gate.open();
        for found in asking.await {
            assert_eq!(found.expect("an answer"), [SocketAddr::new(ANSWER, 80)]);
        }
        assert_eq!(system.asked(), 1);
    }

    #[tokio::test]
    async fn a_name_does_not_wait_for_others() {
        let system = System::new();
        let names: Vec<_> = (0..100).map(|number| format!("dead{number}")).collect();
        let mut asking = join_all(names.iter().map(|name| system.resolver.resolve(name, 80)));
        assert!((&mut asking).now_or_never().is_none());
        let found = timeout(DEADLINE, system.resolver.resolve("live", 80)).await;
        assert!(found.expect("in time").is_ok());
    }

    #[tokio::test]
    async fn what_is_found_when_nobody_asks_any_more_is_dropped() {
        let system = System::new();
        let asking = system.resolver.resolve("dead", 80);
        assert!(asking.now_or_never().is_none());
        system.gate.open();
        system.resolver.is_idle().await;
        assert!(system.resolver.resolve("dead", 80).await.is_ok());
        assert_eq!(system.asked(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn beside_a_look_up_that_says_nothing_there_are_a_few_others() {
        let system = System::new();
        for _ in 0..100 {
            assert!(!system.ask("dead").await);
        }
        assert_eq!(system.asked(), OF_A_NAME);
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_no_more_threads_than_names_and_a_few() {
        let system = System::new();
        for _ in 0..10 {
            for number in 0..20 {
                assert!(!system.ask(&format!("dead{number}")).await);
            }
        }
        assert_eq!(system.asked(), 20 + FURTHER);
    }

    #[tokio::test]
    async fn a_refused_thread_is_told_as_that_and_harms_nobody_later() {
        let mut system = System::new();
        let lookups = Arc::get_mut(&mut system.resolver.0).expect("nobody else has it");
        // More than any machine has.
        lookups.stack = usize::MAX / 4;
        let error = system.resolver.resolve("live", 80).await;
        let error = error.expect_err("no thread").to_string();
        let expected = "the system refused a thread to look up live: ";
        assert!(error.starts_with(expected), "{error}");
        assert!(system.resolver.0.state().running.is_empty());
    }
}
