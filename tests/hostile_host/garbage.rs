//! Callbacks that return what no callback returns, or do not return for long.

use std::ffi::{c_char, c_void};
use std::os::unix::process::ExitStatusExt;
use std::sync::Arc;
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Call, Host, Pbx, Server, Watched, alone, request};

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
    let setup = Pbx::persistent("app1");
    let pbx = setup.table(|table| table.app_register = Some(registers_garbage)).load();
    pbx.wait_for_log("did not register application app1");
    assert_eq!(pbx.event("app1", r#"{"type":"Event"}"#), ARIWS_ERROR_NOT_FOUND);
}

#[test]
fn a_context_that_returns_garbage_counts_as_failed_and_the_application_works() {
    let _alone = alone();
    let setup = Pbx::persistent("app1");
    let pbx = setup.table(|table| table.context_create = Some(creates_garbage)).load();
    pbx.accept().says(["ApplicationRegistered app1"]);
    pbx.wait_for_log("did not create the dialplan context stasis-app1");
    pbx.unload(Duration::ZERO);
    let destroyed = Call::DestroyContext("stasis-app1".into());
    assert!(!pbx.host.calls().contains(&destroyed));
}

#[test]
fn a_question_that_is_answered_with_garbage_is_answered_with_no() {
    let _alone = alone();
    let setup = Pbx::per_call("app1");
    let pbx = setup.table(|table| table.app_is_registered = Some(knows_garbage)).load();
    let start = pbx.stasis_start_async("app1", "1", "SIP/1");
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app1:SIP/1"]);
    assert_eq!(start.recv(), Ok(Ok("app1:SIP/1".into())));
}

/// Loads two connections of a host that keeps some of the calls until the gate opens; the other connection goes on.
fn another_connection_goes_on(kept: impl Fn(&Call) -> bool + Send + Sync + 'static) {
    let _alone = alone();
    let (gate, other) = (Arc::new(Watched::new(false)), Server::start());
    let its = Arc::clone(&gate);
    let host = Host::reacting(move |_, call| {
        if kept(call) {
            its.wait_for(|open| open.then_some(()), |_| "kept too long".into());
        }
    });
    let (pbx, mut connection) = Pbx::persistent("app1")
        .connection("calls", "per_call_config", "app2", "")
        .connection_to(other.address(), "other", "persistent", "app3", "")
        .host(host)
        .up();
    let mut beside = other.accept();
    beside.summary();
    connection.send(&request("1", "GET", "kept"));
    let start = pbx.stasis_start_async("app2", "2", "SIP/2");
    let call = pbx.accept();
    for number in 0..100 {
        let event = format!(r#"{{"type":"Event{number}"}}"#);
        assert_eq!(pbx.event("app3", &event), ARIWS_OK);
        beside.says([format!("Event{number} app3")]);
    }
    gate.change(|open| *open = true);
    assert_eq!(start.recv(), Ok(Ok("app2:SIP/2".into())));
    drop(call);
}

#[test]
fn a_request_that_does_not_return_holds_up_no_other_connection() {
    another_connection_goes_on(|call| matches!(call, Call::Request(_)));
}

#[test]
fn a_registration_that_does_not_return_holds_up_no_other_connection() {
    another_connection_goes_on(|call| matches!(call, Call::Register(app, _) if app.starts_with("app2")));
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
    let ended = child::end_of(|| {
        let setup = Pbx::persistent("app1");
        setup.table(|table| table.app_register = Some(panics)).load();
    });
    let Some((status, _, errors)) = ended else {
        return;
    };
    assert_eq!(status.signal(), Some(libc::SIGABRT), "{errors}");
    assert!(errors.contains("a fault of the host's"), "{errors}");
}
