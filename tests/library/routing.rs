//! What a connection tells the server of who calls and who asks: secrets that change.

use std::fs;

use ariws_testkit::{Configuration, Pbx, Setup};

const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\n\r\n";

/// A connection with further lines, and a file beside its configuration.
fn with_file(kind: &str, lines: &str, text: &str) -> Setup {
    let setup = Pbx::configured(|server| {
        let configuration = Configuration::with(kind, server, "app1");
        fs::write(configuration.folder().join("secret"), text).expect("a file");
        configuration
    });
    setup.set("connection1", lines)
}

fn write(pbx: &Pbx, text: &str) {
    fs::write(pbx.configuration.folder().join("secret"), text).expect("a file");
}

#[track_caller]
fn says(head: &str, line: &str) {
    assert!(head.contains(&format!("\r\n{line}\r\n")), "{head}");
}

#[test]
fn a_password_in_a_file_is_read_at_each_attempt() {
    let pbx = with_file("persistent", "password =\npassword_file = secret", "fromfile\n").load();
    let attempt = pbx.server.attempt();
    says(&attempt.head, "Authorization: Basic bXl1c2VyOmZyb21maWxl");
    write(&pbx, "another\n");
    attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    says(&pbx.server.attempt().head, "Authorization: Basic bXl1c2VyOmFub3RoZXI=");
}

#[test]
fn a_token_in_a_file_is_read_at_each_attempt() {
    let pbx = with_file(
        "persistent",
        "password =\nusername =\nbearer_token_file = secret",
        "one\r\nmore",
    )
    .load();
    let attempt = pbx.server.attempt();
    says(&attempt.head, "Authorization: Bearer one");
    write(&pbx, "two");
    attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    says(&pbx.server.attempt().head, "Authorization: Bearer two");
}

#[test]
fn headers_in_a_file_are_read_at_each_attempt() {
    let pbx = with_file(
        "persistent",
        "header = X-Own: 1\nheader_file = secret",
        "X-One: 1\n\nX-Two: 2\n",
    )
    .load();
    let attempt = pbx.server.attempt();
    says(&attempt.head, "X-Own: 1\r\nX-One: 1\r\nX-Two: 2");
    write(&pbx, "X-Three: 3");
    attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    says(&pbx.server.attempt().head, "X-Own: 1\r\nX-Three: 3");
}

#[test]
fn a_token_that_was_renewed_since_is_tried_at_once() {
    let lines = "password =\nusername =\nbearer_token_file = secret\nreconnect_interval = 86400000\nreconnect_attempts = 1";
    let pbx = with_file("per_call_config", lines, "old").load();
    let starting = pbx.stasis_start_async("app1", "1", "Test/1");
    let attempt = pbx.server.attempt();
    says(&attempt.head, "Authorization: Bearer old");
    write(&pbx, "new");
    attempt.answer(UNAUTHORIZED);
    let attempt = pbx.server.attempt();
    says(&attempt.head, "Authorization: Bearer new");
    let _connection = attempt.upgrade();
    assert!(starting.recv().expect("an end").is_ok());
}

#[test]
fn a_token_is_tried_again_once_and_only_if_it_is_another() {
    let lines = "password =\nusername =\nbearer_token_file = secret\nreconnect_attempts = 1";
    let pbx = with_file("per_call_config", lines, "old").load();
    let starting = pbx.stasis_start_async("app1", "1", "Test/1");
    pbx.server.attempt().answer(UNAUTHORIZED);
    assert!(starting.recv().expect("an end").is_err());
    let starting = pbx.stasis_start_async("app1", "2", "Test/2");
    for token in ["new", "newer"] {
        let attempt = pbx.server.attempt();
        write(&pbx, token);
        attempt.answer(UNAUTHORIZED);
    }
    assert!(starting.recv().expect("an end").is_err());
    assert!(pbx.server.is_quiet());
    pbx.wait_for_log("check the token in bearer_token_file");
}

#[test]
fn an_attempt_without_its_file_fails_and_says_so() {
    let pbx = with_file("persistent", "password =\nusername =\nbearer_token_file = secret", "one").load();
    let attempt = pbx.server.attempt();
    fs::remove_file(pbx.configuration.folder().join("secret")).expect("a file");
    attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    pbx.wait_for_log("secrets: bearer_token_file: the file cannot be read: No such file or directory");
    write(&pbx, "two");
    says(&pbx.server.attempt().head, "Authorization: Bearer two");
}
