//! `cargo xtask wallets`: published libraries of Ethereum's wallets against a chain of ours.
//!
//! For CI. Invariant: the libraries and the compiler are installed from their registries, unchanged,
//! and talk to the server over real sockets.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::clients::Server;
use crate::node::{Node, SOLC, VIEM};
use crate::place::Place;
use crate::product::cargo;
use crate::python::{Python, WALLETS};
use crate::shell;

/// The key of an account that has money on the chain of the tests: 32 times 101.
const KEY: &str = "0x6565656565656565656565656565656565656565656565656565656565656565";

/// Drives the node at `rpc` with an account's `key`; without, one that is started here.
pub fn run(place: &Place, rpc: Option<&str>, key: Option<&str>) -> Result<()> {
    let key = key.unwrap_or(KEY);
    if let Some(rpc) = rpc {
        return drive(place, rpc, key);
    }
    let example = ["--example", "rpc"];
    shell::run(cargo(place).args(["build", "--release", "-p", "terroir-node"]).args(example))?;
    let program = place.target.join("release").join("examples").join("rpc");
    let server = Server::start(&mut Command::new(program))?;
    drive(place, server.url(), key)
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
