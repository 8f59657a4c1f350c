//! A host and a library of different versions: `tests/c/sizes.c`, compiled and run under AddressSanitizer.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The shared object beside the tests.
fn library() -> PathBuf {
    let test = env::current_exe().expect("this test");
    let folder = test.ancestors().nth(2).expect("the folder of the profile");
    folder.join("libariws.so")
}

#[test]
fn shorter_and_longer_structures_work_in_both_directions() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("sizes");
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let compiled = Command::new(compiler)
        .args(["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-g"])
        .args([
            "-Wall",
            "-Wextra",
            "-Werror",
            "-pedantic",
            "-fsanitize=address,undefined",
        ])
        .arg("-I")
        .arg(source.join("include"))
        .arg(source.join("tests/c/sizes.c"))
        .arg("-o")
        .arg(&program)
        .arg("-ldl")
        .status()
        .expect("a C compiler");
    assert!(compiled.success());

    fs::write(folder.path().join("ari.conf"), "[general]\n").expect("ari.conf");
    fs::write(folder.path().join("websocket_client.conf"), "").expect("websocket_client.conf");
    let run = Command::new(&program)
        .arg(library())
        .arg(folder.path())
        .output()
        .expect("the program");
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
}
