//! Callbacks that return what no callback returns, or do not return for long.

use std::ffi::{c_char, c_void};
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Call, Configuration, Host, Library, Server, alone, request};

use crate::child;

const GARBAGE: i32 = 0x5a5a_5a5a;

unsafe extern "C" fn registers_garbage(_: *mut c_void, _: *const c_char, _: i32) -> i32 {
    GARBAGE
}

unsafe extern "C" fn creates_garbage(_: *mut c_void, _: *const c_char, _: *const c_char) -> i32 {
    i32::MIN
}

unsafe extern "C" fn knows_garbage(_: *mut c_void, _: *const c_char) -> i32 {
    i32::MIN
}

#[test]
fn a_registration_that_returns_garbage_counts_as_failed() {
    let _alone = alone();
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let table = ariws_host {
        app_register: Some(registers_garbage),
        ..host.table()
    };
    let library = Library::load_table(&host, &table, &configuration);
    host.wait_for_log("did not register application app1");
    assert_eq!(
        library.event("app1", r#"{"type":"Event"}"#),
        ARIWS_ERROR_NOT_FOUND
    );
}

#[test]
fn a_context_that_returns_garbage_counts_as_failed_and_the_application_works() {
    let _alone = alone();
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let table = ariws_host {
        context_create: Some(creates_garbage),
        ..host.table()
    };
    let library = Library::load_table(&host, &table, &configuration);
    assert_eq!(server.accept().summary(), "ApplicationRegistered app1");
    host.wait_for_log("did not create the dialplan context stasis-app1");
    library.unload(Duration::ZERO);
    let destroyed = Call::DestroyContext("stasis-app1".into());
    assert!(!host.calls().contains(&destroyed));
}

#[test]
fn a_question_that_is_answered_with_garbage_is_answered_with_no() {
    let _alone = alone();
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("per_call_config", server.address(), "app1");
    let table = ariws_host {
        app_is_registered: Some(knows_garbage),
        ..host.table()
    };
    let library = Library::load_table(&host, &table, &configuration);
    let start = library.stasis_start_async("app1", "1", "SIP/1");
    let mut connection = server.accept();
    assert_eq!(connection.summary(), "ApplicationRegistered app1:SIP/1");
    assert_eq!(start.recv(), Ok(Ok("app1:SIP/1".into())));
}

/// Keeps callbacks in the host until it is opened.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn wait(&self) {
        let mut open = self.open.lock().expect("the lock");
        while !*open {
            open = self.opened.wait(open).expect("the lock");
        }
    }

    fn open(&self) {
        *self.open.lock().expect("the lock") = true;
        self.opened.notify_all();
    }
}

/// Loads two connections of a host that keeps some of the calls until the gate opens; the other connection goes on.
fn another_connection_goes_on(kept: impl Fn(&Call) -> bool + Send + Sync + 'static) {
    let _alone = alone();
    let (server, other) = (Server::start(), Server::start());
    let gate = Arc::new(Gate::default());
    let its = Arc::clone(&gate);
    let host = Host::reacting(move |_, call| {
        if kept(call) {
            its.wait();
        }
    });
    let configuration = Configuration::with("persistent", server.address(), "app1")
        .connection("calls", "per_call_config", server.address(), "app2", "")
        .connection("other", "persistent", other.address(), "app3", "");
    let library = Library::load(&host, &configuration);
    let (mut connection, mut beside) = (server.accept(), other.accept());
    connection.summary();
    beside.summary();
    connection.send(&request("1", "GET", "kept"));
    let start = library.stasis_start_async("app2", "2", "SIP/2");
    let call = server.accept();
    for number in 0..100 {
        let event = format!(r#"{{"type":"Event{number}"}}"#);
        assert_eq!(library.event("app3", &event), ARIWS_OK);
        assert_eq!(beside.summary(), format!("Event{number} app3"));
    }
    gate.open();
    assert_eq!(start.recv(), Ok(Ok("app2:SIP/2".into())));
    drop(call);
}

#[test]
fn a_request_that_does_not_return_holds_up_no_other_connection() {
    another_connection_goes_on(|call| matches!(call, Call::Request(_)));
}

#[test]
fn a_registration_that_does_not_return_holds_up_no_other_connection() {
    another_connection_goes_on(
        |call| matches!(call, Call::Register(app, _) if app.starts_with("app2")),
    );
}

#[test]
fn a_log_that_does_not_return_holds_up_no_connection() {
    another_connection_goes_on(|call| matches!(call, Call::Log(..)));
}

unsafe extern "C" fn panics(_: *mut c_void, _: *const c_char, _: i32) -> i32 {
    panic!("a fault of the host's");
}

#[test]
fn a_panic_that_ends_the_process_is_told_of_first() {
    let name = "garbage::a_panic_that_ends_the_process_is_told_of_first";
    let ended = child::end_of(name, || {
        let (server, host) = (Server::start(), Host::new());
        let configuration = Configuration::with("persistent", server.address(), "app1");
        let table = ariws_host {
            app_register: Some(panics),
            ..host.table()
        };
        Library::load_table(&host, &table, &configuration);
    });
    let Some((status, _, errors)) = ended else {
        return;
    };
    assert_eq!(status.signal(), Some(libc::SIGABRT), "{errors}");
    assert!(errors.contains("a fault of the host's"), "{errors}");
}
