//! The state machine that all nodes share: a block in, a state root and receipts out.
//!
//! Read in the order of the data: [`genesis`] is where a chain begins; [`transaction`]s come in and
//! are checked; [`block`]s hold them, under a header that Ethereum's clients know; [`execute`] builds
//! and verifies blocks on the EVM (`evm`) with the [`native`] contracts; [`state`] is what comes
//! out, and [`tree`] its root and proofs.
//!
//! Invariant: what a block does is a function of its parent's state and its bytes alone. No files,
//! clocks, sockets, threads or randomness here.

#![forbid(unsafe_code)]

pub mod block;
mod bloom;
pub mod error;
pub mod evm;
pub mod execute;
pub mod genesis;
pub mod native;
mod pending;
pub mod predeploy;
pub mod state;
pub mod transaction;
pub mod tree;

pub use block::{Block, Seal};
pub use error::{Error, Refused};
pub use execute::{Executed, Parent, Place, build, convicts, verify};
pub use genesis::{Chain, Genesis};
pub use state::{Changes, Memory, Store, View};
pub use transaction::Transaction;
