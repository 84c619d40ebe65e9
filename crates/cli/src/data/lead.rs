//! `data gate`, `lead`, `batches` and `check`: a version into training.
//!
//! Invariant: where a gate is not passed, nothing is tokenised, signed or written.

use super::{alone, catalogue, find, salt};
use crate::args::{BatchForm, Batches, CheckManifest, Lead};
use crate::progress::Steps;
use crate::settings::Settings;
use crate::{Verdict, model, output};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Instant;
use terroir_base::Digest;
use terroir_base::id::BlobId;
use terroir_corpus::audit::{Scope, challenge};
use terroir_corpus::catalogue::{Catalogue, Kept};
use terroir_corpus::lead::{
    self, Encoder, Form, Gated, Index, Led, Options, Outcome, Report, Training,
};
use terroir_corpus::recipe::Recipe;
use terroir_corpus::run::on_threads;
use terroir_node::Home;
use terroir_node::batches::{BATCH_BYTES_MAX, Remote};

/// Records that are shown for each gate to people; `--json` lists all.
const SHOWN: usize = 20;

/// The version and the recipe that were typed.
fn resolve(settings: &Settings, typed: &Lead) -> Result<(Catalogue, Kept, Recipe)> {
    let (catalogue, kept) = find(settings, &typed.version)?;
    let own = catalogue.version(&kept.id).join("recipe.toml");
    let recipe = Recipe::read(typed.recipe.as_ref().unwrap_or(&own), &typed.set)?;
    Ok((catalogue, kept, recipe))
}

pub(super) fn gate(settings: &Settings, typed: &Lead) -> Result<Verdict> {
    let (catalogue, kept, recipe) = resolve(settings, typed)?;
    let steps = Steps::default();
    let watch = |progress| steps.watch(&progress);
    let report = on_threads(settings.threads(typed.threads), || {
        lead::gate(&catalogue, &kept, &recipe, &salt(), &watch)
    })??;
    drop(steps);
    match typed.json {
        true => output::json(&report_json(&kept, &report))?,
        false => tell(&report)?,
    }
    Ok(verdict(&report))
}

fn verdict(report: &Report) -> Verdict {
    if report.passes() { Verdict::Yes } else { Verdict::No }
}

pub(super) fn run(settings: &Settings, typed: &Lead) -> Result<Verdict> {
    let (catalogue, kept, recipe) = resolve(settings, typed)?;
    let home = settings.open_home()?;
    let (_, _alone) = alone(&home)?;
    let wanted = recipe.tokenize.as_ref().map(|tokenize| tokenize.tokenizer.as_str());
    let wanted = wanted.context("recipe, tokenize: is missing, so nothing says which tokenizer")?;
    let manifest = model::manifest(&home, model::find(&home, wanted)?)?;
    let encoder = encoder(&home, manifest.tokenizer)?;
    // The key is made with the log.
    home.receipts()?;
    let key = home.key()?.context("the home has no key")?;
    let steps = Steps::default();
    let options = Options { salt: salt(), key: &key, watch: &|progress| steps.watch(&progress) };
    let usual = manifest.eos.first().copied();
    let outcome = on_threads(settings.threads(typed.threads), || {
        lead::lead(&catalogue, &kept, &recipe, &encoder, usual, &options)
    })??;
    drop(steps);
    match outcome {
        Outcome::Refused(report) if typed.json => {
            output::json(&report_json(&kept, &report))?;
            Ok(Verdict::No)
        }
        Outcome::Refused(report) => {
            tell(&report)?;
            output::talk("records stand in the way: nothing was written");
            Ok(Verdict::No)
        }
        Outcome::Led(led) => {
            let folder = lead::folder(&catalogue).join(led.id.to_string());
            told(&led, &folder, typed.json)?;
            Ok(Verdict::Yes)
        }
    }
}

/// The tokenizer of those bytes, from the store of the home.
fn encoder(home: &Home, digest: Digest) -> Result<Encoder> {
    let blob = home.store().get(&BlobId(digest));
    let blob = blob.with_context(|| format!("cannot read the tokenizer {digest}"))?;
    Ok(Encoder::new(&blob)?)
}

fn told(led: &Led, folder: &std::path::Path, json: bool) -> Result<()> {
    let manifest = &led.manifest;
    let seconds = led.took_ns as f64 / 1e9;
    let counts = manifest.counts();
    if !json {
        return told_plainly(led, &counts, seconds);
    }
    let source = |(share, count): (&lead::Share, &u64)| {
        let packed = share.packed;
        json!({
            "source": share.name,
            "weight_millionths": share.weight,
            "records": packed.records,
            "tokens": packed.tokens,
            "tokens_left_out": packed.left_out,
            "sequences_stored": packed.stored,
            "sequences": count,
        })
    };
    let gate = |gate: &Gated| gate.name.clone();
    output::json(&json!({
        "manifest": led.id.to_string(),
        "folder": folder.display().to_string(),
        "version": manifest.version.to_string(),
        "tokenizer": manifest.tokenizer.to_string(),
        "root": manifest.stored.root.to_string(),
        "sequence": manifest.shape.length,
        "packing": manifest.shape.packing.name(),
        "token_bytes": manifest.shape.width,
        "end": manifest.shape.end,
        "sequences": manifest.sequences,
        "sequences_stored": manifest.stored.leaves,
        "seed": manifest.seed,
        "epochs": manifest.epochs,
        "records_left_out": manifest.left_out,
        "sources": manifest.sources.iter().zip(&counts).map(source).collect::<Vec<_>>(),
        "gates": led.report.gates.iter().map(gate).collect::<Vec<_>>(),
        "text_bytes": led.text_bytes,
        "seconds": seconds,
    }))
}

fn told_plainly(led: &Led, counts: &[u64], seconds: f64) -> Result<()> {
    let manifest = &led.manifest;
    output::data(format_args!("manifest   {}", led.id))?;
    output::data(format_args!("root       {}", manifest.stored.root))?;
    output::data(format_args!(
        "sequences  {} of {} tokens, {} stored",
        manifest.sequences, manifest.shape.length, manifest.stored.leaves
    ))?;
    for (share, count) in manifest.sources.iter().zip(counts) {
        let packed = &share.packed;
        output::data(format_args!(
            "source     {}: {count} sequences of {} stored, {} records, {} tokens, {} left out",
            share.name, packed.stored, packed.records, packed.tokens, packed.left_out
        ))?;
    }
    if manifest.left_out > 0 {
        let left_out = manifest.left_out;
        output::talk(format_args!("{left_out} records pass and have a source without a weight"));
    }
    match led.report.gates.len() {
        0 => output::talk("the recipe asks for no gate, so nothing was asked of any record"),
        gates => {
            output::talk(format_args!("{gates} gates passed by {} records", led.report.records))
        }
    }
    let megabytes = led.text_bytes as f64 / 1e6;
    output::talk(format_args!(
        "{megabytes:.1} MB of text in {seconds:.2} s: {:.1} MB/s",
        megabytes / seconds.max(1e-9)
    ));
    let name = led.id.0.short();
    output::talk(format_args!(
        "read: `terroir data batches {name} --size 8 --out DIR`; check: `terroir data check {name}`"
    ));
    Ok(())
}

fn tell(report: &Report) -> Result<()> {
    output::data(format_args!("records  {} looked at", report.records))?;
    for gate in &report.gates {
        match gate.found.len() {
            0 => output::data(format_args!("{}  passed", gate.name))?,
            found => output::data(format_args!("{}  {found} in the way", gate.name))?,
        }
        for found in gate.found.iter().take(SHOWN) {
            output::data(format_args!("  {}  {}", found.record, found.what))?;
        }
        if gate.found.len() > SHOWN {
            output::data(format_args!("  and {} more", gate.found.len() - SHOWN))?;
        }
    }
    if report.gates.is_empty() {
        output::talk("the recipe asks for no gate");
    }
    Ok(())
}

fn report_json(kept: &Kept, report: &Report) -> Value {
    let gate = |gate: &Gated| {
        let found = gate.found.iter();
        let records: Vec<Value> = found
            .map(|found| json!({ "record": found.record.to_string(), "what": found.what }))
            .collect();
        json!({
            "gate": gate.name,
            "passed": gate.found.is_empty(),
            "in_the_way": gate.found.len(),
            "records": records,
        })
    };
    json!({
        "version": kept.id.to_string(),
        "passed": report.passes(),
        "records": report.records,
        "gates": report.gates.iter().map(gate).collect::<Vec<_>>(),
    })
}

/// The manifest that was typed: a folder, or a name in this home.
pub(super) fn open(settings: &Settings, typed: &str) -> Result<Training> {
    let typed_path = PathBuf::from(typed);
    let folder = if typed_path.join("manifest.cose").is_file() {
        std::path::absolute(&typed_path).context("cannot find the folder")?
    } else {
        let home = settings.find_home()?;
        let home = home.context("there is no home yet; `terroir data lead` makes manifests")?;
        lead::find(&catalogue(&home), typed)?
    };
    Ok(Training::open(&folder, &salt())?)
}

pub(super) fn batches(settings: &Settings, typed: &Batches) -> Result<Verdict> {
    if let Some(address) = typed.serve {
        return serve(settings, typed, address);
    }
    if ["http://", "https://"].iter().any(|scheme| typed.manifest.starts_with(scheme)) {
        let remote = Remote::open(&typed.manifest, &salt())?;
        let mut read = |number, size, bytes: &mut Vec<u8>| Ok(remote.batch(number, size, bytes)?);
        return written(remote.index(), &mut read, typed);
    }
    let training = open(settings, &typed.manifest)?;
    let mut read = |number, size, bytes: &mut Vec<u8>| Ok(training.batch(number, size, bytes)?);
    written(&training, &mut read, typed)
}

/// Serves until it is told to end.
fn serve(settings: &Settings, typed: &Batches, address: SocketAddr) -> Result<Verdict> {
    let level = tracing::Level::INFO;
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(level).init();
    let training = open(settings, &typed.manifest)?;
    let id = training.manifest().id();
    terroir_node::batches::serve(training, address, |address| {
        // A server that cannot say where it is still serves those who know.
        if let Err(error) = output::data(format_args!("serving http://{address}/{id}")) {
            output::talk(format_args!("error: {error:#}"));
        }
    })?;
    Ok(Verdict::Yes)
}

/// Appends the tokens of a batch of so many sequences, all of them checked.
type Read<'a> = dyn FnMut(u64, u64, &mut Vec<u8>) -> Result<()> + 'a;

/// Writes the batches that were typed.
fn written(index: &Index, read: &mut Read<'_>, typed: &Batches) -> Result<Verdict> {
    let size = typed.size.context("--size is missing")?;
    let out = typed.out.as_ref().context("--out is missing")?;
    let bytes = size.saturating_mul(index.manifest().shape.sequence_bytes() as u64);
    if bytes > BATCH_BYTES_MAX {
        bail!("a batch of {bytes} bytes is more than {BATCH_BYTES_MAX}: ask for a smaller --size");
    }
    let form = match typed.format {
        BatchForm::Npy => Form::Npy,
        BatchForm::Parquet => Form::Parquet,
        BatchForm::Raw => Form::Raw,
    };
    let wanted = typed.from..typed.from.saturating_add(typed.count);
    let mut read = |number, bytes: &mut Vec<u8>| read(number, size, bytes);
    let written = lead::batches(index, &mut read, (wanted, size), form, out)?;
    let signer = index.signer();
    if typed.json {
        let files: Vec<String> =
            written.files.iter().map(|path| path.display().to_string()).collect();
        let manifest = index.manifest();
        output::json(&json!({
            "manifest": manifest.id().to_string(),
            "signer": signer.to_string(),
            "batches": manifest.sequences.div_ceil(size),
            "sequences": written.sequences,
            "bytes": written.bytes,
            "files": files,
        }))?;
        return Ok(Verdict::Yes);
    }
    written.files.iter().try_for_each(|path| output::data(path.display()))?;
    let (sequences, bytes) = (written.sequences, written.bytes);
    output::talk(format_args!(
        "{sequences} sequences, {bytes} bytes of tokens; signed by {signer}"
    ));
    Ok(Verdict::Yes)
}

pub(super) fn check(settings: &Settings, typed: &CheckManifest) -> Result<Verdict> {
    let start = Instant::now();
    let training = open(settings, &typed.manifest)?;
    let manifest = training.manifest();
    let (id, all) = (manifest.id(), manifest.stored.leaves);
    let (catalogue, kept) = find(settings, &manifest.version.to_string())?;
    let home = settings.find_home()?.context("there is no home yet")?;
    let encoder = encoder(&home, manifest.tokenizer)?;
    let path = training.folder().join("manifest.cose");
    let signed = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    // All is packed again, in the home's own folder.
    let _alone = if typed.drawn.full { Some(alone(&home)?) } else { None };
    let drawn =
        Scope::Sample(typed.drawn.sample, challenge(&signed, typed.drawn.beacon.as_deref()));
    let scope = if typed.drawn.full { Scope::Full } else { drawn };
    let done = on_threads(settings.threads(typed.drawn.threads), || {
        lead::check(&catalogue, &kept, &training, &encoder, scope, &salt())
    })??;
    let verdict = if done.differences.is_empty() { Verdict::Yes } else { Verdict::No };
    if typed.drawn.json {
        let difference = |difference: &terroir_corpus::audit::Difference| {
            json!({
                "tree": difference.tree,
                "record": difference.record.map(|record| record.to_string()),
                "what": difference.what,
            })
        };
        output::json(&json!({
            "manifest": id.to_string(),
            "signer": training.signer().to_string(),
            "sequences": done.sequences,
            "sequences_stored": all,
            "differences": done.differences.iter().map(difference).collect::<Vec<_>>(),
            "seconds": start.elapsed().as_secs_f64(),
        }))?;
        return Ok(verdict);
    }
    for difference in &done.differences {
        let record = difference.record.map_or(String::new(), |record| format!(" {record}"));
        output::data(format_args!("{}{record}: {}", difference.tree, difference.what))?;
    }
    let sequences = done.sequences;
    output::data(match done.differences.len() {
        0 => format!("{sequences} of {all} sequences made again from the records: all equal"),
        odd => format!("{odd} differences in {sequences} of {all} sequences"),
    })?;
    if sequences < all {
        output::talk("not checked: the sequences that were not drawn; --full makes all again");
    }
    output::talk("not checked: the version itself, which `terroir data audit` recomputes");
    Ok(verdict)
}
