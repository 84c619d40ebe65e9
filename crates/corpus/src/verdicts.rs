//! The verdicts of a version as they lie on disk, compared with the root that the version commits to.
//!
//! For `export`, `explain`, `diff` and `report`. Invariant: whoever has read all of them without an
//! error has read those that the version was made with; a row that is not what its leaf says is an
//! error before it is given.

use crate::catalogue::{Catalogue, Kept};
use crate::claim::{Bytes, Claim};
use crate::error::{Error, damaged};
use crate::fold::{schema, verdict_body, verdict_leaf};
use crate::merge::{Merge, Tree};
use crate::record::RecordId;
use crate::rows::digest;
use crate::table;
use crate::tree::{Builder, SaltKey};
use arrow_array::cast::AsArray;
use arrow_array::types::Int8Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use std::path::Path;
use terroir_base::Digest;

/// The verdict on one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// The record.
    pub record: RecordId,
    /// Whether it passes.
    pub kept: bool,
    /// The stage that stopped it, where it is one.
    pub stage: Option<String>,
    /// Why it does not pass.
    pub reason: Option<String>,
    /// Digest of the text that passes on.
    pub text: Digest,
}

impl Said {
    /// The digest of its leaf's body under `salt`.
    pub fn body(&self, salt: &Digest) -> Digest {
        verdict_body(salt, self.stage.as_deref(), self.reason.as_deref(), &self.text)
    }

    /// "stage: reason", empty where it passes.
    pub fn why(&self) -> String {
        match (&self.stage, &self.reason) {
            (Some(stage), Some(reason)) => format!("{stage}: {reason}"),
            (_, reason) => reason.clone().unwrap_or_default(),
        }
    }
}

/// The verdicts of a version, ascending by record, each once.
///
/// Errors: `Disk`; `Damaged` naming the first record whose row is not what its leaf says, or at the
/// end the file, when the leaves are not those of the version.
pub fn verdicts(
    catalogue: &Catalogue,
    kept: &Kept,
    salt: &SaltKey,
) -> Result<impl Iterator<Item = Result<Said, Error>> + use<>, Error> {
    let folder = catalogue.version(&kept.id).join("verdicts");
    let streams = kept.shards.iter().map(|shard| {
        let path = folder.join(format!("{shard}.parquet"));
        let table = table::read(&path, &schema(), &[])?;
        let salt = salt.clone();
        Ok(table.flat_map(move |batch| match batch {
            Ok(batch) => (0..batch.num_rows()).map(|at| row(&batch, at, &path, &salt)).collect(),
            Err(error) => vec![Err(error)],
        }))
    });
    let streams = streams.collect::<Result<Vec<_>, Error>>()?;
    let mut items = Merge::new(streams)?;
    let mut tree = Builder::default();
    let mut last: Option<RecordId> = None;
    let (catalogue, kept) = (catalogue.clone(), kept.clone());
    let mut ended = false;
    Ok(std::iter::from_fn(move || {
        while !ended {
            match items.next() {
                Some(Ok((said, _))) if last == Some(said.record) => {}
                Some(Ok((said, leaf))) => {
                    last = Some(said.record);
                    tree.push(leaf);
                    return Some(Ok(said));
                }
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    ended = true;
                    let tree = Tree { root: tree.root(), leaves: tree.leaves() };
                    return (tree != kept.version.verdicts)
                        .then(|| Err(unlike(&catalogue, &kept, &tree)));
                }
            }
        }
        None
    }))
}

/// Reads all verdicts of a version and gives nothing but the first error.
pub fn check(catalogue: &Catalogue, kept: &Kept, salt: &SaltKey) -> Result<(), Error> {
    verdicts(catalogue, kept, salt)?.try_for_each(|said| said.map(drop))
}

/// What is wrong when every row is what its leaf says and the leaves are not those of the version:
/// the first file that is not what was signed, where there is one.
fn unlike(catalogue: &Catalogue, kept: &Kept, tree: &Tree) -> Error {
    let folder = catalogue.version(&kept.id);
    let claim = Claim::open(&folder.join("version.rcpt")).ok().map(|(claim, _)| claim);
    let files = claim.into_iter().flat_map(|claim| claim.files);
    let other = |file: &Bytes| {
        let path = catalogue.folder().join(&file.name);
        let inside = path.starts_with(folder.join("verdicts"));
        (inside && Bytes::of(catalogue, &path).ok().as_ref() != Some(file)).then_some(path)
    };
    let path = files.filter_map(|file| other(&file)).next();
    let expected = kept.version.verdicts.root;
    let what = format!("the verdicts have the root {}, the version says {expected}", tree.root);
    damaged(&path.unwrap_or(folder), what)
}

/// Row `at`, with its leaf, once it is what that says.
fn row(
    batch: &RecordBatch,
    at: usize,
    path: &Path,
    salt: &SaltKey,
) -> Result<(Said, Digest), Error> {
    let bytes = |column: usize| {
        digest(batch.column(column).as_fixed_size_binary(), at).expect("the column has no nulls")
    };
    let (record, text, leaf) = (RecordId(bytes(0)), bytes(4), bytes(5));
    let (stage, reason) = (word(batch.column(2), at), word(batch.column(3), at));
    let kept = batch.column(1).as_boolean().value(at);
    let short = [stage, reason].into_iter().flatten().all(|word| word.len() <= 64);
    if !short
        || kept != reason.is_none()
        || verdict_leaf(salt, record, stage, reason, &text) != leaf
    {
        let what = format!("the verdict on record {record} is not what its leaf says");
        return Err(damaged(path, what));
    }
    let [stage, reason] = [stage, reason].map(|word| word.map(str::to_owned));
    Ok((Said { record, kept, stage, reason, text }, leaf))
}

/// Item `at` of a column of words.
pub fn word(column: &ArrayRef, at: usize) -> Option<&str> {
    let words = column.as_dictionary::<Int8Type>();
    let key = words.is_valid(at).then(|| words.keys().value(at))?;
    let (key, values) = (usize::try_from(key).ok()?, words.values().as_string::<i32>());
    (key < values.len()).then(|| values.value(key))
}
