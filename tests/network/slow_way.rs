//! A second way between both sides, on which every packet takes its time.

use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::process::{Child, Command, Stdio, id};
use std::time::Duration;

use crate::network::{Network, run};

/// The far side at the end of the slow way.
pub const SLOW: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 9, 2));

/// It is there until it is dropped.
pub struct SlowWay(Child);

impl SlowWay {
    /// Opens it: whatever goes over it takes this long to the other side.
    pub fn open(network: &Network, delay: Duration) -> Self {
        let mut carrier = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/network/slow_way.py"))
            .arg(delay.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        let output = carrier.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        assert_eq!(line, "there\n");
        let way = Self(carrier);
        let far = format!("/proc/{}/fd/{}", id(), network.far_side().as_raw_fd());
        let ip = |line: &str| drop(run("ip", &line.split(' ').collect::<Vec<_>>()));
        ip(&format!("link set slow1 netns {far}"));
        ip("addr add 10.0.9.1/24 dev slow0");
        ip("link set slow0 up");
        network.far(|| {
            ip(&format!("addr add {SLOW}/24 dev slow1"));
            ip("link set slow1 up");
        });
        way
    }
}

impl Drop for SlowWay {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
