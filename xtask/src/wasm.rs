//! `cargo xtask wasm`: the receipt checker as a browser would run it.
//!
//! For CI and for whoever changes `proof`. Invariant: the checker builds for wasm32 without the
//! feature `run`, and gives there the same verdicts as here.

use std::process::Command;

use anyhow::Result;

use crate::place::Place;
use crate::product::cargo;
use crate::shell;

const TARGET: &str = "wasm32-unknown-unknown";

/// Builds `proof` for wasm32, with the example that is its door there, and knocks from Node.
///
/// Skips, loudly, where the target or Node cannot be had.
pub fn run(place: &Place) -> Result<()> {
    if !has_target(TARGET) {
        eprintln!("SKIPPED: the target {TARGET} is not installed and rustup cannot add it");
        return Ok(());
    }
    let mut build = cargo(place);
    build.args(["build", "--release", "--package", "terroir-proof", "--no-default-features"]);
    shell::run(build.args(["--example", "door", "--target", TARGET]))?;
    if !shell::answers("node", &["--version"]) {
        eprintln!("SKIPPED: there is no node to run the wasm build in; it was only built");
        return Ok(());
    }
    let module = place.target.join(TARGET).join("release/examples/door.wasm");
    let script = place.root.join("crates/proof/tests/wasm/check.mjs");
    shell::run(Command::new("node").current_dir(&place.root).arg(script).arg(module))
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
