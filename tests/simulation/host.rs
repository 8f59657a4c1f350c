//! A host that does what it should, and what it should not: it blocks, fails, panics and calls back.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use super::actors::{self, OnPurpose};
use super::dice::Dice;
use super::pbx::{Pbx, event};
use super::schedule::APPS;
use super::shared::Simulation;
use crate::host::{ConnectionState, ContextState, Failed, Host, HostRequest, Level, Optional, Registration};
use crate::threads::{Job, Tasks, Workers};

/// The host.
pub(super) struct SimulatedHost(pub(super) Arc<Simulation>);

impl SimulatedHost {
    /// A callback begins that concerns this.
    fn called(&self, call: &str, of: &str) -> Dice {
        let simulation = &self.0;
        simulation.note(format_args!("{call} {of}"));
        simulation.oracle(|oracle| oracle.called(call, of));
        let mut dice = simulation.dice("callback");
        if simulation.pbx(|pbx| pbx.finalized > 0) {
            simulation.oracle(|oracle| oracle.violated(format!("{call} {of} after finalize")));
        }
        if simulation.is_settled() {
            return dice;
        }
        self.block(&mut dice, call, of);
        if simulation.host.calls_back && dice.chance(30) {
            self.call_back(&mut dice);
        }
        dice
    }

    fn block(&self, dice: &mut Dice, call: &str, of: &str) {
        if self.0.host.blocks && dice.chance(15) && actors::may_block() {
            let time = Duration::from_millis(dice.pick(&[1, 20, 300, 1500]));
            actors::block(time);
            self.0.oracle(|oracle| oracle.has_blocked(call, of, time));
        }
    }

    /// A lock that is held while the host is called would never be free.
    fn call_back(&self, dice: &mut Dice) {
        let Some(engine) = self.0.engine() else {
            return;
        };
        match dice.below(4) {
            0 => drop(engine.snapshot()),
            1 => event(&self.0, &engine, dice.pick(&APPS), "InsideCallback", "none"),
            2 => {
                let channel = dice.below(5);
                let _ = engine.stasis_cancel(&format!("nobody{channel}"));
            }
            _ => {
                let _ = engine.request_complete(1 + dice.below(50_000), 200, None, None);
            }
        }
    }

    /// A callback ends.
    fn done(&self, dice: &mut Dice, call: &str, of: &str) {
        if self.0.is_settled() {
            return;
        }
        self.block(dice, call, of);
        if self.0.host.panics && dice.chance(5) {
            self.0.note(format_args!("{call} panics"));
            resume_unwind(Box::new(OnPurpose));
        }
    }

    fn fails(&self, dice: &mut Dice) -> bool {
        self.0.host.fails && !self.0.is_settled() && dice.chance(10)
    }
}

impl Host for SimulatedHost {
    fn log(&self, level: Level, subject: &str, message: &str) {
        self.0.logged(format_args!("{level:?} {subject}: {message}"));
    }

    fn ari_request(&self, request: &HostRequest<'_>) {
        let id = request.id;
        let mut dice = self.called("ari_request", &id.to_string());
        // Another one than was written may only be that of the call.
        let app = request.parameters.first().map(|(_, app)| app.as_str()).unwrap_or_default();
        if !APPS.contains(&app) && app != request.application || request.path.contains("%3A") != app.contains(':') {
            self.0
                .oracle(|oracle| oracle.violated(format!("a request of {} means {app}", request.application)));
        }
        let simulation = Arc::clone(&self.0);
        let answer = move |simulation: &Simulation| {
            if let Some(engine) = simulation.engine() {
                let answered = engine.request_complete(id, 200, None, Some("{}")).is_ok();
                simulation.note(format_args!("request {id} is answered: {answered}"));
            }
        };
        match dice.below(10) {
            0..5 => answer(&simulation),
            5 => {
                answer(&simulation);
                let engine = simulation.engine();
                let again = engine.map(|engine| engine.request_complete(id, 200, None, None));
                if matches!(again, Some(Ok(()))) {
                    simulation.oracle(|oracle| {
                        oracle.violated(format!("request {id} was answered twice"));
                    });
                }
            }
            6..9 => {
                let time = Duration::from_millis(dice.below(2000));
                simulation.runtime.clone().spawn(async move {
                    sleep(time).await;
                    answer(&simulation);
                });
            }
            _ => {}
        }
        self.done(&mut dice, "ari_request", "");
    }

    fn request_cancelled(&self, id: u64) {
        let mut dice = self.called("request_cancelled", &id.to_string());
        self.done(&mut dice, "request_cancelled", "");
    }

    fn app_register(&self, app: &str, subscribe_all: bool) -> Result<Registration, Failed> {
        let mut dice = self.called("app_register", app);
        self.0.note(format_args!("subscribe_all: {subscribe_all}"));
        if self.fails(&mut dice) {
            self.0.note("it fails");
            return Err(Failed);
        }
        if self.0.host.panics && !self.0.is_settled() && dice.chance(5) {
            self.0.note("it panics");
            resume_unwind(Box::new(OnPurpose));
        }
        let before = self.0.pbx(|pbx| pbx.apps.insert(app.to_owned(), true));
        self.block(&mut dice, "app_register", app);
        Ok(match before {
            Some(false) => Registration::Replaced,
            _ => Registration::New,
        })
    }

    fn app_unregister(&self, app: &str) {
        let mut dice = self.called("app_unregister", app);
        self.0.pbx(|pbx| {
            if pbx.apps.get(app) == Some(&true) {
                pbx.apps.remove(app);
            }
        });
        self.done(&mut dice, "app_unregister", app);
    }

    fn app_is_registered(&self, app: &str) -> bool {
        let mut dice = self.called("app_is_registered", app);
        let is_registered = self.0.pbx(|pbx| pbx.apps.contains_key(app));
        self.done(&mut dice, "app_is_registered", app);
        is_registered
    }

    fn context_create(&self, context: &str, _: &str) -> Result<ContextState, Failed> {
        let mut dice = self.called("context_create", context);
        if self.fails(&mut dice) {
            return Err(Failed);
        }
        let created = self.0.pbx(|pbx| pbx.contexts.insert(context.to_owned()));
        self.block(&mut dice, "context_create", context);
        Ok(match created {
            true => ContextState::Created,
            false => ContextState::Existed,
        })
    }

    fn context_destroy(&self, context: &str) {
        let mut dice = self.called("context_destroy", context);
        if !self.0.pbx(|pbx| pbx.contexts.remove(context)) {
            let what = format!("context {context} is destroyed, which is not there");
            self.0.oracle(|oracle| oracle.violated(what));
        }
        self.done(&mut dice, "context_destroy", context);
    }

    fn stasis_failed(&self, channel_id: &str, application: &str) {
        self.0.oracle(|oracle| oracle.fails(channel_id, application));
        Pbx::failed(&self.0, channel_id, application);
        let mut dice = self.called("stasis_failed", &format!("{channel_id} {application}"));
        self.done(&mut dice, "stasis_failed", "");
    }

    fn inbound_shutdown(&self, session_id: &str) -> bool {
        self.called("inbound_shutdown", session_id);
        true
    }

    fn offers(&self, callback: Optional) -> bool {
        matches!(callback, Optional::ConnectionState | Optional::AppSnapshot | Optional::Expand)
    }

    fn connection_state(&self, state: &ConnectionState) {
        let (connection, up) = (&state.connection, state.state.is_ok());
        let mut dice = self.called("connection_state", connection);
        self.0.note(format_args!("{connection} is up: {up}"));
        self.0.oracle(|oracle| {
            if let Some(wrong) = oracle.outages.told(connection, up) {
                oracle.violated(wrong);
            }
        });
        self.done(&mut dice, "connection_state", connection);
    }

    fn expand(&self, channel_id: &str, _: &str) -> Result<String, Failed> {
        let mut dice = self.called("expand", channel_id);
        if self.fails(&mut dice) {
            return Err(Failed);
        }
        let number = self.0.oracle(|oracle| oracle.expands(channel_id));
        self.done(&mut dice, "expand", channel_id);
        Ok(number.to_string())
    }

    fn app_snapshot(&self, app: &str) -> Result<String, Failed> {
        let mut dice = self.called("app_snapshot", app);
        if self.fails(&mut dice) {
            return Err(Failed);
        }
        self.done(&mut dice, "app_snapshot", app);
        Ok(r#"{"channel_ids":[],"bridge_ids":[]}"#.into())
    }

    fn finalize(&self) {
        self.0.note("finalize");
        self.0.pbx(|pbx| pbx.finalized += 1);
    }
}

/// Who does what may block: in a task, or on a thread that can.
pub(super) struct SimulatedWorkers(pub(super) Arc<Simulation>);

impl Workers for SimulatedWorkers {
    fn add(&self, job: Job) {
        let simulation = Arc::clone(&self.0);
        let mut dice = simulation.dice("work");
        let misbehaves = !simulation.is_settled();
        let later = misbehaves && dice.chance(15);
        let blocks = misbehaves && simulation.host.blocks && dice.chance(50);
        self.0.runtime.spawn(async move {
            if later {
                sleep(Duration::from_millis(dice.below(4))).await;
            }
            if blocks {
                if actors::perform(job).await {
                    simulation.oracle(|oracle| oracle.violated("a job panicked".into()));
                }
            } else {
                let _ = catch_unwind(AssertUnwindSafe(job));
            }
        });
    }

    fn add_at_once(&self, job: Job) {
        self.add(job);
    }

    fn try_add_at_once(&self, job: Job) -> Result<(), (Job, std::io::Error)> {
        self.add(job);
        Ok(())
    }

    fn end(&self, _: Option<Duration>) {}
}

/// The one runtime of the simulation.
pub(super) struct SimulatedTasks(pub(super) Handle);

impl Tasks for SimulatedTasks {
    fn runtime(&self) -> &Handle {
        &self.0
    }

    fn wait(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        actors::block_on(future);
    }

    fn end(&self) {}
}
