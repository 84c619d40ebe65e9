//! `data value`: what records and those who gave them were used for, and what they are worth.
//!
//! Invariant: what is proved and what is estimated never stand in one number.

use super::{find, salt, signed};
use crate::Verdict;
use crate::args;
use crate::output;
use crate::settings::Settings;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;
use terroir_corpus::catalogue::{Kept, write};
use terroir_corpus::claim::{self, Claim};
use terroir_corpus::value::{
    Estimate, VALUATION_BYTES_MAX, VALUE_BITS, Valuation, Worth, value as estimate,
};
use terroir_node::now_ms;
use terroir_proof::Stage;

pub(super) fn run(settings: &Settings, typed: &args::Value) -> Result<Verdict> {
    let requested_ms = now_ms();
    let (catalogue, kept) = find(settings, &typed.version)?;
    // What is there is read first: a wrong file is told before the work.
    let found = typed.check.then(|| read(&typed.out)).transpose()?;
    let threads = settings.threads(typed.threads);
    let valuation = terroir_corpus::run::on_threads(threads, || {
        estimate(&catalogue, &kept, &typed.config, &salt())
    })??;
    if let Some(found) = found {
        return compare(typed, &found, &valuation);
    }
    let path = std::path::absolute(&typed.out)?;
    let log = settings.open_home()?.receipts()?;
    write(&path, &valuation.encode())?;
    let sign = |stage: &Stage| signed(&log, stage, requested_ms);
    valuation.claim().keep(&claim::path(&path), &sign)?;
    match typed.json {
        true => output::json(&view(&kept, &valuation, &path))?,
        false => print(&kept, &valuation)?,
    }
    Ok(Verdict::Yes)
}

fn read(path: &Path) -> Result<Valuation> {
    let cannot = || format!("cannot read {}", path.display());
    let bytes = std::fs::metadata(path).with_context(cannot)?.len();
    if bytes > VALUATION_BYTES_MAX as u64 {
        let what = format!("{bytes} bytes, at most {VALUATION_BYTES_MAX} are accepted");
        return Err(anyhow::anyhow!(what).context(cannot()));
    }
    let bytes = std::fs::read(path).with_context(cannot)?;
    Valuation::decode(&bytes).with_context(cannot)
}

fn compare(typed: &args::Value, found: &Valuation, replayed: &Valuation) -> Result<Verdict> {
    let mut differences = found.differences(replayed);
    let path = claim::path(&typed.out);
    let mut signer = None;
    if path.exists() {
        match Claim::open(&path) {
            Ok((claim, who)) if claim == found.claim() => signer = Some(who),
            Ok(_) => differences.push("the signed claim is about something else".to_owned()),
            Err(error) => differences.push(format!("the signed claim: {error}")),
        }
    }
    let verdict = if differences.is_empty() { Verdict::Yes } else { Verdict::No };
    if typed.json {
        output::json(&json!({
            "version": found.version.to_string(),
            "differences": differences,
            "signer": signer.map(|signer| signer.to_string()),
        }))?;
        return Ok(verdict);
    }
    differences.iter().try_for_each(output::data)?;
    if differences.is_empty() {
        let (records, groups) = (found.records.len(), found.groups.len());
        output::data(format_args!("{records} values and {groups} groups replayed: all equal"))?;
    }
    output::talk(match signer {
        Some(signer) => format!("the document is signed by {signer}"),
        None => format!("not checked: who signed it; see {}", path.display()),
    });
    Ok(verdict)
}

/// A value as a part of the utility.
fn part(value: i64) -> f64 {
    value as f64 / (1u64 << VALUE_BITS) as f64
}

/// Right votes of all records, as a part of all votes.
fn utility(valuation: &Valuation) -> f64 {
    let votes = u64::from(valuation.config.neighbours) * valuation.points;
    valuation.votes as f64 / votes.max(1) as f64
}

fn share(worth: &Worth, kept: &Kept) -> f64 {
    worth.bytes as f64 / kept.version.bytes_kept.max(1) as f64
}

fn view(kept: &Kept, valuation: &Valuation, path: &Path) -> Value {
    let estimate = |estimate: &Estimate| {
        let Estimate { value, low, high } = *estimate;
        json!({ "value": part(value), "low": part(low), "high": part(high) })
    };
    let group = |worth: &Worth| {
        json!({
            "name": worth.name,
            "used": {
                "records": worth.records,
                "bytes": worth.bytes,
                "share": share(worth, kept),
            },
            "influential": {
                "knn_shapley": estimate(&worth.share),
                "left_out": estimate(&worth.left_out),
                "shapley": estimate(&worth.joining),
            },
        })
    };
    json!({
        "version": valuation.version.to_string(),
        "file": path.display().to_string(),
        "claim": claim::path(path).display().to_string(),
        "validation": valuation.validation.to_string(),
        "texts": valuation.points,
        "records": valuation.records.len(),
        "utility": utility(valuation),
        "groups": valuation.groups.iter().map(group).collect::<Vec<_>>(),
    })
}

fn print(kept: &Kept, valuation: &Valuation) -> Result<()> {
    output::data(format_args!(
        "utility  {:.4} of the votes on {} texts are right",
        utility(valuation),
        valuation.points
    ))?;
    output::data("group                  used | influential: share, left out, joining (95 %)")?;
    for worth in &valuation.groups {
        let name = if worth.name.is_empty() { "(nobody)" } else { &worth.name };
        let used = share(worth, kept) * 100.0;
        let mut line = format!("{name:20} {used:5.1} % |");
        for Estimate { value, low, high } in [&worth.share, &worth.left_out, &worth.joining] {
            let [value, low, high] = [value, low, high].map(|value| part(*value));
            line.push_str(&format!("  {value:+.4} [{low:+.4}, {high:+.4}]"));
        }
        output::data(line)?;
    }
    output::talk("used is proved by the version; influential is an estimate by a k-NN scorer");
    Ok(())
}
