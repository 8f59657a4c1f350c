//! The host: it stands in for Asterisk. What is Asterisk's own, such as the bodies of answers, comes from the recording;
//! which applications, contexts and channels there are follows from what the library calls it for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ariws::ffi::ARIWS_ERROR_CANCELLED;

use super::abi;
use super::network::Network;
use super::story::{Channel, Inbound, Request};
use super::support::DEADLINE;
use super::support::host::{self, Call, Host};
use super::support::library::{Handle, Started};
use super::variables::Variables;

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
    /// What applications asked for, and whether it was answered.
    asked: Vec<(Request, bool)>,
    variables: Variables,
    stays: Vec<Stay>,
    inbound: Vec<Inbound>,
    problems: Vec<String>,
}

/// A channel's time in an application.
struct Stay {
    channel: Channel,
    start: Receiver<Started>,
    outcome: Option<Started>,
    failed: bool,
    /// The channel has left.
    over: bool,
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

    /// The library is loaded, or not any more.
    pub fn set_handle(&self, handle: Option<Handle>) {
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = handle;
        self.network.touch();
    }

    pub fn handle(&self) -> Option<Handle> {
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
                let mut state = self.lock();
                if state.inbound.iter().any(|its| its.apps.contains(app)) {
                    host.set_registered(app, true);
                } else {
                    state.unregister(app);
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
            Call::IsRegistered(_)
            | Call::RequestCancelled(_)
            | Call::ConnectionState(..)
            | Call::Text(_)
            | Call::Log(..)
            | Call::Finalize => {}
        }
        self.network.touch();
    }

    fn register(&self, app: &str) {
        let mut state = self.lock();
        let theirs = |inbound: &Inbound| inbound.apps.iter().any(|its| its == app);
        let mine = !state.inbound.iter().any(theirs);
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
            let (time, id) = ("2026-11-23T00:00:00.000+0000", "02:fc:00:00:00:01");
            let event =
                format!(r#"{{"type":"ApplicationReplaced","timestamp":"{time}","application":"{app}","asterisk_id":"{id}"}}"#);
            handle.event(app, &event);
        }
    }

    /// Answers a request as Asterisk did.
    fn run(&self, request: &host::Request) {
        // A request may be here before the call that loads the library is over.
        self.network.wait(DEADLINE, |_| self.handle().is_some());
        let Some(handle) = self.handle() else { return };
        let mut state = self.lock();
        let what = format!("the host was asked for {} {}", request.method, request.path);
        let recorded = state.recorded(request);
        let told = match &recorded {
            None => Some("nobody asked for"),
            Some(recorded) if recorded.librarys => Some("the websocket layer answers by itself"),
            Some(_) => None,
        };
        let told = told.map(|why| format!("{what}, which {why}"));
        state.problems.extend(told);
        let refused = |(asked, _): &(Request, bool)| asked.ours && asked.librarys && changes(asked);
        let differs = state.asked.iter().any(refused) || recorded.as_ref().is_some_and(|its| its.ours && changes(its));
        let answer = recorded.map(|recorded| recorded.answer).unwrap_or_default();
        let problem = state.variables.follow(request, &answer, differs);
        state.problems.extend(problem);
        drop(state);
        abi::complete(handle, request.id, &answer);
    }

    /// An application is about to ask for something.
    pub fn expect(&self, request: &Request) {
        self.lock().asked.push((request.clone(), false));
    }

    /// A channel enters an application.
    pub fn entered(&self, channel: &Channel, start: Receiver<Started>) {
        self.lock().stays.push(Stay {
            channel: channel.clone(),
            start,
            outcome: None,
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
        let under_way = |stay: &mut Stay| wanted(stay) && !stay.is_started();
        // Without the lock meanwhile, as a start may need the host to register an application first.
        while self.lock().stays.iter_mut().any(under_way) {
            if Instant::now() > deadline {
                for stay in self.lock().stays.iter_mut().filter(|stay| wanted(stay)) {
                    let late = || Err((0, "no outcome in time".to_owned()));
                    stay.outcome.get_or_insert_with(late);
                }
                return;
            }
            self.network.pause(Duration::from_millis(5));
        }
    }

    /// Whether every start of a channel is over.
    pub fn is_started(&self, id: &str) -> bool {
        let mut state = self.lock();
        let mut theirs = state.stays.iter_mut().filter(|stay| stay.channel.id == id);
        theirs.all(Stay::is_started)
    }

    /// Whether the start of a channel that has hung up ends as cancelled.
    pub fn is_cancelled(&self, id: &str) -> bool {
        self.finish(|stay| stay.channel.id == id);
        let cancelled = |stay: &Stay| {
            let outcome = &stay.outcome;
            stay.channel.id == id && matches!(outcome, Some(Err((ARIWS_ERROR_CANCELLED, _))))
        };
        self.lock().stays.iter().any(cancelled)
    }

    /// Channels hang up: those that are about to enter an application do not. Gives them.
    pub fn hung_up(&self, ids: &[String]) -> Vec<String> {
        let apps = self.lock().apps.clone();
        let theirs = |stay: &Stay| ids.contains(&stay.channel.id);
        // There is no connection to wait for where the application is registered.
        self.finish(|stay| theirs(stay) && apps.contains(&stay.channel.app));
        let mut state = self.lock();
        let stays = state.stays.iter_mut();
        let waiting = stays.filter_map(|stay| (theirs(stay) && !stay.is_started()).then_some(stay));
        waiting.map(|stay| stay.channel.id.clone()).collect()
    }

    fn fail(&self, channel: &str, application: &str) {
        let mut state = self.lock();
        for stay in &mut state.stays {
            if stay.channel.id == channel {
                (stay.failed, stay.over) = (true, true);
            }
        }
        state.forget(application);
        drop(state);
        if let Some(handle) = self.handle() {
            abi::stasis_end(handle, application, channel);
        }
    }

    /// What STASISSTATUS is for a channel's n-th time.
    pub fn status(&self, channel: &str, time: usize) -> &'static str {
        self.finish(|stay| stay.channel.name == channel);
        let state = self.lock();
        let mut theirs = state.stays.iter();
        match theirs.by_ref().filter(|stay| stay.channel.name == channel).nth(time) {
            None => "none",
            Some(stay) if stay.failed || matches!(stay.outcome, Some(Err(_))) => "FAILED",
            Some(_) => "SUCCESS",
        }
    }

    /// An application connects to Asterisk and takes its applications from whoever had them.
    pub fn inbound(&self, host: &Host, inbound: &Inbound) {
        let Some(handle) = self.handle() else { return };
        for app in &inbound.apps {
            let taken = !self.lock().apps.insert(app.clone());
            host.set_registered(app, true);
            if taken {
                self.tell_replaced(app);
            }
        }
        self.lock().inbound.push(inbound.clone());
        abi::inbound_opened(handle, inbound);
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
        let alike = |(_, (asked, done)): &(usize, &(Request, bool))| {
            !done && asked.method == request.method && asked.path == request.path
        };
        let mut all = self.asked.iter().enumerate().filter(alike);
        let first = all.clone().next();
        let hosts = all.find(|(_, (asked, _))| !asked.librarys);
        let (place, _) = hosts.or(first)?;
        let (asked, done) = &mut self.asked[place];
        *done = true;
        Some(asked.clone())
    }
}

impl Stay {
    /// Whether the channel is in the application.
    fn is_inside(&mut self, app: &str) -> bool {
        let started = self.is_started() && !self.over;
        started && matches!(&self.outcome, Some(Ok(application)) if application == app)
    }

    fn is_started(&mut self) -> bool {
        if self.outcome.is_none() {
            self.outcome = self.start.try_recv().ok();
        }
        self.outcome.is_some()
    }
}

fn changes(request: &Request) -> bool {
    request.method != "GET"
}
