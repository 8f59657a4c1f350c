//! Thirty-two threads use an instance while it is reloaded and unloaded.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Call, Handle, Pbx, alone, rounds};

use super::everything;

const THREADS: usize = 32;

/// What a function may return while the instance is live, being unloaded, or gone.
fn allowed(function: &str, code: i32) -> bool {
    code == ARIWS_ERROR_UNLOADED
        || match function {
            "request_complete" | "stasis_cancel" => code == ARIWS_ERROR_NOT_FOUND,
            "stasis_start" => [ARIWS_ERROR_NOT_FOUND, ARIWS_ERROR_CANCELLED].contains(&code),
            "event" => [ARIWS_OK, ARIWS_ERROR_NOT_FOUND].contains(&code),
            _ => code == ARIWS_OK,
        }
}

/// Calls everything until the instance is gone; gives how often.
fn use_until_it_is_gone(handle: Handle, thread: usize) -> usize {
    for number in 0.. {
        let outcomes = everything::call(handle, &format!("{thread}-{number}"));
        for &(function, code) in &outcomes {
            assert!(allowed(function, code), "{function} returned {code}");
        }
        if outcomes.iter().all(|&(_, code)| code == ARIWS_ERROR_UNLOADED) {
            return number;
        }
    }
    unreachable!("the loop has no end of its own")
}

/// Starts calls, lets them end, and cancels those of another thread, be it before or after, until the instance is gone.
fn start_until_it_is_gone(handle: Handle, thread: usize) -> usize {
    for number in 0.. {
        let (id, name) = (format!("call-{thread}-{number}"), format!("SIP/{thread}-{number}"));
        let started = if number % 3 == 0 {
            handle.stasis_cancel(&format!("call-{}-{number}", (thread + 4) % THREADS));
            handle.stasis_start("app2", &id, &name)
        } else {
            handle.stasis_start("nobody's", &id, &name)
        };
        match started {
            Ok(application) => handle.stasis_end(&application, &id),
            Err((ARIWS_ERROR_UNLOADED, _)) => return number,
            Err((code, message)) => assert!(
                [
                    ARIWS_ERROR_NOT_FOUND,
                    ARIWS_ERROR_CANCELLED,
                    ARIWS_ERROR_CONNECT,
                    ARIWS_ERROR_TIMEOUT
                ]
                .contains(&code),
                "a start ended with {code}: {message}"
            ),
        }
    }
    unreachable!("the loop has no end of its own")
}

#[test]
fn thirty_two_threads_may_use_what_is_reloaded_and_unloaded() {
    let _alone = alone();
    for _ in 0..rounds(2).min(20) {
        // Nobody reads: connections hang in their handshake, or end.
        let lines = "reconnect_attempts = 1\nconnection_timeout = 50";
        let pbx = Pbx::persistent("app1")
            .connection("calls", "per_call_config", "app2", lines)
            .load();
        let handle = pbx.handle();
        let (ready, uses) = (Barrier::new(THREADS + 1), AtomicUsize::new(0));
        scope(|scope| {
            for thread in 0..THREADS {
                let (ready, uses) = (&ready, &uses);
                scope.spawn(move || {
                    ready.wait();
                    let number = if thread % 4 == 0 {
                        start_until_it_is_gone(handle, thread)
                    } else {
                        use_until_it_is_gone(handle, thread)
                    };
                    uses.fetch_add(number, Ordering::Relaxed);
                });
            }
            ready.wait();
            for _ in 0..20 {
                assert_eq!(handle.try_reload(&mut Vec::new()), ARIWS_OK);
            }
            assert_eq!(pbx.unload(Duration::from_millis(20)), ARIWS_OK);
        });
        assert!(uses.into_inner() > 0, "the instance was used");
        assert_eq!(pbx.host.calls().last(), Some(&Call::Finalize));
    }
}
