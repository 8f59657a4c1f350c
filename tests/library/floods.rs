//! Peers that send without end.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Connection, DEADLINE, Pbx};

/// Sends the frame again and again until it is dropped or the connection ends.
struct Flood {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    fn begin(connection: &Connection, frame: &[u8]) -> Self {
        let mut stream = connection.websocket.get_ref().try_clone().expect("a stream");
        let (ends, many) = (Arc::new(AtomicBool::new(false)), frame.repeat(500));
        let its = Arc::clone(&ends);
        let thread = spawn(
            move || {
                while !its.load(Ordering::Relaxed) && stream.write_all(&many).is_ok() {}
            },
        );
        Self {
            ends,
            thread: Some(thread),
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()));
    }
}

fn ping() -> Vec<u8> {
    [vec![0x89, 125], vec![b'p'; 125]].concat()
}

const PONG: [u8; 3] = [0x8a, 1, b'p'];

/// What the library reads of a peer that takes nothing: until it has stopped for a while.
fn read_of(stream: &mut TcpStream, frame: &[u8], most: usize) -> usize {
    let many = frame.repeat(500);
    let mut sent = 0;
    let mut last = Instant::now();
    stream.set_nonblocking(true).expect("a socket");
    while last.elapsed() < Duration::from_secs(1) && sent < most {
        match stream.write(&many[sent % many.len()..]) {
            Ok(count) => {
                sent += count;
                last = Instant::now();
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
            Err(_) => break,
        }
    }
    sent
}

#[test]
fn pings_of_a_peer_that_takes_no_pong_are_not_read_for_ever() {
    const MOST: usize = 256 << 20;
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    // Both kernels' buffers, and what the library reads while they fill.
    let sent = read_of(connection.websocket.get_mut(), &ping(), MOST);
    assert!(sent < MOST / 4, "{sent} bytes of pings were read");
    drop(connection);
    assert_eq!(pbx.event("app1", r#"{"type":"Next"}"#), ARIWS_OK);
    pbx.accept().says(["ApplicationRegistered app1", "Next app1"]);
}

#[test]
fn a_peer_that_takes_its_pongs_late_goes_on() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    let mut stream = connection.websocket.get_ref().try_clone().expect("a stream");
    let sent = read_of(&mut stream, &ping(), 256 << 20);
    stream.set_nonblocking(false).expect("a socket");
    // The rest of the ping that was cut.
    let rest = ping().split_off(sent % ping().len());
    let reading = spawn(move || {
        stream.write_all(&rest).expect("room");
        stream
    });
    assert_eq!(pbx.event("app1", r#"{"type":"Next"}"#), ARIWS_OK);
    connection.says(["Next app1"]);
    drop(reading.join());
}

/// Events arrive and an unloading ends, whatever the peer sends meanwhile.
fn is_no_matter(frame: &[u8]) {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    let flood = Flood::begin(&connection, frame);
    let began = Instant::now();
    for number in 0..100 {
        let event = format!(r#"{{"type":"Event{number}"}}"#);
        assert_eq!(pbx.event("app1", &event), ARIWS_OK);
        connection.says([format!("Event{number} app1")]);
    }
    // A few milliseconds are usual.
    let events = began.elapsed();
    assert!(events < DEADLINE / 4, "{events:?} for a hundred events");
    let mut stream = connection.websocket.get_ref().try_clone().expect("a stream");
    let reading = spawn(move || while stream.read(&mut [0; 65536]).is_ok_and(|count| count > 0) {});
    let began = Instant::now();
    assert_eq!(pbx.unload(Duration::from_millis(500)), ARIWS_OK);
    // Half a second of grace and two for Closes are promised; a busy machine may take its time.
    assert!(began.elapsed() < DEADLINE / 2, "{:?}", began.elapsed());
    drop(flood);
    drop(connection);
    reading.join().expect("an end");
}

#[test]
fn a_flood_of_pongs_starves_nothing() {
    is_no_matter(&PONG);
}

#[test]
fn a_flood_of_pings_starves_nothing() {
    is_no_matter(&ping());
}

#[test]
fn a_flood_of_binary_messages_starves_nothing() {
    is_no_matter(&[0x82, 1, b'x']);
}
