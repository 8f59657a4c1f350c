//! What the host was told about each connection.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{Call, Handle, Host};

/// Of one connection.
#[derive(Default)]
pub struct Notes(Mutex<Noted>);

#[derive(Default)]
pub struct Noted {
    /// What a line of the log has to have, and whether one had it.
    wanted: &'static str,
    pub found: bool,
    /// Whether a line said that the connection is up.
    pub connected: usize,
    pub lines: usize,
    pub longest: usize,
    last: VecDeque<String>,
    /// Channels that `stasis_failed` was called with.
    failed: Vec<String>,
}

impl Notes {
    pub fn wanting(wanted: &'static str) -> Arc<Self> {
        let noted = Noted {
            wanted,
            found: wanted.is_empty(),
            ..Noted::default()
        };
        Arc::new(Self(Mutex::new(noted)))
    }

    pub fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    fn log(&mut self, message: &str) {
        self.lines += 1;
        self.longest = self.longest.max(message.len());
        self.found |= message.contains(self.wanted);
        self.connected += usize::from(message.starts_with("connected to"));
        if self.last.len() == 6 {
            self.last.pop_front();
        }
        self.last.push_back(message.chars().take(300).collect());
    }

    /// The last lines of the log, each on a line.
    pub fn last_lines(&self) -> String {
        let lines = self.last.iter().map(|line| format!("\n    log: {line}"));
        lines.collect()
    }

    /// Whether `stasis_failed` was called with the channel; it is forgotten.
    pub fn take_failure(&mut self, channel: &str) -> bool {
        let before = self.failed.len();
        self.failed.retain(|failed| failed != channel);
        self.failed.len() < before
    }
}

/// The notes of each connection, by its name.
pub type Notebook = BTreeMap<String, Arc<Notes>>;

/// A host that takes notes. It answers every request but those for `never`: with 204, where the path is `large` with a body
/// of 64 KiB.
pub fn host(notebook: Notebook, handle: Arc<OnceLock<Handle>>) -> Box<Host> {
    let large = format!("\"{}\"", "x".repeat(64 << 10));
    Host::reacting(move |host, call| {
        let of = |id: &str| notebook.get(id.split([':', '-']).next().unwrap_or_default());
        match call {
            Call::Log(_, subject, message) => {
                if let Some(notes) = of(subject) {
                    notes.lock().log(message);
                }
            }
            Call::StasisFailed(channel, _) => {
                if let Some(notes) = of(channel) {
                    notes.lock().failed.push(channel.clone());
                }
            }
            Call::Request(request) => {
                let handle = handle.get().expect("a handle");
                match request.path.as_str() {
                    "never" => ARIWS_OK,
                    "large" => handle.complete(request.id, 200, Some(&large)),
                    _ => handle.complete(request.id, 204, None),
                };
            }
            _ => {}
        }
        // What it keeps of each call would be taken for a leak.
        host.forget();
    })
}
