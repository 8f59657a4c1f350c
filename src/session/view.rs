//! What can be seen of a session from outside: one state and one set of counters for commands, metrics and logs alike.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

/// Where a session stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Phase {
    /// An attempt is under way, or about to begin.
    #[default]
    Connecting,
    /// The websocket is open.
    Up,
    /// The last attempt failed; the next one begins at its time.
    Waiting,
    /// The session has ended, or does in this moment.
    Closing,
}

impl Phase {
    /// One word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Up => "up",
            Self::Waiting => "waiting",
            Self::Closing => "closing",
        }
    }
}

/// A session at one moment.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// Where it stands.
    pub phase: Phase,
    /// How long it has stood there.
    pub phase_age: Duration,
    /// The uri of its server, for display, if there are several.
    pub server: Option<String>,
    /// Whether it serves its applications: a connection that follows one which was lost at once has to last first.
    pub is_up: bool,
    /// Since when that is so.
    pub turned: Timestamp,
    /// The address of the last connection, "host:port"; kept while the connection is down.
    pub remote_address: Option<String>,
    /// Why the last attempt failed or the last connection ended.
    pub last_error: Option<String>,
    /// Attempts that failed since the last connection.
    pub failed_attempts: u32,
    /// Until the next attempt, while waiting for it.
    pub next_attempt: Option<Duration>,
    /// From the last confirmation ping to its pong.
    pub round_trip: Option<Duration>,
    /// Requests that wait for their turn.
    pub requests_waiting: usize,
    /// Requests that the host has and has not answered.
    pub requests_under_way: usize,
    /// Messages that wait to be sent for the first time.
    pub queued_messages: usize,
    /// Their bytes.
    pub queued_bytes: usize,
    /// Events that were sent and are kept to be sent again, unless a pong proves that they have arrived.
    pub unproven_events: usize,
    /// Their bytes.
    pub unproven_bytes: usize,
    /// Of each application, the highest number that an event of it was given.
    pub highest_numbers: Vec<(String, u64)>,
    /// What has been counted.
    pub totals: Totals,
}

macro_rules! counters {
    ($($(#[$text:meta])* $name:ident,)*) => {
        /// Counters that any thread may add to.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[$text])* pub $name: AtomicU64,)*
        }

        /// What [`Counters`] stood at.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct Totals {
            $($(#[$text])* pub $name: u64,)*
        }

        impl Counters {
            /// Reads them all.
            pub fn totals(&self) -> Totals {
                Totals { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl std::ops::AddAssign for Totals {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counters! {
    /// Websockets that were opened.
    connections_opened,
    /// Attempts to connect that failed.
    attempts_failed,
    /// Websockets that ended without being closed by this side.
    connections_lost,
    /// Events that the host offered.
    events_offered,
    /// Events that were handed to the kernel for the first time.
    events_sent,
    /// Events that were handed to it again, on another connection.
    events_repeated,
    /// Events that were dropped because of the bounds of their queue.
    events_dropped_queue_full,
    /// Those that were dropped because of what may wait over all sessions.
    events_dropped_all_queues_full,
    /// Those that the system had no memory for.
    events_dropped_no_memory,
    /// Those that waited when their application or their session ended: nobody is there who would have them.
    events_dropped_ended,
    /// Messages that had been handed to the kernel when a connection was lost, or closed and its Close not answered, without
    /// proof that they arrived, and are not sent again.
    messages_unconfirmed,
    /// ApplicationResumed that were given to connections.
    applications_resumed,
    /// Requests that applications sent.
    requests_received,
    /// Requests that the host did not answer in time, or could not be given in time.
    requests_timed_out,
    /// Requests that were refused because too many waited.
    requests_refused,
    /// Answers that were handed to the kernel.
    responses_sent,
    /// Answers whose connection had ended before they could be sent.
    responses_undelivered,
    /// Answers that were replaced by a short one because of what waited for their connection.
    responses_replaced_queue_full,
    /// Those that were because of what may wait over all sessions.
    responses_replaced_all_queues_full,
}

impl Totals {
    /// Events that were dropped, whatever the reason.
    pub fn events_dropped(&self) -> u64 {
        self.events_dropped_queue_full
            + self.events_dropped_all_queues_full
            + self.events_dropped_no_memory
            + self.events_dropped_ended
    }
}

/// Adds one to a counter.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
