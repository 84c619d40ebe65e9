#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod account;
pub mod batches;
pub mod chain;
mod clock;
pub mod devnet;
mod disk;
mod engine;
mod error;
pub mod explorer;
mod follow;
mod home;
pub mod light;
pub mod member;
pub mod opening;
pub mod process;
mod receipts;
pub mod rpc;
pub mod server;
mod telemetry;

pub use engine::{
    Canceller, Counters, Done, Engine, Event, Job, Limits, Options, Status, Timing, Usage,
};
pub use error::Error;
pub use home::Home;
pub use receipts::{Receipts, Stored, now_ms};
