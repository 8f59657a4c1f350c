//! Configurations in folders of their own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

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

    /// With one more connection; `more` are further lines of its websocket client.
    pub fn connection(
        mut self,
        name: &str,
        kind: &str,
        server: SocketAddr,
        apps: &str,
        more: &str,
    ) -> Self {
        self.ari.push_str(&format!(
            "[{name}]\ntype = outbound_websocket\nwebsocket_client_id = {name}\napps = {apps}\nlocal_ari_user = user1\n"
        ));
        self.client.push_str(&format!(
            "[{name}]\ntype = websocket_client\nuri = ws://{server}/ari\nprotocols = ari\nusername = myuser\npassword = mypass\nconnection_type = {kind}\nconnection_timeout = 5000\nreconnect_interval = 20\nreconnect_attempts = 3\n{more}\n"
        ));
        self.write();
        self
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
        fs::write(self.folder().join("websocket_client.conf"), &self.client)
            .expect("websocket_client.conf");
    }
}
