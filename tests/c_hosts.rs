//! Hosts in C, compiled and run against the shared object.

use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use tempfile::TempDir;

const TOP: &str = env!("CARGO_MANIFEST_DIR");

/// A folder with an empty configuration, and the library under the name that its SONAME promises.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        fs::write(folder.path("ari.conf"), "[general]\n").expect("ari.conf");
        fs::write(folder.path("websocket_client.conf"), "").expect("websocket_client.conf");
        // Cargo builds it beside the tests.
        let test = env::current_exe().expect("this test");
        symlink(test.with_file_name("libariws.so"), folder.library()).expect("a link");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn library(&self) -> PathBuf {
        self.path("libariws.so.0")
    }

    /// Compiles a program without a warning.
    fn compile(&self, source: &Path, options: &[&str], libraries: &[OsString]) -> PathBuf {
        let program = self.path("program");
        let compiled = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()))
            .args(["-std=c99", "-Wall", "-Werror", "-pedantic", "-I"])
            .arg(Path::new(TOP).join("include"))
            .args(options)
            .arg(source)
            .arg("-o")
            .arg(&program)
            .args(libraries)
            .status()
            .expect("a C compiler");
        assert!(compiled.success());
        program
    }

    /// Runs a program with the library; gives what it said on standard error.
    fn run(&self, program: &Path, arguments: &[PathBuf]) -> String {
        let run = Command::new(program)
            .args(arguments)
            .env("LD_LIBRARY_PATH", self.0.path())
            .output()
            .expect("the program");
        let output = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{output}");
        output
    }
}

#[test]
fn structures_of_older_and_newer_headers_work() {
    let folder = Folder::new();
    let options = [
        "-D_POSIX_C_SOURCE=200809L",
        "-Wextra",
        "-g",
        "-fsanitize=address,undefined",
    ];
    let source = Path::new(TOP).join("tests/c/sizes.c");
    let program = folder.compile(&source, &options, &["-ldl".into()]);
    folder.run(&program, &[folder.library(), folder.path("")]);
}

#[test]
fn the_host_in_the_readme_works_as_it_stands() {
    let folder = Folder::new();
    let readme = fs::read_to_string(Path::new(TOP).join("README.md")).expect("README.md");
    let code = readme
        .split_once("```c\n")
        .and_then(|(_, rest)| rest.split_once("```"))
        .map(|(code, _)| code)
        .expect("C code in the README");
    let configuration = folder.path("").display().to_string();
    let source = folder.path("host.c");
    fs::write(&source, code.replace("/etc/mypbx", &configuration)).expect("host.c");
    let program = folder.compile(&source, &[], &[folder.library().into()]);
    let output = folder.run(&program, &[]);
    assert!(
        output.contains("nobody serves the application voicebot"),
        "{output}"
    );
}
