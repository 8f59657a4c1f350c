//! The servers of each connection: as many series as the configuration has servers.

use super::page::{Kind, Page};
use crate::engine::snapshot::Snapshot;
use crate::session::{ServerView, Stand};

/// Whether each can be connected to, and what came of the attempts at it.
pub(super) fn servers(page: &mut Page, snapshot: &Snapshot) {
    let all = || {
        let connections = snapshot.servers.iter();
        connections.flat_map(|(connection, servers)| servers.iter().map(move |server| (connection.as_str(), server)))
    };
    let help = "1 if the last attempt at the server came to a connection, 0 if it failed";
    page.family("server_up", Kind::Gauge, "", help);
    for (connection, server) in all() {
        let up = match server.stand {
            Stand::Unknown => continue,
            Stand::Up => 1,
            Stand::Down => 0,
        };
        let labels = [("connection", connection), ("server", server.uri.as_str())];
        page.sample("server_up", &labels, up);
    }
    let help = "Attempts to connect to the server, by what came of them";
    page.family("server_attempts", Kind::Counter, "", help);
    for (connection, server) in all() {
        for (outcome, count) in outcomes(server) {
            let labels = [
                ("connection", connection),
                ("server", server.uri.as_str()),
                ("outcome", outcome),
            ];
            page.sample("server_attempts_total", &labels, count);
        }
    }
}

fn outcomes(server: &ServerView) -> [(&'static str, u64); 3] {
    [
        ("opened", server.opened),
        ("refused", server.refused),
        ("failed", server.failed),
    ]
}
