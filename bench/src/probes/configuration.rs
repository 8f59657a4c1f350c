// SPDX-License-Identifier: MIT OR Apache-2.0
//! Configurations for the time of a measurement.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

use crate::Result;

/// A folder with `ari.conf` and `websocket_client.conf`.
pub(super) struct Configuration {
    folder: TempDir,
}

impl Configuration {
    /// So many persistent connections, the first one of application `app0`. `more` are further lines of each client.
    pub(super) fn persistent(server: SocketAddr, connections: usize, more: &str) -> Result<Self> {
        Self::new("persistent", server, connections, "/ari", more)
    }

    /// As [`Configuration::persistent`], with a path that the application knows.
    pub(super) fn persistent_at(server: SocketAddr, path: &str, more: &str) -> Result<Self> {
        Self::new("persistent", server, 1, path, more)
    }

    /// One per-call connection of application `app0`, without a delay that would only be waited for.
    pub(super) fn per_call(server: SocketAddr) -> Result<Self> {
        Self::new("per_call_config", server, 1, "/ari", "start_delay = 0\n")
    }

    /// The same over TLS with an authority's certificate.
    pub(super) fn tls(server: SocketAddr, connections: usize, authority: &str) -> Result<Self> {
        let configuration = Self::new("persistent", server, 0, "", "")?;
        let path = configuration.folder().join("authority.pem");
        fs::write(&path, authority)?;
        let more = format!("tls_enabled = yes\nca_list_file = {}\n", path.display());
        configuration.write("persistent", server, connections, "/ari", &more)?;
        Ok(configuration)
    }

    fn new(kind: &str, server: SocketAddr, connections: usize, path: &str, more: &str) -> Result<Self> {
        let configuration = Self {
            folder: tempfile::tempdir()?,
        };
        configuration.write(kind, server, connections, path, more)?;
        Ok(configuration)
    }

    fn write(&self, kind: &str, server: SocketAddr, connections: usize, path: &str, more: &str) -> Result<()> {
        let mut ari = "[general]\nenabled = yes\n[user]\ntype = user\npassword = secret\n".to_owned();
        let mut client = String::new();
        for number in 0..connections {
            write!(
                ari,
                "[connection{number}]\ntype = outbound_websocket\nwebsocket_client_id = connection{number}\n\
                 apps = app{number}\nlocal_ari_user = user\n"
            )?;
            write!(
                client,
                "[connection{number}]\ntype = websocket_client\nuri = ws://{server}{path}\nprotocols =\n\
                 connection_type = {kind}\nreconnect_interval = 1000\n{more}\n"
            )?;
        }
        fs::write(self.folder().join("ari.conf"), ari)?;
        fs::write(self.folder().join("websocket_client.conf"), client)?;
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
