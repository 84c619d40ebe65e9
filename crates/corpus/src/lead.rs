//! A version led into training: gates, tokens, sequences, and a signed manifest that fixes every
//! batch.
//!
//! Batch t is a function of the manifest alone. Read [`gate`] for what must hold before,
//! [`Manifest`] for what is signed, [`Training`] for how tokens come back, [`check`] for how anyone
//! recomputes them. Format: `docs/format/training-manifest.md`.
//!
//! Invariant: the same version, recipe and tokenizer give the same manifest and the same bytes of
//! tokens, whatever the files, shards and threads were.

mod check;
mod documents;
mod encoder;
mod gate;
mod index;
mod manifest;
mod pack;
mod permute;
mod sequence;
mod share;
mod sound;
mod training;
mod write;

pub use check::{Checked, check};
pub use encoder::Encoder;
pub use gate::{Found, Gated, Report};
pub use index::Index;
pub use manifest::{
    CONTENT_TYPE, MANIFEST_BYTES_MAX, Manifest, ManifestId, Order, Packed, Passed, Shape, Share,
};
pub use pack::table_path;
pub use permute::Permutation;
pub use sequence::{Place, Sequence, Span};
pub use training::{Training, find, folder, manifests};
pub use write::{Form, Written, batches, npy_header};

use crate::catalogue::{Catalogue, Kept, NEW_PREFIX, write as keep};
use crate::claim::policy;
use crate::error::{Error, disk};
use crate::recipe::{Recipe, Tokenize, wrong};
use crate::run::Progress;
use crate::stage::{Stage, chain};
use crate::tree::SaltKey;
use documents::Reading;
use share::{apportion, lasts};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use terroir_base::sign::SecretKey;
use terroir_model::TEXT_VERSION;

/// What leading is told, besides the version and the recipe.
pub struct Options<'a> {
    /// For the salts of leaves.
    pub salt: SaltKey,
    /// Signs the manifest.
    pub key: &'a SecretKey,
    /// Told how far it is, from any thread.
    pub watch: &'a (dyn Fn(Progress) + Sync),
}

/// What came of it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Records stand in the way: nothing was tokenised, signed or written.
    Refused(Report),
    /// Every gate is passed.
    Led(Box<Led>),
}

/// A version that leads into training.
#[derive(Clone, Debug)]
pub struct Led {
    /// The manifest's id.
    pub id: ManifestId,
    /// The manifest.
    pub manifest: Manifest,
    /// What the gates looked at.
    pub report: Report,
    /// Bytes of text that became tokens.
    pub text_bytes: u64,
    /// Nanoseconds from the first shard to the last sequence on disk.
    pub took_ns: u64,
}

/// Asks the gates of `recipe` about every record of `kept` that it would lead into training. Works on
/// rayon's threads, as everything here.
///
/// Errors: `Damaged` when the version is not what was committed to, `Recipe`, `Disk`.
pub fn gate(
    catalogue: &Catalogue,
    kept: &Kept,
    recipe: &Recipe,
    salt: &SaltKey,
    watch: &(dyn Fn(Progress) + Sync),
) -> Result<Report, Error> {
    let stages = chain(&kept.recipe)?;
    gated(catalogue, kept, &stages, recipe, salt, watch)
}

fn gated(
    catalogue: &Catalogue,
    kept: &Kept,
    stages: &[Stage],
    recipe: &Recipe,
    salt: &SaltKey,
    watch: &(dyn Fn(Progress) + Sync),
) -> Result<Report, Error> {
    sound::sound(catalogue, kept, salt)?;
    watch(Progress::Begin { what: "gates", steps: kept.shards.len() as u64 });
    gate::examine(catalogue, kept, stages, recipe, &|| watch(Progress::Step))
}

/// Leads `kept` into training by the `[tokenize]`, `[mixture]` and `[gate]` of `recipe`.
///
/// `usual_end` ends documents where the recipe names no token. Errors: as [`gate`], and `Recipe` for
/// a mixture that the version has not enough for.
pub fn lead(
    catalogue: &Catalogue,
    kept: &Kept,
    recipe: &Recipe,
    encoder: &Encoder,
    usual_end: Option<u32>,
    options: &Options<'_>,
) -> Result<Outcome, Error> {
    let tokenize = wanted(recipe)?;
    let end = encoder.end(tokenize.end.as_deref(), usual_end)?;
    let width = Shape::width_of(encoder.vocab());
    let shape = Shape { length: tokenize.sequence, packing: tokenize.packing, end, width };
    let stages = chain(&kept.recipe)?;
    let report = gated(catalogue, kept, &stages, recipe, &options.salt, options.watch)?;
    if !report.passes() {
        return Ok(Outcome::Refused(report));
    }
    let all = folder(catalogue);
    fs::create_dir_all(&all).map_err(disk(&all))?;
    let temp = tempfile::Builder::new().prefix(NEW_PREFIX).tempdir_in(&all).map_err(disk(&all))?;
    let start = Instant::now();
    let mixture = &recipe.mixture;
    let text_bytes = AtomicU64::new(0);
    let reading = Reading { catalogue, kept, stages: &stages, mixture, encoder, end, text_bytes };
    let packed = repack(&reading, &shape, temp.path(), options)?;
    let took_ns = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let (sources, sequences) = mixed(recipe, &shape, packed.sources)?;
    let passed = |gate: &Gated| Passed { name: gate.name.clone(), rule: gate.rule.clone() };
    let manifest = Manifest {
        version: kept.id,
        root: kept.version.root(),
        policy: policy(&kept.version),
        tokenizer: encoder.digest(),
        text_rules: TEXT_VERSION.to_owned(),
        shape,
        sources,
        epochs: mixture.epochs,
        sequences,
        seed: mixture.seed,
        stored: packed.stored,
        left_out: packed.left_out,
        gates: report.gates.iter().map(passed).collect(),
    };
    let id = manifest.id();
    settle(&all.join(id.to_string()), temp, &manifest.sign(options.key))?;
    let text_bytes = reading.text_bytes.load(Ordering::Relaxed);
    Ok(Outcome::Led(Box::new(Led { id, manifest, report, text_bytes, took_ns })))
}

/// The `[tokenize]` of a recipe that must have one.
fn wanted(recipe: &Recipe) -> Result<&Tokenize, Error> {
    let missing = || wrong("tokenize", "is missing: name a tokenizer, a sequence and a packing");
    recipe.tokenize.as_ref().ok_or_else(missing)
}

/// Reads all documents and packs them into `folder`.
fn repack(
    reading: &Reading<'_>,
    shape: &Shape,
    folder: &Path,
    options: &Options<'_>,
) -> Result<pack::Outcome, Error> {
    let shards = reading.kept.shards.len() as u64;
    (options.watch)(Progress::Begin { what: "tokenise", steps: shards });
    let documents = reading.documents(folder, &|| (options.watch)(Progress::Step))?;
    (options.watch)(Progress::Begin { what: "pack", steps: 1 });
    pack::pack(documents, reading.mixture.weights.len(), shape, folder, &options.salt)
}

/// The sources with their weights, and how many sequences they make together.
fn mixed(recipe: &Recipe, shape: &Shape, packed: Vec<Packed>) -> Result<(Vec<Share>, u64), Error> {
    let mixture = &recipe.mixture;
    let share = |((name, weight), packed): ((&String, &crate::recipe::Weight), Packed)| Share {
        name: name.clone(),
        weight: weight.0,
        packed,
    };
    let sources: Vec<Share> = mixture.weights.iter().zip(packed).map(share).collect();
    if let Some(Share { name, packed, .. }) = sources.iter().find(|share| share.packed.stored == 0)
    {
        let (records, tokens, length) = (packed.records, packed.tokens, shape.length);
        let what = format!(
            "has {records} records that pass, with {tokens} tokens, and a sequence takes {length}"
        );
        return Err(wrong(&format!("mixture.weights.{name}"), what));
    }
    let weights: Vec<u64> = sources.iter().map(|share| share.weight).collect();
    let stored: Vec<u64> = sources.iter().map(|share| share.packed.stored).collect();
    let most = lasts(&weights, &stored, mixture.epochs);
    let total = mixture.sequences.unwrap_or(most);
    let counts = apportion(total, &weights);
    let enough = |stored: u64| stored.saturating_mul(mixture.epochs.into());
    let short =
        sources.iter().zip(&counts).find(|(share, count)| **count > enough(share.packed.stored));
    match short {
        None => Ok((sources, total)),
        Some((share, count)) => {
            let what = format!(
                "source {:?} runs out: it has {} sequences, {} times each, and would give {count}; \
                 at most {most} sequences are possible",
                share.name, share.packed.stored, mixture.epochs
            );
            Err(wrong("mixture.sequences", what))
        }
    }
}

/// Gives the folder its name; an equal one that is there already stays.
fn settle(named: &Path, temp: tempfile::TempDir, signed: &[u8]) -> Result<(), Error> {
    if named.join("manifest.cose").exists() {
        return Ok(());
    }
    keep(&temp.path().join("manifest.cose"), signed)?;
    let temp = temp.keep();
    fs::rename(&temp, named).map_err(disk(named))?;
    let parent = named.parent().expect("a manifest has a folder");
    fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(disk(parent))
}
