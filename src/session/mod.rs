//! One connection's life: from the first attempt, over every loss and return, to its end.
//!
//! A [`Session`] is what the rest of the library holds. `life` decides what it does next, and its [`Task`] does it. [`Servers`]
//! is where it connects to, `health` how each of them is doing, `handover` how a connection moves from one to another. `wire`
//! is one open websocket, `handler` what is done with what passes over it, `keepalive` whether its peer is asked to answer.
//! `offers` takes what the session is given to send. `outbox` is what the host's threads and the task share, behind one lock:
//! each `message` that waits, `members`, who say whether the session lets anybody in and when it may close, and where its
//! connection stands; `inside` knows who leaves when that is down for too long. `account` bounds all queues together,
//! `delivery` knows what became of what was sent, and `resume` has applications told of what they missed. `requests` is what
//! the application asks for, `answers` finds whom a host's answer is for, `backoff` how long to wait, `report` what the log is
//! told, `times` how long things took, `endings` how it all ends, `waits` what there may be to wait for. `standby` has
//! connections that wait for sessions to come.

mod account;
mod answers;
mod backoff;
mod clock;
mod context;
mod delivery;
mod down;
mod endings;
mod handler;
mod handover;
mod health;
mod inside;
mod keepalive;
mod life;
mod listening;
mod members;
mod message;
mod offers;
mod outbox;
mod pace;
mod report;
mod requests;
mod resume;
mod servers;
mod spare;
mod standby;
mod state;
mod task;
mod times;
mod view;
mod waits;
mod wanted;
mod wire;

#[cfg(test)]
mod tests_account;
#[cfg(test)]
mod tests_return;

pub use account::{Account, Balance};
pub use answers::{Answer, Answers};
pub use context::Context;
pub use endings::{Ending, LAST_WORDS, Stop};
pub use health::Stand;
pub use inside::Stay;
pub use outbox::{Leaving, Turn};
pub use servers::{ServerView, Servers};
pub use standby::{Counts, StandbyView, Standbys};
pub use state::Session;
pub use task::Task;
pub use times::Times;
pub use view::{Counters, Phase, Totals, View, count};
