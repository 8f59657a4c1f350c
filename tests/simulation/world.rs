//! One run: the engine between its host, its servers and its operators.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::actors;
use super::configuration::Configuration;
use super::host::{SimulatedHost, SimulatedTasks, SimulatedWorkers};
use super::oracle::Oracle;
use super::pbx::{Pbx, event, name};
use super::peer::Dialer;
use super::schedule::{APPS, CHANNELS, CONNECTIONS, PLENTY, Schedule, Step};
use super::shared::Simulation;
use crate::engine::operations::Operation;
use crate::engine::snapshot::SessionKind;
use crate::engine::table::Running;
use crate::engine::threads::Threads;
use crate::engine::{Engine, Operator, Options};
use crate::error::Result;
use crate::host::{Host, Level, Log};
use crate::net::Resources;
use crate::threads::{Blocking, Workers};

/// What came of a run.
pub(super) struct Outcome {
    /// The same for every run of the same schedule.
    pub(super) hash: u64,
    pub(super) violations: Vec<String>,
    /// What happened, if it was to be told.
    pub(super) lines: Vec<String>,
    pub(super) events: u64,
    pub(super) starts: u64,
}

/// Runs a schedule to its end.
pub(super) fn run(schedule: &Schedule, is_told: bool) -> Outcome {
    actors::watch_for_panics();
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    runtime.block_on(async {
        let simulation = Simulation::new(schedule, is_told);
        let world = World::new(&simulation, schedule, folder.path(), is_told);
        let events = world.live(schedule).await;
        if actors::has_panicked() {
            simulation.oracle(|oracle| oracle.violated("a task panicked".into()));
        }
        Outcome {
            hash: simulation.hash(),
            violations: simulation.oracle(|oracle| std::mem::take(&mut oracle.violations)),
            lines: simulation.lines(),
            events,
            starts: simulation.oracle(|oracle| oracle.starts_begun),
        }
    })
}

struct World {
    simulation: Arc<Simulation>,
    engine: Arc<Engine>,
    host: Arc<dyn Host>,
    folder: PathBuf,
}

impl World {
    fn new(simulation: &Arc<Simulation>, schedule: &Schedule, folder: &Path, is_told: bool) -> Self {
        let host: Arc<dyn Host> = Arc::new(SimulatedHost(Arc::clone(simulation)));
        let level = if is_told { Level::Debug } else { Level::Error };
        let options = Options {
            config_directory: Some(folder.to_owned()),
            asterisk_id: "simulated".into(),
            product: String::new(),
            io_threads: 1,
            request_threads: 2,
            queue_max_total_bytes: 1 << 20,
            log_level: level,
            max_sockets: schedule.sockets,
        };
        let workers: Arc<dyn Workers> = Arc::new(SimulatedWorkers(Arc::clone(simulation)));
        let blocking = Blocking::by(Arc::clone(&workers));
        let threads = Threads {
            io: Box::new(SimulatedTasks(simulation.runtime.clone())),
            requests: Arc::clone(&workers),
            host: workers,
            files: blocking.clone(),
            log: Log::start(Arc::clone(&host), level).expect("a thread"),
        };
        let dialer = Arc::new(Dialer(Arc::clone(simulation)));
        let resources = Resources::over(dialer, blocking, options.max_sockets);
        let engine = Engine::on(threads, resources, Arc::clone(&host), options);
        simulation.pbx(|pbx| pbx.engine = Arc::downgrade(&engine));
        let configuration = Configuration::of(schedule.seed);
        configuration.write(folder);
        simulation.oracle(|oracle| configuration.tell(&mut oracle.outages));
        Self {
            simulation: Arc::clone(simulation),
            engine,
            host,
            folder: folder.to_owned(),
        }
    }

    /// Gives how many events were sent.
    async fn live(self, schedule: &Schedule) -> u64 {
        let mut configuration = Configuration::of(schedule.seed);
        let _ = self.ask("load", Operation::Load).await;
        for (pause, step) in &schedule.steps {
            sleep(Duration::from_millis(*pause)).await;
            self.simulation.note(format_args!("--- {step:?}"));
            self.take(step, &mut configuration);
        }
        if schedule.settles {
            self.settle().await;
        }
        self.unload(Duration::from_millis(schedule.grace)).await;
        self.engine.snapshot().totals.events_sent
    }

    fn take(&self, step: &Step, configuration: &mut Configuration) {
        let (simulation, engine) = (&self.simulation, &self.engine);
        simulation.oracle(|oracle| match step {
            Step::Reload(_) | Step::Begin(_) | Step::ShutDown(_) | Step::ShutDownAll => oracle.outages.disturbed(),
            Step::Stall(..) => oracle.outages.stalled(),
            _ => {}
        });
        match *step {
            Step::Events(app, count) => {
                for _ in 0..count {
                    event(simulation, engine, APPS[app], "Event", "none");
                }
            }
            Step::Start { channel, app, blocking } => Pbx::start(simulation, engine, channel, APPS[app], blocking),
            Step::Join { channel, to, blocking } => {
                let application = simulation.pbx(|pbx| pbx.channels[to].stasis.clone());
                if let Some(application) = application {
                    Pbx::start(simulation, engine, channel, &application, blocking);
                }
            }
            Step::HangUp(channel) => Pbx::hang_up(simulation, engine, channel),
            Step::ChannelEvents(channel, count) => {
                let place = simulation.pbx(|pbx| pbx.channels[channel].place.clone());
                for _ in 0..count {
                    if let Some(place) = &place {
                        event(simulation, engine, place, "ChannelVarset", "none");
                    }
                }
            }
            Step::Move(channel, to) => Pbx::go(simulation, engine, channel, to),
            Step::Replace(old, new) => Pbx::replace(simulation, engine, old, new),
            Step::Break(server) => {
                for wire in simulation.wires(Some(server)) {
                    wire.reset();
                }
            }
            Step::Stall(server, time) => {
                let wires = simulation.wires(Some(server));
                wires.iter().for_each(|wire| wire.stall(true));
                tokio::spawn(async move {
                    sleep(Duration::from_millis(time)).await;
                    wires.iter().for_each(|wire| wire.stall(false));
                });
            }
            Step::Server(server, manners) => simulation.set_manners(server, manners),
            Step::Reload(ref change) => {
                configuration.change(change);
                configuration.write(&self.folder);
                simulation.oracle(|oracle| configuration.tell(&mut oracle.outages));
                drop(self.ask("reload", Operation::Reload));
            }
            Step::Begin(connection) => {
                let name = CONNECTIONS[connection].to_owned();
                drop(self.ask("start", |answer| Operation::Start(name, answer)));
            }
            Step::ShutDown(connection) => {
                let name = CONNECTIONS[connection].to_owned();
                drop(self.ask("shutdown", |answer| Operation::ShutDown(name, answer)));
            }
            Step::ShutDownCall(channel) => {
                let ids = engine.session_ids();
                let ending = format!(":{}", name(channel));
                if let Some(id) = ids.into_iter().find(|id| id.ends_with(&ending)) {
                    drop(self.ask("shutdown", |answer| Operation::ShutDown(id, answer)));
                }
            }
            Step::ShutDownAll => drop(self.ask("shutdown all", Operation::ShutDownAll)),
            Step::Look => {
                let snapshot = engine.snapshot();
                simulation.note(format_args!("{} sessions", snapshot.sessions.len()));
            }
            Step::TakeOver(app) => {
                simulation.pbx(|pbx| pbx.apps.insert(APPS[app].to_owned(), false));
                let _ = engine.inbound_opened(&format!("inbound{app}"), "", APPS[app]);
            }
            Step::GiveBack(app) => self.give_back(app),
        }
    }

    fn give_back(&self, app: usize) {
        self.simulation.pbx(|pbx| {
            if pbx.apps.get(APPS[app]) == Some(&false) {
                pbx.apps.remove(APPS[app]);
            }
        });
        let _ = self.engine.inbound_closed(&format!("inbound{app}"));
    }

    /// Has an operation carried out, as `Engine::operate` does, and waits for it without a thread.
    fn ask<R: Send + 'static>(
        &self,
        what: &'static str,
        operation: impl FnOnce(SyncSender<Result<R>>) -> Operation,
    ) -> JoinHandle<()> {
        let (answer, answered) = sync_channel(1);
        self.engine.operations_pending.fetch_add(1, Ordering::AcqRel);
        // It comes too late if that fails, and nobody answers.
        let _ = self.engine.operations.send(operation(answer));
        let simulation = Arc::clone(&self.simulation);
        tokio::spawn(async move {
            loop {
                match answered.try_recv() {
                    Ok(outcome) => {
                        let outcome = outcome.map(drop);
                        return simulation.note(format_args!("{what}: {outcome:?}"));
                    }
                    Err(TryRecvError::Empty) => sleep(Duration::from_millis(7)).await,
                    // It has come too late.
                    Err(TryRecvError::Disconnected) => return,
                }
            }
        })
    }

    /// Everybody does what they should; then every channel hangs up.
    async fn settle(&self) {
        let simulation = &self.simulation;
        simulation.settle();
        simulation.note("--- settles");
        for app in 0..APPS.len() {
            self.give_back(app);
        }
        for wire in simulation.wires(None) {
            wire.stall(false);
        }
        sleep(Duration::from_secs(100)).await;
        simulation.oracle(|oracle| oracle.starts_are_in_time());
        self.check_sessions();
        self.check_account();
        self.check_contexts();
        self.check_states();
        self.check_standbys();
        simulation.note("--- all channels hang up");
        for channel in 0..CHANNELS {
            Pbx::hang_up(simulation, &self.engine, channel);
        }
        sleep(Duration::from_secs(30)).await;
        self.check_sessions();
        self.check_account();
        let registered = simulation.pbx(|pbx| pbx.apps.keys().filter(|app| app.contains(':')).count());
        let of_calls = |(what, _): &(&str, usize)| ["session of a call", "session that has left", "start"].contains(what);
        let left = self.left().into_iter().filter(of_calls);
        let left = left.chain([("registration of a call", registered)]);
        self.nothing_of(left, "when all channels have gone");
    }

    fn check_sessions(&self) {
        let table = self.engine.table();
        let calls = table.per_call.values();
        let applications: BTreeSet<_> = calls
            .filter_map(|call| call.session.call_application().map(str::to_owned))
            .collect();
        drop(table);
        self.simulation.oracle(|oracle| oracle.sessions_are_there(&applications));
    }

    /// Each application of a connection that has begun has its context, unless the host would not make it.
    fn check_contexts(&self) {
        let simulation = &self.simulation;
        if simulation.host.fails || simulation.host.panics {
            return;
        }
        let table = self.engine.table();
        let apps: Vec<_> = table.connections.values().map(applications).collect();
        drop(table);
        for app in apps.into_iter().flatten() {
            let context = format!("stasis-{app}");
            if !simulation.pbx(|pbx| pbx.contexts.contains(&context)) {
                let text = format!("{context} is gone, and a connection has {app}");
                simulation.oracle(|oracle| oracle.violated(text));
            }
        }
    }

    /// Of each persistent connection that has begun the host knows where it stands; it is up if calls leave it a socket.
    fn check_states(&self) {
        let are_scarce = self.are_sockets_scarce();
        let sessions: Vec<_> = self.engine.table().all_persistent().cloned().collect();
        for session in sessions {
            let heard = self.simulation.oracle(|oracle| oracle.outages.is_up(session.id()));
            let is_up = session.view().is_up;
            if heard != is_up || !is_up && !are_scarce {
                let text = format!("{} is up: {is_up}, and the host has heard {heard}", session.id());
                self.simulation.oracle(|oracle| oracle.violated(text));
            }
        }
    }

    fn check_standbys(&self) {
        let are_scarce = self.are_sockets_scarce();
        for session in self.engine.snapshot().sessions {
            if let SessionKind::PerCallConfig { standby: Some(standby) } = session.kind {
                let look = |oracle: &mut Oracle| oracle.standbys_are_there(&session.id, &standby, are_scarce);
                self.simulation.oracle(look);
            }
        }
    }

    /// Whether there may be fewer sockets than connections.
    fn are_sockets_scarce(&self) -> bool {
        self.engine.snapshot().sockets.most < PLENTY
    }

    fn check_account(&self) {
        let snapshot = self.engine.snapshot();
        self.simulation.oracle(|oracle| oracle.account(&snapshot));
    }

    fn nothing_of(&self, left: impl IntoIterator<Item = (&'static str, usize)>, when: &str) {
        for (what, count) in left {
            if count > 0 {
                let text = format!("{count} x {what} is left {when}");
                self.simulation.oracle(|oracle| oracle.violated(text));
            }
        }
    }

    /// As `Engine::unload`, without a thread that waits.
    async fn unload(&self, grace: Duration) {
        let simulation = &self.simulation;
        simulation.note("--- unload");
        let began = Instant::now();
        let blocked = simulation.oracle(|oracle| oracle.blocked());
        let latest = began + grace;
        self.engine.unloading.store(true, Ordering::Release);
        let (answer, ended) = sync_channel(1);
        if self.engine.operations.send(Operation::End(answer)).is_ok() {
            while matches!(ended.try_recv(), Err(TryRecvError::Empty)) {
                sleep(Duration::from_millis(1)).await;
            }
        }
        self.engine.end_everything(latest.into_std()).await;
        self.engine.threads.end(std::time::Instant::now());
        self.host.finalize();
        simulation.note("unloaded");
        let blocked = simulation.oracle(|oracle| oracle.blocked()) - blocked;
        let most = grace + Duration::from_millis(2100) + blocked;
        if began.elapsed() > most {
            let text = format!("the unloading took {:?} of {most:?}", began.elapsed());
            simulation.oracle(|oracle| oracle.violated(text));
        }
        self.check_sessions();
        self.check_account();
        self.nothing_of(self.left(), "at the end");
        let up = simulation.oracle(|oracle| oracle.outages.up());
        self.nothing_of([("connection that the host takes for up", up)], "at the end");
        for wire in simulation.wires(None) {
            wire.reset();
        }
        sleep(Duration::from_secs(200)).await;
        simulation.oracle(|oracle| oracle.starts_are_in_time());
        let starts = (0..CHANNELS).filter(|channel| Pbx::is_starting(simulation, *channel));
        // Whoever tells of outages ends with the runtime.
        let tasks = simulation.runtime.metrics().num_alive_tasks() - 1;
        // In requests that waited: the host had not answered those before them.
        let snapshot = self.engine.snapshot();
        let left = [
            ("start", starts.count()),
            ("task", tasks),
            ("byte in a queue", snapshot.queued.used),
            ("socket", snapshot.sockets.open),
        ];
        self.nothing_of(left, "long after the end");
    }
    /// What is there of an instance.
    fn left(&self) -> [(&'static str, usize); 8] {
        let (applications, own_contexts) = self.engine.applications.count();
        let simulation = &self.simulation;
        let registered = simulation.pbx(|pbx| pbx.apps.values().filter(|ours| **ours).count());
        let contexts = simulation.pbx(|pbx| pbx.contexts.len());
        let table = self.engine.table();
        [
            ("connection that has begun", table.begun().count()),
            ("session of a call", table.per_call.len()),
            ("session that has left", table.leaving.len()),
            ("start", table.starting.len()),
            ("application", applications),
            ("context of the library", own_contexts),
            ("registration", registered),
            ("context", contexts),
        ]
    }
}

/// The applications of a connection that has begun.
fn applications(running: &Running) -> Vec<String> {
    match running {
        Running::Persistent(session) => session.settings().apps.clone(),
        Running::Listed(listing) => listing.apps.clone(),
        Running::ShutDown(_) => Vec::new(),
    }
}
