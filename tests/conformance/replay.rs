//! Doing what the story says, each thing after all that is to have happened before it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_ERROR_CONFIG;
use tempfile::TempDir;

use super::asterisk::Asterisk;
use super::network::{Network, State};
use super::pressure::{Pressure, flood};
use super::refusals::Refusals;
use super::story::{Act, Channel, Event, Files, Story, Table, What};
use super::support::host::Host;
use super::support::library::Library;
use super::support::{DEADLINE, QUIET};
use super::{abi, certificates, compare, sockets, terminal};

/// How long what Asterisk did may take here. Long enough for every timer of the library.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same after something has not come: then the case has failed, and is only carried on to show more.
const IMPATIENCE: Duration = Duration::from_secs(2);
/// After this long something may have changed of which nobody tells.
pub const SOON: Duration = Duration::from_millis(20);

/// Replays a story; gives the differences that it met, or what is wrong.
pub fn replay(story: &Story, table: &Table) -> Result<BTreeSet<String>, Vec<String>> {
    let said = |error: &dyn ToString| vec![error.to_string()];
    let tls = certificates::server(&story.server).map_err(|error| said(&error))?;
    let network = Network::new(story, tls).map_err(|error| said(&error))?;
    let asterisk = Asterisk::new(&network);
    let host = asterisk.host();
    let mut replay = Replay {
        story,
        network,
        asterisk,
        host: &host,
        library: None,
        refused: None,
        folder: tempfile::tempdir().map_err(|error| said(&error))?,
        problems: story.unknown.clone(),
        met: story.met.clone(),
        table,
        refusals: Refusals::default(),
        pressure: None,
        absent: BTreeSet::new(),
        late: false,
    };
    replay.run();
    replay.end();
    if replay.problems.is_empty() {
        return Ok(replay.met);
    }
    let log = format!("the log:\n    {}", host.log().join("\n    "));
    replay.problems.push(log);
    Err(replay.problems)
}

pub struct Replay<'a> {
    story: &'a Story,
    pub network: Arc<Network>,
    pub asterisk: Arc<Asterisk>,
    host: &'a Host,
    library: Option<Library<'a>>,
    /// Why it was not loaded.
    pub refused: Option<String>,
    folder: TempDir,
    pub problems: Vec<String>,
    pub met: BTreeSet<String>,
    table: &'a Table,
    pub refusals: Refusals,
    pressure: Option<Pressure>,
    /// Connections that are not made, because they were refused.
    absent: BTreeSet<usize>,
    /// Something has not come in time.
    late: bool,
}

impl Replay<'_> {
    fn run(&mut self) {
        let story = self.story;
        self.write(&story.files);
        if story.begun {
            for port in &story.ports {
                self.try_to("listen", self.network.listen(*port));
            }
        }
        for act in &story.acts {
            self.settle(act.at);
            if let Some(pressure) = &self.pressure {
                pressure.lead_up_to(act, story, &self.network);
            }
            self.perform(act);
        }
    }

    fn try_to<T>(&mut self, what: &str, result: std::io::Result<T>) {
        let problem = result.err().map(|error| format!("{what}: {error}"));
        self.problems.extend(problem);
    }

    /// Compares what is there at the end.
    fn end(&mut self) {
        let host = self.host;
        let logs = self.story.logs.iter();
        let missing = |text: &&String| !host.log().iter().any(|line| line.contains(*text));
        let deadline = Instant::now() + self.patience();
        while logs.clone().any(|text| missing(&text)) && Instant::now() < deadline {
            self.network.pause(SOON);
        }
        let without = logs.filter(missing).map(|text| format!("the log does not have \"{text}\""));
        let mut problems: Vec<String> = without.collect();
        problems.extend(self.asterisk.problems());
        for (channel, time, status) in &self.story.statuses {
            let actual = self.asterisk.status(channel, *time);
            let problem = format!("STASISSTATUS of {channel} is {actual}, for Asterisk {status}");
            problems.extend((actual != status).then_some(problem));
        }
        let state = self.network.lock();
        problems.extend(compare::connections(&state, &self.network.ports, &self.absent, self.story));
        drop(state);
        problems.extend(self.leaked());
        self.problems.extend(problems);
        for peer in &mut self.network.lock().peers {
            peer.slow = false;
        }
        drop(self.library.take());
        self.network.end();
    }

    /// Sockets of the library's that belong to no connection of its own: there may be one more for each attempt to connect.
    fn leaked(&self) -> Option<String> {
        let ports = self.network.ports.0.values().copied().collect();
        let most = || self.network.lock().open() + self.story.connections.len();
        let deadline = Instant::now() + self.patience();
        while sockets::connected_to(&ports) > most() {
            if Instant::now() > deadline {
                let (sockets, most) = (sockets::connected_to(&ports), most());
                return Some(format!("{sockets} sockets are open, at most {most} may be"));
            }
            self.network.pause(SOON);
        }
        None
    }

    fn perform(&mut self, act: &Act) {
        match &act.what {
            What::Load => self.load(),
            What::Unload => {
                if let Some(library) = self.library.take() {
                    library.unload(PATIENCE);
                    self.asterisk.set_handle(None);
                }
            }
            What::End => self.over(),
            What::Reload => {
                if self.refused.take().is_some() {
                    self.load();
                } else if let Some(library) = &self.library {
                    // What is wrong in the files shows in what follows.
                    library.try_reload(&mut Vec::new());
                }
            }
            What::Write(files) => self.write(files),
            What::Listen(port) => self.try_to("listen", self.network.listen(*port)),
            What::StopListening(port) => self.network.stop_listening(*port),
            What::Silent(port) => self.try_to("fall silent", self.network.fall_silent(*port)),
            What::Say(said) if self.absent.contains(&said.link) => {}
            What::Say(said) => {
                if let Some(request) = &said.request {
                    self.asterisk.expect(request);
                }
                said.send(&self.network, self.patience());
            }
            What::Expect(request) => self.asterisk.expect(request),
            What::Deaf(link, deaf) => {
                self.network.change(*link, |peer| peer.deaf = *deaf);
            }
            What::Slow(link) => {
                self.network.change(*link, |peer| peer.slow = true);
            }
            What::Flood(count, awaited) => {
                let Some(library) = &self.library else { return };
                let app = &self.story.application;
                let wrong = flood(&self.network, library, app, *count, *awaited);
                self.problems.extend(wrong);
            }
            What::Command(command) => self.command(command),
            What::Event(event) => self.event(event),
            What::Enter(channel) => self.enter(channel),
            What::HangUp(channels) => self.hang_up(channels),
            What::UserEvent(name, application, status) => {
                let has = self.asterisk.has(application);
                let actual = if has { 204 } else { 404 };
                let what = format!("the user event {name} for {application}");
                let problem = format!("{what} is {actual}, for Asterisk {status}");
                self.problems.extend((actual != *status).then_some(problem));
            }
            What::Inbound(inbound) => self.asterisk.inbound(self.host, inbound),
            What::InboundGone(name) => self.asterisk.inbound_left(self.host, name),
        }
    }

    fn load(&mut self) {
        let (mut report, story) = (Vec::new(), self.story);
        match Library::try_load(self.host, self.folder.path(), &mut report) {
            Ok(library) => {
                self.refusals = Refusals::new(&report, &self.table.refusals, story);
                for (place, link) in story.links.iter().enumerate() {
                    let app = link.application.as_deref();
                    if let Some(rule) = self.refusals.rule_of(app, &story.connections) {
                        self.absent.insert(place);
                        self.met.insert(rule.to_owned());
                    }
                }
                let handle = library.handle();
                self.asterisk.set_handle(Some(handle));
                if story.load.is_some() {
                    self.pressure = Some(Pressure::begin(handle, story.application.clone()));
                }
                if story.begun {
                    self.recognize(&library);
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
    }

    /// The connections that exist when the case begins: finds out which of them the recorded ones are.
    fn recognize(&self, library: &Library<'_>) {
        let up = |output: &str| !output.contains(" Down ");
        let sessions = library.wait_for_output(terminal::SESSIONS, up);
        // Each of its applications is announced.
        let rows = sessions.lines().filter(|line| line.contains(" Up "));
        let announced = rows.map(|line| line.split(',').count()).sum();
        self.network.wait(DEADLINE, |state| items(state) >= announced);
        let mut state = self.network.lock();
        for link in 0..self.story.links.len() {
            let bound = state.peer(link).is_some();
            let mut unbound = state.peers.iter_mut().filter(|peer| peer.link.is_none());
            if let Some(peer) = unbound.next().filter(|_| !bound) {
                peer.link = Some(link);
            }
        }
        for peer in &mut state.peers {
            peer.items.clear();
        }
    }

    /// The case is over: nothing else may come.
    fn over(&mut self) {
        if let Some((pressure, library)) = self.pressure.take().zip(self.library.as_ref()) {
            let clean = self.story.load.is_some_and(|load| load.clean);
            let wrong = pressure.end(&self.network, library, clean);
            self.problems.extend(wrong);
        }
        let count = |state: &State| items(state) + state.peers.len();
        let before = count(&self.network.lock());
        self.network.wait(QUIET, |state| count(state) != before);
    }

    fn write(&mut self, files: &Files) {
        for (name, text) in files {
            let name = Path::new(name).file_name().unwrap_or_default();
            let path = self.folder.path().join(name);
            let written = match text {
                Some(text) => fs::write(&path, certificates::in_use(&self.network.ports.in_use(text))),
                None if path.exists() => fs::remove_file(&path),
                None => Ok(()),
            };
            self.try_to(&format!("{}", path.display()), written);
        }
    }

    fn event(&self, event: &Event) {
        let Some(library) = &self.library else { return };
        let application = &event.application;
        if event.enters {
            self.asterisk.wait_for_start(application);
        }
        library.event(application, &event.text);
        if let Some(channel) = &event.leaves {
            abi::stasis_end(library.handle(), application, channel);
            self.asterisk.left(application, channel);
        }
    }

    /// A channel enters an application. What follows finds its connection being made, or its start over.
    fn enter(&self, channel: &Channel) {
        let Some(library) = &self.library else { return };
        let start = library.stasis_start_async(&channel.app, &channel.id, &channel.name);
        self.asterisk.entered(channel, start);
        let begun = || {
            self.asterisk.is_started(&channel.id) || terminal::list(&self.asterisk, terminal::SESSIONS).contains(&channel.name)
        };
        let deadline = Instant::now() + self.patience();
        while !begun() && Instant::now() < deadline {
            self.network.pause(Duration::from_millis(5));
        }
    }

    fn hang_up(&mut self, channels: &[String]) {
        let Some(library) = &self.library else { return };
        for id in self.asterisk.hung_up(channels) {
            library.stasis_cancel(&id);
            self.met.insert("early hang-ups".to_owned());
            if !self.asterisk.is_cancelled(&id) {
                let problem = format!("the start of {id} was not cancelled");
                self.problems.push(problem);
            }
        }
    }

    pub fn patience(&self) -> Duration {
        if self.late { IMPATIENCE } else { PATIENCE }
    }

    /// Waits for all that is to happen before this moment.
    fn settle(&mut self, at: f64) {
        let links = &self.story.links;
        let settled = self.network.wait(self.patience(), |state| {
            let mut all = links.iter().enumerate();
            all.all(|(place, link)| self.absent.contains(&place) || compare::is_settled(link, state.peer(place), at))
        });
        if !settled && !std::mem::replace(&mut self.late, true) {
            let problem = format!("not all that was to happen before {at:.1} ms did");
            self.problems.push(problem);
        }
    }
}

fn items(state: &State) -> usize {
    state.peers.iter().map(|peer| peer.items.len()).sum()
}
