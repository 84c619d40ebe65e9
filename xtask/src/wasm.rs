//! `cargo xtask wasm`: the checker of receipts and finality as a browser would run it.
//!
//! For CI and for whoever changes `proof`. Invariant: the checker builds for wasm32 without the
//! feature `run`, and gives there the same verdicts as here; so does the one that is committed for
//! the explorer, which is the same code, built to be small.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::place::Place;
use crate::product::cargo;
use crate::shell;

const TARGET: &str = "wasm32-unknown-unknown";
/// Where cargo puts the module, behind its target.
const DOOR: &str = "release/examples/door.wasm";

/// What browsers load; a node's binary has it, and needs no wasm tools to be built.
const COMMITTED: &str = "web/explorer/proof.wasm";
/// What makes it small, at the cost of a longer build and a slower check.
const SMALL: [&str; 5] = [
    "profile.release.opt-level=\"s\"",
    "profile.release.lto=true",
    "profile.release.codegen-units=1",
    "profile.release.strip=true",
    "profile.release.panic=\"abort\"",
];

/// Builds `proof` for wasm32, with the example that is its door there, and knocks from Node; with
/// `write`, builds the committed one first.
///
/// Skips, loudly, where the target or Node cannot be had.
pub fn run(place: &Place, write: bool) -> Result<()> {
    if !has_target(TARGET) {
        eprintln!("SKIPPED: the target {TARGET} is not installed and rustup cannot add it");
        return Ok(());
    }
    if write {
        let folder = place.target.join("small");
        let small = SMALL.iter().flat_map(|setting| ["--config", setting]);
        let mut build = build(place);
        build.env("CARGO_ENCODED_RUSTFLAGS", nameless(place)?);
        shell::run(build.args(small).arg("--target-dir").arg(&folder))?;
        let built = folder.join(TARGET).join(DOOR);
        let bytes = std::fs::read(&built);
        let bytes = bytes.with_context(|| format!("cannot read {}", built.display()))?;
        std::fs::write(place.root.join(COMMITTED), bytes)
            .with_context(|| format!("cannot write {COMMITTED}"))?;
    }
    shell::run(&mut build(place))?;
    if !shell::answers("node", &["--version"]) {
        eprintln!("SKIPPED: there is no node to run the wasm build in; it was only built");
        return Ok(());
    }
    let script = place.root.join("crates/proof/tests/wasm/check.mjs");
    for module in [place.target.join(TARGET).join(DOOR), place.root.join(COMMITTED)] {
        shell::run(Command::new("node").current_dir(&place.root).arg(&script).arg(module))?;
    }
    Ok(())
}

/// Flags for the compiler that keep this machine's folders out of what it makes.
fn nameless(place: &Place) -> Result<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let sources = home.context("there is no home folder")?.join("registry").join("src");
    let mut folders = vec![place.root.clone()];
    let found = std::fs::read_dir(&sources);
    for folder in found.with_context(|| format!("cannot list {}", sources.display()))? {
        folders.push(folder?.path());
    }
    let flag = |folder: &PathBuf| format!("--remap-path-prefix={}=.", folder.display());
    Ok(folders.iter().map(flag).collect::<Vec<_>>().join("\x1f"))
}

fn build(place: &Place) -> Command {
    let mut build = cargo(place);
    build.args(["build", "--release", "--package", "terroir-proof", "--no-default-features"]);
    build.args(["--example", "door", "--target", TARGET]);
    build
}

/// Whether the compiler has a target's standard library, after asking rustup for it if need be.
pub fn has_target(target: &str) -> bool {
    let installed = || {
        let args = ["--print", "target-libdir", "--target", target];
        shell::text(Command::new("rustc").args(args))
            .is_ok_and(|folder| std::path::Path::new(folder.trim()).is_dir())
    };
    installed() || (shell::answers("rustup", &["target", "add", target]) && installed())
}
