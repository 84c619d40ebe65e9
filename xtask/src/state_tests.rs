//! `cargo xtask state-tests FOLDER`: Ethereum's own tests of what a transaction does.
//!
//! For whoever changes the EVM or its version. The tests are no registry's package, so nothing
//! fetches them; decision 0009 says which were run. Invariant: a test that this chain's rules apply
//! to and that ends otherwise fails the chore.

use anyhow::{Context, Result};
use std::path::Path;

use crate::place::Place;
use crate::product::cargo;
use crate::shell;

/// Runs every state test below `folder`.
///
/// Errors: without that folder; when a test ends otherwise than it says.
pub fn run(place: &Place, folder: &Path) -> Result<()> {
    let folder = folder
        .canonicalize()
        .with_context(|| format!("{} is no folder of tests", folder.display()))?;
    let mut tests = cargo(place);
    tests.args(["test", "--release", "--package", "terroir-ledger", "--test", "it"]);
    tests.args(["ethereum_and_this_chain_agree", "--", "--ignored", "--nocapture"]);
    shell::run(tests.env("ETHEREUM_STATE_TESTS", folder))
}
