//! `ari show sessions` and its longer spelling `ari show websocket sessions`, and the commands that end sessions.

use super::failed;
use super::text::{push_dashes, push_row, shown};
use crate::engine::Operator;
use crate::engine::snapshot::{SessionKind, Snapshot};
use crate::error::Result;
use crate::session::{Phase, View};

/// How wide the columns are of the table of sessions (recorded).
const WIDTHS: [usize; 5] = [37, 15, 32, 5, 16];

/// Every session on a line, sorted by the bytes of their ids, its applications sorted likewise. The heading's last cell
/// ends in blanks, as Asterisk's does (recorded).
pub(super) fn table(snapshot: &Snapshot) -> String {
    let mut output = String::new();
    let heading = ["Connection ID", "Type", "RemoteAddr", "State", "Apps            "];
    push_row(&mut output, WIDTHS, heading);
    push_dashes(&mut output, WIDTHS);
    for session in &snapshot.sessions {
        let (kind, address, state) = match &session.kind {
            SessionKind::Persistent(view) => ("persistent", address(view), state(view)),
            SessionKind::PerCallConfig { .. } => ("per_call_config", "", "N/A"),
            SessionKind::PerCall { view, .. } => ("per_call", address(view), state(view)),
            SessionKind::Inbound { remote_address } => ("inbound", remote_address.as_str(), "Up"),
        };
        let address = if address.is_empty() { "N/A" } else { address };
        let mut apps: Vec<&str> = session.apps.iter().map(String::as_str).collect();
        apps.sort_unstable();
        let apps = apps.join(",");
        let cells = [&shown(&session.id), kind, &shown(address), state, &shown(&apps)];
        push_row(&mut output, WIDTHS, cells);
    }
    output
}

/// The address of the last connection, also while there is none (recorded).
fn address(view: &View) -> &str {
    view.remote_address.as_deref().unwrap_or_default()
}

fn state(view: &View) -> &'static str {
    if view.phase == Phase::Up { "Up" } else { "Down" }
}

/// Ends one session.
pub(super) fn shut_down(operator: &impl Operator, id: &str, inside_callback: bool, mut output: impl FnMut(&str)) -> Result<()> {
    let shown_id = shown(id);
    operator.shut_down(id, inside_callback).map_err(|error| {
        let message = format!("Websocket session '{shown_id}' not found");
        failed(error, &message, &mut output)
    })?;
    output(&format!("Shutting down websocket session '{shown_id}'\n"));
    Ok(())
}

/// Ends every session, inbound ones too.
pub(super) fn shut_down_all(operator: &impl Operator, inside_callback: bool, mut output: impl FnMut(&str)) -> Result<()> {
    operator
        .shut_down_all(inside_callback)
        .map_err(|error| failed(error, "Websocket sessions not found", &mut output))?;
    output("Shutting down all websocket sessions\n");
    Ok(())
}
