//! Hosts in C, compiled and run against the shared object.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

const TOP: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn structures_of_older_and_newer_headers_work() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("ari.conf"), "[general]\n").expect("ari.conf");
    fs::write(folder.path().join("websocket_client.conf"), "").expect("websocket_client.conf");
    let program = folder.path().join("sizes");
    let compiled = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-g"])
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic"])
        .arg("-fsanitize=address,undefined")
        .arg("-I")
        .arg(Path::new(TOP).join("include"))
        .arg(Path::new(TOP).join("tests/c/sizes.c"))
        .arg("-o")
        .arg(&program)
        .arg("-ldl")
        .status()
        .expect("a C compiler");
    assert!(compiled.success());

    // Cargo builds the library beside the tests.
    let library = env::current_exe()
        .expect("this test")
        .with_file_name("libariws.so");
    let run = Command::new(&program)
        .arg(library)
        .arg(folder.path())
        .output()
        .expect("the program");
    let output = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{output}");
}
