//! Every function from inside every callback.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Asked, Call, DEADLINE, Handle, Host, Pbx, TextKind, Watched, request};

use super::everything;

/// The callbacks of the host's table.
const CALLBACKS: [&str; 14] = [
    "log",
    "expand",
    "config_read",
    "ari_request",
    "app_register",
    "app_unregister",
    "app_is_registered",
    "context_create",
    "context_destroy",
    "stasis_failed",
    "inbound_shutdown",
    "request_cancelled",
    "connection_state",
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
        Call::ConnectionState(..) => "connection_state",
        Call::Text(Asked::Expand(..)) => "expand",
        Call::Text(Asked::AppSnapshot(_)) => "app_snapshot",
        Call::Text(Asked::ConfigRead(_)) => "config_read",
        Call::Finalize => "finalize",
    }
}

/// What came of the functions that were called inside each callback, the first time that it was called.
#[derive(Default)]
struct Inside {
    begun: Mutex<Vec<&'static str>>,
    outcomes: Watched<BTreeMap<&'static str, Vec<everything::Outcome>>>,
}

impl Inside {
    fn react(&self, handle: Handle, call: &Call) {
        let callback = callback(call);
        let number = {
            // What is called here calls the host as well.
            let mut begun = self.begun.lock().expect("the lock");
            if begun.contains(&callback) {
                return;
            }
            begun.push(callback);
            begun.len()
        };
        let mut outcomes = everything::call(handle, &format!("inside-{number}"));
        outcomes.extend(everything::call_forbidden(handle));
        self.outcomes.change(|all| all.insert(callback, outcomes));
    }

    /// Waits until everything was called inside these callbacks.
    fn wait_for(&self, callbacks: &[&'static str]) {
        self.outcomes.wait_for(
            |outcomes| {
                let mut wanted = callbacks.iter();
                let all = wanted.all(|callback| outcomes.contains_key(callback));
                all.then_some(())
            },
            |outcomes| format!("only inside {:?}", outcomes.keys()),
        );
    }
}

/// What a function may return inside a callback of a live instance.
fn allowed(function: &str) -> &'static [i32] {
    match function {
        "request_complete" | "stasis_start" | "stasis_cancel" => &[ARIWS_ERROR_NOT_FOUND],
        // A connection that is closing takes no event, and the first callbacks come before there is one.
        "event" | "connection_value" => &[ARIWS_OK, ARIWS_ERROR_NOT_FOUND],
        "reload" => &[ARIWS_OK, ARIWS_ERROR_BUSY],
        "load" | "unload" => &[ARIWS_ERROR_FROM_CALLBACK],
        _ => &[ARIWS_OK],
    }
}

#[test]
fn every_function_returns_inside_every_callback() {
    let inside = Arc::new(Inside::default());
    let reaction = Arc::clone(&inside);
    let host = Host::calling_back(move |library, call| reaction.react(library, call));
    // The configuration stays in files.
    let host = host.with_texts(&[TextKind::Expand, TextKind::ConfigRead], |asked| match asked {
        Asked::Expand(..) => Some("1".into()),
        _ => None,
    });
    let mut pbx = Pbx::persistent("app1, app2").host(host).load();

    let mut connection = pbx.accept();
    connection.send(&request("1", "GET", "x"));
    pbx.change("connection1", "apps = app1, app3");
    assert_eq!(pbx.inbound_opened("inbound", "", ""), ARIWS_OK);
    pbx.command("ari shutdown websocket session inbound");
    pbx.connect("calls", "per_call_config", pbx.server.address(), "app4");
    pbx.set("calls", "header = X: ${X}");
    pbx.reload();
    let start = pbx.stasis_start_async("app4", "4", "SIP/4");
    let call = pbx.accept();
    assert_eq!(start.recv_timeout(DEADLINE), Ok(Ok("app4:SIP/4".into())));
    pbx.server.stop();
    // The host has not answered its request.
    connection.reset();
    call.reset();
    inside.wait_for(&CALLBACKS[..13]);
    assert_eq!(pbx.unload(Duration::from_millis(100)), ARIWS_OK);

    let outcomes = inside.outcomes.lock();
    for callback in CALLBACKS {
        for (function, code) in &outcomes[callback] {
            let right = match (callback, *function) {
                ("finalize", "load") => [ARIWS_ERROR_FROM_CALLBACK].as_slice(),
                ("finalize", _) => &[ARIWS_ERROR_UNLOADED],
                _ => allowed(function),
            };
            assert!(right.contains(code), "{function} inside {callback} returned {code}");
        }
    }
}

#[test]
fn every_function_returns_inside_a_report() {
    struct Inside(Handle, Vec<everything::Outcome>);
    unsafe extern "C" fn report(data: *mut c_void, _: *const ariws_report_entry) {
        // SAFETY: the data is what the test gave, and it waits.
        let Inside(handle, outcomes) = unsafe { &mut *data.cast() };
        outcomes.extend(everything::call(*handle, "inside a report"));
        outcomes.extend(everything::call_forbidden(*handle));
    }
    let mut pbx = Pbx::persistent("app1").load();
    pbx.set("connection1", "reconnect_interval = 77");
    let mut inside = Inside(pbx.handle(), Vec::new());
    let (instance, data) = (pbx.handle().0, (&raw mut inside).cast());
    // SAFETY: everything lives until the call returns.
    let code = unsafe { ariws_reload(instance, Some(report), data, ptr::null_mut(), 0) };
    assert_eq!(code, ARIWS_OK);
    assert!(!inside.1.is_empty(), "something was reported");
    for (function, code) in inside.1 {
        assert!(allowed(function).contains(&code), "{function} returned {code}");
    }
}

#[test]
fn a_handle_that_was_unloaded_is_dead_for_every_function() {
    let pbx = Pbx::without_connections().load();
    let handle = pbx.handle();
    pbx.unload(Duration::ZERO);
    for (function, code) in everything::call(handle, "late") {
        assert_eq!(code, ARIWS_ERROR_UNLOADED, "{function}");
    }
    assert_eq!(handle.unload(Duration::ZERO), ARIWS_ERROR_UNLOADED);
}
