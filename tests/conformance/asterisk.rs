//! The host: it stands in for Asterisk. What is Asterisk's own, such as the bodies of answers, comes from the recording;
//! which applications, contexts and channels there are follows from what the library calls it for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_ERROR_CANCELLED;
use serde_json::{Value, json};

use super::abi;
use super::network::Network;
use super::requests::{self, Variables};
use super::story::{Channel, Request, Status};
use super::support::DEADLINE;
use super::support::host::{self, Call, Host};
use super::support::library::{Handle, Started};

/// The host.
pub struct Asterisk {
    /// The library, while it is loaded.
    handle: Mutex<Option<Handle>>,
    network: Arc<Network>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    apps: BTreeSet<String>,
    /// Applications that are not registered any more and still have channels.
    inactive: BTreeSet<String>,
    /// The application that a context is for.
    contexts: BTreeMap<String, String>,
    /// What applications asked for.
    asked: Vec<Asked>,
    variables: Variables,
    stays: Vec<Stay>,
    inbound: Vec<Inbound>,
    /// Channels by the id of the other half of theirs.
    halves: BTreeMap<String, String>,
    problems: Vec<String>,
}

struct Asked {
    request: Request,
    done: bool,
}

impl Asked {
    /// Whether Asterisk did what the library refuses.
    fn is_refused_change(&self) -> bool {
        let answer = self.request.answer.as_deref();
        self.request.ours
            && self.request.method != "GET"
            && answer.is_some_and(requests::is_the_librarys)
    }
}

/// A channel's time in an application.
struct Stay {
    channel: Channel,
    start: Start,
    failed: bool,
    /// The channel has left.
    over: bool,
}

enum Start {
    UnderWay(Receiver<Started>),
    Over(Started),
}

struct Inbound {
    name: String,
    id: String,
    apps: Vec<String>,
}

impl Asterisk {
    pub fn new(network: &Arc<Network>) -> Arc<Self> {
        Arc::new(Self {
            handle: Mutex::default(),
            network: Arc::clone(network),
            state: Mutex::default(),
        })
    }

    /// What the library is loaded with.
    pub fn host(self: &Arc<Self>) -> Box<Host> {
        let asterisk = Arc::clone(self);
        Host::reacting(move |host, call| asterisk.called(host, call))
    }

    /// The library is loaded.
    pub fn loaded(&self, handle: Handle) {
        self.set_handle(Some(handle));
    }

    /// It is not any more.
    pub fn unloaded(&self) {
        self.set_handle(None);
    }

    fn set_handle(&self, handle: Option<Handle>) {
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = handle;
        self.network.touch();
    }

    fn handle(&self) -> Option<Handle> {
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What went wrong so far.
    pub fn problems(&self) -> Vec<String> {
        self.lock().problems.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn called(&self, host: &Host, call: &Call) {
        match call {
            Call::Request(request) => self.run(request),
            Call::Register(app, _) => self.register(app),
            Call::Unregister(app) => {
                let theirs = self
                    .lock()
                    .inbound
                    .iter()
                    .any(|inbound| inbound.apps.contains(app));
                if theirs {
                    host.set_registered(app, true);
                } else {
                    self.lock().unregister(app);
                }
            }
            Call::CreateContext(context, app) => {
                self.lock().contexts.insert(context.clone(), app.clone());
            }
            Call::DestroyContext(context) => {
                self.lock().contexts.remove(context);
            }
            Call::StasisFailed(channel, application) => self.fail(channel, application),
            Call::InboundShutdown(id) => self.inbound_gone(host, |inbound| inbound.id == *id),
            Call::IsRegistered(_) | Call::RequestCancelled(_) | Call::Log(..) | Call::Finalize => {}
        }
        self.network.touch();
    }

    fn register(&self, app: &str) {
        let mut state = self.lock();
        let mine = !state
            .inbound
            .iter()
            .any(|inbound| inbound.apps.iter().any(|theirs| theirs == app));
        for inbound in &mut state.inbound {
            inbound.apps.retain(|theirs| theirs != app);
        }
        state.inactive.remove(app);
        let replaced = !state.apps.insert(app.to_owned()) && mine;
        drop(state);
        if replaced {
            self.tell_replaced(app);
        }
    }

    /// Whoever has registered an application hears that somebody else does so now.
    fn tell_replaced(&self, app: &str) {
        if let Some(handle) = self.handle() {
            let event = json!({
                "type": "ApplicationReplaced",
                "timestamp": "2026-11-23T00:00:00.000+0000",
                "application": app,
                "asterisk_id": super::replay::ASTERISK_ID,
            });
            handle.event(
                app,
                &requests::in_order(&event, &["type", "timestamp", "application", "asterisk_id"]),
            );
        }
    }

    /// Answers a request as Asterisk did.
    fn run(&self, request: &host::Request) {
        // A request may be here before the call that loads the library is over.
        self.network.wait(DEADLINE, |_| self.handle().is_some());
        let Some(handle) = self.handle() else { return };
        let mut state = self.lock();
        let recorded = state.recorded(request);
        let answer = match recorded.as_ref().map(|recorded| &recorded.answer) {
            Some(Some(answer)) => {
                if requests::is_the_librarys(answer) {
                    state.problems.push(format!(
                        "the host was asked for {} {}, which the websocket layer answers by itself",
                        request.method, request.path
                    ));
                }
                requests::answer(answer)
            }
            // Asterisk was silent.
            Some(None) => requests::usual(request),
            None => {
                state.problems.push(format!(
                    "the host was asked for {} {}, which nobody asked for",
                    request.method, request.path
                ));
                requests::usual(request)
            }
        };
        let refused = state.asked.iter().any(Asked::is_refused_change);
        let differs = |recorded: Request| recorded.ours && recorded.method != "GET";
        let differs = refused || recorded.is_some_and(differs);
        if let Some(problem) = state.variables.follow(request, &answer, differs) {
            state.problems.push(problem);
        }
        drop(state);
        abi::complete(
            handle,
            request.id,
            answer.status,
            &answer.reason,
            answer.body.as_deref(),
        );
    }

    /// An application is about to ask for something.
    pub fn expect(&self, request: &Request) {
        self.lock().asked.push(Asked {
            request: request.clone(),
            done: false,
        });
    }

    /// A channel enters an application.
    pub fn entered(&self, channel: &Channel, start: Receiver<Started>) {
        self.lock().stays.push(Stay {
            channel: channel.clone(),
            start: Start::UnderWay(start),
            failed: false,
            over: false,
        });
    }

    /// Waits until no channel is about to enter `application`; events for it make sense only then.
    pub fn wait_for_start(&self, application: &str) {
        self.finish(|stay| {
            let own = format!("{}:{}", stay.channel.app, stay.channel.name);
            own == application || stay.channel.app == application
        });
    }

    /// Waits until the starts of some channels are over.
    fn finish(&self, wanted: impl Fn(&Stay) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let mut state = self.lock();
            let under_way = |stay: &mut Stay| wanted(stay) && !stay.is_over();
            if !state.stays.iter_mut().any(under_way) {
                return;
            }
            if Instant::now() > deadline {
                let waiting = state
                    .stays
                    .iter_mut()
                    .filter_map(|stay| under_way(stay).then_some(stay));
                waiting.for_each(Stay::give_up);
                return;
            }
            drop(state);
            // Without the lock, as a start may need the host to register an application first.
            self.network.wait(Duration::from_millis(5), |_| false);
        }
    }

    /// Whether every start of a channel is over.
    pub fn is_started(&self, id: &str) -> bool {
        let mut state = self.lock();
        let mut theirs = state.stays.iter_mut().filter(|stay| stay.channel.id == id);
        theirs.all(Stay::is_over)
    }

    /// Whether the start of a channel that has hung up ends as cancelled.
    pub fn is_cancelled(&self, id: &str) -> bool {
        self.finish(|stay| stay.channel.id == id);
        self.lock().stays.iter().any(|stay| {
            stay.channel.id == id
                && matches!(stay.start, Start::Over(Err((ARIWS_ERROR_CANCELLED, _))))
        })
    }

    /// A channel hangs up: one that is about to enter an application does not.
    pub fn hung_up(&self, id: &str) -> Vec<String> {
        let state = self.lock();
        let other = state.halves.get(id).cloned();
        let apps = state.apps.clone();
        drop(state);
        let ids = [Some(id.to_owned()), other];
        let theirs = |stay: &Stay| ids.iter().flatten().any(|id| stay.channel.id == *id);
        // There is no connection to wait for where the application is registered.
        self.finish(|stay| theirs(stay) && apps.contains(&stay.channel.app));
        let mut state = self.lock();
        let waiting = state.stays.iter_mut().filter_map(|stay| {
            let waits = theirs(stay) && !stay.is_over();
            waits.then(|| stay.channel.id.clone())
        });
        waiting.collect()
    }

    /// Two halves of a local channel.
    pub fn pair(&self, one: &str, other: &str) {
        let mut state = self.lock();
        state.halves.insert(one.to_owned(), other.to_owned());
        state.halves.insert(other.to_owned(), one.to_owned());
    }

    fn fail(&self, channel: &str, application: &str) {
        let mut state = self.lock();
        for stay in &mut state.stays {
            if stay.channel.id == channel {
                stay.failed = true;
                stay.over = true;
            }
        }
        state.forget(application);
        drop(state);
        if let Some(handle) = self.handle() {
            abi::stasis_end(handle, application, channel);
        }
    }

    /// What STASISSTATUS is for a channel's n-th time.
    pub fn status(&self, status: &Status) -> String {
        let theirs = |stay: &&Stay| stay.channel.name == status.channel;
        self.finish(|stay| theirs(&stay));
        let state = self.lock();
        match state.stays.iter().filter(theirs).nth(status.time) {
            None => "none",
            Some(stay) if stay.failed || matches!(stay.start, Start::Over(Err(_))) => "FAILED",
            Some(_) => "SUCCESS",
        }
        .to_owned()
    }

    /// An application connects to Asterisk and takes its applications from whoever had them.
    pub fn inbound(&self, host: &Host, name: &str, id: &str, address: &str, apps: &[String]) {
        let Some(handle) = self.handle() else {
            return;
        };
        for app in apps {
            let taken = !self.lock().apps.insert(app.clone());
            host.set_registered(app, true);
            if taken {
                self.tell_replaced(app);
            }
        }
        self.lock().inbound.push(Inbound {
            name: name.to_owned(),
            id: id.to_owned(),
            apps: apps.to_vec(),
        });
        abi::inbound_opened(handle, id, address, &apps.join(","));
    }

    /// It leaves.
    pub fn inbound_left(&self, host: &Host, name: &str) {
        self.inbound_gone(host, |inbound| inbound.name == name);
    }

    fn inbound_gone(&self, host: &Host, wanted: impl Fn(&Inbound) -> bool) {
        let mut state = self.lock();
        let Some(index) = state.inbound.iter().position(wanted) else {
            return;
        };
        let inbound = state.inbound.remove(index);
        for app in &inbound.apps {
            state.apps.remove(app);
            host.set_registered(app, false);
        }
        drop(state);
        if let Some(handle) = self.handle() {
            abi::inbound_closed(handle, &inbound.id);
        }
    }

    /// The applications that Asterisk lists.
    pub fn apps(&self) -> Vec<String> {
        let state = self.lock();
        state.apps.union(&state.inactive).cloned().collect()
    }

    /// Whether an application is registered.
    pub fn has(&self, app: &str) -> bool {
        self.lock().apps.contains(app)
    }

    /// A channel left an application.
    pub fn left(&self, application: &str, channel_id: &str) {
        let mut state = self.lock();
        for stay in &mut state.stays {
            stay.over |= stay.channel.id == channel_id && stay.is_inside(application);
        }
        state.forget(application);
    }

    /// The application of a context, if there is the context.
    pub fn context(&self, name: &str) -> Option<String> {
        self.lock().contexts.get(name).cloned()
    }
}

impl State {
    /// An application that is not registered any more is listed no longer than it has channels.
    fn forget(&mut self, app: &str) {
        if !self.stays.iter_mut().any(|stay| stay.is_inside(app)) {
            self.inactive.remove(app);
        }
    }

    /// An application is registered no more. While it has channels Asterisk still lists it.
    fn unregister(&mut self, app: &str) {
        self.apps.remove(app);
        if self.stays.iter_mut().any(|stay| stay.is_inside(app)) {
            self.inactive.insert(app.to_owned());
        }
    }

    /// The recorded request that this one is: the first that is not answered, unless the library was to answer it itself.
    fn recorded(&mut self, request: &host::Request) -> Option<Request> {
        let mut alike: Vec<&mut Asked> = self
            .asked
            .iter_mut()
            .filter(|asked| {
                !asked.done
                    && asked.request.method == request.method
                    && asked.request.path == request.path
            })
            .collect();
        let hosts = |asked: &&mut Asked| {
            !asked
                .request
                .answer
                .as_deref()
                .is_some_and(requests::is_the_librarys)
        };
        let index = alike.iter().position(hosts).unwrap_or_default();
        let asked = alike.get_mut(index)?;
        asked.done = true;
        Some(asked.request.clone())
    }
}

impl Stay {
    /// Whether the channel is in the application.
    fn is_inside(&mut self, app: &str) -> bool {
        self.is_over()
            && !self.over
            && matches!(&self.start, Start::Over(Ok(application)) if application == app)
    }

    fn is_over(&mut self) -> bool {
        if let Start::UnderWay(receiver) = &self.start
            && let Ok(outcome) = receiver.try_recv()
        {
            self.start = Start::Over(outcome);
        }
        matches!(self.start, Start::Over(_))
    }

    /// The start has taken too long.
    fn give_up(&mut self) {
        self.start = Start::Over(Err((0, "no outcome in time".to_owned())));
    }
}

/// What a host answers.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub status: i32,
    pub reason: String,
    pub body: Option<String>,
}

impl Answer {
    /// The body as JSON.
    pub fn value(&self) -> Value {
        self.body
            .as_deref()
            .and_then(|body| serde_json::from_str(body).ok())
            .unwrap_or_default()
    }
}
