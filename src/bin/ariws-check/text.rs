//! The report for people.

use std::fmt::Write as _;

use crate::plan::plan;
use crate::report::{Attempt, Report, severity};

/// Problems first, then what would be loaded, then the attempts.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = problems(&mut text, report)
        .and_then(|()| loaded(&mut text, report))
        .and_then(|()| report.attempts.iter().try_for_each(|attempt| attempted(&mut text, attempt)));
    text
}

fn problems(text: &mut String, report: &Report) -> std::fmt::Result {
    for problem in &report.problems {
        writeln!(text, "{}: {problem}", severity(problem))?;
    }
    Ok(())
}

fn loaded(text: &mut String, report: &Report) -> std::fmt::Result {
    if report.unreadable {
        return writeln!(text, "nothing would be loaded");
    }
    for connection in report.config.connections.values() {
        let client = &connection.client;
        write!(
            text,
            "{}: {} {}, applications {}",
            connection.name,
            client.connection_type.as_str(),
            client.displayed_servers(),
            connection.apps.join(", ")
        )?;
        match connection.fault() {
            Some(fault) => writeln!(text, "; INVALID: {fault}")?,
            None => writeln!(text)?,
        }
        for line in plan(client) {
            writeln!(text, "  {line}")?;
        }
    }
    if report.config.connections.is_empty() {
        writeln!(
            text,
            "no connection: ari.conf and ari_outbound.conf have no section with type = outbound_websocket that can be loaded"
        )?;
    }
    for client in report.unused_clients() {
        writeln!(text, "{client}: a websocket client; no connection above uses it")?;
    }
    Ok(())
}

fn attempted(text: &mut String, attempt: &Attempt) -> std::fmt::Result {
    let verdict = if attempt.works() { "works" } else { "does not work" };
    match &attempt.server {
        None => writeln!(text, "\n{} {verdict}", attempt.connection)?,
        Some(server) => writeln!(text, "\n{} at {server} {verdict}", attempt.connection)?,
    }
    for step in &attempt.steps {
        writeln!(text, "  {step}")?;
    }
    Ok(())
}
