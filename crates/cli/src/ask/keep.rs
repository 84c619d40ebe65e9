//! A receipt and the two files that open it.
//!
//! Invariant: nobody but the owner can read what was asked and said.

use crate::output;
use crate::settings::Settings;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use terroir_node::{Done, Home, opening};

/// Where the parts of an answer lie.
pub(super) struct Kept {
    pub(super) receipt: PathBuf,
    pub(super) request: PathBuf,
    pub(super) answer: PathBuf,
}

/// Writes `ID.rcpt`, `ID.request.json` and `ID.answer.json`.
pub(super) fn keep(home: &Home, done: &Done) -> Result<Kept> {
    let receipt = opening::keep(&home.receipts()?, done)
        .with_context(|| format!("receipt {} is signed, but cannot be kept", done.receipt))?;
    let request = receipt.with_extension("request.json");
    let answer = receipt.with_extension("answer.json");
    Ok(Kept { receipt, request, answer })
}

impl Kept {
    /// Says where the receipt is and how to check it.
    pub(super) fn tell(&self, settings: &Settings, seed: u64) {
        let home = settings.unusual_home().map(|home| format!("--home {} ", quoted(home)));
        let (home, file) = (home.unwrap_or_default(), quoted(&self.receipt));
        output::talk(format_args!("seed {seed}"));
        output::talk(format_args!("receipt {}", self.receipt.display()));
        output::talk(format_args!("check it: terroir receipt check {home}{file} --replay"));
    }
}

/// The path as a word that any shell reads back.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;
    use std::path::Path;

    #[test]
    fn a_path_is_one_word_for_a_shell() {
        for (path, word) in [
            ("/home/a/.local/share/terroir", "/home/a/.local/share/terroir"),
            ("my home", "'my home'"),
            ("a'b", r"'a'\''b'"),
            ("$HOME/*", "'$HOME/*'"),
            ("~", "'~'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }
}
