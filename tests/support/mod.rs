//! What the tests share: a host behind the C table, a websocket server to connect to, and configurations.

pub mod attempt;
#[allow(dead_code)] // For tests that count.
pub mod census;
#[allow(dead_code)] // For tests with TLS.
pub mod certificates;
pub mod configuration;
pub mod host;
pub mod library;
pub mod mute;
pub mod server;
#[allow(dead_code)] // For tests of either kind of stream.
pub mod tls;

use std::time::Duration;

/// How long a test waits for what must happen. Far longer than it takes, so that only a fault reaches it.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// How long a test waits for what must not happen.
pub const QUIET: Duration = Duration::from_millis(150);
