//! Doing what the story says, each thing after all that Asterisk did before it in the recording.

mod calls;
mod commands;
mod sayings;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_ERROR_CONFIG;
use tempfile::TempDir;

use super::asterisk::Asterisk;
use super::case::Files;
use super::compare;
use super::configured;
use super::differences::Table;
use super::network::{Network, State};
use super::normal::Ports;
use super::pressure::Pressure;
use super::refusals::Refusals;
use super::story::{Act, Story, What};
use super::support::host::Host;
use super::support::library::Library;
use super::support::{DEADLINE, QUIET};
use super::{certificates, flood, patience, sockets};

/// The id of the Asterisk that was recorded, and of the host.
pub const ASTERISK_ID: &str = "02:fc:00:00:00:01";

/// How long what Asterisk did may take here. Long enough for every timer of the library.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same after something has not come: then the case has failed, and is only carried on to show more.
const IMPATIENCE: Duration = Duration::from_secs(2);
/// After this long something may have changed of which nobody tells.
const SOON: Duration = Duration::from_millis(20);

/// Replays a story; gives the rules that it met, or what is different.
pub fn replay(story: &Story, table: &Table) -> Result<BTreeSet<String>, Vec<String>> {
    let tls = story.tls.as_ref().map(certificates::server).transpose();
    let tls = tls.map_err(|error| vec![error])?;
    let network = Network::new(story.links.clone(), story.begun, tls);
    let asterisk = Asterisk::new(&network);
    let host = asterisk.host();
    let mut replay = Replay {
        story,
        network: Arc::clone(&network),
        asterisk,
        host: &host,
        library: None,
        refused: None,
        folder: tempfile::tempdir().map_err(|error| vec![error.to_string()])?,
        ports: Ports::default(),
        problems: story.unknown.clone(),
        met: BTreeSet::new(),
        table,
        refusals: Refusals::default(),
        pressure: None,
        absent: BTreeSet::new(),
        late: AtomicBool::new(false),
    };
    replay.run();
    let problems = replay.end();
    if problems.is_empty() {
        Ok(replay.met)
    } else {
        Err(with_log(problems, &host))
    }
}

fn with_log(mut problems: Vec<String>, host: &Host) -> Vec<String> {
    problems.push(format!("the log:\n    {}", host.log().join("\n    ")));
    problems
}

struct Replay<'a> {
    story: &'a Story,
    network: Arc<Network>,
    asterisk: Arc<Asterisk>,
    host: &'a Host,
    library: Option<Library<'a>>,
    /// Why it was not loaded.
    refused: Option<String>,
    folder: TempDir,
    ports: Ports,
    problems: Vec<String>,
    /// Rules that show only when the story is replayed.
    met: BTreeSet<String>,
    table: &'a Table,
    refusals: Refusals,
    pressure: Option<Pressure>,
    /// Connections that are not made, because they were refused.
    absent: BTreeSet<usize>,
    late: AtomicBool,
}

impl Replay<'_> {
    fn run(&mut self) {
        for port in &self.story.ports {
            match self.network.hold(*port) {
                Ok(held) => {
                    self.ports.0.insert(*port, held);
                }
                Err(error) => self.problems.push(format!("port {port}: {error}")),
            }
        }
        self.write(&self.story.files);
        if self.story.begun {
            for port in &self.story.ports {
                self.listen(*port);
            }
        }
        for act in &self.story.acts {
            self.settle(act.at);
            self.perform(act);
        }
    }

    /// Compares what is there at the end.
    fn end(&mut self) -> Vec<String> {
        let mut problems = std::mem::take(&mut self.problems);
        problems.extend(self.asterisk.problems());
        let deadline = Instant::now() + self.patience();
        while !compare::logs(self.story, &self.host.log()).is_empty() && Instant::now() < deadline {
            self.network.wait(SOON, |_| false);
        }
        problems.extend(compare::logs(self.story, &self.host.log()));
        for status in &self.story.statuses {
            let actual = self.asterisk.status(status);
            if actual != status.status {
                problems.push(format!(
                    "STASISSTATUS of {} is {actual}, for Asterisk {}",
                    status.channel, status.status
                ));
            }
        }
        problems.extend(compare::connections(
            &self.network.lock(),
            &self.ports,
            &self.absent,
            self.story,
        ));
        problems.extend(self.leaked());
        self.network.read_quickly();
        drop(self.library.take());
        self.network.end();
        problems
    }

    /// Sockets of the library's that belong to no connection of its own: there may be one more for each attempt to connect.
    fn leaked(&self) -> Option<String> {
        let ports = self.ports.0.values().copied().collect();
        let attempts = configured::connections(&self.story.files).len();
        let most = |state: &State| state.open() + attempts;
        let is_fine = |state: &State| sockets::connected_to(&ports) <= most(state);
        let deadline = Instant::now() + self.patience();
        while !is_fine(&self.network.lock()) {
            if Instant::now() > deadline {
                let (sockets, most) = (sockets::connected_to(&ports), most(&self.network.lock()));
                return Some(format!("{sockets} sockets are open, at most {most} may be"));
            }
            self.network.wait(SOON, |_| false);
        }
        None
    }

    fn perform(&mut self, act: &Act) {
        if let Some(pressure) = &self.pressure {
            pressure.lead_up_to(act, self.story, &self.network);
        }
        match &act.what {
            What::Load => self.load(),
            What::Unload => {
                if let Some(library) = self.library.take() {
                    library.unload(PATIENCE);
                    self.asterisk.unloaded();
                }
            }
            What::Expect(request) => self.asterisk.expect(request),
            What::Slow(link) => self.network.set_slow(*link),
            What::Deaf(link, deaf) => self.network.set_deaf(*link, *deaf),
            What::Flood(count, awaited) => {
                let Some(library) = &self.library else { return };
                let files = &self.story.files;
                let problems = flood::run(&self.network, library, files, *count, *awaited);
                self.problems.extend(problems);
            }
            What::End => {
                if let Some((pressure, library)) = self.pressure.take().zip(self.library.as_ref()) {
                    let clean = self.story.load.is_some_and(|load| load.clean);
                    self.problems
                        .extend(pressure.end(&self.network, library, clean));
                }
                // Nothing else may come.
                let count = |state: &State| {
                    state
                        .peers
                        .iter()
                        .map(|peer| peer.items.len() + 1)
                        .sum::<usize>()
                };
                let before = count(&self.network.lock());
                self.network.wait(QUIET, |state| count(state) != before);
            }
            What::Listen(port) => self.listen(*port),
            What::Silence(port) => {
                if let Err(error) = self.network.fall_silent(*port) {
                    self.problems.push(format!("port {port}: {error}"));
                }
            }
            What::StopListening(port) => self.network.stop_listening(*port),
            What::Write(files) => self.write(files),
            What::Reload => {
                if self.refused.take().is_some() {
                    self.load();
                } else if let Some(library) = &self.library {
                    // What is wrong in the files shows in what follows.
                    library.try_reload(&mut Vec::new());
                }
            }
            What::Command(command) => self.command(command),
            What::Http(http) => self.http(http),
            What::Say(link, saying) => self.say(*link, saying),
            What::Event(event) => self.event(event),
            What::Enter(channel) => {
                if let Some(library) = &self.library {
                    let start =
                        library.stasis_start_async(&channel.app, &channel.id, &channel.name);
                    self.asterisk.entered(channel, start);
                    self.begin_call(channel);
                }
            }
            What::Inbound {
                name,
                id,
                address,
                apps,
            } => self.asterisk.inbound(self.host, name, id, address, apps),
            What::InboundGone(name) => self.asterisk.inbound_left(self.host, name),
        }
    }

    fn load(&mut self) {
        let mut report = Vec::new();
        match Library::try_load(self.host, self.folder.path(), &mut report) {
            Ok(library) => {
                self.refusals = Refusals::new(&report, &self.table.refusals, &self.story.files);
                for (index, link) in self.story.links.iter().enumerate() {
                    let rule = match link.application() {
                        Some(app) => self.refusals.rule_of(&app),
                        None => self.refusals.rule_of_all(&self.story.files),
                    };
                    if let Some(rule) = rule.map(str::to_owned) {
                        self.absent.insert(index);
                        self.met.insert(rule);
                    }
                }
                self.asterisk.loaded(library.handle());
                if self.story.load.is_some() {
                    let app = configured::connections(&self.story.files)
                        .into_iter()
                        .flat_map(|its| its.apps)
                        .next();
                    self.pressure = app.map(|app| Pressure::begin(library.handle(), app));
                }
                self.library = Some(library);
            }
            // Without a library there are no connections, as for Asterisk there must be none.
            Err((ARIWS_ERROR_CONFIG, message)) => {
                self.met.insert("unreadable files".to_owned());
                self.refused = Some(message);
            }
            Err((_, message)) => self.problems.push(format!("not loaded: {message}")),
        }
        if self.story.begun {
            self.recognize();
        }
    }

    /// The connections that exist when the case begins: finds out which of them the recorded ones are.
    fn recognize(&self) {
        let Some(library) = &self.library else { return };
        let up = library.wait_for_output("ari show websocket sessions", |output| {
            !output.contains(" Down ")
        });
        // Each of its applications is announced.
        let announced = up
            .lines()
            .filter(|line| line.contains(" Up "))
            .map(|line| line.split(',').count())
            .sum();
        let items = |state: &State| {
            state
                .peers
                .iter()
                .map(|peer| peer.items.len())
                .sum::<usize>()
        };
        self.network
            .wait(DEADLINE, |state| items(state) >= announced);
        let mut state = self.network.lock();
        for link in 0..self.story.links.len() {
            if state.peer(link).is_none()
                && let Some(peer) = state.peers.iter_mut().find(|peer| peer.link.is_none())
            {
                peer.link = Some(link);
            }
        }
        for peer in &mut state.peers {
            peer.items.clear();
        }
    }

    fn listen(&mut self, port: u16) {
        if let Err(error) = self.network.listen(port) {
            self.problems.push(format!("port {port}: {error}"));
        }
    }

    fn write(&mut self, files: &Files) {
        for (name, text) in files {
            // Files of the system are none of the library's.
            let Some(path) = Path::new(name)
                .file_name()
                .filter(|_| !name.starts_with('/'))
            else {
                continue;
            };
            let path = self.folder.path().join(path);
            let written = match text {
                Some(text) => {
                    let mut text = self.ports.in_use(text);
                    if !self.story.about_time {
                        text = patience::lengthened(&text);
                    }
                    fs::write(&path, text)
                }
                None if path.exists() => fs::remove_file(&path),
                None => Ok(()),
            };
            if let Err(error) = written {
                self.problems.push(format!("{}: {error}", path.display()));
            }
        }
    }

    /// A configuration file as it is now.
    fn current(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    fn patience(&self) -> Duration {
        if self.late.load(Ordering::Relaxed) {
            IMPATIENCE
        } else {
            PATIENCE
        }
    }

    /// Waits for all that Asterisk did before this moment.
    fn settle(&mut self, at: f64) {
        let links = &self.story.links;
        let settled = self.network.wait(self.patience(), |state| {
            links.iter().enumerate().all(|(index, link)| {
                self.absent.contains(&index) || compare::is_settled(link, state.peer(index), at)
            })
        });
        if !settled && !self.late.swap(true, Ordering::Relaxed) {
            self.problems
                .push(format!("not all that was to happen before {at:.1} ms did"));
        }
    }
}
