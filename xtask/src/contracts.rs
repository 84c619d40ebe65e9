//! `cargo xtask contracts`: Solidity compiled as anybody can compile it.
//!
//! For whoever changes `contracts/`, and before a release. Invariant: the code that block 0 has is
//! what the published compiler makes of the sources beside it, byte for byte.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;

use crate::node::{Node, SOLC};
use crate::place::Place;
use crate::shell;

/// Contracts of block 0.
const PREDEPLOYS: [&str; 3] = ["Multicall3", "Permit2", "Wrapped"];

/// Compiles every file of `contracts/` and compares the code of block 0; with `write`, writes it.
///
/// Errors: without Node and its package manager; for sources that do not compile without a warning.
pub fn run(place: &Place, write: bool) -> Result<()> {
    let node = Node::with(place, &[SOLC])?;
    let folder = place.root.join("contracts");
    let said: Value =
        serde_json::from_str(&shell::text(node.script(place, "compile.js").arg(&folder))?)?;
    let told = said["errors"].as_array().context("the compiler gives a list of errors")?;
    ensure!(told.is_empty(), "solc: {}", said["errors"]);
    for name in PREDEPLOYS {
        let code = said["code"][name].as_str().with_context(|| format!("no contract {name}"))?;
        let path = folder.join("predeploy").join(format!("{name}.hex"));
        if write {
            fs::write(&path, format!("{code}\n"))?;
        } else if fs::read_to_string(&path)?.trim() != code {
            bail!("{} is not what its source compiles to: run with --write", path.display());
        }
        println!("{name}: {} bytes, as in block 0", code.len() / 2);
    }
    Ok(())
}
