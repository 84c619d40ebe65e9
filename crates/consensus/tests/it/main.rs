//! Whole validators, ledger and all, in one deterministic runtime over a simulated network.

mod cluster;
mod dishonest;
mod epochs;
mod faults;
mod finality;
mod host;
mod keys;
mod service;
