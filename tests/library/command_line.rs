//! The commands through the C ABI; what they print in each state is tested beside their code.

use std::ffi::CStr;
use std::time::Duration;

use ariws::ffi::*;
use ariws_testkit::{Configuration, Host, Library, Server};

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
        assert!(
            words.iter().any(|word| word == expected),
            "{expected} in {words:?}"
        );
    }
}

#[test]
fn a_session_that_is_up_is_shown_as_asterisk_shows_it() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "zeta, alpha");
    let library = Library::load(&host, &configuration);
    let _connection = server.accept();
    let address = server.address().to_string();
    let output = library.wait_for_output("ari show sessions", |output| output.contains(" Up "));
    assert_eq!(
        output,
        format!(
            "Connection ID                         Type            RemoteAddr                       State Apps            \n\
             ------------------------------------- --------------- -------------------------------- ----- ----------------\n\
             connection1                           persistent      {address:<32} Up    alpha,zeta\n"
        )
    );
}

#[test]
fn words_that_are_no_command_are_a_usage_error() {
    let host = Host::new();
    let configuration = Configuration::empty();
    let library = Library::load(&host, &configuration);
    assert_eq!(
        library.command("ari sing"),
        (ARIWS_ERROR_USAGE, String::new())
    );
    let (code, output) = library.command("ari show outbound-websocket");
    assert_eq!(code, ARIWS_ERROR_USAGE);
    assert!(
        output.starts_with("Usage: ari show outbound-websocket <connection id>"),
        "{output}"
    );
}

#[test]
fn starting_a_running_connection_says_so() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    let (code, output) = library.command("ari start outbound-websocket connection1");
    assert_eq!(code, ARIWS_OK);
    assert!(output.contains("running"), "{output}");
}

#[test]
fn ids_are_completed() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    let words = ["ari", "show", "outbound-websocket"];
    assert_eq!(library.completions(&words, "CONN"), ["connection1"]);
}

#[test]
fn every_session_is_offered_once_for_a_shutdown() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1").connection(
        "calls",
        "per_call_config",
        server.address(),
        "app2",
        "",
    );
    let library = Library::load(&host, &configuration);
    library.inbound_opened("uuid-1", "127.0.0.1:4000", "app3");
    let mut connections = vec![server.accept()];
    for channel in ["1", "2"] {
        let started = library.stasis_start_async("app2", channel, &format!("Test/{channel}"));
        connections.push(server.accept());
        assert!(started.recv().expect("an outcome").is_ok());
    }
    let words = ["ari", "shutdown", "websocket", "session"];
    assert_eq!(
        library.completions(&words, ""),
        [
            "calls",
            "calls:Test/1",
            "calls:Test/2",
            "connection1",
            "uuid-1"
        ]
    );
    assert_eq!(
        library.completions(&words, "CALLS:"),
        ["calls:Test/1", "calls:Test/2"]
    );
}

#[test]
fn shutting_everything_down_leaves_no_session() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1").connection(
        "connection2",
        "per_call_config",
        server.address(),
        "app2",
        "",
    );
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    connection.summary();
    let (code, output) = library.command("ari shutdown websocket sessions");
    assert_eq!(
        (code, output.as_str()),
        (ARIWS_OK, "Shutting down all websocket sessions\n")
    );
    assert_eq!(connection.wait_for_close(), 1000);
    assert_eq!(library.command("ari show sessions").1.lines().count(), 2);
}

#[test]
fn a_connection_is_tested_aside_from_the_one_that_is_up() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("persistent", server.address(), "app1");
    let library = Library::load(&host, &configuration);
    let mut connection = server.accept();
    connection.summary();
    std::thread::scope(|scope| {
        let handle = library.handle();
        let tested = scope.spawn(move || handle.command("ari test outbound-websocket connection1"));
        assert_eq!(server.accept().wait_for_close(), 1000);
        let (code, output) = tested.join().expect("no panic");
        assert_eq!(code, ARIWS_OK, "{output}");
        assert!(output.starts_with("connection1 works\n  name "), "{output}");
        assert!(
            output.contains("the server speaks the subprotocol ari"),
            "{output}"
        );
    });
    assert!(connection.is_quiet());
}

#[test]
fn a_test_says_at_which_stage_a_connection_fails() {
    let host = Host::new();
    let nobody = Server::start().address();
    let configuration = Configuration::with("persistent", nobody, "app1");
    let library = Library::load(&host, &configuration);
    let (code, output) = library.command("ari test outbound-websocket connection1");
    assert_eq!(code, ARIWS_ERROR_COMMAND, "{output}");
    assert!(
        output.starts_with("connection1 does not work\n"),
        "{output}"
    );
    assert!(output.contains("FAILED: "), "{output}");
}

#[test]
fn unloading_ends_a_test() {
    let (server, host) = (Server::start(), Host::new());
    let configuration = Configuration::with("per_call_config", server.address(), "app1")
        .replacing("connection_timeout = 5000", "connection_timeout = 60000");
    let library = Library::load(&host, &configuration);
    let handle = library.handle();
    std::thread::scope(|scope| {
        let tested = scope.spawn(move || handle.command("ari test outbound-websocket connection1"));
        let _silent = server.accept_tcp();
        assert_eq!(library.unload(Duration::from_secs(5)), ARIWS_OK);
        assert_eq!(tested.join().expect("no panic").0, ARIWS_ERROR_UNLOADED);
    });
}
