// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the application prints.

use std::fmt;
use std::io::Write;

use tokio::time::Instant;

/// Prints lines with their time and their connection.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    pub(crate) start: Instant,
    pub(crate) quiet: bool,
}

impl Log {
    /// What a reader who wants to follow sees.
    pub(crate) fn line(self, connection: usize, text: impl fmt::Display) {
        if !self.quiet {
            self.always(format_args!("#{connection} {text}"));
        }
    }

    pub(crate) fn always(self, text: impl fmt::Display) {
        let time = self.start.elapsed().as_secs_f64() * 1000.0;
        // Whoever reads may have gone; the calls go on.
        let _ = writeln!(std::io::stdout(), "{time:10.1} ms  {text}");
    }
}
