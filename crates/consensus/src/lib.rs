//! Agreement of validators on blocks: the only crate that knows the consensus engine.
//!
//! The engine is Commonware's simplex with marshal (`docs/decision/`). It orders hashes; what a block
//! is and does is the ledger's, and what is kept is the [`Host`]'s. Read in the order of a block:
//! [`Host::candidates`] are proposed (`application`), travel as the ledger's own bytes (`wire`), are
//! executed once (`states`), voted on by the committee of their epoch (`committee`, `epochs`), and
//! handed to the host when final (`deliver`), which has all that the engine no longer keeps (`store`,
//! `archive`). [`start`] wires it over any runtime; [`Service`] runs it on threads and sockets.
//!
//! Invariant: a block is in the engine's archives, on disk, before the host has it, and leaves them long
//! after no crash can take it from the host, so nothing final is lost; and a node votes to make final
//! only what it executed itself.

#![forbid(unsafe_code)]

mod application;
mod archive;
mod committee;
mod deliver;
mod early;
mod epochs;
mod error;
mod evidence;
mod gossip;
mod host;
mod keys;
mod service;
mod start;
mod states;
mod store;
#[cfg(test)]
mod testing;
mod wire;

pub use application::{AHEAD_MS, IDLE_MS_MAX, Pace};
pub use epochs::LEADER_TIMEOUT;
pub use error::Error;
pub use gossip::{FRAME_BYTES_MAX, FRAME_TRANSACTIONS_MAX};
pub use host::{CRASH_BLOCKS_MAX, Evidence, Final, Host, KeptBlock, Received, Tip};
pub use keys::Keys;
pub use service::{Config, Peer, Service};
pub use start::{CHANNELS, MESSAGE_BYTES_MAX, Network, Running, Settings, quota, start};
