//! Reads a configuration with the library's own parser and tells what would be loaded, what would not, and why; on request
//! it connects to each server once and tells every stage of that.

#![deny(unsafe_code)]

mod options;
mod plan;
mod report;
mod text;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use ariws::config::{self, Reading};
use ariws::net;
use options::{Format, Options};
use report::{Attempt, Report};

/// Of the product token in the upgrade requests.
const USER_AGENT: &str = concat!("ariws-check/", env!("CARGO_PKG_VERSION"));

fn main() -> ExitCode {
    let options = match Options::from_arguments() {
        Ok(Ok(options)) => options,
        Ok(Err(text)) => return print(&text),
        Err(error) => {
            eprintln!("ariws-check: {error}\n{}", options::USAGE.trim_end());
            return ExitCode::from(report::UNREADABLE);
        }
    };
    let report = match check(&options) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("ariws-check: {error}");
            return ExitCode::from(report::UNREADABLE);
        }
    };
    let rendered = match options.format {
        Format::Text => text::render(&report),
        Format::Json => report.to_json(),
    };
    print(&rendered);
    ExitCode::from(report.status())
}

fn check(options: &Options) -> Result<Report, String> {
    let mut report = match config::read(&options.folder, None) {
        Ok(Reading { config, problems }) => Report::read(&options.folder, config, problems),
        Err(problems) => Report::unreadable(&options.folder, problems),
    };
    if options.connect {
        report.attempts = attempt(&report)?;
    }
    Ok(report)
}

/// Every server of every valid connection, one after the other.
fn attempt(report: &Report) -> Result<Vec<Attempt>, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let resources = Arc::default();
    let valid = report.config.connections.values().filter(|connection| connection.is_valid());
    let mut attempts = Vec::new();
    for connection in valid {
        let probed = runtime.block_on(net::probe_all(&connection.client, USER_AGENT, &resources));
        attempts.extend(probed.into_iter().map(|(uri, steps)| Attempt {
            connection: connection.name.clone(),
            server: (connection.client.servers.len() > 1).then_some(uri),
            steps,
        }));
    }
    Ok(attempts)
}

/// To the standard output; whoever closed it wants no more.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
