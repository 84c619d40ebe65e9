//! `store`: looking after the files of all models.
//!
//! Invariant: a damaged file is named, moved out of the way, and never used.

use crate::Verdict;
use crate::args::Store;
use crate::output;
use crate::progress::{Bar, Unit};
use crate::settings::Settings;
use anyhow::Result;
use serde_json::json;
use std::collections::BTreeSet;
use terroir_import::Progress;

/// Runs one of the verbs.
pub fn run(settings: &Settings, verb: &Store) -> Result<Verdict> {
    match *verb {
        Store::Check { json } => check(settings, json),
        Store::Sweep { json } => sweep(settings, json),
    }
}

fn check(settings: &Settings, json: bool) -> Result<Verdict> {
    let home = settings.open_home()?;
    let store = home.store();
    let wanted: BTreeSet<_> = store.pins()?.into_values().flatten().collect();
    let mut bar = Bar::new(Unit::Bytes);
    let (mut bytes, mut bad) = (0, Vec::new());
    for id in &wanted {
        match store.map(id) {
            Ok(mapped) => bytes += mapped.as_ref().len() as u64,
            Err(
                error @ (terroir_store::Error::Corrupt { .. }
                | terroir_store::Error::Missing { .. }),
            ) => bad.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
        bar.update("checking the store", bytes, None);
    }
    drop(bar);
    let files = wanted.len();
    if json {
        output::json(&json!({ "files": files, "bytes": bytes, "bad": bad }))?;
    } else {
        bad.iter().try_for_each(output::data)?;
        let sound = files - bad.len();
        output::data(format_args!("{sound} of {files} files are sound, {bytes} bytes"))?;
    }
    if bad.is_empty() {
        return Ok(Verdict::Yes);
    }
    output::talk("`terroir model pull SOURCE` puts a model's missing files back");
    Ok(Verdict::No)
}

fn sweep(settings: &Settings, json: bool) -> Result<Verdict> {
    let swept = settings.open_home()?.store().sweep()?;
    let (files, bytes) = (swept.removed, swept.bytes);
    match json {
        true => output::json(&json!({ "files": files, "bytes": bytes }))?,
        false => output::data(format_args!("removed {files} files, {bytes} bytes"))?,
    }
    Ok(Verdict::Yes)
}
