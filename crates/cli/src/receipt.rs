//! `receipt`: checking and showing, offline, with nothing but files.
//!
//! Invariant: a receipt that fails a check is a clean no with the check's name; whatever kept a check
//! from being made is an error, which says nothing about the receipt.

mod check;
mod view;

use crate::Verdict;
use crate::args::Receipt;
use crate::output;
use crate::settings::Settings;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use terroir_proof::{Given, Rejected};

/// Longest file that is read; receipts and what opens them are smaller.
const FILE_BYTES_MAX: u64 = 1 << 28;

/// A check that failed.
struct Failed {
    /// Its stable word.
    check: &'static str,
    /// Its number in `docs/format/receipt.md`, where it is one of those.
    number: Option<u32>,
    /// What was found.
    reason: String,
}

impl From<Rejected> for Failed {
    fn from(rejected: Rejected) -> Failed {
        let (check, number) = (rejected.check(), Some(rejected.number()));
        Failed { check, number, reason: format!("{:#}", anyhow::Error::new(rejected)) }
    }
}

/// Runs one of the verbs.
pub fn run(settings: &Settings, verb: Receipt) -> Result<Verdict> {
    match verb {
        Receipt::Check(typed) => check::run(settings, &typed),
        Receipt::Show { file, json } => show(&file, json),
    }
}

fn show(file: &Path, json: bool) -> Result<Verdict> {
    let bytes = read(file)?;
    match terroir_proof::check(&bytes, Given::default()) {
        Ok(statement) if json => output::json(&view::receipt(&statement))?,
        Ok(statement) => {
            output::piece(format_args!("receipt {}\n{}", statement.id, statement.receipt))?;
        }
        Err(rejected) => return reject(&rejected.into(), json),
    }
    Ok(Verdict::Yes)
}

/// Prints the no.
fn reject(failed: &Failed, json: bool) -> Result<Verdict> {
    let Failed { check, number, reason } = failed;
    match (json, number) {
        (true, _) => output::json(&view::failed(failed))?,
        (false, Some(number)) => {
            output::data(format_args!("rejected by check {number} ({check}): {reason}"))?;
        }
        (false, None) => output::data(format_args!("rejected by check ({check}): {reason}"))?,
    }
    Ok(Verdict::No)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = File::open(path);
    file.and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read {}", path.display()))?;
    Ok(bytes)
}
