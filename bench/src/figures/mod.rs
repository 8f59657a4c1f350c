// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is measured, how often, and how it is told: one function for each part of the page.

mod bench;
mod calls;
mod connections;
mod events;
mod growth;
mod requests;
mod table;

pub use bench::{Application, Bench};
pub use table::{Row, Rows};

use crate::Result;

/// A part of the page, and what makes it.
pub type Part = (&'static str, fn(&mut Bench) -> Result<String>);

/// Every part, in the order of the page.
pub const PARTS: [Part; 9] = [
    ("starts", calls::starts),
    ("first-event", calls::first_event),
    ("events", events::rates),
    ("event-call", events::calls),
    ("requests", requests::rates),
    ("slow-host", requests::beside_a_slow_one),
    ("connections", connections::at_rest),
    ("outage", connections::outage),
    ("lifetime", connections::lifetime),
];

/// The part with the plots, which a quick run leaves out.
pub const GROWTH: Part = ("growth", growth::plots);
