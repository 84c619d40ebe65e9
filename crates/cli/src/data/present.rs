//! `data prove-present` and `data check-present`: which records stand in which batch.

use super::{find, lead, salt};
use crate::Verdict;
use crate::args::{CheckPresent, ProvePresent};
use crate::output;
use crate::receipt;
use crate::settings::Settings;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use terroir_corpus::explain;
use terroir_corpus::lead::ManifestId;
use terroir_corpus::present::{Held, Shown, Wanted, check as verify, prove as make};
use terroir_corpus::record::RecordId;

/// Most sequences and records that are named in words, and positions of each in JSON.
const NAMED_MAX: usize = 20;

pub(super) fn prove(settings: &Settings, typed: &ProvePresent) -> Result<Verdict> {
    let training = lead::open(settings, &typed.manifest)?;
    let (catalogue, kept) = find(settings, &training.manifest().version.to_string())?;
    let wanted = match (&typed.record, typed.of.batch, typed.of.size) {
        (Some(name), ..) => Wanted::Record(explain::find(&catalogue, &kept, name)?.2),
        (None, Some(batch), Some(size)) => Wanted::Batch { batch, size },
        _ => bail!("name a --record, or a --batch and its --size"),
    };
    let Some(proof) = make(&catalogue, &kept, &training, wanted, &salt())? else {
        let what = "no sequence has tokens of this record, so no proof was written";
        match typed.json {
            true => output::json(&json!({ "present": false, "what": what }))?,
            false => output::data(what)?,
        }
        return Ok(Verdict::No);
    };
    let (bytes, out) = (proof.encode(), &typed.out);
    std::fs::write(out, &bytes).with_context(|| format!("cannot write {}", out.display()))?;
    let shown = verify(&bytes)?;
    if typed.json {
        let mut said = view(&shown);
        said["present"] = json!(true);
        said["file"] = json!(out.display().to_string());
        said["bytes"] = json!(bytes.len());
        output::json(&said)?;
        return Ok(Verdict::Yes);
    }
    tell(&shown)?;
    output::data(format_args!("{}: {} bytes", out.display(), bytes.len()))?;
    Ok(Verdict::Yes)
}

pub(super) fn check(typed: &CheckPresent) -> Result<Verdict> {
    let bytes = receipt::read(&typed.proof)?;
    let manifest = typed.manifest.as_deref().map(str::parse::<ManifestId>).transpose();
    let manifest = manifest.context("--manifest takes the 64 digits of a manifest's id")?;
    let record = typed.record.as_deref().map(str::parse::<RecordId>).transpose();
    let record = record.context("--record takes the 64 digits of a record id")?;
    let shown = match verify(&bytes) {
        Ok(shown) => shown,
        Err(refused) => return no(typed, &refused.to_string()),
    };
    let id = shown.manifest.id();
    if let Some(wanted) = manifest.filter(|wanted| *wanted != id) {
        return no(typed, &format!("it is about the manifest {id}, not {wanted}"));
    }
    let held: Vec<&Held> = match typed.of.batch.zip(typed.of.size) {
        None => shown.sequences.iter().collect(),
        Some((batch, size)) => match (shown.batch(batch, size), record) {
            (Some(held), _) => held,
            // Of a batch that is not shown whole, what is shown may have the record.
            (None, Some(_)) => shown.part(batch, size),
            (None, None) => return no(typed, &format!("it does not show all of batch {batch}")),
        },
    };
    let has = |record| held.iter().any(|held| held.has(record));
    if let Some(record) = record.filter(|record| !has(*record)) {
        return no(typed, &format!("it does not show the record {record} there"));
    }
    if typed.json {
        let mut said = view(&shown);
        said["accepted"] = json!(true);
        output::json(&said)?;
        return Ok(Verdict::Yes);
    }
    if let Some((batch, size)) = typed.of.batch.zip(typed.of.size) {
        let what = record.map_or("all its sequences are shown".to_owned(), |record| {
            format!("has tokens of the record {record}")
        });
        output::data(format_args!("batch {batch} of {size} sequences  {what}"))?;
    }
    tell(&shown)?;
    output::talk(
        "not checked: that these are the nodes and the manifest meant, and that the tokens are \
         those of the records, which `terroir data check` makes again",
    );
    Ok(Verdict::Yes)
}

fn no(typed: &CheckPresent, why: &str) -> Result<Verdict> {
    match typed.json {
        true => output::json(&json!({ "accepted": false, "why": why }))?,
        false => output::data(format_args!("refused: {why}"))?,
    }
    Ok(Verdict::No)
}

/// What is established.
fn tell(shown: &Shown) -> Result<()> {
    output::data(format_args!("manifest  {} signed by {}", shown.manifest.id(), shown.signer))?;
    output::data(format_args!("version   {} claimed by {}", shown.version.id(), shown.node))?;
    for held in shown.sequences.iter().take(NAMED_MAX) {
        let place = held.place;
        let positions = positions(shown, held);
        let positions: Vec<String> = positions.iter().map(u64::to_string).collect();
        let source = &shown.manifest.sources[place.source as usize].name;
        output::data(format_args!(
            "sequence  {} of {source}, at position {}: {} parts",
            place.sequence,
            positions.join(", "),
            held.sequence.spans.len()
        ))?;
    }
    for (record, _) in shown.records.iter().take(NAMED_MAX) {
        output::data(format_args!("record    {record} passes, and has tokens there"))?;
    }
    let (sequences, records) = (shown.sequences.len(), shown.records.len());
    if sequences.max(records) > NAMED_MAX {
        output::data(format_args!("in all    {sequences} sequences, {records} records"))?;
    }
    Ok(())
}

/// Some of the positions at which a sequence stands: a manifest may let it come thousands of times.
fn positions(shown: &Shown, held: &Held) -> Vec<u64> {
    shown.manifest.order().positions(held.place, NAMED_MAX)
}

/// The same for scripts.
fn view(shown: &Shown) -> Value {
    let sequence = |held: &Held| {
        let records = held.sequence.spans.iter().map(|span| {
            json!({
                "record": span.record.to_string(),
                "start": span.start,
                "tokens": span.count,
            })
        });
        json!({
            "source": shown.manifest.sources[held.place.source as usize].name,
            "sequence": held.place.sequence,
            "positions": positions(shown, held),
            "tokens": held.sequence.tokens.to_string(),
            "parts": records.collect::<Vec<_>>(),
        })
    };
    let record = |(record, text): &(RecordId, terroir_base::Digest)| json!({ "record": record.to_string(), "text": text.to_string() });
    json!({
        "manifest": shown.manifest.id().to_string(),
        "signer": shown.signer.to_string(),
        "version": shown.version.id().to_string(),
        "node": shown.node.to_string(),
        "sequences": shown.sequences.iter().map(sequence).collect::<Vec<_>>(),
        "records": shown.records.iter().map(record).collect::<Vec<_>>(),
    })
}
