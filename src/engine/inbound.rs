//! Websockets that applications opened to the host, as it reports them.

use std::collections::btree_map::Entry;

use super::Engine;
use super::table::Inbound;
use crate::error::{Error, Result};

impl Engine {
    /// One was opened.
    ///
    /// # Errors
    /// It was reported before, or its id is that of a connection or of one of its sessions: commands would not tell them apart.
    pub fn inbound_opened(&self, id: &str, remote_address: &str, apps: &str) -> Result<()> {
        let apps = apps
            .split(',')
            .map(str::trim)
            .filter(|app| !app.is_empty())
            .map(str::to_owned)
            .collect();
        let is_connection = self.context.config().connections.contains_key(id);
        let mut table = self.table();
        if is_connection || table.has_outbound_session(id) {
            return Err(Error::Duplicate(format!("the id {id} is a connection's")));
        }
        match table.inbound.entry(id.to_owned()) {
            Entry::Occupied(_) => Err(Error::Duplicate(format!("the inbound session {id} is open already"))),
            Entry::Vacant(vacant) => {
                vacant.insert(Inbound {
                    remote_address: remote_address.to_owned(),
                    apps,
                });
                Ok(())
            }
        }
    }

    /// One was closed.
    ///
    /// # Errors
    /// It was not open.
    pub fn inbound_closed(&self, id: &str) -> Result<()> {
        let known = self.table().inbound.remove(id).is_some();
        if !known {
            return Err(Error::NotFound(format!("no inbound session {id} is open")));
        }
        self.reclaim();
        Ok(())
    }
}
