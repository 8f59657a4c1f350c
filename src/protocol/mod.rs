//! Messages to and from applications, without any input or output: text in, text out.
//!
//! `request` reads what an application asks for and decides what the library answers by itself, `alias` finds the
//! application of a call under its other name, `response` writes answers, `event` completes what the host wants to tell.

mod alias;
mod event;
mod json;
mod object;
mod request;
mod response;

pub use alias::Alias;
pub use event::{Inspection, application_event, channels, complete, indented, inspect};
pub use request::{Method, Request, lost_answer, parse, refused_memory};
pub use response::{Response, check_body, reason_phrase};

#[cfg(test)]
mod tests_parameters;
#[cfg(test)]
mod tests_request;
