//! Loading and unloading for ever.

use std::ffi::{CString, c_char, c_int, c_void};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::thread::spawn;
use std::time::Duration;
use std::{env, ptr};

use ariws::ffi::*;
use ariws_testkit::{Census, Configuration, Host, Library, alone, rounds};
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

type Load = unsafe extern "C" fn(
    *const ariws_host,
    *const ariws_options,
    ariws_report_callback,
    *mut c_void,
    *mut *mut ariws_instance,
    *mut c_char,
    usize,
) -> i32;
type Unload = unsafe extern "C" fn(*mut ariws_instance, u32) -> i32;

/// The shared object, opened as a host's module does it, used, and closed.
fn open_use_and_close(host: &Host, configuration: &Configuration) {
    // Cargo builds the library beside the tests.
    let path = env::current_exe()
        .expect("this test")
        .with_file_name("libariws.so");
    let path = CString::new(path.as_os_str().as_bytes()).expect("no NUL");
    let folder = CString::new(configuration.folder().as_os_str().as_bytes()).expect("no NUL");
    let options = ariws_options {
        struct_size: size_of::<ariws_options>(),
        config_directory: folder.as_ptr(),
        asterisk_id: c"id".as_ptr(),
        product: ptr::null(),
        io_threads: 1,
        request_threads: 1,
        queue_max_total_bytes: 0,
        log_level: 0,
        max_sockets: 0,
    };
    let table = host.table();
    let mut instance = ptr::null_mut();
    // SAFETY: the symbols have these types, as the library's own declarations say; everything lives until the calls return.
    unsafe {
        let library = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!library.is_null(), "the library can be opened");
        let load = std::mem::transmute::<*mut c_void, Load>(symbol(library, c"ariws_load"));
        let unload = std::mem::transmute::<*mut c_void, Unload>(symbol(library, c"ariws_unload"));
        let loaded = load(
            &raw const table,
            &raw const options,
            None,
            ptr::null_mut(),
            &raw mut instance,
            ptr::null_mut(),
            0,
        );
        assert_eq!(loaded, ARIWS_OK);
        assert_eq!(unload(instance, 0), ARIWS_OK);
        assert_eq!(libc::dlclose(library), 0 as c_int);
    }
}

unsafe fn symbol(library: *mut c_void, name: &std::ffi::CStr) -> *mut c_void {
    // SAFETY: an open library and a NUL-terminated name.
    let symbol = unsafe { libc::dlsym(library, name.as_ptr()) };
    assert!(!symbol.is_null(), "{name:?} is exported");
    symbol
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
