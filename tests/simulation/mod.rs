//! The whole of the library, simulated: the real engine and its sessions between a host, servers and operators that do what
//! they like, over streams in memory and by a clock that jumps. Everything follows from one number, the seed.
//!
//! `make simulate` runs as many seeds as one likes; `SEED=` says which is the first.

mod actors;
mod configuration;
mod dice;
mod host;
mod network;
mod oracle;
mod outages;
mod pbx;
mod peer;
mod runner;
mod schedule;
mod sequences;
mod shared;
mod world;
