//! `cargo xtask contracts`: Solidity compiled as anybody can compile it.
//!
//! For whoever changes `contracts/`, and before a release. Invariant: the code that block 0 has is
//! what the published compiler makes of the sources beside it, byte for byte.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fs;
use std::process::Command;

use crate::place::Place;
use crate::shell;

/// The compiler, from the registry of Node's packages.
const COMPILER: &str = "solc@0.8.37";
/// Contracts of block 0.
const PREDEPLOYS: [&str; 2] = ["Multicall3", "Wrapped"];

/// Compiles every file of `contracts/` and compares the code of block 0; with `write`, writes it.
///
/// Errors: without Node and its package manager; for sources that do not compile without a warning.
pub fn run(place: &Place, write: bool) -> Result<()> {
    let tools = place.cache.join("node").join(COMPILER.replace('@', "-"));
    if !tools.join("node_modules").join("solc").is_dir() {
        fs::create_dir_all(&tools).with_context(|| format!("cannot make {}", tools.display()))?;
        let mut install = Command::new("npm");
        install.current_dir(&tools).args(["install", "--no-audit", "--no-fund", COMPILER]);
        shell::run(&mut install)?;
    }
    let folder = place.root.join("contracts");
    let script = place.root.join("xtask").join("js").join("compile.js");
    let mut compile = Command::new("node");
    compile.env("NODE_PATH", tools.join("node_modules")).arg(script).arg(&folder);
    let said: Value = serde_json::from_str(&shell::text(&mut compile)?)?;
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
