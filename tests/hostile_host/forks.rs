//! Hosts that fork.

use std::time::{Duration, Instant};

use ariws::ffi::*;
use ariws_testkit::{Call, Configuration, DEADLINE, Host, Library, Pbx};

use super::everything;
use crate::child;

/// Runs this in a process that fork() makes, which ends by exit() if it is right, and gives whether it was.
fn forked(right: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child uses the C library's allocator, which fork() leaves usable, and what is tested here.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "no process");
    if child == 0 {
        // SAFETY: what hangs is ended by the signal; exit() is a part of what is tested.
        unsafe {
            libc::signal(libc::SIGALRM, libc::SIG_DFL);
            libc::alarm(20);
            libc::exit(i32::from(!right()));
        }
    }
    let mut status = 0;
    // SAFETY: the status is valid to write.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
}

#[test]
fn in_a_child_every_function_returns_an_error_and_the_parent_goes_on() {
    child::run(|| {
        let pbx = Pbx::persistent("app1")
            .connection("calls", "per_call_config", "app2", "")
            .load();
        let mut connection = pbx.accept();
        connection.says(["ApplicationRegistered app1"]);
        let handle = pbx.handle();
        let returns_errors = forked(|| {
            let began = Instant::now();
            let mut outcomes = everything::call(handle, "unique");
            outcomes.extend(everything::call_forbidden(handle));
            let started = handle.stasis_start("app2", "1", "SIP/1");
            outcomes.push(("start", started.map_or_else(|(code, _)| code, |_| ARIWS_OK)));
            eprintln!("{outcomes:?}");
            let mut codes = outcomes.iter().map(|(_, code)| *code);
            codes.all(|code| code == ARIWS_ERROR_FORKED) && began.elapsed() < DEADLINE
        });
        assert!(returns_errors);
        assert_eq!(pbx.event("app1", r#"{"type":"Event"}"#), ARIWS_OK);
        connection.says(["Event app1"]);
        assert_eq!(pbx.unload(Duration::from_millis(100)), ARIWS_OK);
        assert_eq!(pbx.host.calls().last(), Some(&Call::Finalize));
    });
}

#[test]
fn a_child_of_a_process_without_an_instance_loads_one() {
    child::run(|| {
        let (host, configuration) = (Host::new(), Configuration::empty());
        let loads = || {
            forked(|| {
                let library = Library::load(&host, &configuration);
                library.unload(Duration::ZERO) == ARIWS_OK
            })
        };
        assert!(loads(), "before the first load");
        let library = Library::load(&host, &configuration);
        assert!(forked(|| library.try_reload(&mut Vec::new()) == ARIWS_ERROR_FORKED));
        library.unload(Duration::ZERO);
        let missing = tempfile::tempdir().expect("a folder");
        let failed = Library::try_load(&host, missing.path(), &mut Vec::new());
        assert!(failed.is_err());
        assert!(loads(), "after the last unload");
    });
}
