//! ARI outbound WebSockets for any PBX.
//!
//! A PBX loads `libariws.so`, hands it a table of callbacks and a folder with `ari.conf` and `websocket_client.conf`, and from
//! then on its channels are controlled by the applications that the library connects to. C programs use `include/ariws.h`,
//! which is generated from [`ffi`]; Rust programs may implement [`host::Host`] and use [`engine::Engine`].
//!
//! The rooms, each of which knows only those below it:
//!
//! - [`ffi`]: the C ABI, and all the unsafe code.
//! - [`cli`], [`metrics`]: what operators see, rendered from snapshots.
//! - [`engine`]: the runtime, the registry of sessions, load and reload, the start and end of calls.
//! - [`session`]: one connection's life: attempts, queue, requests, end.
//! - [`net`]: one attempt to connect, stage by stage.
//! - [`protocol`]: bytes to messages and back, without input or output.
//! - [`config`]: text to a validated configuration.
//! - [`host`], [`error`]: what the library needs of the PBX, and how it says that something failed.
//! - `histogram`: how often something took how long.
//! - `memory`: what becomes of large things where the system has none.
//! - `secret`: text that must not be shown.
//! - `text`: what others have written, made fit for one line.
//! - `threads`: those of the library, and what it does where the system refuses one.

#![deny(unsafe_code)]
#![warn(unreachable_pub)]

pub mod cli;
pub mod config;
pub mod engine;
pub mod error;
pub mod ffi;
mod histogram;
pub mod host;
mod memory;
pub mod metrics;
pub mod net;
pub mod protocol;
mod secret;
pub mod session;
mod text;
mod threads;
