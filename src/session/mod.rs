//! One connection's life: from the first attempt, over every loss and return, to its end.
//!
//! A [`Session`] is what the rest of the library holds; `life` is the task that owns the connection, `wire` one open
//! websocket of it. `outbox` holds each `message` that waits to be sent, `delivery` what became of it, `requests` what the application
//! asked for, `account` the bytes of all of them together, `members` which channels keep a per-call session open, `backoff` how long to wait, `report` what the log is told.

mod account;
mod backoff;
mod context;
mod delivery;
mod life;
mod listening;
mod members;
mod message;
mod outbox;
mod pace;
mod report;
mod requests;
mod state;
mod texts;
mod view;
mod wire;

#[cfg(test)]
mod tests_account;
#[cfg(test)]
mod tests_return;

pub use account::{Account, Balance};
pub use context::Context;
pub use life::{Ending, Start};
pub use requests::{Answer, Answers};
pub use state::{Session, Stop};
pub use view::{Counters, Phase, Totals, View, count};
