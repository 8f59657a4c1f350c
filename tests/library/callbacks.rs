//! Callbacks that call back into the library.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Call, Configuration, DEADLINE, Handle, Host, Library, Server, request};

/// A host that runs `reaction` in each callback, with the handle and its call, once the library is loaded.
fn reacting(
    reaction: impl Fn(Handle, &Call) + Send + Sync + 'static,
) -> (Box<Host>, Arc<OnceLock<Handle>>) {
    let handle = Arc::new(OnceLock::<Handle>::new());
    let shared = Arc::clone(&handle);
    let host = Host::reacting(move |_, call| {
        if let Some(handle) = shared.get() {
            reaction(*handle, call);
        }
    });
    (host, handle)
}

#[test]
fn app_register_may_send_application_replaced() {
    let server = Server::start();
    let (host, handle) = reacting(|handle, call| {
        if let Call::Register(app, _) = call {
            let code = handle.event(app, r#"{"type":"ApplicationReplaced"}"#);
            assert_eq!(code, ARIWS_OK);
        }
    });
    let mut configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    handle
        .set(library.handle())
        .unwrap_or_else(|_| panic!("set once"));
    let mut connection = server.accept();
    connection.summary();
    configuration.replace("apps = app1", "apps = app1, app2");
    library.reload();
    assert_eq!(
        connection.summaries(2),
        ["ApplicationReplaced app1", "ApplicationRegistered app2"]
    );
}

#[test]
fn the_log_may_call_everything() {
    let server = Server::start();
    let (host, handle) = reacting(|handle, call| {
        if let Call::Log(..) = call {
            handle.event("app1", r#"{"type":"Logged"}"#);
            handle.command("ari show websocket sessions");
            // Waits for nothing that waits for this: it is done, or refused.
            let code = handle.reload();
            assert!(
                [ARIWS_OK, ARIWS_ERROR_BUSY, ARIWS_ERROR_UNLOADED].contains(&code),
                "{code}"
            );
        }
    });
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    handle
        .set(library.handle())
        .unwrap_or_else(|_| panic!("set once"));
    let mut connection = server.accept();
    assert_eq!(
        connection.summaries(2),
        ["ApplicationRegistered app1", "Logged app1"]
    );
    assert_eq!(library.reload(), []);
}

#[test]
fn ari_request_may_answer_send_events_and_reload() {
    let server = Server::start();
    let (host, handle) = reacting(|handle, call| {
        if let Call::Request(request) = call {
            assert_eq!(handle.event("app1", r#"{"type":"Inside"}"#), ARIWS_OK);
            assert_eq!(handle.reload(), ARIWS_OK);
            assert_eq!(handle.complete(request.id, 204, None), ARIWS_OK);
        }
    });
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    handle
        .set(library.handle())
        .unwrap_or_else(|_| panic!("set once"));
    let mut connection = server.accept();
    connection.summary();
    connection.send(&request("1", "GET", "x"));
    assert_eq!(connection.summary(), "Inside app1");
    assert_eq!(connection.json()["status_code"], 204);
}

#[test]
fn a_reload_from_inside_a_reloads_callback_is_busy() {
    let server = Server::start();
    let (host, handle) = reacting(|handle, call| {
        if matches!(call, Call::Register(..)) {
            assert_eq!(handle.reload(), ARIWS_ERROR_BUSY);
        }
    });
    let mut configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    handle
        .set(library.handle())
        .unwrap_or_else(|_| panic!("set once"));
    configuration.replace("apps = app1", "apps = app2");
    library.reload();
    host.wait_for(|call| *call == Call::Register("app2".into(), false));
}

#[test]
fn unloading_from_inside_a_callback_is_refused() {
    let server = Server::start();
    let (sender, codes) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let (host, handle) = reacting(move |handle, call| {
        if matches!(call, Call::Request(_)) {
            let code = handle.unload(Duration::ZERO);
            sender
                .lock()
                .expect("the lock")
                .send(code)
                .expect("the test");
        }
    });
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    handle
        .set(library.handle())
        .unwrap_or_else(|_| panic!("set once"));
    let mut connection = server.accept();
    connection.send(&request("1", "GET", "x"));
    assert_eq!(codes.recv_timeout(DEADLINE), Ok(ARIWS_ERROR_FROM_CALLBACK));
}

#[test]
fn app_register_may_start_another_call() {
    let server = Server::start();
    let (host, handle) = reacting(|handle, call| {
        if let Call::Register(app, _) = call
            && let Some(number @ ("1" | "2")) = app.strip_prefix("app1:SIP/")
        {
            let number = format!("{number}0");
            let started = handle.stasis_start("app1", &number, &format!("SIP/{number}"));
            assert_eq!(started, Ok(format!("app1:SIP/{number}")));
        }
    });
    let configuration = Configuration::with("per_call_config", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    handle
        .set(library.handle())
        .unwrap_or_else(|_| panic!("set once"));
    let accepting = std::thread::spawn(move || [(); 4].map(|()| server.accept()));
    assert_eq!(
        library.stasis_start("app1", "1", "SIP/1"),
        Ok("app1:SIP/1".to_owned())
    );
    assert_eq!(
        library
            .stasis_start_async("app1", "2", "SIP/2")
            .recv_timeout(DEADLINE),
        Ok(Ok("app1:SIP/2".to_owned()))
    );
    accepting.join().expect("four connections");
}
