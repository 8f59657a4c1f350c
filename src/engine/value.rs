//! One thing about a connection, for a dialplan.

use std::sync::Arc;

use super::Engine;
use super::table::Running;
use crate::error::{Error, Result};
use crate::session::{Session, View};

/// What a connection is at.
enum Stand {
    Persistent(Box<View>),
    /// There is no session, because it was shut down or is invalid.
    Stopped,
    /// The sessions of its calls.
    PerCall(Vec<View>),
}

impl Engine {
    /// See `ariws_connection_value`.
    ///
    /// # Errors
    /// There is no such connection, or no such item.
    pub fn connection_value(&self, name: &str, item: &str) -> Result<String> {
        let stand = self.stand(name)?;
        let view = match &stand {
            Stand::Persistent(view) => Some(&**view),
            Stand::Stopped | Stand::PerCall(_) => None,
        };
        let sum = |count: fn(&View) -> u64| match &stand {
            Stand::Persistent(view) => count(view),
            Stand::Stopped => 0,
            Stand::PerCall(views) => views.iter().map(count).sum(),
        };
        let text = match item {
            "state" => match (&stand, view) {
                (Stand::PerCall(_), _) => "per-call".to_owned(),
                (_, None) => "stopped".to_owned(),
                (_, Some(view)) if view.is_up => "up".to_owned(),
                (_, Some(_)) => "down".to_owned(),
            },
            "since" => view.map(|view| view.turned.as_second().to_string()).unwrap_or_default(),
            "server" => {
                let server = view.filter(|view| view.is_up).and_then(|view| view.remote_address.clone());
                server.unwrap_or_default()
            }
            "queued" => sum(|view| view.queued_messages as u64).to_string(),
            "dropped" => sum(|view| view.totals.events_dropped()).to_string(),
            _ => {
                let items = "state, since, server, queued and dropped";
                return Err(Error::Argument(format!("there is no item {item}; there are {items}")));
            }
        };
        Ok(text)
    }

    fn stand(&self, name: &str) -> Result<Stand> {
        // No session is looked at before the table is free again.
        let running = self.table().connections.get(name).cloned();
        match running {
            Some(Running::Persistent(session)) => return Ok(Stand::Persistent(Box::new(session.view()))),
            Some(Running::Listed(_)) => return Ok(Stand::PerCall(self.views_of_calls(name))),
            Some(Running::ShutDown(_)) | None => {}
        }
        match self.context.config().connections.contains_key(name) {
            true => Ok(Stand::Stopped),
            false => Err(Error::NotFound(format!("there is no connection {name}"))),
        }
    }

    fn views_of_calls(&self, name: &str) -> Vec<View> {
        let sessions: Vec<Arc<Session>> = {
            let table = self.table();
            table.per_call.values().map(|call| Arc::clone(&call.session)).collect()
        };
        let its = sessions.iter().filter(|session| session.settings().name == name);
        its.map(|session| session.view()).collect()
    }
}
