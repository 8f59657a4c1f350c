//! Loading and unloading for ever.

use std::env;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::thread::spawn;
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::functions::Functions;
use ariws_testkit::{Census, Configuration, Handle, Host, Library, alone, rounds};
use tokio_tungstenite::tungstenite::accept;

/// What tables that keep the size of a busy moment may differ by. Loads that leave ten bytes behind each are more.
const TOLERANCE: usize = 8 << 10;

/// A server that answers and reads for as long as the process lives.
fn reading_server() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address");
    spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            spawn(move || {
                // An unloading may come at any moment.
                if let Ok(mut websocket) = accept(stream) {
                    while websocket.read().is_ok() {}
                }
            });
        }
    });
    address
}

/// Where nobody listens.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address")
}

#[test]
fn loads_leave_nothing_behind() {
    let _alone = alone();
    let host = Host::new();
    let configuration = Configuration::with("persistent", reading_server(), "app1, app2")
        .connection("down", "persistent", closed_port(), "app3", "")
        .connection("calls", "per_call_config", closed_port(), "app4", "");
    let load = |times: usize| {
        for number in 0..times {
            let library = Library::load(&host, &configuration);
            library.event("app1", r#"{"type":"Event"}"#);
            if number % 2 == 0 {
                library.reload();
            }
            library.unload(Duration::ZERO);
            host.forget();
        }
    };
    load(10);
    let before = Census::now();
    load(10 * rounds(2));
    before.wait_for_return(TOLERANCE);
}

#[test]
fn a_load_that_fails_leaves_nothing_behind() {
    let _alone = alone();
    let (host, folder) = (Host::new(), tempfile::tempdir().expect("a folder"));
    let fail = |times: usize| {
        for _ in 0..times {
            let failed = Library::try_load(&host, folder.path(), &mut Vec::new());
            assert_eq!(failed.err().map(|(code, _)| code), Some(ARIWS_ERROR_CONFIG));
            host.forget();
        }
    };
    fail(10);
    let before = Census::now();
    fail(10 * rounds(2));
    before.wait_for_return(TOLERANCE);
}

/// The shared object, opened as a host's module does it, used, and closed.
fn open_use_and_close(host: &Host, configuration: &Configuration) {
    // Cargo builds the library beside the tests.
    let test = env::current_exe().expect("this test");
    let opened = Functions::open(&test.with_file_name("libariws.so"));
    let (object, functions) = opened.expect("the library can be opened");
    // It stays mapped, and is found again where it was.
    static FIRST: OnceLock<Functions> = OnceLock::new();
    let first = FIRST.get_or_init(|| functions);
    assert!(std::ptr::fn_addr_eq(first.load, functions.load));
    let (table, folder) = (host.table(), configuration.folder());
    let loaded = Handle::load(first, &table, folder, &mut Vec::new(), |_| {});
    let handle = loaded.expect("a load");
    assert_eq!(handle.unload(Duration::ZERO), ARIWS_OK);
    object.close().expect("the library can be closed");
}

/// Pages in memory; the shared object's own allocations are not counted by this program's allocator.
fn resident_pages() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").expect("proc(5)");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.expect("a number of pages")
}

#[test]
fn the_shared_object_may_be_opened_and_closed_again_and_again() {
    let _alone = alone();
    let host = Host::new();
    let configuration = Configuration::with("persistent", closed_port(), "app1");
    let open = |times: usize| {
        for _ in 0..times {
            open_use_and_close(&host, &configuration);
            host.forget();
        }
    };
    open(20);
    let (before, pages) = (Census::now(), resident_pages());
    open(2 * rounds(2));
    before.wait_for_return(TOLERANCE);
    // Half a MiB: less than three KiB for each of two hundred.
    let more = resident_pages().saturating_sub(pages);
    assert!(more < 128, "{more} pages more");
}
