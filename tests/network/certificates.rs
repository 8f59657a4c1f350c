//! Certificates and keys, made anew for each test.

use std::fs;
use std::path::{Path, PathBuf};

pub use ariws_testkit::certificates::{Authority, Identity};
use rcgen::KeyPair;

use crate::network::{Network, run};

/// A private key in a file, as openssl(1) writes it.
pub struct KeyFile {
    pub path: PathBuf,
    /// To put into a certificate.
    pub pair: KeyPair,
}

impl KeyFile {
    /// Made by one command of openssl(1), and brought into its form by another.
    pub fn make(network: &Network, generate: &[&str], convert: &[&str]) -> Self {
        let file = |name: &str| network.folder().join(name);
        let (generated, path, plain) = (file("generated"), file("converted"), file("plain"));
        let write = |command: &[&str], output: &Path| {
            let output = output.to_str().expect("a path");
            run("openssl", &[command, &["-out", output]].concat());
        };
        let from = ["-in", generated.to_str().expect("a path")];
        write(generate, &generated);
        write(&[convert, &from].concat(), &path);
        write(&[&["pkcs8", "-topk8", "-nocrypt"], &from[..]].concat(), &plain);
        let pem = fs::read_to_string(plain).expect("a key");
        Self {
            path,
            pair: KeyPair::from_pem(&pem).expect("a key that rcgen knows"),
        }
    }
}
