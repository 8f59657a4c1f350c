//! Memory in which a secret stood is wiped before it is freed, whoever gets it next.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_void};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ariws::ffi::{ARIWS_OK, ARIWS_TEXT_GIVEN, ariws_request, ariws_write_callback};
use ariws_testkit::{Configuration, Host, Library, until};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// A part of every secret here.
const SECRET: &[u8] = b"hushhushhush";
/// What Basic authentication makes of it, behind the user names here.
const SENT: &[u8] = b"h1c2hodXNoaH";

static ARMED: AtomicBool = AtomicBool::new(false);
static FOUND: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The peer, which has got the secret, may leave it lying about.
    static IS_PEER: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator, which looks at what is freed.
struct Looking;

#[global_allocator]
static ALLOCATOR: Looking = Looking;

// SAFETY: everything is the system's but the look at a block that its owner gives up.
unsafe impl GlobalAlloc for Looking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise. Zeroed, so that what is looked at later has been written.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if ARMED.load(Ordering::Relaxed) && !IS_PEER.get() {
            // SAFETY: the block is the caller's until this returns.
            let block = unsafe { std::slice::from_raw_parts(pointer, layout.size()) };
            if has(block, SECRET) || has(block, SENT) {
                FOUND.fetch_add(1, Ordering::Relaxed);
            }
        }
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Reads the head of a request.
fn read_head(stream: &mut TcpStream) -> Vec<u8> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    head
}

/// A proxy and the server behind it: it takes one websocket and sends a request over it.
fn serve(listener: &TcpListener) {
    IS_PEER.set(true);
    let (mut stream, _) = listener.accept().expect("a client");
    let tunnel = read_head(&mut stream);
    let established = b"HTTP/1.1 200 OK\r\n\r\n";
    stream.write_all(established).expect("a client");
    let upgrade = read_head(&mut stream);
    assert!(has(&tunnel, SENT) && has(&upgrade, SENT) && has(&upgrade, b"X-Token: hushhushhush"));
    assert!(has(&upgrade, b"X-Other: hushhushhush") && has(&upgrade, b"X-From: hushhushhush"));
    let upgrade = String::from_utf8(upgrade).expect("UTF-8");
    let key = upgrade
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a key");
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        derive_accept_key(key.as_bytes())
    );
    stream.write_all(answer.as_bytes()).expect("a client");
    let request = br#"{"type":"RESTRequest","method":"GET","uri":"channels"}"#;
    let length = u8::try_from(request.len()).expect("a short frame");
    stream.write_all(&[0x81, length]).expect("a client");
    stream.write_all(request).expect("a client");
    // Until its Close.
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The request that came; a host that keeps no copy of the password.
static REQUEST: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" fn on_request(_: *mut c_void, request: *const ariws_request) {
    // SAFETY: the library gives a request whose strings live until this returns.
    let (id, password) = unsafe { ((*request).id, CStr::from_ptr((*request).password)) };
    assert_eq!(password.to_bytes(), SECRET);
    REQUEST.store(id, Ordering::Release);
}

/// What the host knows of a call.
unsafe extern "C" fn on_expand(
    _: *mut c_void,
    _: *const c_char,
    _: *const c_char,
    write: ariws_write_callback,
    data: *mut c_void,
) -> i32 {
    let write = write.expect("a function");
    for piece in SECRET.chunks(5) {
        // SAFETY: the library's own pair, and a piece as long as it says.
        unsafe { write(data, piece.as_ptr().cast(), piece.len()) };
    }
    ARIWS_TEXT_GIVEN
}

#[test]
fn what_is_freed_after_the_configuration_was_read_has_no_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let secrets = format!(
        "header = X-Token: hushhushhush\nheader = X-From: ${{X}}\nheader_file = headers\npassword =\npassword_file = secret\nproxy_host = {address}\nproxy_username = ann\nproxy_password = hushhushhush"
    );
    let configuration = Configuration::empty()
        .connection("connection1", "per_call_config", address, "app1", &secrets)
        .replacing("password = userpass", "password = hushhushhush");
    for (name, text) in [("headers", "X-Other: hushhushhush\n"), ("secret", "hushhushhush\n")] {
        std::fs::write(configuration.folder().join(name), text).expect("a file");
    }
    let peer = thread::spawn(move || serve(&listener));
    let host = Host::new();
    let mut table = host.table();
    table.ari_request = Some(on_request);
    table.expand = Some(on_expand);
    let library = Library::load_table(&host, &table, &configuration);
    ARMED.store(true, Ordering::Relaxed);
    drop(SECRET.to_vec());
    assert_eq!(FOUND.swap(0, Ordering::Relaxed), 1, "a block with a secret is noticed");
    library.stasis_start("app1", "1", "Test/1").expect("a connection");
    let came = || Some(REQUEST.load(Ordering::Acquire)).filter(|id| *id > 0);
    let id = until(came, || "no request".into());
    assert_eq!(library.complete(id, 200, None), ARIWS_OK);
    assert_eq!(library.unload(Duration::from_secs(1)), ARIWS_OK);
    ARMED.store(false, Ordering::Relaxed);
    peer.join().expect("the peer");
    assert_eq!(FOUND.load(Ordering::Relaxed), 0);
}
