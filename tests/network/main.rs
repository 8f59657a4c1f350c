//! The library through its C ABI, in networks as they are: with real servers in front of the application, real names, and
//! packets that get lost.
//!
//! `make network-test` runs these tests, as root: each of them makes a network of its own, see [`network`].

mod backend;
mod balancer;
mod balancing;
mod certificates;
mod client_certificates;
mod daemon;
mod families;
mod names;
mod network;
mod proxies;
mod settings;
mod silence;
mod slow_way;
mod standby;
mod terminators;
mod tls;
