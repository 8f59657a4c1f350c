//! Callbacks that call back into the library.

use std::sync::{Arc, Mutex};
use std::thread::{ThreadId, current};

use ariws::ffi::*;
use ariws_testkit::{Call, DEADLINE, Host, Pbx};

#[test]
fn app_register_may_send_application_replaced() {
    let host = Host::calling_back(|handle, call| {
        if let Call::Register(app, _) = call {
            let code = handle.event(app, r#"{"type":"ApplicationReplaced"}"#);
            assert_eq!(code, ARIWS_OK);
        }
    });
    let (mut pbx, mut connection) = Pbx::persistent("app1").host(host).up();
    pbx.change("connection1", "apps = app1, app2");
    connection.says(["ApplicationReplaced app1", "ApplicationRegistered app2"]);
}

#[test]
fn the_log_may_call_everything() {
    let host = Host::calling_back(|handle, call| {
        if let Call::Log(..) = call {
            handle.event("app1", r#"{"type":"Logged"}"#);
            handle.command("ari show websocket sessions");
            // Waits for nothing that waits for this: it is done, or refused.
            let code = handle.try_reload(&mut Vec::new());
            assert!([ARIWS_OK, ARIWS_ERROR_BUSY, ARIWS_ERROR_UNLOADED].contains(&code), "{code}");
        }
    });
    let pbx = Pbx::persistent("app1").host(host).load();
    let mut connection = pbx.accept();
    connection.says(["ApplicationRegistered app1", "Logged app1"]);
    assert_eq!(pbx.reload(), []);
}

#[test]
fn a_reload_from_inside_a_reloads_callback_is_busy() {
    let host = Host::calling_back(|handle, call| {
        if matches!(call, Call::Register(..)) {
            assert_eq!(handle.try_reload(&mut Vec::new()), ARIWS_ERROR_BUSY);
        }
    });
    let mut pbx = Pbx::persistent("app1").host(host).load();
    pbx.change("connection1", "apps = app2");
    pbx.wait_for_call(&Call::Register("app2".into(), false));
}

#[test]
fn a_start_inside_a_callback_calls_the_host_on_the_thread_of_that_callback() {
    let threads = Arc::<Mutex<Vec<ThreadId>>>::default();
    let called_on = Arc::clone(&threads);
    let host = Host::calling_back(move |handle, call| {
        let note = || called_on.lock().expect("the lock").push(current().id());
        match call {
            Call::InboundShutdown(_) => {
                note();
                assert!(handle.stasis_start("nobody's", "1", "SIP/1").is_err());
            }
            Call::IsRegistered(app) if app == "nobody's" => note(),
            _ => {}
        }
    });
    let pbx = Pbx::without_connections().host(host).load();
    assert_eq!(pbx.inbound_opened("inbound", "", ""), ARIWS_OK);
    assert_eq!(pbx.command("ari shutdown websocket session inbound").0, ARIWS_OK);
    let threads = threads.lock().expect("the lock");
    assert!(
        matches!(threads.as_slice(), [callback, question] if callback == question),
        "{threads:?}"
    );
}

#[test]
fn app_register_may_start_another_call() {
    let host = Host::calling_back(|handle, call| {
        if let Call::Register(app, _) = call
            && let Some(number @ ("1" | "2")) = app.strip_prefix("app1:SIP/")
        {
            let number = format!("{number}0");
            let started = handle.stasis_start("app1", &number, &format!("SIP/{number}"));
            assert_eq!(started, Ok(format!("app1:SIP/{number}")));
        }
    });
    let pbx = Pbx::per_call("app1").host(host).load();
    std::thread::scope(|scope| {
        let accepting = scope.spawn(|| [(); 4].map(|()| pbx.accept()));
        let first = pbx.stasis_start("app1", "1", "SIP/1");
        assert_eq!(first, Ok("app1:SIP/1".into()));
        let second = pbx.stasis_start_async("app1", "2", "SIP/2");
        assert_eq!(second.recv_timeout(DEADLINE), Ok(Ok("app1:SIP/2".into())));
        accepting.join().expect("four connections");
    });
}
