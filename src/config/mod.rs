//! Text to a validated, immutable [`Config`]: no input or output but reading files.

mod model;

pub use model::*;
