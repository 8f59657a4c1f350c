//! Hosts in C, compiled and run.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use ariws_testkit::{Configuration, Server};

const TOP: &str = env!("CARGO_MANIFEST_DIR");

fn top(path: &str) -> PathBuf {
    Path::new(TOP).join(path)
}

/// Where cargo has built the library: beside the tests.
fn built() -> PathBuf {
    let test = env::current_exe().expect("this test");
    test.parent().expect("its folder").to_owned()
}

/// A configuration without connections.
fn configuration() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("ari.conf"), "[general]\n").expect("ari.conf");
    fs::write(folder.path().join("websocket_client.conf"), "").expect("websocket_client.conf");
    folder
}

fn compiler() -> Command {
    let mut compiler = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
    compiler
        .args(["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-g", "-pthread"])
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic"])
        .arg("-I")
        .arg(top("include"));
    compiler
}

/// Runs a command; gives what it says on standard error.
fn run(command: &mut Command) -> String {
    let run = command.output().expect("the program");
    let output = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{output}");
    output
}

#[test]
fn structures_of_older_and_newer_headers_work() {
    let folder = configuration();
    let program = folder.path().join("sizes");
    run(compiler()
        .arg("-fsanitize=address,undefined")
        .arg(top("tests/c/sizes.c"))
        .arg("-o")
        .arg(&program)
        .arg("-ldl"));
    run(Command::new(&program).arg(built().join("libariws.so")).arg(folder.path()));
}

#[test]
fn the_smallest_host_works_with_the_library_of_the_source_tree() {
    let folder = configuration();
    let target = format!("TARGET={}", built().display());
    let build = format!("BUILD={}", folder.path().display());
    run(Command::new("make")
        .args(["--silent", "-C", "c_examples/tiny", &target, &build])
        .current_dir(TOP));
    let said = run(Command::new(folder.path().join("tiny")).arg(folder.path()));
    assert!(said.contains("nobody serves the application voicebot"), "{said}");
}

#[test]
fn the_documentation_shows_the_main_of_the_smallest_host() {
    let page = fs::read_to_string(top("docs/embedders.md")).expect("docs/embedders.md");
    let host = fs::read_to_string(top("c_examples/tiny/tiny.c")).expect("tiny.c");
    let (_, shown) = page.split_once("```c\n").expect("a block of C");
    let (shown, _) = shown.split_once("```").expect("its end");
    assert!(shown.starts_with("int main("), "{shown}");
    assert!(host.ends_with(shown), "{shown}");
}

#[test]
fn the_host_of_minipbx_needs_nothing_of_a_pbx_but_what_its_header_says() {
    let folder = configuration();
    let program = folder.path().join("embedder");
    let sources = fs::read_dir(top("c_examples/minipbx/host")).expect("the folder");
    let sources = sources.map(|entry| entry.expect("an entry").path());
    run(compiler()
        .args(["-fsanitize=address,undefined", "-Wno-unused-parameter"])
        .arg("-I")
        .arg(top("c_examples/minipbx/host"))
        .args(sources.filter(|path| path.extension().is_some_and(|kind| kind == "c")))
        .arg(top("tests/c/embedder.c"))
        .arg("-o")
        .arg(&program)
        .arg("-ldl"));
    run(Command::new(&program).arg(built().join("libariws.so")).arg(folder.path()));
}

#[test]
fn minipbx_tells_the_server_what_its_dialplan_knows_of_a_call() {
    let server = Server::start();
    let mut configuration = Configuration::with("per_call_config", server.address(), "app1");
    configuration.set("connection1", "header = X-Tenant: ${TENANT}");
    let extensions = configuration.folder().join("extensions");
    fs::write(
        &extensions,
        "[default]\nexten = 1,1,Set(TENANT=acme)\nsame = n,Stasis(app1)\n",
    )
    .expect("a dialplan");
    let build = format!("BUILD={}", configuration.folder().join("build").display());
    run(Command::new("make")
        .args(["--silent", "-C", "c_examples/minipbx", &build])
        .current_dir(TOP));
    let minipbx = Command::new(configuration.folder().join("build/minipbx"))
        .args(["--give-config", "--library"])
        .arg(built().join("libariws.so"))
        .arg("--config")
        .arg(configuration.folder())
        .arg("--extensions")
        .arg(extensions)
        .args(["--command", "dial 1@default", "--command", "wait calls 60000"])
        .spawn();
    let mut minipbx = minipbx.expect("minipbx");
    for _ in 0..3 {
        let attempt = server.attempt();
        assert!(attempt.head.contains("\r\nX-Tenant: acme\r\n"), "{}", attempt.head);
        attempt.answer("HTTP/1.1 503 Later\r\n\r\n");
    }
    assert!(minipbx.wait().expect("its end").success());
}
