//! A server that does not even answer TCP's connection requests.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::QUIET;
use crate::waiting::until;

/// A server whose queue of connections is full, so that the kernel drops every further connection request.
pub struct MuteServer {
    address: SocketAddr,
    _socket: Socket,
    _queued: TcpStream,
}

impl MuteServer {
    /// Fills the queue of a free port.
    pub fn start() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(&any.into()).expect("a port");
        // Linux queues one connection more than it is told.
        socket.listen(0).expect("a queue");
        let address = socket.local_addr().expect("an address");
        let address = address.as_socket().expect("an address of IPv4");
        let queued = TcpStream::connect(address).expect("room for one");
        Self {
            address,
            _socket: socket,
            _queued: queued,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the attempts that are under way satisfy the test, and gives them.
    pub fn wait_for_attempts(&self, wanted: impl Fn(&BTreeSet<u64>) -> bool) -> BTreeSet<u64> {
        until(
            || Some(self.attempts()).filter(&wanted),
            || format!("there are still {:?}", self.attempts()),
        )
    }

    /// Whether the attempts go on for a while, and no other one begins.
    pub fn keeps(&self, attempts: &BTreeSet<u64>) -> bool {
        // One that was given up does not come back under its old number.
        std::thread::sleep(QUIET);
        self.attempts() == *attempts
    }

    /// The sockets that wait for the answer (proc(5), /proc/net/tcp; 02 is SYN_SENT), by their inodes.
    fn attempts(&self) -> BTreeSet<u64> {
        let peer = format!("0100007F:{:04X}", self.address.port());
        let table = fs::read_to_string("/proc/net/tcp").expect("the table of sockets");
        let sockets = table.lines().filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let waits = fields.get(2) == Some(&peer.as_str()) && fields.get(3) == Some(&"02");
            waits.then(|| fields[9].parse().expect("an inode"))
        });
        sockets.collect()
    }
}
