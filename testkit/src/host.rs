//! A host that records what it is called for and does what the test says.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::abi::*;
pub use crate::callbacks::{Asked, Request, TextKind};
use crate::callbacks::{Callbacks, RequestView, table};
use crate::handle::Handle;
use crate::waiting::Watched;

/// A call of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Log(i32, String, String),
    Request(Request),
    Register(String, bool),
    Unregister(String),
    /// Not recorded: there are as many as starts.
    IsRegistered(String),
    CreateContext(String, String),
    DestroyContext(String),
    StasisFailed(String, String),
    InboundShutdown(String),
    RequestCancelled(u64),
    /// A persistent connection, with its server when it is up, or the reason when it is down.
    ConnectionState(String, Result<String, String>),
    Text(Asked),
    Finalize,
}

type Texts = (Vec<TextKind>, Box<dyn Fn(&Asked) -> Option<String> + Send + Sync>);
type Reaction = Box<dyn Fn(&Host, &Call) + Send + Sync>;

/// The host.
pub struct Host {
    calls: Watched<Vec<Call>>,
    registered: Mutex<BTreeSet<String>>,
    reaction: Reaction,
    texts: Texts,
    refused: Mutex<BTreeSet<String>>,
    library: Mutex<Option<Handle>>,
}

impl Host {
    /// One that only records.
    #[allow(clippy::new_ret_no_self, reason = "its address is given to the library")]
    pub fn new() -> Box<Self> {
        Self::reacting(|_, _| {})
    }

    /// One that also does something at each call, on the library's thread.
    pub fn reacting(reaction: impl Fn(&Host, &Call) + Send + Sync + 'static) -> Box<Self> {
        Box::new(Self {
            calls: Watched::default(),
            registered: Mutex::default(),
            reaction: Box::new(reaction),
            texts: (Vec::new(), Box::new(|_| None)),
            refused: Mutex::default(),
            library: Mutex::default(),
        })
    }

    /// One that calls the library from its callbacks, as soon as that is loaded.
    pub fn calling_back(reaction: impl Fn(Handle, &Call) + Send + Sync + 'static) -> Box<Self> {
        Self::reacting(move |host, call| {
            if let Some(library) = host.library() {
                reaction(library, call);
            }
        })
    }

    /// One that answers every request at once.
    pub fn answering(status: i32) -> Box<Self> {
        Self::calling_back(move |library, call| {
            if let Call::Request(request) = call {
                assert_eq!(library.complete(request.id, status, None), ARIWS_OK);
            }
        })
    }

    /// One that gives texts of these kinds.
    pub fn giving(kinds: &[TextKind], text: impl Fn(&Asked) -> Option<String> + Send + Sync + 'static) -> Box<Self> {
        Self::new().with_texts(kinds, text)
    }

    /// The same, which gives texts of these kinds.
    pub fn with_texts(
        mut self: Box<Self>,
        kinds: &[TextKind],
        text: impl Fn(&Asked) -> Option<String> + Send + Sync + 'static,
    ) -> Box<Self> {
        self.texts = (kinds.to_vec(), Box::new(text));
        self
    }

    /// One that does not register these applications.
    pub fn refusing(apps: &[&str]) -> Box<Self> {
        let host = Self::new();
        host.refuse(apps);
        host
    }

    /// Registers all applications but these from now on.
    pub fn refuse(&self, apps: &[&str]) {
        let apps = apps.iter().map(|app| (*app).to_owned());
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = apps.collect();
    }

    /// Waits until a call satisfies the test, and gives it.
    pub fn wait_for(&self, mut wanted: impl FnMut(&Call) -> bool) -> Call {
        self.wait_for_some(|call| wanted(call).then(|| call.clone()))
    }

    /// Waits for this call.
    pub fn wait_for_call(&self, wanted: &Call) {
        self.wait_for(|call| call == wanted);
    }

    /// Waits until the test makes something of a call, and gives that.
    fn wait_for_some<T>(&self, mut wanted: impl FnMut(&Call) -> Option<T>) -> T {
        self.calls.wait_for(
            |calls| calls.iter().find_map(&mut wanted),
            |calls| format!("not called as expected; calls: {calls:#?}"),
        )
    }

    /// Waits for a log message that contains the text.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.wait_for_some(|call| match call {
            Call::Log(_, _, message) if message.contains(text) => Some(message.clone()),
            _ => None,
        })
    }

    /// Waits for the end of a connection; gives how many messages may be lost with it, as the log says.
    pub fn wait_for_loss(&self) -> u64 {
        let message = self.wait_for_log("sent without proof of arrival");
        message
            .split_once("; ")
            .and_then(|(_, rest)| rest.split(' ').next())
            .and_then(|number| number.parse().ok())
            .expect("a number in the log")
    }

    /// Waits for the first request for the path since the host last forgot what it was called for.
    pub fn wait_for_request(&self, path: &str) -> Request {
        self.wait_for_some(|call| match call {
            Call::Request(request) if request.path == path => Some(request.clone()),
            _ => None,
        })
    }

    /// Waits until it has been told so often that a connection is up or down; gives all of it, in order: the server that each
    /// is up to, or why it is down.
    pub fn wait_for_states(&self, count: usize) -> Vec<Result<String, String>> {
        let states = |calls: &Vec<Call>| -> Vec<Result<String, String>> {
            let state = |call: &Call| match call {
                Call::ConnectionState(_, state) => Some(state.clone()),
                _ => None,
            };
            calls.iter().filter_map(state).collect()
        };
        self.calls.wait_for(
            |calls| Some(states(calls)).filter(|states| states.len() >= count),
            |calls| format!("not told {count} times of connections: {:#?}", states(calls)),
        )
    }

    /// What it was called for, logs and states of connections aside.
    pub fn calls(&self) -> Vec<Call> {
        self.some(|call| match call {
            Call::Log(..) | Call::ConnectionState(..) => None,
            call => Some(call.clone()),
        })
    }

    /// The log so far.
    pub fn log(&self) -> Vec<String> {
        self.some(|call| match call {
            Call::Log(_, subject, message) => Some(format!("{subject}: {message}")),
            _ => None,
        })
    }

    /// What operators were warned of so far.
    pub fn warnings(&self) -> Vec<String> {
        self.some(|call| match call {
            Call::Log(ARIWS_LOG_WARNING, subject, message) => Some(format!("{subject}: {message}")),
            _ => None,
        })
    }

    fn some<T>(&self, wanted: impl FnMut(&Call) -> Option<T>) -> Vec<T> {
        self.calls.lock().iter().filter_map(wanted).collect()
    }

    /// Forgets what it was called for, and gives the memory back.
    pub fn forget(&self) {
        *self.calls.lock() = Vec::new();
    }

    /// Registers an application for somebody else, or takes it away, behind the library's back.
    pub fn set_registered(&self, app: &str, registered: bool) {
        if registered {
            self.registered().insert(app.to_owned());
        } else {
            self.registered().remove(app);
        }
    }

    /// Whether an application is registered.
    pub fn has(&self, app: &str) -> bool {
        self.registered().contains(app)
    }

    /// What was loaded with it last.
    pub fn library(&self) -> Option<Handle> {
        *self.library.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(feature = "linked")]
    pub(crate) fn attach(&self, library: Handle) {
        *self.library.lock().unwrap_or_else(PoisonError::into_inner) = Some(library);
    }

    /// The table to load with.
    pub fn table(&self) -> ariws_host {
        table(self)
    }

    fn registered(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, call: Call) {
        if !matches!(call, Call::IsRegistered(_)) {
            self.calls.change(|calls| calls.push(call.clone()));
        }
        (self.reaction)(self, &call);
    }
}

impl Callbacks for Host {
    fn log(&self, level: i32, subject: &str, message: &str) {
        self.record(Call::Log(level, subject.into(), message.into()));
    }

    fn ari_request(&self, request: RequestView<'_>) {
        self.record(Call::Request(request.to_owned()));
    }

    fn request_cancelled(&self, id: u64) {
        self.record(Call::RequestCancelled(id));
    }

    fn app_register(&self, app: &str, subscribe_all: bool) -> i32 {
        self.record(Call::Register(app.into(), subscribe_all));
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.contains(app) {
            ARIWS_HOST_FAILED
        } else if self.registered().insert(app.into()) {
            ARIWS_APP_REGISTERED
        } else {
            ARIWS_APP_REPLACED
        }
    }

    fn app_unregister(&self, app: &str) {
        self.set_registered(app, false);
        self.record(Call::Unregister(app.into()));
    }

    fn app_is_registered(&self, app: &str) -> bool {
        self.record(Call::IsRegistered(app.into()));
        self.has(app)
    }

    fn context_create(&self, context: &str, app: &str) -> i32 {
        self.record(Call::CreateContext(context.into(), app.into()));
        ARIWS_CONTEXT_CREATED
    }

    fn context_destroy(&self, context: &str) {
        self.record(Call::DestroyContext(context.into()));
    }

    fn stasis_failed(&self, channel_id: &str, application: &str) {
        self.record(Call::StasisFailed(channel_id.into(), application.into()));
    }

    fn inbound_shutdown(&self, session_id: &str) {
        self.record(Call::InboundShutdown(session_id.into()));
    }

    fn connection_state(&self, connection: &str, state: Result<&str, &str>) {
        let state = state.map(str::to_owned).map_err(str::to_owned);
        self.record(Call::ConnectionState(connection.into(), state));
    }

    fn gives(&self, kind: TextKind) -> bool {
        self.texts.0.contains(&kind)
    }

    fn text(&self, asked: &Asked) -> Option<String> {
        self.record(Call::Text(asked.clone()));
        (self.texts.1)(asked)
    }

    fn finalize(&self) {
        self.record(Call::Finalize);
    }
}
