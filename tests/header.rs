//! `include/ariws.h` is what cbindgen makes of the sources, and agrees with the library.

use std::path::Path;
use std::{env, fs};

const HEADER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/include/ariws.h");

fn generated() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).expect("cbindgen.toml");
    let bindings = cbindgen::Builder::new()
        .with_src(folder.join("src/ffi/mod.rs"))
        .with_config(config)
        .generate()
        .expect("a header");
    let mut header = Vec::new();
    bindings.write(&mut header);
    String::from_utf8(header).expect("UTF-8")
}

/// With ARIWS_WRITE_HEADER set, the file is written instead.
#[test]
fn the_header_is_up_to_date() {
    let header = generated();
    if env::var_os("ARIWS_WRITE_HEADER").is_some() {
        fs::write(HEADER, &header).expect("the header");
    }
    let checked_in = fs::read_to_string(HEADER).expect("the header");
    assert!(
        header == checked_in,
        "include/ariws.h is not what the sources say; `make header` writes it anew"
    );
}

#[test]
fn the_version_of_the_header_is_the_packages() {
    let version = format!("#define ARIWS_VERSION \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(
        generated().contains(&version),
        "cbindgen.toml must say {version}"
    );
}

#[test]
fn the_abi_version_is_part_of_the_soname() {
    let build =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/build.rs")).expect("build.rs");
    let soname = format!(
        "const ABI_VERSION: u32 = {};",
        ariws::ffi::ARIWS_ABI_VERSION
    );
    assert!(build.contains(&soname), "build.rs must say {soname}");
}

/// A panic that left an exported function would end the host.
#[test]
fn every_exported_function_is_guarded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
    let mut exports = 0;
    for entry in fs::read_dir(folder).expect("src/ffi") {
        let source = fs::read_to_string(entry.expect("an entry").path()).expect("a source");
        for function in source.split("#[unsafe(no_mangle)]").skip(1) {
            let body = function.split("\n}\n").next().unwrap_or_default();
            assert!(body.contains("guard"), "not guarded: {body}");
            exports += 1;
        }
    }
    let listed = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/include/ariws.exports"
    ))
    .expect("the list of exports");
    assert_eq!(exports, listed.lines().count());
}
