//! Servers that run as processes on the far side.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use ariws_testkit::DEADLINE;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::network::Network;

/// A server, killed at the end.
pub struct Daemon {
    process: Child,
    log: PathBuf,
}

impl Daemon {
    /// Runs it on the far side; waits until it listens at the address.
    pub fn start(network: &Network, mut command: Command, listens: SocketAddr) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let log = network.folder().join(format!("{program}.log"));
        let file = File::create(&log).expect("a log");
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the log"))
            .stderr(file);
        let process = network
            .far(|| command.spawn())
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut daemon = Self { process, log };
        let deadline = Instant::now() + DEADLINE;
        while network.far(|| TcpStream::connect(listens)).is_err() {
            let ended = daemon.process.try_wait().expect("its state");
            assert!(
                ended.is_none() && Instant::now() < deadline,
                "{program} does not listen: {}",
                daemon.log()
            );
            // It says nowhere when it is ready.
            thread::sleep(Duration::from_millis(5));
        }
        daemon
    }

    /// What it has said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_else(|error| error.to_string())
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = self.process.id().try_into().expect("a process id");
        kill(Pid::from_raw(id), signal).expect("a process of this test");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed in its own way.
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("--- {}\n{}", self.log.display(), self.log());
        }
    }
}
