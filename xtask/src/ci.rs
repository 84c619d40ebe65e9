//! `cargo xtask ci`: all that guards the main branch, in one run.
//!
//! For `.ci/run` and for whoever wants to know before pushing. Invariant: every check can also be
//! run alone, by the command printed with it; the tests come last, so the closing line is theirs.

use anyhow::Result;

use crate::place::Place;
use crate::product::cargo;
use crate::shell::{self, step};
use crate::{clients, cluster, digests, spec, test, tidy, wasm};

/// Runs every check; the first failure ends the run.
pub fn run(place: &Place) -> Result<()> {
    step("format", || shell::run(cargo(place).args(["fmt", "--all", "--check"])))?;
    step("tidy", || tidy::run(place))?;
    step("lints", || shell::run(cargo(place).args(LINTS)))?;
    step("docs", || shell::run(cargo(place).env("RUSTDOCFLAGS", "-D warnings").args(DOCS)))?;
    step("spec", || spec::run(place))?;
    step("wasm", || wasm::run(place, false))?;
    step("clients", || clients::run(place))?;
    step("digests", || digests::run(place))?;
    step("cluster, where it is built", || cluster::sample(place))?;
    // Not a step: nothing may be printed after the test runner's closing line.
    eprintln!("\n=== tests");
    test::run(place)
}

const LINTS: &[&str] =
    &["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
const DOCS: &[&str] = &["doc", "--release", "--workspace", "--no-deps"];
