//! A system that refuses threads: those that the library must have are an error of the load, all others make it slower.

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Call, Census, Configuration, Connection, DEADLINE, Host, Library, Pbx, Server, alone, request};

use crate::{child, refused};

/// What a load with one thread for input and output asks for, in this order; it can do without the second of them.
const ASKED: [&str; 5] = ["ariws-io", "ariws-io", "ariws-request", "ariws-host", "ariws-log"];
/// More threads than a load asks for.
const ENOUGH: usize = 10;

/// A persistent connection by name, and one for each call.
fn configured(server: &Server) -> Configuration {
    let address = server.address();
    let by_name = format!("uri = ws://localhost:{}/ari", address.port());
    Configuration::with("persistent", address, "app1")
        .connection("calls", "per_call_config", address, "app2", "")
        .replacing(
            &format!("[connection1]\ntype = websocket_client\nuri = ws://{address}/ari"),
            &format!("[connection1]\ntype = websocket_client\n{by_name}"),
        )
}

/// Waits for a connection that has announced its application.
fn accept(server: &Server, application: &str) -> Connection {
    let mut connection = server.accept();
    let expected = format!("ApplicationRegistered {application}");
    assert_eq!(connection.summary(), expected);
    connection
}

#[test]
fn a_load_that_is_refused_a_thread_is_an_error_and_leaves_nothing() {
    child::run(|| {
        let host = Host::new();
        let configuration = Configuration::empty();
        let load = || Library::try_load(&host, configuration.folder(), &mut Vec::new());
        // What is made once in a process is made.
        load().expect("threads").unload(Duration::ZERO);
        host.forget();
        let before = Census::now();
        // One refused, or all from that one on.
        for end in [0, usize::MAX] {
            for first in 1..ENOUGH {
                refused::threads(first..end.max(first + 1));
                let loaded = load();
                refused::nothing();
                let refused = (first..=end.max(first)).find(|number| *number != 2);
                match (loaded, refused.and_then(|number| ASKED.get(number - 1))) {
                    (Ok(library), None) => assert_eq!(library.unload(Duration::ZERO), ARIWS_OK),
                    (Err((code, text)), Some(name)) => {
                        assert_eq!(code, ARIWS_ERROR_SYSTEM, "{text}");
                        let expected = format!("the system refused the thread {name}: ");
                        assert!(text.contains(&expected), "{text}");
                    }
                    (loaded, name) => panic!("{name:?} was refused: {:?}", loaded.err()),
                }
                host.forget();
                before.wait_for_return(8 << 10);
            }
        }
    });
}

#[test]
fn threads_that_are_refused_later_leave_everything_working() {
    child::run(|| {
        let ((holds, held), (go_on, released)) = (channel(), channel());
        let released = Mutex::new(released);
        let host = Host::calling_back(move |library, call| {
            let Call::Request(request) = call else { return };
            match request.path.as_str() {
                "reload" => drop(library.reload()),
                "hold" => {
                    holds.send(()).expect("the test waits");
                    let released = released.lock().expect("the lock");
                    released.recv_timeout(DEADLINE).expect("the test's word");
                }
                _ => {}
            }
            assert_eq!(library.complete(request.id, 204, None), ARIWS_OK);
        });
        let (pbx, mut connection) = Pbx::persistent("app1")
            .connection("calls", "per_call_config", "app2", "")
            .host(host)
            .up();
        refused::threads(1..usize::MAX);

        for number in 0..100 {
            connection.send(&request(&number.to_string(), "GET", "x"));
        }
        for number in 0..100 {
            let answer = connection.json();
            assert_eq!(answer["request_id"], number.to_string());
            assert_eq!(answer["status_code"], 204);
        }
        // A request that waits for calls of the host.
        assert_eq!(connection.ask("PUT", "reload")["status_code"], 204);
        assert_eq!(pbx.event("app1", r#"{"type":"Event"}"#), ARIWS_OK);
        connection.says(["Event app1"]);
        let mut calls = Vec::new();
        for number in 0..10 {
            let name = format!("SIP/{number}");
            let started = pbx.stasis_start_async("app2", &number.to_string(), &name);
            let application = format!("app2:{name}");
            calls.push((accept(&pbx.server, &application), started));
            let (_, started) = calls.last().expect("a call");
            assert_eq!(started.recv().expect("an outcome"), Ok(application));
        }
        // A request that the host does not return from, and others that would have a thread of their own.
        connection.send(&request("held", "GET", "hold"));
        held.recv_timeout(DEADLINE).expect("the request");
        for (call, _) in &mut calls {
            call.send(&request("r", "GET", "x"));
        }
        pbx.wait_for_log("the system refused the thread ariws-request: ");
        assert_eq!(pbx.event("app1", r#"{"type":"Event"}"#), ARIWS_OK);
        connection.says(["Event app1"]);
        go_on.send(()).expect("the host waits");
        assert_eq!(connection.json()["request_id"], "held");
        for (call, _) in &mut calls {
            assert_eq!(call.json()["status_code"], 204);
        }
        assert_eq!(pbx.reload(), []);
        let told = pbx.host.warnings();
        let told = told.iter().filter(|line| line.contains("ariws-request"));
        assert_eq!(told.count(), 1);

        refused::nothing();
        assert_eq!(connection.ask("GET", "x")["status_code"], 204);
        assert_eq!(pbx.unload(Duration::from_millis(100)), ARIWS_OK);
    });
}

/// From the load to the unloading, with a thread refused.
fn live() -> Result<(), (i32, String)> {
    let host = Host::answering(204);
    let server = Server::start();
    let mut configuration = configured(&server);
    let library = Library::try_load(&host, configuration.folder(), &mut Vec::new())?;
    let mut connection = accept(&server, "app1");
    assert_eq!(library.event("app1", r#"{"type":"Event"}"#), ARIWS_OK);
    connection.says(["Event app1"]);
    assert_eq!(connection.ask("GET", "x")["status_code"], 204);
    let started = library.stasis_start_async("app2", "1", "SIP/1");
    let mut call = accept(&server, "app2:SIP/1");
    assert_eq!(started.recv().expect("an outcome"), Ok("app2:SIP/1".into()));
    assert_eq!(call.ask("GET", "x")["status_code"], 204);
    configuration.set("connection1", "apps = app1,app3");
    assert_eq!(library.reload().len(), 1);
    connection.says(["ApplicationRegistered app3"]);
    assert_eq!(library.unload(Duration::from_millis(100)), ARIWS_OK);
    assert_eq!(host.calls().last(), Some(&Call::Finalize));
    Ok(())
}

#[test]
fn any_thread_of_a_life_may_be_refused() {
    child::run(|| {
        live().expect("threads");
        let before = Census::now();
        for number in 1.. {
            refused::threads(number..number + 1);
            let lived = live();
            let asked = refused::asked();
            refused::nothing();
            if let Err((code, text)) = lived {
                assert_eq!(code, ARIWS_ERROR_SYSTEM, "{text}");
            }
            before.wait_for_return(64 << 10);
            if asked < number {
                assert!(number > 5, "{asked} threads in a life");
                return;
            }
        }
    });
}

/// Lets the process have descriptors up to that number.
fn limit_descriptors(number: u64) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit is valid to write and to read.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit), 0);
        limit.rlim_cur = number.min(limit.rlim_max);
        assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
    }
}

#[test]
fn a_load_that_is_refused_a_descriptor_is_an_error_and_leaves_nothing() {
    child::run(|| {
        let host = Host::new();
        let configuration = Configuration::empty();
        let load = || Library::try_load(&host, configuration.folder(), &mut Vec::new());
        load().expect("descriptors").unload(Duration::ZERO);
        host.forget();
        let before = Census::now();
        let mut refusals = 0;
        for number in 0.. {
            limit_descriptors(number);
            let loaded = load();
            limit_descriptors(u64::MAX);
            match loaded {
                Ok(library) => {
                    assert_eq!(library.unload(Duration::ZERO), ARIWS_OK);
                    break;
                }
                // The last descriptors are for the files of the configuration.
                Err((code, text)) if text.contains("descriptors") => {
                    assert_eq!(code, ARIWS_ERROR_SYSTEM, "{text}");
                    refusals += 1;
                }
                Err((code, text)) => assert_eq!(code, ARIWS_ERROR_CONFIG, "{text}"),
            }
            host.forget();
            before.wait_for_return(8 << 10);
        }
        assert!(refusals > 3, "{refusals} refusals");
    });
}

#[test]
fn a_quarter_of_the_descriptors_is_left_to_the_host() {
    child::run(|| {
        limit_descriptors(200);
        // Its server takes connections, and says nothing.
        let pbx = (0..180)
            .fold(Pbx::without_connections(), |setup, number| {
                let (name, app) = (format!("connection{number}"), format!("app{number}"));
                setup.connection(&name, "persistent", &app, "")
            })
            .load();
        pbx.wait_for_log("the PBX lets there be 150 sockets at a time, and all are in use");
        let mut files = Vec::new();
        for _ in 0..20 {
            let file = std::fs::File::open("/dev/null");
            files.push(file.expect("a descriptor is left"));
        }
        assert_eq!(pbx.metric("sockets_limit"), 150);
        assert_eq!(pbx.unload(Duration::ZERO), ARIWS_OK);
    });
}

#[test]
fn connections_beyond_the_sockets_that_there_may_be_are_made_when_one_is_free() {
    let _alone = alone();
    let mut pbx = Pbx::persistent("app1")
        .connection("other", "persistent", "app2", "")
        .connection("calls", "per_call_config", "app3", "")
        .options(|options| options.max_sockets = 1)
        .load();
    let mut first = pbx.accept();
    let application = first.summary();
    let text = "the PBX lets there be 1 sockets at a time, and all are in use";
    pbx.wait_for_log(text);
    let (code, message) = pbx.stasis_start("app3", "3", "SIP/3").expect_err("no socket");
    assert_eq!(code, ARIWS_ERROR_CONNECT);
    assert!(message.contains(text), "{message}");
    assert_eq!(pbx.metric("sockets"), 1);
    let (gone, other) = match application.as_str() {
        "ApplicationRegistered app1" => ("connection1", "app2"),
        _ => ("other", "app1"),
    };
    pbx.configuration.remove(gone);
    pbx.reload();
    pbx.accept().says([format!("ApplicationRegistered {other}")]);
}
