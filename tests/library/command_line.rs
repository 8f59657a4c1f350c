//! The commands through the C ABI; what they print in each state is tested beside their code.

use std::ffi::{CStr, c_char, c_void};
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::Pbx;

#[test]
fn the_table_lists_every_command() {
    let mut words = Vec::new();
    loop {
        let mut command = ariws_cli_command {
            struct_size: size_of::<ariws_cli_command>(),
            words: std::ptr::null(),
            arguments: std::ptr::null(),
            summary: std::ptr::null(),
            usage: std::ptr::null(),
        };
        // SAFETY: the structure has its size.
        let code = unsafe { ariws_cli_commands(words.len(), &raw mut command) };
        if code == ARIWS_ERROR_NOT_FOUND {
            break;
        }
        assert_eq!(code, ARIWS_OK);
        // SAFETY: the strings are static.
        let text = unsafe { CStr::from_ptr(command.words) };
        words.push(text.to_str().expect("UTF-8").to_owned());
    }
    for expected in [
        "ari show outbound-websockets",
        "ari show outbound-websocket",
        "ari show sessions",
        "ari show websocket sessions",
        "ari shutdown websocket session",
        "ari shutdown websocket sessions",
        "ari start outbound-websocket",
    ] {
        assert!(words.iter().any(|word| word == expected), "{expected} in {words:?}");
    }
}

#[test]
fn more_words_than_any_memory_holds_are_refused() {
    unsafe extern "C" fn nowhere(_: *mut c_void, _: *const c_char, _: usize) {}
    let pbx = Pbx::without_connections().load();
    let (instance, word, nothing) = (pbx.handle().0, c"ari".as_ptr(), std::ptr::null_mut());
    let executed = |count| {
        // SAFETY: there is one word; a number that cannot be is what is tried.
        unsafe { ariws_cli_execute(instance, &raw const word, count, Some(nowhere), nothing) }
    };
    assert_eq!(executed(usize::MAX), ARIWS_ERROR_ARGUMENT);
    assert_eq!(executed(1), ARIWS_ERROR_USAGE);
}

#[test]
fn every_session_is_offered_once_for_a_shutdown() {
    let pbx = Pbx::persistent("app1")
        .connection("calls", "per_call_config", "app2", "")
        .load();
    pbx.inbound_opened("uuid-1", "127.0.0.1:4000", "app3");
    let mut connections = vec![pbx.accept()];
    for channel in ["1", "2"] {
        let started = pbx.stasis_start_async("app2", channel, &format!("Test/{channel}"));
        connections.push(pbx.accept());
        assert!(started.recv().expect("an outcome").is_ok());
    }
    let words = ["ari", "shutdown", "websocket", "session"];
    assert_eq!(
        pbx.completions(&words, ""),
        ["calls", "calls:Test/1", "calls:Test/2", "connection1", "uuid-1"]
    );
    assert_eq!(pbx.completions(&words, "CALLS:"), ["calls:Test/1", "calls:Test/2"]);
}

#[test]
fn a_connection_is_tested_aside_from_the_one_that_is_up() {
    let (pbx, mut connection) = Pbx::persistent("app1").up();
    std::thread::scope(|scope| {
        let handle = pbx.handle();
        let tested = scope.spawn(move || handle.command("ari test outbound-websocket connection1"));
        assert_eq!(pbx.accept().wait_for_close(), 1000);
        let (code, output) = tested.join().expect("no panic");
        assert_eq!(code, ARIWS_OK, "{output}");
        assert!(output.starts_with("connection1 works\n  name "), "{output}");
        assert!(output.contains("the server speaks the subprotocol ari"), "{output}");
    });
    assert!(connection.is_quiet());
}

#[test]
fn a_test_says_at_which_stage_a_connection_fails() {
    let pbx = Pbx::persistent("app1").nobody_listens().load();
    let (code, output) = pbx.command("ari test outbound-websocket connection1");
    assert_eq!(code, ARIWS_ERROR_COMMAND, "{output}");
    assert!(output.starts_with("connection1 does not work\n"), "{output}");
    assert!(output.contains("FAILED: "), "{output}");
}

#[test]
fn unloading_ends_a_test() {
    let pbx = Pbx::per_call("app1").set("connection1", "connection_timeout = 60000").load();
    let handle = pbx.handle();
    std::thread::scope(|scope| {
        let tested = scope.spawn(move || handle.command("ari test outbound-websocket connection1"));
        let _silent = pbx.server.accept_tcp();
        assert_eq!(pbx.unload(Duration::from_secs(5)), ARIWS_OK);
        assert_eq!(tested.join().expect("no panic").0, ARIWS_ERROR_UNLOADED);
    });
}
