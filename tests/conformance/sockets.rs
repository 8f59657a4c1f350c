//! The library's sockets, as the kernel sees them.

use std::collections::BTreeSet;
use std::fs;

/// How many sockets of this process are connected to these ports, or trying to be.
pub fn connected_to(ports: &BTreeSet<u16>) -> usize {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let texts = tables.map(|table| fs::read_to_string(table).unwrap_or_default());
    let lines = texts.iter().flat_map(|text| text.lines().skip(1));
    lines.filter_map(peer).filter(|port| ports.contains(port)).count()
}

/// The port of the peer of a socket that somebody holds open: one that has been closed belongs to the kernel and has no inode.
fn peer(line: &str) -> Option<u16> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let (_, port) = columns.get(2)?.rsplit_once(':')?;
    let held = columns.get(9).is_some_and(|inode| *inode != "0");
    u16::from_str_radix(port, 16).ok().filter(|_| held)
}
