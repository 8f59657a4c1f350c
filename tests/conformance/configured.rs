//! What a configuration says, as far as the rules need to know; only plain files are understood.

use std::collections::BTreeMap;

use super::case::Files;

/// `connection_timeout` and `reconnect_interval` where nothing is said.
pub const DEFAULT_MILLISECONDS: u64 = 500;

/// A connection of `ari.conf` and its websocket client.
#[derive(Debug, Clone, Default)]
pub struct Connection {
    pub name: String,
    pub apps: Vec<String>,
    /// The parameters of its websocket client.
    pub client: BTreeMap<String, String>,
}

/// Every connection that has a websocket client.
pub fn connections(files: &Files) -> Vec<Connection> {
    let (ari, clients) = (
        sections(files, "ari.conf"),
        sections(files, "websocket_client.conf"),
    );
    let of_type = |parameters: &BTreeMap<String, String>, kind: &str| {
        parameters.get("type").is_some_and(|its| its == kind)
    };
    ari.into_iter()
        .filter(|(_, parameters)| of_type(parameters, "outbound_websocket"))
        .filter_map(|(name, parameters)| {
            let client = parameters.get("websocket_client_id")?;
            let (_, client) = clients
                .iter()
                .find(|(name, its)| name == client && of_type(its, "websocket_client"))?;
            let apps = parameters.get("apps")?.split(',').map(plain).collect();
            Some(Connection {
                name,
                apps,
                client: client.clone(),
            })
        })
        .collect()
}

impl Connection {
    /// Whether its client connects to this port.
    pub fn leads_to(&self, port: u16) -> bool {
        let port = format!(":{port}");
        let uri = self.client.get("uri").map_or("", String::as_str);
        let after = uri.split_once(&port).map(|(_, after)| after);
        after.is_some_and(|after| !after.starts_with(|next: char| next.is_ascii_digit()))
    }
}

/// The host of a URI, without brackets.
pub fn host_of(uri: &str) -> &str {
    let (_, rest) = uri.split_once("://").unwrap_or(("", uri));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, _) = host.rsplit_once(':').unwrap_or((host, ""));
    host.trim_matches(['[', ']'])
}

/// An application without blanks and quotes around it.
fn plain(app: &str) -> String {
    app.trim().trim_matches(['"', '\'']).trim().to_owned()
}

/// The sections of a file and their parameters.
pub fn sections(files: &Files, name: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let text = files.get(name).cloned().flatten().unwrap_or_default();
    let mut sections: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    for line in text.lines() {
        let line = line.split(';').next().unwrap_or_default().trim();
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.split(']').next())
        {
            sections.push((name.to_owned(), BTreeMap::new()));
        } else if let Some((key, value)) = line.split_once('=')
            && let Some((_, parameters)) = sections.last_mut()
        {
            let value = value.strip_prefix('>').unwrap_or(value);
            parameters.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    sections
}
