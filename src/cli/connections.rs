//! `ari show outbound-websockets`, and `ari show`, `start` and `test outbound-websocket`.

use std::path::PathBuf;

use super::text::{push_dashes, push_row, push_setting, shown, yes_or_no};
use super::{detail, failed};
use crate::config::Connection;
use crate::engine::snapshot::Snapshot;
use crate::engine::{Operator, Started};
use crate::error::{Error, Result};
use crate::net;

/// The word that asks for more than Asterisk shows.
pub(super) const DETAIL: &str = "detail";

/// What Asterisk says of a connection that does not exist (recorded).
const NOT_FOUND: &str = "Error getting ARI configuration";

/// How wide the columns are of the table of connections (recorded).
const WIDTHS: [usize; 5] = [32, 15, 32, 7, 64];

/// Every connection on a line, sorted by the bytes of their ids.
pub(super) fn table(snapshot: &Snapshot) -> String {
    let mut output = String::new();
    push_row(&mut output, WIDTHS, ["Name", "Type", "Apps", "Status", "URI"]);
    push_dashes(&mut output, WIDTHS);
    for connection in snapshot.config.connections.values() {
        let servers = connection.client.displayed_servers();
        let status = if connection.is_valid() { "valid" } else { "INVALID" };
        let cells = [
            &shown(&connection.name),
            connection.client.connection_type.as_str(),
            &shown(&connection.apps_as_written),
            status,
            &shown(&servers),
        ];
        push_row(&mut output, WIDTHS, cells);
    }
    output
}

/// The settings of one connection and, if `with_detail`, how it is doing.
pub(super) fn show(snapshot: &Snapshot, id: &str, with_detail: bool, mut output: impl FnMut(&str)) -> Result<()> {
    let Some(connection) = snapshot.config.connections.get(id) else {
        output(&format!("{NOT_FOUND}\n"));
        return Err(Error::Command);
    };
    let mut page = settings(connection);
    if with_detail {
        page.push_str(&detail::page(snapshot, connection));
    }
    page.push('\n');
    output(&page);
    Ok(())
}

/// The page of a connection with Asterisk's labels, `connec_timeout` and `verify_server` among them (recorded). A
/// password is never shown, not even whether there is one.
fn settings(connection: &Connection) -> String {
    let client = &connection.client;
    let name = shown(&connection.name);
    let mut page = if connection.is_valid() {
        format!("[{name}] \n")
    } else {
        format!("[{name}] **INVALID**\n")
    };
    let mut add = |label: &str, value: &str| push_setting(&mut page, label, value);
    for server in &client.servers {
        add("uri", &server.display);
    }
    add("protocols", &client.protocols);
    add("apps", &marked(&connection.apps_as_written, &connection.apps_fault));
    add("username", &client.username);
    add("password", "********");
    add("local_ari_user", &marked(&connection.local_ari_user, &connection.user_fault));
    add("connection_type", client.connection_type.as_str());
    add("subscribe_all", yes_or_no(connection.subscribe_all));
    add("connec_timeout", &client.connection_timeout.as_millis().to_string());
    add("reconnect_attempts", &client.reconnect_attempts.to_string());
    add("reconnect_interval", &client.reconnect_interval.as_millis().to_string());
    add("tls_enabled", yes_or_no(client.tls_enabled));
    add("ca_list_file", &path(&client.ca_list_file));
    add("ca_list_path", &path(&client.ca_list_path));
    add("cert_file", &path(&client.cert_file));
    add("priv_key_file", &path(&client.priv_key_file));
    add("verify_server", yes_or_no(client.verify_server_cert));
    add("verify_server_hostname", yes_or_no(client.verify_server_hostname));
    page
}

fn marked(value: &str, fault: &Option<String>) -> String {
    let mark = if fault.is_some() { " (invalid)" } else { "" };
    format!("{value}{mark}")
}

fn path(path: &Option<PathBuf>) -> String {
    let path = path.as_deref().unwrap_or("".as_ref());
    path.display().to_string()
}

/// Starts a connection. Asterisk says "Starting" of one that is invalid or runs already too, and leaves it at that
/// (recorded); here a second line tells.
pub(super) fn start(operator: &impl Operator, id: &str, inside_callback: bool, mut output: impl FnMut(&str)) -> Result<()> {
    let started = operator
        .start(id, inside_callback)
        .map_err(|error| failed(error, NOT_FOUND, &mut output))?;
    let id = shown(id);
    let mut message = format!("Starting websocket session for outbound-websocket '{id}'\n");
    match started {
        Started::Begun => {}
        Started::AlreadyRunning => {
            message.push_str(&format!("'{id}' is running already; nothing was changed\n"));
        }
        Started::Invalid(reason) => {
            let reason = shown(&reason);
            message.push_str(&format!("'{id}' is invalid and was not started: {reason}\n"));
        }
    }
    output(&message);
    Ok(())
}

/// Tries a connection aside and tells how far it came.
pub(super) fn test(operator: &impl Operator, id: &str, mut output: impl FnMut(&str)) -> Result<()> {
    let servers = operator.test(id).map_err(|error| failed(error, NOT_FOUND, &mut output))?;
    let verdict = |works| if works { "works" } else { "does not work" };
    // One that works is enough for whoever is connected.
    let works = servers.iter().any(|(_, steps)| net::worked(steps));
    let mut report = format!("{} {}\n", shown(id), verdict(works));
    for (uri, steps) in &servers {
        if servers.len() > 1 {
            report.push_str(&format!("  {} {}\n", shown(uri), verdict(net::worked(steps))));
        }
        for step in steps {
            report.push_str(&format!("  {}\n", shown(&step.to_string())));
        }
    }
    output(&report);
    if works { Ok(()) } else { Err(Error::Command) }
}
