//! `cargo xtask spec`: the exact dialect, computed once more by the Python beside its text.
//!
//! For CI. Invariant: `docs/spec/exact.py` shares no code with the Rust interpreter; the golden
//! files, which the tests of `terroir-tensor` hold to that interpreter, are all that they share.

use std::process::Command;

use anyhow::Result;

use crate::place::Place;
use crate::shell;

/// Cases that run, and cases that a loader must refuse.
const CASES: &[&str] = &["exact.cbor", "refused.cbor"];

/// Runs every case; the program names the first operators that differ.
pub fn run(place: &Place) -> Result<()> {
    let golden = place.root.join("crates/tensor/tests/golden");
    let program = place.root.join("docs/spec/exact.py");
    let cases = CASES.iter().map(|name| golden.join(name));
    shell::run(Command::new("python3").arg("-B").arg(program).args(cases))
}
