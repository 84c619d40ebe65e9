//! The state machine from outside: genesis, blocks, native contracts, proofs.

mod blocks;
mod governance;
mod predeploy;
mod proofs;
mod registry;
mod staking;
mod support;
