//! Signals on the library's threads.

use std::ffi::{c_int, c_void};
use std::fs;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Call, Host, Pbx, alone};

use crate::child;

/// What a fault of a thread's own raises.
const SYNCHRONOUS: [c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGSYS,
];

#[test]
fn threads_of_the_library_take_those_signals_only_that_they_cause() {
    let _alone = alone();
    let pbx = Pbx::persistent("app1").load();
    pbx.accept().summary();
    let mut names = Vec::new();
    for task in fs::read_dir("/proc/self/task").expect("proc(5)") {
        let file = task.expect("a thread").path().join("status");
        // It may end at any moment.
        let Ok(status) = fs::read_to_string(file) else {
            continue;
        };
        let line = |name: &str| {
            let lines = status.lines();
            let mut values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
            values.next().expect("a line of status")
        };
        if !line("Name").starts_with("ariws-") {
            continue;
        }
        names.push(line("Name").to_owned());
        let blocked = u64::from_str_radix(line("SigBlk"), 16).expect("a mask");
        for signal in 1..32 {
            let expected = !SYNCHRONOUS.contains(&signal) && ![libc::SIGKILL, libc::SIGSTOP].contains(&signal);
            let is_blocked = blocked >> (signal - 1) & 1 == 1;
            assert_eq!(is_blocked, expected, "{signal} on {}", line("Name"));
        }
    }
    for name in ["ariws-io", "ariws-host", "ariws-request", "ariws-log"] {
        assert!(names.iter().any(|one| one == name), "no {name}: {names:?}");
    }
}

/// A page that nobody may touch.
static PAGE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());
static HANDLED: AtomicUsize = AtomicUsize::new(0);
const PAGE_SIZE: usize = 4096;

/// The host's crash handler, which here heals what was wrong.
extern "C" fn heal(_: c_int, _: *mut libc::siginfo_t, _: *mut c_void) {
    let page = PAGE.load(SeqCst).cast();
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: the page was mapped by the test.
    if unsafe { libc::mprotect(page, PAGE_SIZE, access) } == 0 {
        HANDLED.fetch_add(1, SeqCst);
    }
}

#[test]
fn the_crash_handler_of_the_host_runs_for_a_fault_in_a_callback() {
    child::run(|| {
        // SAFETY: a new mapping; a handler that calls what a handler may.
        unsafe {
            let page = libc::mmap(
                ptr::null_mut(),
                PAGE_SIZE,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(page, libc::MAP_FAILED);
            PAGE.store(page.cast(), SeqCst);
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = heal as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO;
            let set = libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut());
            assert_eq!(set, 0);
        }
        let host = Host::reacting(|_, call| {
            if matches!(call, Call::Register(..)) {
                // SAFETY: the handler makes the page valid before this goes on.
                unsafe { PAGE.load(SeqCst).write_volatile(1) };
            }
        });
        let pbx = Pbx::persistent("app1").host(host).load();
        assert_eq!(HANDLED.load(SeqCst), 1);
        pbx.accept().says(["ApplicationRegistered app1"]);
        assert_eq!(pbx.unload(Duration::from_millis(100)), ARIWS_OK);
    });
}
