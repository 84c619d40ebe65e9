//! The state machine from outside: genesis, blocks, native contracts, proofs.

mod blocks;
mod conformance;
mod full;
mod governance;
mod hostile;
mod leaving;
mod permit2;
mod predeploy;
mod proofs;
mod registry;
mod staking;
mod support;
