//! `data audit`: recomputing what a version says.

use super::{find, salt};
use crate::Verdict;
use crate::args::Audit;
use crate::output;
use crate::settings::Settings;
use anyhow::{Context, Result};
use serde_json::json;
use std::time::Instant;
use terroir_corpus::audit::{Difference, Scope, audit, challenge};

pub(super) fn run(settings: &Settings, typed: &Audit) -> Result<Verdict> {
    let start = Instant::now();
    let (catalogue, kept) = find(settings, &typed.version)?;
    let path = catalogue.version(&kept.id).join("version.rcpt");
    let claim = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let challenge = challenge(&claim, typed.drawn.beacon.as_deref());
    let scope =
        if typed.drawn.full { Scope::Full } else { Scope::Sample(typed.drawn.sample, challenge) };
    let salt = salt();
    let threads = settings.threads(typed.drawn.threads);
    let done = terroir_corpus::run::on_threads(threads, || {
        audit(&catalogue, &kept, scope, &salt, 1 << 30)
    })??;
    let verdict = if done.differences.is_empty() { Verdict::Yes } else { Verdict::No };
    if typed.drawn.json {
        let difference = |difference: &Difference| {
            json!({
                "tree": difference.tree,
                "record": difference.record.map(|record| record.to_string()),
                "what": difference.what,
            })
        };
        output::json(&json!({
            "version": kept.id.to_string(),
            "challenge": challenge.to_string(),
            "leaves": done.leaves,
            "trees": done.trees,
            "signer": done.signer.map(|signer| signer.to_string()),
            "differences": done.differences.iter().map(difference).collect::<Vec<_>>(),
            "seconds": start.elapsed().as_secs_f64(),
        }))?;
        return Ok(verdict);
    }
    for Difference { tree, record, what } in &done.differences {
        let record = record.map_or(String::new(), |record| format!(" {record}"));
        output::data(format_args!("{tree}{record}: {what}"))?;
    }
    let (leaves, trees) = (done.leaves, done.trees);
    output::data(match verdict {
        Verdict::Yes => {
            format!("{leaves} leaves measured again and {trees} trees made again: all equal")
        }
        Verdict::No => {
            format!("{} differences in {leaves} leaves and {trees} trees", done.differences.len())
        }
    })?;
    if let Some(signer) = done.signer {
        output::talk(format_args!("signed by {signer}; who that is was not checked"));
    }
    if !typed.drawn.full {
        output::talk("not checked: the leaves that were not drawn; --full recomputes all");
    }
    Ok(verdict)
}
