//! A second way between both sides, on which every packet takes its time, and some are lost.

use std::io::{BufRead, BufReader, Write};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::process::{Child, ChildStdout, Command, Stdio, id};
use std::time::Duration;

use crate::network::{Network, run};

/// The far side at the end of the slow way.
pub const SLOW: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 9, 2));

/// It is there until it is dropped.
pub struct SlowWay {
    carrier: Child,
    says: BufReader<ChildStdout>,
}

/// Packets that are lost.
#[derive(Debug, Clone, Copy)]
pub struct Loss {
    /// Of a thousand.
    pub of_thousand: u32,
    /// Which of them it is.
    pub seed: u64,
}

impl Loss {
    pub const NONE: Self = Self { of_thousand: 0, seed: 0 };
}

impl SlowWay {
    /// Opens it: whatever goes over it takes this long to the other side, if it is not lost.
    pub fn open(network: &Network, delay: Duration, loss: Loss) -> Self {
        let mut carrier = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/network/slow_way.py"))
            .args([
                delay.as_millis().to_string(),
                loss.of_thousand.to_string(),
                loss.seed.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let says = BufReader::new(carrier.stdout.take().expect("its output"));
        let mut way = Self { carrier, says };
        assert_eq!(way.line(), "there\n");
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

    /// How many packets it has lost so far, and of how many.
    pub fn lost(&mut self) -> (u64, u64) {
        let mut orders = self.carrier.stdin.as_ref().expect("its input");
        orders.write_all(b"\n").expect("room");
        let line = self.line();
        let mut numbers = line.split_whitespace().map(|number| number.parse().expect("a number"));
        let mut number = || numbers.next().expect("two numbers");
        (number(), number())
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.says.read_line(&mut line).expect("a line");
        line
    }
}

impl Drop for SlowWay {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.carrier.stdin.take());
        let _ = self.carrier.wait();
    }
}
