//! ariws
pub mod config;
