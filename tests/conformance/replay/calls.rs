//! Channels: they enter applications, and requests over HTTP hang them up.

use std::time::{Duration, Instant};

use super::Replay;
use crate::story::{Channel, Http};
use crate::support::library::Library;
use crate::terminal;
use crate::timeline::hung_up;

impl Replay<'_> {
    /// Waits until a call has begun: what follows finds its connection being made, or its start over.
    pub(super) fn begin_call(&self, channel: &Channel) {
        let begun = || {
            let handle = self.library.as_ref().map(Library::handle);
            let sessions = terminal::run(handle, &self.asterisk, "ari show websocket sessions");
            self.asterisk.is_started(&channel.id)
                || sessions.is_some_and(|sessions| sessions.contains(&channel.name))
        };
        let deadline = Instant::now() + self.patience();
        while !begun() && Instant::now() < deadline {
            self.network.wait(Duration::from_millis(5), |_| false);
        }
    }

    /// Requests over HTTP: only what they do to the library's applications and channels.
    pub(super) fn http(&mut self, http: &Http) {
        let parameter = |name: &str| {
            http.query
                .split('&')
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        if let Some((one, other)) = parameter("channelId").zip(parameter("otherChannelId")) {
            self.asterisk.pair(one, other);
        }
        if let Some(channel) = hung_up(http)
            && let Some(library) = &self.library
        {
            for id in self.asterisk.hung_up(channel) {
                library.stasis_cancel(&id);
                self.met.insert("early hang-ups".to_owned());
                if !self.asterisk.is_cancelled(&id) {
                    self.problems
                        .push(format!("the start of {id} was not cancelled"));
                }
            }
        }
        let served = !self.current("ari.conf").contains("enabled = no");
        if served
            && http.method == "POST"
            && http.path.starts_with("events/user/")
            && let Some(app) = parameter("application")
            && matches!(http.status, 204 | 404)
        {
            let status = if self.asterisk.has(app) { 204 } else { 404 };
            if status != http.status {
                self.problems.push(format!(
                    "{} for {app} is {status}, for Asterisk {}",
                    http.path, http.status
                ));
            }
        }
    }
}
