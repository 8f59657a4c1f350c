//! Loading and unloading for ever.

use std::env;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering::SeqCst};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::spawn;
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::functions::Functions;
use ariws_testkit::{Call, Census, Configuration, Handle, Host, Library, TextKind, alone, rounds, until};
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

#[test]
fn a_load_that_fails_while_another_thread_unloads_it_ends_once() {
    static INSTANCE: AtomicPtr<ariws_instance> = AtomicPtr::new(ptr::null_mut());
    let unloadings = Arc::<Mutex<Vec<_>>>::default();
    let started = Arc::clone(&unloadings);
    let host = Host::giving(&[TextKind::ConfigRead], move |_| {
        let handle = Handle(INSTANCE.load(SeqCst), Functions::linked());
        started
            .lock()
            .expect("the lock")
            .push(spawn(move || handle.unload(Duration::ZERO)));
        let is_dead = || handle.try_reload(&mut Vec::new()) == ARIWS_ERROR_UNLOADED;
        until(|| is_dead().then_some(()), || "the handle is not dead".into());
        // There is no such text, nor a folder.
        None
    });
    let options = ariws_options {
        struct_size: size_of::<ariws_options>(),
        asterisk_id: c"id".as_ptr(),
        // SAFETY: each of the others may be 0.
        ..unsafe { std::mem::zeroed() }
    };
    let (table, nothing) = (host.table(), ptr::null_mut());
    // SAFETY: everything lives until the call returns, and the host until the instance is unloaded.
    let code = unsafe { ariws_load(&table, &options, None, nothing, INSTANCE.as_ptr(), ptr::null_mut(), 0) };
    assert_eq!(code, ARIWS_ERROR_CONFIG);
    assert!(INSTANCE.load(SeqCst).is_null());
    let unloadings = std::mem::take(&mut *unloadings.lock().expect("the lock"));
    let codes = unloadings.into_iter().map(|thread| thread.join().expect("its end"));
    assert_eq!(codes.filter(|code| *code == ARIWS_OK).count(), 1);
    let calls = host.calls();
    assert_eq!(calls.iter().filter(|call| **call == Call::Finalize).count(), 1);
    assert_eq!(calls.last(), Some(&Call::Finalize));
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
