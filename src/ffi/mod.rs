//! The C ABI, and all the unsafe code.
#![allow(non_camel_case_types)]

mod command_line;
mod event;
mod inbound;
mod instance;
mod result;
mod stasis;
mod types;
mod version;
