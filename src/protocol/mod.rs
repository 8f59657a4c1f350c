//! Messages to and from applications, without any input or output: text in, text out.
//!
//! `request` reads what an application asks for and decides what the library answers by itself, `alias` finds the
//! application of a call under its other name, `response` writes answers, `event` completes what the host wants to tell,
//! `numbers` adds what applications need that keep count.

mod alias;
mod event;
mod json;
mod numbers;
mod object;
mod request;
mod response;
mod scan;

pub use alias::Alias;
pub use event::{Inspection, Trusted, application_event, complete, indented, inspect, trust};
pub use numbers::{NUMBER_ROOM, Outage, inside, push_members, push_number, push_sequence_id, resumed, without_number};
pub use request::{Method, Request, lost_answer, parse, refused_memory};
pub use response::{Response, check_body, reason_phrase};

#[cfg(test)]
mod tests_json;
#[cfg(test)]
mod tests_parameters;
#[cfg(test)]
mod tests_request;
