//! The two files that open a receipt, kept beside it.
//!
//! Invariant: nobody but the owner can read what was asked and said.

use crate::output;
use anyhow::{Context, Result};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use terroir_node::{Done, opening};

/// Where the parts of an answer lie.
pub(super) struct Kept {
    pub(super) receipt: PathBuf,
    pub(super) request: PathBuf,
    pub(super) answer: PathBuf,
}

/// Writes `ID.request.json` and `ID.answer.json` beside `ID.rcpt`.
pub(super) fn keep(done: &Done) -> Result<Kept> {
    let receipt = done.receipt_path.clone();
    let request = receipt.with_extension("request.json");
    let answer = receipt.with_extension("answer.json");
    write_private(&request, &opening::request_file(&done.request, &done.salt).to_bytes())?;
    write_private(&answer, &opening::answer_file(&done.answer).to_bytes())?;
    Ok(Kept { receipt, request, answer })
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(true).write(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes))
        .with_context(|| format!("cannot write {}", path.display()))
}

impl Kept {
    /// Says where the receipt is and how to check it.
    pub(super) fn tell(&self, seed: u64) {
        let receipt = self.receipt.display();
        output::talk(format_args!("seed {seed}"));
        output::talk(format_args!("receipt {receipt}"));
        output::talk(format_args!("check it: terroir receipt check {receipt} --replay"));
    }
}
