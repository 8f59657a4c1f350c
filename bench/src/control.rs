// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a probe asks of the application, and how: one line of JSON each way over a TCP connection of its own.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::Result;

/// Longer than any measurement takes.
const DEADLINE: Duration = Duration::from_secs(120);

/// What the application says first, on its standard output.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Addresses {
    pub control: SocketAddr,
    pub plain: SocketAddr,
    pub tls: SocketAddr,
    /// The authority of its certificate, in PEM.
    pub authority: String,
}

/// What a probe asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Command {
    /// Forget what was counted.
    Reset,
    /// Answer when so many connections are open.
    Connections(usize),
    /// Answer when so many texts have come since the last reset.
    Texts(u64),
    /// Send requests over the connections that are open.
    Request(Requests),
    /// Send one request, for a path, over one connection, and do not wait for its answer.
    RequestOnce { connection: usize, path: String },
    /// Reset every connection and refuse new ones.
    Fail,
    /// Accept connections again, at the same address.
    Return,
}

/// Requests of an application.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Requests {
    /// Of all connections together.
    pub count: usize,
    /// How many are under way on each connection.
    pub pipelined: usize,
    /// Connections from the first one on that ask for nothing.
    pub skip: usize,
}

/// What the application answers.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Answer {
    /// When what was waited for had happened, by [`now`].
    pub at: u64,
    /// From the end of a connection's upgrade to its first text that is an event of a channel, in nanoseconds.
    pub first_events: Vec<u64>,
    /// The time of each request's round trip, in nanoseconds.
    pub round_trips: Vec<u64>,
    /// From the first request to the last answer, in nanoseconds.
    pub elapsed: u64,
    /// The length of one request and of its answer.
    pub sizes: (usize, usize),
    /// Why it was not possible.
    pub error: Option<String>,
}

/// Nanoseconds of the clock that all processes share.
pub fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

/// A probe's line to the application.
pub struct Control {
    stream: BufReader<TcpStream>,
}

impl Control {
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    /// Asks, and waits for the answer.
    pub fn ask(&mut self, command: &Command) -> Result<Answer> {
        self.begin(command)?;
        self.end()
    }

    /// Asks for something that takes its time.
    pub fn begin(&mut self, command: &Command) -> Result<()> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        Ok(self.stream.get_mut().write_all(&line)?)
    }

    /// Waits for the answer to what was begun.
    pub fn end(&mut self) -> Result<Answer> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let answer: Answer = serde_json::from_str(&line)?;
        match answer.error {
            Some(error) => Err(error.into()),
            None => Ok(answer),
        }
    }
}
