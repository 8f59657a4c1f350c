//! Configurations in folders of their own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

/// The keys of a connection that are no keys of its websocket client.
const OUTBOUND_WEBSOCKET: [&str; 4] = ["websocket_client_id", "apps", "subscribe_all", "local_ari_user"];

/// A folder with `ari.conf` and `websocket_client.conf`, removed at the end.
pub struct Configuration {
    folder: TempDir,
    ari: String,
    client: String,
}

impl Configuration {
    /// A user `user1` and nothing else.
    pub fn empty() -> Self {
        let configuration = Self {
            folder: tempfile::tempdir().expect("a folder"),
            ari: "[general]\nenabled = yes\n[user1]\ntype = user\npassword = userpass\n[reader]\ntype = user\npassword = readerpass\nread_only = yes\n"
                .into(),
            client: String::new(),
        };
        configuration.write();
        configuration
    }

    /// With one connection `connection1` of the given type and applications.
    pub fn with(kind: &str, server: SocketAddr, apps: &str) -> Self {
        Self::empty().connection("connection1", kind, server, apps, "")
    }

    /// With one more connection; `more` are further lines of its websocket client. Its attempts last as long as anything is
    /// waited for, so that a busy machine makes none fail: whoever waits for the end of one makes it shorter.
    pub fn connection(mut self, name: &str, kind: &str, server: SocketAddr, apps: &str, more: &str) -> Self {
        self.ari.push_str(&format!(
            "[{name}]\ntype = outbound_websocket\nwebsocket_client_id = {name}\napps = {apps}\nlocal_ari_user = user1\n"
        ));
        self.client.push_str(&format!(
            "[{name}]\ntype = websocket_client\nuri = ws://{server}/ari\nprotocols = ari\nusername = myuser\npassword = mypass\nconnection_type = {kind}\nconnection_timeout = 20000\nreconnect_interval = 20\nreconnect_attempts = 3\n{more}\n"
        ));
        self.write();
        self
    }

    /// With one more websocket client: like the one of a connection, under another name and with another path.
    pub fn client_like(mut self, connection: &str, name: &str, path: &str) -> Self {
        let (start, end) = section(&self.client, connection);
        let copy = self.client[start..end]
            .replacen(&format!("[{connection}]"), &format!("[{name}]"), 1)
            .replacen("/ari\n", &format!("{path}\n"), 1);
        self.client.push_str(&copy);
        self.write();
        self
    }

    /// Adds lines to a section; of several lines with one key the last one counts, and a `uri` takes the place of those that
    /// are there. What is said of a connection goes to its own section or to that of its websocket client.
    pub fn set(&mut self, name: &str, lines: &str) {
        let outbound = OUTBOUND_WEBSOCKET.iter().any(|key| lines.starts_with(key));
        let text = match self.client.contains(&format!("[{name}]\n")) && !outbound {
            true => &mut self.client,
            false => &mut self.ari,
        };
        let (start, end) = section(text, name);
        let mut changed = text[start..end].to_owned();
        if lines.lines().any(|line| line.starts_with("uri = ")) {
            changed = changed
                .lines()
                .filter(|line| !line.starts_with("uri = "))
                .map(|line| format!("{line}\n"))
                .collect();
        }
        changed.push_str(&format!("{lines}\n"));
        text.replace_range(start..end, &changed);
        self.write();
    }

    /// Adds a server to a connection, after those that it has.
    pub fn server(&mut self, name: &str, server: SocketAddr) {
        let (_, end) = section(&self.client, name);
        self.client.insert_str(end, &format!("uri = ws://{server}/ari\n"));
        self.write();
    }

    /// Removes the section of a connection; its websocket client stays.
    pub fn remove(&mut self, name: &str) {
        let (start, end) = section(&self.ari, name);
        self.ari.replace_range(start..end, "");
        self.write();
    }

    /// Changes the name of a connection; its websocket client keeps its own.
    pub fn rename(&mut self, name: &str, new: &str) {
        self.ari = self.ari.replacen(&format!("[{name}]\n"), &format!("[{new}]\n"), 1);
        self.write();
    }

    /// With a replacement in both files.
    pub fn replacing(mut self, old: &str, new: &str) -> Self {
        self.replace(old, new);
        self
    }

    /// Replaces text in both files.
    pub fn replace(&mut self, old: &str, new: &str) {
        assert!(
            self.ari.contains(old) || self.client.contains(old),
            "the configuration has no {old}"
        );
        self.ari = self.ari.replace(old, new);
        self.client = self.client.replace(old, new);
        self.write();
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self) {
        fs::write(self.folder().join("ari.conf"), &self.ari).expect("ari.conf");
        fs::write(self.folder().join("websocket_client.conf"), &self.client).expect("websocket_client.conf");
    }
}

/// Where a section begins and ends.
fn section(text: &str, name: &str) -> (usize, usize) {
    let header = format!("[{name}]\n");
    let start = text.find(&header).expect("the section");
    let next = text[start + 1..].find("\n[");
    (start, next.map_or(text.len(), |next| start + 1 + next + 1))
}
