//! `cargo xtask wallets`: published libraries of Ethereum's wallets against a chain of ours.
//!
//! For CI. Invariant: the libraries and the compiler are installed from their registries, unchanged,
//! and talk to the server over real sockets.

use std::fs;

use anyhow::{Context, Result};

use crate::devnet::Devnet;
use crate::node::{Node, SOLC, VIEM};
use crate::place::Place;
use crate::product::Product;
use crate::python::{Python, WALLETS};
use crate::shell;

/// Drives the node at `rpc` with an account's `key`; without, the first of four that are started here.
///
/// Errors: an address without a key.
pub fn run(place: &Place, rpc: Option<&str>, key: Option<&str>) -> Result<()> {
    if let Some(rpc) = rpc {
        return drive(place, rpc, key.context("--key is needed too")?);
    }
    let product = Product::build(place)?;
    let mut devnet = Devnet::new(&product)?;
    devnet.up()?;
    drive(place, &devnet.urls()?[0], &devnet.key()?)
}

fn drive(place: &Place, rpc: &str, key: &str) -> Result<()> {
    let python = Python::with(place, WALLETS)?;
    let node = Node::with(place, &[SOLC, VIEM])?;
    let source = place.root.join("xtask").join("sol").join("Ledger.sol");
    let compiled = shell::text(node.script(place, "artifact.js").arg(source))?;
    let artifact = place.cache.join("node").join("Ledger.json");
    fs::write(&artifact, compiled)
        .with_context(|| format!("cannot write {}", artifact.display()))?;
    shell::run(node.script(place, "wallet.mjs").arg(rpc).arg(&artifact).arg(key))?;
    shell::run(python.script(place, "wallet.py").arg(rpc).arg(&artifact).arg(key))
}
