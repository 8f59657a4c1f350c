//! Which thread opens the connection of a call: the channel's own, where that waits for it.

use std::ffi::c_int;
use std::mem::transmute;
use std::sync::{Mutex, OnceLock};
use std::thread::{Thread, ThreadId, current, scope};

use ariws::ffi::ARIWS_OK;
use ariws_testkit::{DEADLINE, Pbx};
use libc::{sockaddr, sockaddr_in, socklen_t};

use crate::per_call::NAME;

type Connect = unsafe extern "C" fn(c_int, *const sockaddr, socklen_t) -> c_int;

/// Who has connected to which port.
static CONNECTED: Mutex<Vec<(u16, Thread)>> = Mutex::new(Vec::new());

/// Stands before the system's function of that name, for the whole of this program.
///
/// # Safety
/// As for the system's.
#[unsafe(no_mangle)]
unsafe extern "C" fn connect(socket: c_int, address: *const sockaddr, length: socklen_t) -> c_int {
    static SYSTEMS: OnceLock<Connect> = OnceLock::new();
    // SAFETY: an address begins with its family, and one of this family has this structure.
    let port = unsafe {
        let is_ipv4 = c_int::from((*address).sa_family) == libc::AF_INET;
        is_ipv4.then(|| u16::from_be((*address.cast::<sockaddr_in>()).sin_port))
    };
    if let Some(port) = port {
        CONNECTED.lock().expect("the lock").push((port, current()));
    }
    let systems = SYSTEMS.get_or_init(|| {
        // SAFETY: the name is NUL-terminated.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"connect".as_ptr()) };
        assert!(!found.is_null(), "the system can connect");
        // SAFETY: this is its type.
        unsafe { transmute::<*mut libc::c_void, Connect>(found) }
    });
    // SAFETY: the caller's promise.
    unsafe { systems(socket, address, length) }
}

/// The threads that have connected to the server.
fn connected(pbx: &Pbx) -> Vec<Thread> {
    let port = pbx.server.address().port();
    let connected = CONNECTED.lock().expect("the lock");
    let its = connected.iter().filter(|(its, _)| *its == port);
    its.map(|(_, thread)| thread.clone()).collect()
}

fn is_for_input_and_output(thread: &Thread) -> bool {
    thread.name() == Some("ariws-io")
}

#[test]
fn a_channel_that_waits_opens_its_connection_on_its_own_thread() {
    let pbx = Pbx::per_call("app1").load();
    scope(|scope| {
        let accepting = scope.spawn(|| pbx.accept());
        assert!(pbx.stasis_start("app1", "1", NAME).is_ok());
        drop(accepting.join());
    });
    let threads: Vec<ThreadId> = connected(&pbx).iter().map(Thread::id).collect();
    assert_eq!(threads, [current().id()]);
}

#[test]
fn the_connection_of_a_channel_that_does_not_wait_is_opened_on_a_thread_for_input_and_output() {
    let pbx = Pbx::per_call("app1").load();
    let starting = pbx.stasis_start_async("app1", "1", NAME);
    let _connection = pbx.accept();
    assert!(starting.recv_timeout(DEADLINE).expect("an outcome").is_ok());
    let threads = connected(&pbx);
    assert!(
        matches!(threads.as_slice(), [thread] if is_for_input_and_output(thread)),
        "{threads:?}"
    );
}

#[test]
fn beyond_two_for_each_of_those_threads_channels_that_wait_leave_it_to_them() {
    let pbx = Pbx::per_call("app1").load();
    let names = ["Test/1", "Test/2", "Test/3"];
    scope(|scope| {
        let starting = names.map(|name| scope.spawn(|| pbx.stasis_start("app1", name, name)));
        // Nobody answers, so that all of them are at it.
        let _silent = names.map(|_| pbx.server.accept_tcp());
        let (others, own): (Vec<_>, Vec<_>) = connected(&pbx).into_iter().partition(is_for_input_and_output);
        assert_eq!((others.len(), own.len()), (1, 2));
        for (name, starting) in names.into_iter().zip(starting) {
            assert_eq!(pbx.stasis_cancel(name), ARIWS_OK);
            assert!(starting.join().expect("its end").is_err());
        }
    });
}
