//! Reloading: what changes, what stays.
//!
//! `up`, `connecting`, `retrying`, `hanging` and `per_call` have a test of each parameter, from the tables of `changes`. The
//! others tell what more there is to say of applications, of values that are used later, of connections that end, of objects
//! that are faulty, and of the report.

#[macro_use]
mod changes;

mod applications;
mod connecting;
mod ending;
mod hanging;
mod objects;
mod per_call;
mod report;
mod retrying;
mod up;
mod values;

const EVENT: &str = r#"{"type":"Event"}"#;
