//! Every function from inside every callback.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ariws::ffi::*;
use ariws_testkit::{Call, Configuration, DEADLINE, Handle, Host, Library, Server, request};

use super::everything;

/// The callbacks of the host's table.
const CALLBACKS: [&str; 11] = [
    "log",
    "ari_request",
    "app_register",
    "app_unregister",
    "app_is_registered",
    "context_create",
    "context_destroy",
    "stasis_failed",
    "inbound_shutdown",
    "request_cancelled",
    "finalize",
];

fn callback(call: &Call) -> &'static str {
    match call {
        Call::Log(..) => "log",
        Call::Request(_) => "ari_request",
        Call::Register(..) => "app_register",
        Call::Unregister(_) => "app_unregister",
        Call::IsRegistered(_) => "app_is_registered",
        Call::CreateContext(..) => "context_create",
        Call::DestroyContext(_) => "context_destroy",
        Call::StasisFailed(..) => "stasis_failed",
        Call::InboundShutdown(_) => "inbound_shutdown",
        Call::RequestCancelled(_) => "request_cancelled",
        Call::Finalize => "finalize",
    }
}

/// What came of the functions that were called inside each callback, the first time that it was called.
#[derive(Default)]
struct Inside {
    handle: OnceLock<Handle>,
    begun: Mutex<Vec<&'static str>>,
    outcomes: Mutex<BTreeMap<&'static str, Vec<everything::Outcome>>>,
    ended: Condvar,
    number: AtomicUsize,
}

impl Inside {
    fn react(&self, call: &Call) {
        let (Some(handle), callback) = (self.handle.get(), callback(call)) else {
            return;
        };
        {
            // What is called here calls the host as well.
            let mut begun = self.begun.lock().expect("the lock");
            if begun.contains(&callback) {
                return;
            }
            begun.push(callback);
        }
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let unique = CString::new(format!("inside-{number}")).expect("no NUL");
        let mut outcomes = everything::call(*handle, &unique);
        outcomes.extend(everything::call_forbidden(*handle));
        self.outcomes
            .lock()
            .expect("the lock")
            .insert(callback, outcomes);
        self.ended.notify_all();
    }

    /// Waits until everything was called inside these callbacks.
    fn wait_for(&self, callbacks: &[&'static str]) {
        let deadline = Instant::now() + DEADLINE;
        let mut outcomes = self.outcomes.lock().expect("the lock");
        while !callbacks
            .iter()
            .all(|callback| outcomes.contains_key(callback))
        {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "only inside {:?}", outcomes.keys());
            let waited = self.ended.wait_timeout(outcomes, left);
            outcomes = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// What a function may return inside a callback of a live instance.
fn allowed(function: &str) -> &'static [i32] {
    match function {
        "request_complete" | "stasis_start" | "stasis_cancel" => &[ARIWS_ERROR_NOT_FOUND],
        // A connection that is closing takes no event.
        "event" => &[ARIWS_OK, ARIWS_ERROR_NOT_FOUND],
        "reload" => &[ARIWS_OK, ARIWS_ERROR_BUSY],
        "load" | "unload" => &[ARIWS_ERROR_FROM_CALLBACK],
        _ => &[ARIWS_OK],
    }
}

#[test]
fn every_function_returns_inside_every_callback() {
    let server = Server::start();
    let inside = Arc::new(Inside::default());
    let reaction = Arc::clone(&inside);
    let host = Host::reacting(move |_, call| reaction.react(call));
    let mut configuration = Configuration::with("persistent", server.address(), "app1, app2");
    let library = Library::load(&host, &configuration);
    assert!(inside.handle.set(library.handle()).is_ok());

    let mut connection = server.accept();
    connection.send(&request("1", "GET", "x"));
    configuration.replace("apps = app1, app2", "apps = app1, app3");
    library.reload();
    assert_eq!(library.inbound_opened("inbound", "", ""), ARIWS_OK);
    library.command("ari shutdown websocket session inbound");
    let configuration =
        configuration.connection("calls", "per_call_config", server.address(), "app4", "");
    library.reload();
    let start = library.stasis_start_async("app4", "4", "SIP/4");
    let call = server.accept();
    assert_eq!(start.recv_timeout(DEADLINE), Ok(Ok("app4:SIP/4".into())));
    drop(server);
    // The host has not answered its request.
    connection.reset();
    call.reset();
    inside.wait_for(&CALLBACKS[..10]);
    drop(configuration);
    assert_eq!(library.unload(Duration::from_millis(100)), ARIWS_OK);

    let outcomes = inside.outcomes.lock().expect("the lock");
    for callback in CALLBACKS {
        for (function, code) in &outcomes[callback] {
            let right = match (callback, *function) {
                ("finalize", "load") => [ARIWS_ERROR_FROM_CALLBACK].as_slice(),
                ("finalize", _) => &[ARIWS_ERROR_UNLOADED],
                _ => allowed(function),
            };
            assert!(
                right.contains(code),
                "{function} inside {callback} returned {code}"
            );
        }
    }
}

#[test]
fn a_handle_that_was_unloaded_is_dead_for_every_function() {
    let (host, configuration) = (Host::new(), Configuration::empty());
    let library = Library::load(&host, &configuration);
    let handle = library.handle();
    library.unload(Duration::ZERO);
    for (function, code) in everything::call(handle, c"late") {
        assert_eq!(code, ARIWS_ERROR_UNLOADED, "{function}");
    }
    assert_eq!(handle.unload(Duration::ZERO), ARIWS_ERROR_UNLOADED);
}
