//! Rounds that are calls.

use std::time::{Duration, Instant};

use ariws::ffi::{ARIWS_ERROR_CANCELLED, ARIWS_ERROR_CONNECT, ARIWS_ERROR_REFUSED, ARIWS_ERROR_TIMEOUT};
use ariws_testkit::Started;
use serde_json::json;

use super::bytes;
use super::peer::{Fault, PATIENCE, Peer, accept, accept_within};
use super::play::{Player, wait_for};
use super::row::{Outcome, Seen, Step};

impl Player<'_> {
    pub fn start_call(&mut self) {
        // Begins with the name of the connection, so that the notes are found.
        self.channel = format!("{}-{}", self.name, self.took.len());
        let channel = format!("Test/{}", self.channel);
        self.application = format!("{}:{channel}", self.name);
        self.started = Some(self.library.stasis_start_async(&self.name, &self.channel, &channel));
    }

    /// Waits until the start has come to its end, unless somebody has.
    fn outcome_of_start(&mut self) -> Result<Started, Fault> {
        let started = self.started.take().ok_or("no call was started")?;
        let outcome = started.recv_timeout(PATIENCE);
        outcome.map_err(|_| "the start came to no end".into())
    }

    pub fn has_started(&mut self) -> Result<(), Fault> {
        match self.started.is_some().then(|| self.outcome_of_start()).transpose()? {
            Some(Ok(_)) => {
                self.tell("StasisStart");
                Ok(())
            }
            Some(Err(error)) => Err(format!("the start came to {error:?}")),
            None => Ok(()),
        }
    }

    pub fn call(&mut self) -> Result<(), Fault> {
        let began = Instant::now();
        self.start_call();
        let mut peer = Peer::new(accept(&self.listener)?)?;
        self.script(&mut peer)?;
        let outcome = self.row.promise.outcome;
        if !matches!(outcome, Outcome::StartFails | Outcome::StartCancelled) {
            self.has_started()?;
        }
        // A peer that stalls stays.
        let stalls = matches!(self.row.script.last(), Some(Step::Stall));
        let mut held = None;
        match outcome {
            Outcome::StartFails => {
                drop(peer);
                let started = self.started.take().ok_or("no call was started")?;
                let outcome = self.again_until(|_| started.try_recv().ok())?;
                is_one_of(outcome, &[ARIWS_ERROR_CONNECT, ARIWS_ERROR_REFUSED, ARIWS_ERROR_TIMEOUT])?;
            }
            Outcome::StartCancelled => {
                is_one_of(self.outcome_of_start()?, &[ARIWS_ERROR_CANCELLED])?;
            }
            Outcome::StasisFails => {
                drop(peer);
                self.again_until(|player| {
                    let failed = player.notes.lock().take_failure(&player.channel);
                    failed.then_some(())
                })?;
                self.leave_application();
            }
            Outcome::CallGoesOnAnew => {
                drop(peer);
                let mut peer = Peer::new(accept(&self.listener)?)?;
                self.step(&mut peer, &Step::Up)?;
                self.expect(&mut peer, &Seen::Registered)?;
                self.finish(peer)?;
            }
            Outcome::CallGoesOn => self.finish(peer)?,
            _ if stalls => held = Some(peer),
            _ => drop(peer),
        }
        let id = format!("{}:Test/{}", self.name, self.channel);
        wait_for("the session of the call is still there", || {
            let (_, page) = self.library.command("ari show websocket sessions");
            (!page.contains(&id)).then_some(())
        })?;
        drop(held);
        self.took.push(began.elapsed());
        Ok(())
    }

    /// Treats every further connection like the first one, until there is an outcome.
    fn again_until<T>(&mut self, mut outcome: impl FnMut(&mut Self) -> Option<T>) -> Result<T, Fault> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(outcome) = outcome(self) {
                return Ok(outcome);
            }
            if let Some(tcp) = accept_within(&self.listener, Duration::from_millis(5))? {
                self.script(&mut Peer::new(tcp)?)?;
            }
        }
        Err("the call came to no end".into())
    }

    /// The channel leaves, and is gone: its events arrive, and the connection is closed.
    fn finish(&mut self, mut peer: Peer) -> Result<(), Fault> {
        self.prove(&mut peer)?;
        self.leave_application();
        self.expect(&mut peer, &Seen::Close(1000))?;
        peer.send(&bytes::close(1000, "")).map(drop)
    }

    pub fn leave_application(&self) {
        self.tell("StasisEnd");
        self.tell("ChannelDestroyed");
        self.library.stasis_end(&self.application, &self.channel);
    }

    /// Offers an event about the channel of the call; the application may be gone.
    fn tell(&self, kind: &str) {
        let event = json!({"type": kind, "channel": {"id": self.channel}}).to_string();
        self.library.event(&self.application, &event);
    }
}

fn is_one_of(outcome: Started, codes: &[i32]) -> Result<(), Fault> {
    match outcome {
        Err((failed, _)) if codes.contains(&failed) => Ok(()),
        other => Err(format!("the start came to {other:?}, not to one of {codes:?}")),
    }
}
