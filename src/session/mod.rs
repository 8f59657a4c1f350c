//! One connection's life: from the first attempt, over every loss and return, to its end.
//!
//! A [`Session`] is what the rest of the library holds; `life` is the task that owns the connection, `wire` one open
//! websocket of it, and `keepalive` whether its peer is asked to answer. `offers` takes what the session is given to send,
//! `outbox` holds each `message` that waits, `account` bounds all of them together, and `delivery` knows what became of
//! them. `requests` is what the application asks for, `members` which channels keep a per-call session open, `backoff` how
//! long to wait, `report` what the log is told.

mod account;
mod answers;
mod backoff;
mod clock;
mod context;
mod delivery;
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
mod state;
mod stop;
mod texts;
mod view;
mod wire;

#[cfg(test)]
mod tests_account;
#[cfg(test)]
mod tests_return;

pub use account::{Account, Balance};
pub use answers::{Answer, Answers};
pub use context::Context;
pub use life::{Ending, Start};
pub use state::Session;
pub use stop::{LAST_WORDS, Stop};
pub use view::{Counters, Phase, Totals, View, count};
