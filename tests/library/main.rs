//! The whole library through its C ABI, against a websocket server under the tests' control.

mod callbacks;
mod cancels;
mod channels_that_left;
mod command_line;
mod events;
mod floods;
mod frames;
mod handshake;
mod inbound;
mod loading;
mod log;
mod losses;
mod outages;
mod peer_texts;
mod per_call;
mod persistent;
mod queues;
mod reloading;
mod requests;
mod secrets;
mod start_delay;
mod takeovers;
mod unanswered_requests;
mod unloading;
mod when_down;
