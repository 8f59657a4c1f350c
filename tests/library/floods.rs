//! Peers that send without end.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::thread::spawn;
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::Pbx;

fn ping() -> Vec<u8> {
    [vec![0x89, 125], vec![b'p'; 125]].concat()
}

/// What the library reads of the pings of a peer that takes nothing: until it has stopped for a while.
fn read_of_pings(stream: &mut TcpStream, most: usize) -> usize {
    let many = ping().repeat(500);
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
    let sent = read_of_pings(connection.websocket.get_mut(), MOST);
    assert!(sent < MOST / 4, "{sent} bytes of pings were read");
    drop(connection);
    assert_eq!(pbx.event("app1", r#"{"type":"Next"}"#), ARIWS_OK);
    pbx.accept().says(["ApplicationRegistered app1", "Next app1"]);
}

#[test]
fn a_peer_that_takes_its_pongs_late_goes_on() {
    let (pbx, connection) = Pbx::persistent("app1").up();
    // The library's own ping is answered before: a peer that has no room for its pong reads nothing.
    let (mut connection, _) = connection.reads_during(|| pbx.wait_for_round_trip());
    let mut stream = connection.websocket.get_ref().try_clone().expect("a stream");
    let sent = read_of_pings(&mut stream, 256 << 20);
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
