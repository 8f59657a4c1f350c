//! The servers of each connection: as many series as the configuration has servers.

use std::collections::BTreeMap;

use super::page::{Kind, Page};
use crate::session::{ServerView, Stand};

/// Whether each can be connected to, and what came of the attempts at it.
pub(super) fn families(page: &mut Page, servers: &BTreeMap<String, Vec<ServerView>>) {
    let all = || {
        let connections = servers.iter();
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_server_has_its_state_and_its_attempts() {
        let server = |uri: &str, stand| ServerView {
            uri: uri.to_owned(),
            stand,
            since: Duration::ZERO,
            last_failure: None,
            left_alone: None,
            opened: 1,
            refused: 2,
            failed: 3,
        };
        let servers = vec![server("ws://a/\"", Stand::Down), server("ws://b/", Stand::Unknown)];
        let mut page = Page::default();
        families(&mut page, &BTreeMap::from([("one".to_owned(), servers)]));
        let text = page.finished();
        for expected in [
            "ariws_server_up{connection=\"one\",server=\"ws://a/\\\"\"} 0\n",
            "ariws_server_attempts_total{connection=\"one\",server=\"ws://b/\",outcome=\"opened\"} 1\n",
            "ariws_server_attempts_total{connection=\"one\",server=\"ws://b/\",outcome=\"refused\"} 2\n",
            "ariws_server_attempts_total{connection=\"one\",server=\"ws://b/\",outcome=\"failed\"} 3\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
        assert!(
            !text.contains("ariws_server_up{connection=\"one\",server=\"ws://b/\"}"),
            "{text}"
        );
    }
}
