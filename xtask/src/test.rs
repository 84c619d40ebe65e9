//! `cargo xtask test`: every test of the workspace.
//!
//! For everybody. Invariant: the closing lines are the test runner's own. Tests that need a real
//! language model let the product fetch it, once, into the cache.

use anyhow::Result;

use crate::place::Place;
use crate::product::cargo;
use crate::shell;

/// Runs documentation tests, then all others.
pub fn run(place: &Place) -> Result<()> {
    let cache = ("TERROIR_TEST_CACHE", place.cache.join("test-models"));
    let mut documentation = cargo(place);
    documentation.env(cache.0, &cache.1).args(["test", "--doc", "--release", "--workspace"]);
    shell::run(&mut documentation)?;
    // Cargo's own runner does the same work where nextest is not installed.
    let runner: &[&str] = match shell::answers("cargo", &["nextest", "--version"]) {
        true => &["nextest", "run", "--release", "--workspace"],
        false => &["test", "--release", "--workspace", "--lib", "--bins", "--tests"],
    };
    shell::run(cargo(place).env(cache.0, &cache.1).args(runner))
}
