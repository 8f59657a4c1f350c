//! A host behind the C table: it records what it is called for and does what the test says.

use std::collections::BTreeSet;
use std::ffi::{CStr, c_char, c_void};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ariws::ffi::*;

use super::DEADLINE;

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
    Finalize,
}

/// An ARI request as the host got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub id: u64,
    pub application: String,
    pub session_id: String,
    pub method: String,
    pub path: String,
    pub parameters: Vec<(String, String)>,
    pub content_type: Option<String>,
    pub body: Option<String>,
    pub user: String,
    pub password: String,
    pub read_only: bool,
}

type Reaction = Box<dyn Fn(&Host, &Call) + Send + Sync>;

/// The host.
pub struct Host {
    calls: Mutex<Vec<Call>>,
    called: Condvar,
    registered: Mutex<BTreeSet<String>>,
    reaction: Reaction,
    refused: BTreeSet<String>,
}

impl Host {
    /// One that only records.
    pub fn new() -> Box<Self> {
        Self::reacting(|_, _| {})
    }

    /// One that also does something at each call, on the library's thread.
    pub fn reacting(reaction: impl Fn(&Host, &Call) + Send + Sync + 'static) -> Box<Self> {
        Box::new(Self {
            calls: Mutex::default(),
            called: Condvar::new(),
            registered: Mutex::default(),
            reaction: Box::new(reaction),
            refused: BTreeSet::new(),
        })
    }

    /// One that does not register these applications.
    pub fn refusing(apps: &[&str]) -> Box<Self> {
        let mut host = Self::new();
        host.refused = apps.iter().map(|app| (*app).to_owned()).collect();
        host
    }

    /// Waits until a call satisfies the test, and gives it.
    pub fn wait_for(&self, mut wanted: impl FnMut(&Call) -> bool) -> Call {
        let deadline = Instant::now() + DEADLINE;
        let mut calls = self.lock();
        loop {
            if let Some(call) = calls.iter().find(|call| wanted(call)) {
                return call.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not called as expected; calls: {calls:#?}");
            calls = self.called.wait_timeout(calls, left).expect("the lock").0;
        }
    }

    /// Waits for a log message that contains the text.
    pub fn wait_for_log(&self, text: &str) -> String {
        let call = self
            .wait_for(|call| matches!(call, Call::Log(_, _, message) if message.contains(text)));
        match call {
            Call::Log(_, _, message) => message,
            _ => unreachable!("only logs were asked for"),
        }
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

    /// Waits for the next request that no earlier wait has given.
    pub fn wait_for_request(&self, path: &str) -> Request {
        match self.wait_for(|call| matches!(call, Call::Request(request) if request.path == path)) {
            Call::Request(request) => request,
            _ => unreachable!("only requests were asked for"),
        }
    }

    /// What it was called for, logs aside.
    pub fn calls(&self) -> Vec<Call> {
        let calls = self.lock();
        calls
            .iter()
            .filter(|call| !matches!(call, Call::Log(..)))
            .cloned()
            .collect()
    }

    /// The log so far.
    pub fn log(&self) -> Vec<String> {
        let calls = self.lock();
        calls
            .iter()
            .filter_map(|call| match call {
                Call::Log(_, subject, message) => Some(format!("{subject}: {message}")),
                _ => None,
            })
            .collect()
    }

    /// What operators were warned of so far.
    pub fn warnings(&self) -> Vec<String> {
        let calls = self.lock();
        calls
            .iter()
            .filter_map(|call| match call {
                Call::Log(ARIWS_LOG_WARNING, subject, message) => {
                    Some(format!("{subject}: {message}"))
                }
                _ => None,
            })
            .collect()
    }

    /// Forgets what it was called for, and gives the memory back.
    pub fn forget(&self) {
        *self.lock() = Vec::new();
    }

    /// Registers an application for somebody else, or takes it away, behind the library's back.
    pub fn set_registered(&self, app: &str, registered: bool) {
        let mut apps = self.registered.lock().expect("the lock");
        if registered {
            apps.insert(app.to_owned());
        } else {
            apps.remove(app);
        }
    }

    /// Whether an application is registered.
    pub fn has(&self, app: &str) -> bool {
        self.registered.lock().expect("the lock").contains(app)
    }

    /// The table to load with.
    pub fn table(&self) -> ariws_host {
        ariws_host {
            struct_size: size_of::<ariws_host>(),
            userdata: std::ptr::from_ref(self).cast_mut().cast(),
            log: Some(log),
            ari_request: Some(ari_request),
            app_register: Some(app_register),
            app_unregister: Some(app_unregister),
            app_is_registered: Some(app_is_registered),
            context_create: Some(context_create),
            context_destroy: Some(context_destroy),
            stasis_failed: Some(stasis_failed),
            inbound_shutdown: Some(inbound_shutdown),
            finalize: Some(finalize),
            request_cancelled: Some(request_cancelled),
        }
    }

    fn record(&self, call: Call) {
        if !matches!(call, Call::IsRegistered(_)) {
            self.lock().push(call.clone());
            self.called.notify_all();
        }
        (self.reaction)(self, &call);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn host<'a>(userdata: *mut c_void) -> &'a Host {
    // SAFETY: the tests keep the host until the library is unloaded.
    unsafe { &*userdata.cast() }
}

fn text(pointer: *const c_char) -> String {
    // SAFETY: the library gives NUL-terminated strings.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().expect("UTF-8").to_owned()
}

fn optional(pointer: *const c_char) -> Option<String> {
    (!pointer.is_null()).then(|| text(pointer))
}

unsafe extern "C" fn log(
    userdata: *mut c_void,
    level: i32,
    subject: *const c_char,
    message: *const c_char,
) {
    host(userdata).record(Call::Log(level, text(subject), text(message)));
}

unsafe extern "C" fn ari_request(userdata: *mut c_void, request: *const ariws_request) {
    // SAFETY: the library gives a request that lives until this returns.
    let request = unsafe { &*request };
    assert_eq!(request.struct_size, size_of::<ariws_request>());
    let parameters = (0..request.parameters_count)
        .map(|index| {
            // SAFETY: the library gives as many as it says.
            let parameter = unsafe { &*request.parameters.add(index) };
            (text(parameter.name), text(parameter.value))
        })
        .collect();
    host(userdata).record(Call::Request(Request {
        id: request.id,
        application: text(request.application),
        session_id: text(request.session_id),
        method: text(request.method),
        path: text(request.path),
        parameters,
        content_type: optional(request.content_type),
        body: optional(request.body),
        user: text(request.user),
        password: text(request.password),
        read_only: request.read_only == 1,
    }));
}

unsafe extern "C" fn app_register(
    userdata: *mut c_void,
    app: *const c_char,
    subscribe_all: i32,
) -> i32 {
    let (host, app) = (host(userdata), text(app));
    host.record(Call::Register(app.clone(), subscribe_all == 1));
    if host.refused.contains(&app) {
        return ARIWS_HOST_FAILED;
    }
    if host.registered.lock().expect("the lock").insert(app) {
        ARIWS_APP_REGISTERED
    } else {
        ARIWS_APP_REPLACED
    }
}

unsafe extern "C" fn app_unregister(userdata: *mut c_void, app: *const c_char) {
    let (host, app) = (host(userdata), text(app));
    host.set_registered(&app, false);
    host.record(Call::Unregister(app));
}

unsafe extern "C" fn app_is_registered(userdata: *mut c_void, app: *const c_char) -> i32 {
    let (host, app) = (host(userdata), text(app));
    host.record(Call::IsRegistered(app.clone()));
    host.has(&app).into()
}

unsafe extern "C" fn context_create(
    userdata: *mut c_void,
    context: *const c_char,
    app: *const c_char,
) -> i32 {
    host(userdata).record(Call::CreateContext(text(context), text(app)));
    ARIWS_CONTEXT_CREATED
}

unsafe extern "C" fn context_destroy(userdata: *mut c_void, context: *const c_char) {
    host(userdata).record(Call::DestroyContext(text(context)));
}

unsafe extern "C" fn stasis_failed(
    userdata: *mut c_void,
    channel_id: *const c_char,
    application: *const c_char,
) {
    host(userdata).record(Call::StasisFailed(text(channel_id), text(application)));
}

unsafe extern "C" fn inbound_shutdown(userdata: *mut c_void, session_id: *const c_char) {
    host(userdata).record(Call::InboundShutdown(text(session_id)));
}

unsafe extern "C" fn request_cancelled(userdata: *mut c_void, id: u64) {
    host(userdata).record(Call::RequestCancelled(id));
}

unsafe extern "C" fn finalize(userdata: *mut c_void) {
    host(userdata).record(Call::Finalize);
}
