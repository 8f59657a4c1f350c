//! The command ariws-check, as operators and their scripts use it.

mod broken;
mod outputs;
mod parameters;
mod recorded;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::accept;

/// What it printed on the standard output, and its exit status.
fn check(arguments: &[&str]) -> (String, i32) {
    let output = Command::new(env!("CARGO_BIN_EXE_ariws-check"))
        .args(arguments)
        .output()
        .expect("the command");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    (text, output.status.code().expect("an exit status"))
}

/// A folder with one connection whose websocket client has the given lines.
fn folder(more: &str, client: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let ari = format!(
        "[general]\n[user1]\ntype = user\npassword = secret\n\
         [bots]\ntype = outbound_websocket\nwebsocket_client_id = server\napps = voicebot\nlocal_ari_user = user1\n{more}"
    );
    let client = format!("[server]\ntype = websocket_client\nconnection_type = persistent\n{client}\n");
    fs::write(folder.path().join("ari.conf"), ari).expect("a file");
    fs::write(folder.path().join("websocket_client.conf"), client).expect("a file");
    folder
}

fn path(folder: &TempDir) -> &str {
    folder.path().to_str().expect("UTF-8")
}

/// A server that takes one websocket and waits for its end.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (stream, _) = listener.accept().expect("a connection");
        let mut websocket = accept(stream).expect("an upgrade");
        while websocket.read().is_ok() {}
    });
    address
}

#[test]
fn a_device_among_the_systems_authorities_is_not_read() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let folder = folder("", &format!("uri = wss://{address}"));
    let mut child = Command::new(env!("CARGO_BIN_EXE_ariws-check"))
        .args(["--connect", path(&folder)])
        .env("SSL_CERT_FILE", "/dev/zero")
        .env_remove("SSL_CERT_DIR")
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command");
    let deadline = Instant::now() + Duration::from_secs(20);
    while child.try_wait().expect("the command").is_none() {
        if Instant::now() > deadline {
            child.kill().expect("a process");
            panic!("it reads on");
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().expect("its output");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let expected = "FAILED: no certificate authority to trust was found";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_wrong_argument_is_a_mistake_and_no_finding() {
    assert_eq!(check(&["--format", "xml", "x"]), (String::new(), 2));
    assert_eq!(check(&[]), (String::new(), 2));
}

#[test]
fn programs_get_json() {
    let folder = folder("", "uri = ws://localhost/\nreconnect_interval = soon");
    let (text, status) = check(&["--format", "json", path(&folder)]);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["status"], json!(status));
    assert_eq!(report["connections"], json!([]));
    assert_eq!(report["users"], json!(["user1"]));
    let problems = report["problems"].as_array().expect("problems");
    let problem = problems.iter().find(|problem| problem["section"] == "server");
    let problem = problem.expect("the fault of the client");
    assert_eq!(problem["severity"], "error");
    assert_eq!(problem["key"], "reconnect_interval");
    assert_eq!(problem["line"], 5);
}

#[test]
fn a_connection_that_works_shows_every_stage() {
    let folder = folder("", &format!("uri = ws://{}/", server()));
    let (text, status) = check(&["--format", "json", "--connect", path(&folder)]);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let attempt = &report["attempts"][0];
    assert_eq!(attempt["works"], true, "{text}");
    let stages: Vec<_> = attempt["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .map(|stage| stage["stage"].as_str().expect("a name"))
        .collect();
    assert_eq!(stages, ["name", "TCP", "upgrade"]);
    assert_eq!(status, 0);
}

#[test]
fn a_connection_that_fails_says_at_which_stage() {
    // A port where nobody listens any more.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let folder = folder("", &format!("uri = ws://{address}/"));
    let (text, status) = check(&["--connect", path(&folder)]);
    assert!(text.contains("\nbots does not work\n"), "{text}");
    let last = text.lines().last().expect("a line");
    assert!(last.contains("TCP"), "{text}");
    assert!(
        last.ends_with(&format!("{address} FAILED: Connection refused (os error 111)")),
        "{text}"
    );
    assert_eq!(status, 3);
}

#[test]
fn no_secret_is_printed() {
    let folder = folder("", "uri = ws://user:hidden@localhost/\npassword = hidden");
    for format in ["text", "json"] {
        let (text, _) = check(&["--format", format, path(&folder)]);
        assert!(!text.contains("hidden") && !text.contains("secret"), "{text}");
    }
}
