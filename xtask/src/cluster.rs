//! `cargo xtask cluster`: the crate that is built outside the workspace, with a suite of its own.
//!
//! For whoever touches it, and before a release: 320 packages more than all others need are compiled
//! first. Invariant: CI never compiles them; where somebody did, it runs one of the tests.

use std::process::Command;

use anyhow::Result;

use crate::place::Place;
use crate::product::cargo;
use crate::shell::{self, step};

/// Formats, lints and tests the crate.
pub fn run(place: &Place) -> Result<()> {
    step("format", || shell::run(crate_cargo(place, "fmt").arg("--check")))?;
    step("lints", || {
        let mut lints = crate_cargo(place, "clippy");
        shell::run(lints.args(["--release", "--all-targets", "--", "-D", "warnings"]))
    })?;
    step("docs", || {
        let mut docs = crate_cargo(place, "doc");
        shell::run(docs.env("RUSTDOCFLAGS", "-D warnings").args(["--release", "--no-deps"]))
    })?;
    step("tests", || shell::run(crate_cargo(place, "test").arg("--release")))
}

/// Runs one test of the crate, where its binary has been built before.
pub fn sample(place: &Place) -> Result<()> {
    if !place.target.join("release").join("terroir-cluster").exists() {
        eprintln!("not built here: `cargo xtask cluster` builds it and runs its tests");
        return Ok(());
    }
    let mut test = crate_cargo(place, "test");
    shell::run(test.args(["--release", "--test", "it", "two_executors"]))
}

/// Cargo for the crate, to which the caller adds words.
fn crate_cargo(place: &Place, verb: &str) -> Command {
    let mut command = cargo(place);
    let manifest = place.root.join("crates").join("cluster").join("Cargo.toml");
    command.arg(verb).arg("--manifest-path").arg(manifest);
    command
}
