//! Requests that the host answers at once are run where their messages were read; those that keep it hold up nothing else.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use ariws::ffi::*;
use ariws_testkit::{Call, Connection, DEADLINE, Handle, Host, Pbx, request};

/// A host that does this in requests for the path, where they run on the thread of the library's tasks; and whether each of
/// them ran there.
fn host_on_the_thread_of_tasks(
    path: &'static str,
    body: impl Fn(Handle) + Send + Sync + 'static,
) -> (Box<Host>, Receiver<bool>) {
    let (sender, runs_here) = channel();
    let sender = Mutex::new(sender);
    let host = Host::calling_back(move |library, call| {
        let Call::Request(request) = call else { return };
        let is_here = thread::current().name() == Some("ariws-io");
        if request.path == path && is_here {
            body(library);
        }
        library.complete(request.id, 204, None);
        if request.path == path {
            // The test may have seen enough.
            let _ = sender.lock().expect("the lock").send(is_here);
        }
    });
    (host, runs_here)
}

/// Asks until the host was asked on the thread of the tasks: it is not while that is busy, or a request took long before.
fn ask_until_it_is_here(connection: &mut Connection, path: &str, runs_here: &Receiver<bool>) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < deadline, "no request ran on the thread of the tasks");
        assert_eq!(connection.ask("GET", path)["status_code"], 204);
        if runs_here.recv_timeout(DEADLINE).expect("a request") {
            return;
        }
    }
}

#[test]
fn a_request_is_run_where_its_message_was_read() {
    let (host, runs_here) = host_on_the_thread_of_tasks("x", |_| {});
    let (_pbx, mut connection) = Pbx::persistent("app1").host(host).up();
    ask_until_it_is_here(&mut connection, "x", &runs_here);
}

/// What a host waits for in its callback, and who lets it go on.
fn hold() -> (impl Fn(Handle) + Send + Sync + 'static, Receiver<()>, Sender<()>) {
    let ((holds, held), (go_on, released)) = (channel(), channel());
    let both = Mutex::new((holds, released));
    let body = move |_: Handle| {
        let both = both.lock().expect("the lock");
        both.0.send(()).expect("the test waits");
        both.1.recv_timeout(DEADLINE).expect("the test's word");
    };
    (body, held, go_on)
}

/// Lets the host keep the thread of the tasks.
fn keep_the_thread(connection: &mut Connection, held: &Receiver<()>, runs_here: &Receiver<bool>) {
    // A host is at once done only on a machine that gives it the processor.
    let deadline = Instant::now() + 5 * DEADLINE;
    loop {
        connection.send(&request("held", "GET", "hold"));
        // It is held, or answered by another thread.
        loop {
            assert!(Instant::now() < deadline, "no request kept the thread of the tasks");
            if held.try_recv().is_ok() {
                return;
            }
            if runs_here.try_recv() == Ok(false) {
                assert_eq!(connection.json()["request_id"], "held");
                break;
            }
            thread::yield_now();
        }
    }
}

#[test]
fn a_request_that_keeps_the_host_holds_up_nothing_else() {
    let (body, held, go_on) = hold();
    let (host, runs_here) = host_on_the_thread_of_tasks("hold", body);
    let (mut pbx, mut connection) = Pbx::persistent("app1")
        .connection("calls", "per_call_config", "app3", "")
        .host(host)
        .up();
    pbx.connect("other", "persistent", pbx.server.address(), "app2");
    pbx.reload();
    let mut other = pbx.accept();
    other.says(["ApplicationRegistered app2"]);

    keep_the_thread(&mut connection, &held, &runs_here);
    assert_eq!(pbx.event("app1", r#"{"type":"Event"}"#), ARIWS_OK);
    connection.says(["Event app1"]);
    assert_eq!(other.ask("GET", "x")["status_code"], 204);
    let started = pbx.stasis_start_async("app3", "1", "SIP/1");
    pbx.accept().says(["ApplicationRegistered app3:SIP/1"]);
    assert_eq!(started.recv_timeout(DEADLINE), Ok(Ok("app3:SIP/1".into())));
    go_on.send(()).expect("the host waits");
    assert_eq!(connection.json()["request_id"], "held");

    // The thread that was kept is of use again: it takes over where the other one is kept.
    keep_the_thread(&mut connection, &held, &runs_here);
    assert_eq!(other.ask("GET", "x")["status_code"], 204);
    go_on.send(()).expect("the host waits");
    assert_eq!(connection.json()["request_id"], "held");
}

#[test]
fn a_request_may_start_a_call_and_wait_for_it() {
    let calls = AtomicU32::new(0);
    let (host, runs_here) = host_on_the_thread_of_tasks("start", move |library| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        let started = library.stasis_start("calls", &call.to_string(), &format!("SIP/{call}"));
        assert_eq!(started, Ok(format!("calls:SIP/{call}")));
    });
    let (pbx, mut connection) = Pbx::persistent("app1")
        .connection("connection2", "per_call_config", "calls", "")
        .host(host)
        .up();
    thread::scope(|scope| {
        let accepting = scope.spawn(|| pbx.accept());
        ask_until_it_is_here(&mut connection, "start", &runs_here);
        accepting.join().expect("the call");
    });
}

#[test]
fn an_unloading_waits_for_a_request_that_keeps_the_thread() {
    let (body, held, go_on) = hold();
    let (host, runs_here) = host_on_the_thread_of_tasks("hold", body);
    let (pbx, mut connection) = Pbx::persistent("app1").host(host).up();
    keep_the_thread(&mut connection, &held, &runs_here);
    let library = pbx.handle();
    let unloading = thread::spawn(move || library.unload(Duration::ZERO));
    // The connection ends, the host is waited for.
    connection.wait_for_end();
    assert!(!unloading.is_finished());
    go_on.send(()).expect("the host waits");
    assert_eq!(unloading.join().expect("its end"), ARIWS_OK);
}
