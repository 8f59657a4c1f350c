// SPDX-License-Identifier: MIT OR Apache-2.0
//! Measures libariws.so, loaded with dlopen as a PBX loads it, beside bare tokio-tungstenite, and writes
//! docs/benchmarks.md.
//!
//! Three kinds of processes, all of them this program: one *run*, which starts the others and writes the page; one
//! *application*, which accepts the websockets; and for each measurement a *probe*, which is the host with the library in
//! it, or the bare websockets in its place. So nothing that one measurement leaves behind is part of another.

mod application;
mod arguments;
mod baseline;
mod callgrind;
mod control;
mod figures;
mod host;
mod instructions;
mod library;
mod page;
mod plot;
mod probes;
mod process;
mod statistics;

use std::process::ExitCode;

use arguments::Arguments;

/// Whatever went wrong, in words.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let outcome = match Arguments::read() {
        Ok(Arguments::Run(run)) => page::run(&run),
        Ok(Arguments::Instructions(check)) => instructions::run(&check),
        Ok(Arguments::Application) => application::run(),
        Ok(Arguments::Probe(probe)) => probes::run(&probe),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ariws-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
