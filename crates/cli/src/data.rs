//! `data`: from raw files to dataset versions that others can recompute.
//!
//! Invariant: whatever is printed about a version was read from its tables or recomputed.

mod absent;
mod audit;
mod export;
mod lead;
mod look;
mod present;
mod run;
mod seal;
mod value;

use crate::Verdict;
use crate::args::Data;
use crate::output;
use crate::settings::Settings;
use anyhow::{Context, Result};
use std::fs::File;
use terroir_corpus::Error;
use terroir_corpus::catalogue::{Catalogue, Kept};
use terroir_corpus::tree::SaltKey;
use terroir_node::{Home, Receipts};
use terroir_proof::Stage;

/// Runs one of the verbs.
pub fn run(settings: &Settings, verb: Data) -> Result<Verdict> {
    match verb {
        Data::Run(typed) => run::run(settings, &typed),
        Data::Plan(typed) => run::plan(settings, &typed),
        Data::Append(typed) => run::append(settings, &typed),
        Data::Withdraw(typed) => run::withdraw(settings, &typed),
        Data::List { json } => look::list(settings, json),
        Data::Show { version, json } => look::show(settings, &version, json),
        Data::Explain(typed) => look::explain(settings, &typed),
        Data::Diff { a, b, json } => look::diff(settings, &a, &b, json),
        Data::Audit(typed) => audit::run(settings, &typed),
        Data::ProveAbsent(typed) => absent::prove(settings, &typed),
        Data::CheckAbsent(typed) => absent::check(&typed),
        Data::Export(typed) => export::run(settings, &typed),
        Data::Seal(typed) => seal::run(settings, &typed),
        Data::Unseal(typed) => seal::open(&typed),
        Data::Value(typed) => value::run(settings, &typed),
        Data::Report(typed) => export::report(settings, &typed),
        Data::Gate(typed) => lead::gate(settings, &typed),
        Data::Lead(typed) => lead::run(settings, &typed),
        Data::Batches(typed) => lead::batches(settings, &typed),
        Data::Check(typed) => lead::check(settings, &typed),
        Data::ProvePresent(typed) => present::prove(settings, &typed),
        Data::CheckPresent(typed) => present::check(&typed),
        Data::Tag { tag, version } => {
            let (catalogue, kept) = find(settings, &version)?;
            catalogue.tag(&tag, &kept.id)?;
            Ok(Verdict::Yes)
        }
    }
}

/// The data of a home.
fn catalogue(home: &Home) -> Catalogue {
    Catalogue::new(home.folder().join("data"))
}

/// The data of a home, for this process alone as long as the file is held: two would clear away each
/// other's unfinished files.
fn alone(home: &Home) -> Result<(Catalogue, File)> {
    let catalogue = catalogue(home);
    let busy = || output::talk("another `terroir data` works in this home; waiting for it");
    let lock = catalogue.lock(busy)?;
    Ok((catalogue, lock))
}

/// The version that `name` means, in the home of these settings.
fn find(settings: &Settings, name: &str) -> Result<(Catalogue, Kept)> {
    let home = settings
        .find_home()?
        .context("there is no home yet; `terroir data run RECIPE` makes one")?;
    let catalogue = catalogue(&home);
    let kept = catalogue.find(name).map_err(|error| {
        output::advise(error, "`terroir data list` lists the versions that are here")
    })?;
    Ok((catalogue, kept))
}

/// The receipt for `stage` from the log of the home's node; its work began at `requested_ms`.
fn signed(log: &Receipts, stage: &Stage, requested_ms: u64) -> Result<Vec<u8>, Error> {
    log.sign_stage(stage, requested_ms).map_err(|error| Error::Sign(Box::new(error)))
}

/// What salts are made from: nothing, as public data has nothing to hide.
fn salt() -> SaltKey {
    SaltKey::PUBLIC
}
