//! Whole validators, ledger and all, in one deterministic runtime over a simulated network.

mod cluster;
mod epochs;
mod evidence;
mod faults;
mod finality;
mod host;
mod keys;
mod service;
