//! The host in the README compiles and runs as it stands.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn example() -> String {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let readme = readme.expect("README.md");
    let (_, rest) = readme.split_once("```c\n").expect("C code in the README");
    let (code, _) = rest.split_once("```").expect("its end");
    code.to_owned()
}

#[test]
fn the_host_in_the_readme_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let configuration = folder.path().to_str().expect("a path");
    let code = example().replace("/etc/mypbx", configuration);
    fs::write(folder.path().join("host.c"), code).expect("host.c");
    fs::write(folder.path().join("ari.conf"), "[general]\n").expect("ari.conf");
    fs::write(folder.path().join("websocket_client.conf"), "").expect("websocket_client.conf");

    let test = env::current_exe().expect("this test");
    let libraries = test.ancestors().nth(2).expect("the folder of the profile");
    let program = folder.path().join("host");
    let compiled = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
        .args(["-std=c99", "-Wall", "-Werror", "-pedantic"])
        .arg("-I")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"))
        .arg(folder.path().join("host.c"))
        .arg("-o")
        .arg(&program)
        .arg(libraries.join("libariws.so"))
        .status()
        .expect("a C compiler");
    assert!(compiled.success());

    // The linker wrote down the SONAME.
    std::os::unix::fs::symlink(
        libraries.join("libariws.so"),
        folder.path().join("libariws.so.0"),
    )
    .expect("a link");
    let run = Command::new(&program)
        .env("LD_LIBRARY_PATH", folder.path())
        .output()
        .expect("the program");
    let output = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{output}");
    assert!(
        output.contains("nobody serves the application voicebot"),
        "{output}"
    );
}
