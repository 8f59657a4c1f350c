//! Twenty reloads a second under traffic lose no event and leave nothing behind. A process of its own, because what it has is
//! counted.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Census, Counting, Handle, Host, Library, Watched, alone};
use serde_json::Value;
use tokio_tungstenite::tungstenite::{Message, accept};

/// The time from one reload to the next.
const PACE: Duration = Duration::from_millis(50);
/// Rounds of changes from one counting to the next.
const ROUNDS: usize = 3;
/// Countings after the first one: what is left behind by each of them adds up.
const COUNTINGS: usize = 4;
/// What buffers that keep the size of a busy moment may differ by. Four countings that leave their sessions behind are more.
const TOLERANCE: usize = 48 << 10;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The numbers of the events that arrived, each with the number of its connection.
#[derive(Default)]
struct Arrivals(Watched<Vec<(usize, u64)>>);

impl Arrivals {
    /// What arrives at a server that serves every connection to its end, for as long as the process lives.
    fn at_a_server() -> (Arc<Self>, SocketAddr) {
        let arrivals = Arc::new(Self::default());
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let ours = Arc::clone(&arrivals);
        spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (arrivals, stream) = (Arc::clone(&ours), stream.expect("a connection"));
                spawn(move || arrivals.read(number, stream));
            }
        });
        (arrivals, address)
    }

    fn read(&self, connection: usize, stream: TcpStream) {
        // A reload may come in the middle of the handshake.
        let Ok(mut websocket) = accept(stream) else {
            return;
        };
        while let Ok(message) = websocket.read() {
            let Message::Text(text) = message else {
                continue;
            };
            let event: Value = serde_json::from_str(&text).expect("JSON");
            if let Some(number) = event["number"].as_u64() {
                self.0.change(|arrivals| arrivals.push((connection, number)));
            }
        }
    }

    /// Waits for as many events as were sent, each of which has to be there once and in order; forgets them and gives the
    /// number of connections that brought them.
    fn wait_for(&self, sent: usize) -> usize {
        self.0.wait_for(
            |arrivals| (arrivals.len() >= sent).then_some(()),
            |arrivals| format!("{} of {sent} events arrived", arrivals.len()),
        );
        let mut arrivals = std::mem::take(&mut *self.0.lock());
        // Stable, so that the order within a connection stays.
        arrivals.sort_by_key(|(connection, _)| *connection);
        let numbers: Vec<_> = arrivals.iter().map(|(_, number)| *number).collect();
        assert!(numbers.into_iter().eq(0..sent as u64), "lost, twice, or out of order");
        arrivals.dedup_by_key(|(connection, _)| *connection);
        arrivals.len()
    }
}

/// Events of one application, from a thread of their own.
struct Traffic {
    ends: Arc<AtomicBool>,
    thread: JoinHandle<usize>,
}

impl Traffic {
    fn begin(library: Handle, application: &'static str) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let its = Arc::clone(&ends);
        let thread = spawn(move || {
            let mut sent = 0;
            while !its.load(Ordering::Relaxed) {
                for _ in 0..5 {
                    let event = format!(r#"{{"type":"Event","number":{sent}}}"#);
                    assert_eq!(library.event(application, &event), ARIWS_OK);
                    sent += 1;
                }
                // So that the test's server, which is no faster than it has to be, keeps up.
                sleep(Duration::from_millis(1));
            }
            sent
        });
        Self { ends, thread }
    }

    /// Gives how many events there were.
    fn end(self) -> usize {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.join().expect("every event was taken")
    }
}

/// What the files say at one moment besides the usual: of `connection1`, of its client, and of other objects.
struct Step {
    connection: &'static str,
    client: &'static str,
    ari: &'static str,
    clients: &'static str,
}

const USUAL: Step = Step {
    connection: "",
    client: "",
    ari: "",
    clients: "",
};

/// `connection2` beside `connection1`, renamed, and renamed back again.
const BESIDE: [Step; 2] = [
    Step {
        ari: "[connection2]\ntype = outbound_websocket\nwebsocket_client_id = client2\napps = app3\nlocal_ari_user = user1\n",
        clients: "[client2]\ntype = websocket_client\nuri = ws://SERVER/2\nconnection_type = persistent\n",
        ..USUAL
    },
    Step {
        ari: "[connection3]\ntype = outbound_websocket\nwebsocket_client_id = client2\napps = app3\nlocal_ari_user = user1\n",
        clients: "[client2]\ntype = websocket_client\nuri = ws://SERVER/2\nconnection_type = persistent\n",
        ..USUAL
    },
];

/// One round of changes, from the usual and back to it.
fn round() -> Vec<Step> {
    let connection = |connection| Step { connection, ..USUAL };
    let client = |client| Step { client, ..USUAL };
    let faulty = [
        connection("apps = ,"),
        client("unknown = key"),
        Step {
            ari: "[unfinished",
            ..USUAL
        },
    ];
    let changes = [
        client("header = X-Tenant: one"),
        client("header = X-Tenant: two"),
        connection("apps = app1,app2"),
        connection("apps = app2,app1\nsubscribe_all = yes"),
        client("header = X-Tenant: three"),
        connection("subscribe_all = yes"),
        client("reconnect_interval = 30\nqueue_max_messages = 90000"),
        connection("local_ari_user = nobody"),
        Step {
            ari: "[user2]\ntype = user\npassword = x\n",
            ..USUAL
        },
    ];
    let besides = [BESIDE, BESIDE, BESIDE].into_iter().flatten();
    let round = changes.into_iter().chain(faulty).chain(besides);
    round.chain([USUAL]).collect()
}

/// Writes the files as they are at one moment.
fn write(folder: &Path, kind: &str, server: SocketAddr, step: &Step) {
    let Step {
        connection,
        client,
        ari,
        clients,
    } = step;
    let ari = format!(
        "[general]\n[user1]\ntype = user\npassword = x\n[connection1]\ntype = outbound_websocket\nwebsocket_client_id = client1\napps = app1\nlocal_ari_user = user1\n{connection}\n{ari}"
    );
    let client = format!(
        "[client1]\ntype = websocket_client\nuri = ws://SERVER/1\nconnection_type = {kind}\nconnection_timeout = 5000\nreconnect_interval = 20\n{client}\n{clients}"
    );
    let client = client.replace("SERVER", &server.to_string());
    fs::write(folder.join("ari.conf"), ari).expect("ari.conf");
    fs::write(folder.join("websocket_client.conf"), client).expect("websocket_client.conf");
}

/// Reloads at an even pace, with every change of several rounds; `after_each` is done after each reload.
fn reload_often(library: &Library<'_>, mut write: impl FnMut(&Step), mut after_each: impl FnMut()) {
    let mut next = Instant::now();
    for step in std::iter::repeat_with(round).take(ROUNDS).flatten() {
        write(&step);
        // Some steps are faulty on purpose.
        library.try_reload(&mut Vec::new());
        after_each();
        next += PACE;
        sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Does it once, and then so often that what is left behind each time adds up.
fn leaves_nothing_behind(mut reload_under_traffic: impl FnMut()) {
    reload_under_traffic();
    let before = Census::now();
    for _ in 0..COUNTINGS {
        reload_under_traffic();
    }
    before.wait_for_return(TOLERANCE);
}

#[test]
fn a_persistent_connection_loses_no_event_and_leaves_nothing_behind() {
    let _alone = alone();
    let (arrivals, server) = Arrivals::at_a_server();
    let (folder, host) = (tempfile::tempdir().expect("a folder"), Host::new());
    let write = |step: &Step| write(folder.path(), "persistent", server, step);
    write(&USUAL);
    let library = Library::try_load(&host, folder.path(), &mut Vec::new()).expect("a load");
    let reload_under_traffic = || {
        let traffic = Traffic::begin(library.handle(), "app1");
        reload_often(&library, write, || {});
        let connections = arrivals.wait_for(traffic.end());
        assert!(connections > ROUNDS, "only {connections} connections were made");
        host.forget();
    };
    leaves_nothing_behind(reload_under_traffic);
}

#[test]
fn calls_lose_no_event_and_leave_nothing_behind() {
    let _alone = alone();
    let (arrivals, server) = Arrivals::at_a_server();
    let (folder, host) = (tempfile::tempdir().expect("a folder"), Host::new());
    let write = |step: &Step| write(folder.path(), "per_call_config", server, step);
    write(&USUAL);
    let library = Library::try_load(&host, folder.path(), &mut Vec::new()).expect("a load");
    let mut calls = 0;
    let mut call = || {
        calls += 1;
        let (id, name) = (calls.to_string(), format!("Local/{calls}"));
        // There are none while the connection is invalid.
        if let Ok(application) = library.stasis_start("app1", &id, &name) {
            for kind in ["StasisStart", "StasisEnd", "ChannelDestroyed"] {
                let event = format!(r#"{{"type":"{kind}","channel":{{"id":"{id}"}}}}"#);
                library.event(&application, &event);
            }
            library.stasis_end(&application, &id);
        }
    };
    let long = library.stasis_start("app1", "long", "Local/long");
    assert_eq!(long, Ok("app1:Local/long".into()));
    let reload_under_traffic = || {
        let traffic = Traffic::begin(library.handle(), "app1:Local/long");
        reload_often(&library, write, &mut call);
        assert_eq!(arrivals.wait_for(traffic.end()), 1, "the call was connected anew");
        host.forget();
    };
    leaves_nothing_behind(reload_under_traffic);
}
