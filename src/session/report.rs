//! What the log is told of a session's connections: each outage with its true reason, and not each of its attempts.

use std::fmt::{self, Display, Formatter};
use std::net::SocketAddr;

use super::endings::{End, Failure};
use super::listening::SILENCE;
use super::outbox::Gone;
use super::state::Session;
use crate::config::{Client, Connection};
use crate::host::Kind;

/// A connection that has just been made.
pub(super) struct Opening(String);

impl Opening {
    pub(super) fn new(uri: &str, remote: SocketAddr, failures: u32, dropped: u64) -> Self {
        let mut text = format!("connected to {uri} at {remote}");
        if failures > 0 {
            text.push_str(&format!(" after {failures} failed attempts"));
        }
        if dropped > 0 {
            text.push_str(&format!(
                "; {dropped} events were dropped meanwhile (queue_max_messages, queue_max_bytes)"
            ));
        }
        Self(text)
    }
}

/// What is said of an attempt that failed: written only where somebody wants to read it.
pub(super) struct FailedAttempt<'a> {
    pub(super) client: &'a Client,
    pub(super) uri: &'a str,
    pub(super) failure: &'a Failure,
    pub(super) number: u32,
}

impl Display for FailedAttempt<'_> {
    fn fmt(&self, line: &mut Formatter<'_>) -> fmt::Result {
        let (uri, number) = (self.uri, self.number);
        let cause = &self.failure.cause;
        write!(
            line,
            "no lasting connection to {uri} at attempt {number} ({cause}); trying again "
        )?;
        let interval = self.client.interval().as_millis();
        match self.client.max_reconnect_interval {
            None => write!(line, "every {interval} ms"),
            Some(longest) => write!(line, "after {interval} to {} ms", longest.as_millis()),
        }
    }
}

impl Session {
    pub(super) fn report_open(&self, opening: &Opening) {
        self.context().log.notice(self.id(), &opening.0);
    }

    /// Operators hear of the first failure of an outage, and of every refusal that is another than the one before; whoever
    /// looks at all sessions tells them of outages that last.
    pub(super) fn report_failure(&self, settings: &Connection, line: &FailedAttempt<'_>, last: Option<&Failure>) {
        let log = &self.context().log;
        match last {
            None => log.warning(self.id(), line),
            Some(last) if line.failure.refused && last != line.failure => {
                log.limited(Kind::Refusal, &settings.name, self.id(), line);
            }
            Some(_) => return log.debug(self.id(), line),
        }
        if !self.is_per_call() {
            self.context().outage_begun.notify_one();
        }
    }

    /// A server that is preferred answers again.
    pub(super) fn report_move(&self, from: &str, to: &str) {
        self.context()
            .log
            .notice(self.id(), format_args!("moves from {from} to {to}"));
    }

    /// The next server is tried at once: that one is down is told once for all sessions.
    pub(super) fn report_next(&self, failed: &FailedAttempt<'_>, next: &str) {
        let FailedAttempt {
            uri, failure, number, ..
        } = failed;
        self.context().log.debug(
            self.id(),
            format_args!(
                "no lasting connection to {uri} at attempt {number} ({}); trying {next}",
                failure.cause
            ),
        );
    }

    /// An attempt was given up for one at the next server.
    pub(super) fn report_given_up(&self, uri: &str, next: &str) {
        self.context().log.debug(
            self.id(),
            format_args!("no further wait for {uri}, which did not answer another attempt in time; trying {next}"),
        );
    }

    /// The application has not said a word since StasisStart. Once for a connection, until one of its applications does: some
    /// control their calls over HTTP and never will.
    pub(super) fn report_silence(&self, settings: &Connection) {
        if !self.context().silent.note(&settings.name) {
            return;
        }
        self.context().log.warning(
            self.id(),
            format_args!(
                "the application has sent nothing for {} s after StasisStart: it may have attached its handler of messages after it accepted the connection, and lost the event (attach it before that, or raise start_delay), or hang, or control its calls over HTTP",
                SILENCE.as_secs()
            ),
        );
    }

    /// The host has not told what is in an application, and its events wait no longer for that.
    pub(super) fn report_late_snapshot(&self, application: &str) {
        self.context().log.warning(
            self.id(),
            format_args!(
                "the PBX did not tell in time what is in {application}; its ApplicationResumed goes without (announce_resume)"
            ),
        );
    }

    pub(super) fn report_giving_up(&self, settings: &Connection, failure: &Failure, failures: u32) {
        self.context().log.warning(
            self.id(),
            format_args!(
                "no connection to {} after {failures} attempts ({}); giving up",
                settings.client.displayed_servers(),
                failure.cause
            ),
        );
    }

    /// The connection has ended; worth a line if one has spoken of it before, or should have.
    pub(super) fn report_end(&self, how: &End, gone: &Gone, in_doubt: bool, is_told: bool) {
        let Gone {
            unconfirmed, repeats, ..
        } = *gone;
        let log = &self.context().log;
        let text = match how {
            End::HandedOver => return,
            End::Closed if unconfirmed == 0 => {
                log.notice(self.id(), "closed with 1000");
                return;
            }
            End::Closed => {
                self.unconfirmed(unconfirmed);
                log.notice(
                    self.id(),
                    format_args!(
                        "closed with 1000, which was not answered; {unconfirmed} messages had been sent without proof of arrival"
                    ),
                );
                return;
            }
            End::ClosedByPeer(_, code) => format!("the application closed the connection ({code})"),
            End::Lost(cause) => format!("connection lost ({cause})"),
        };
        self.lost(unconfirmed);
        if in_doubt {
            return log.notice(
                self.id(),
                format_args!("{text}; it had been on standby, and died there: the call gets one of its own"),
            );
        }
        if !is_told {
            return;
        }
        let (waiting, _) = self.outbox().depth();
        let again = match repeats {
            0 => String::new(),
            _ => format!(", {repeats} events besides are sent again"),
        };
        log.warning(
            self.id(),
            format_args!(
                "{text}; {unconfirmed} messages had been sent without proof of arrival{again}, {waiting} events wait for the next connection"
            ),
        );
    }
}
