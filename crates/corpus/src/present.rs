//! Proof that records stand in a batch: from a batch of a training manifest back to the records, the
//! verdicts on them and the version that holds both.
//!
//! For whoever trained, and must show on what, and for whoever gave a record and asks whether it was
//! used. Such a proof is one file, checked with nothing else. Invariant: nothing of it is believed
//! before every part leads to the version's id and to the manifest's. Format:
//! `docs/format/presence.md`.

mod check;
mod format;

pub use check::{Refused, Shown, check};
pub use format::{Entry, Held, Presence};

use crate::catalogue::{Catalogue, Kept};
use crate::error::{Error, damaged, disk};
use crate::lead::{Place, Training};
use crate::record::RecordId;
use crate::tree::{Proof, SaltKey, prove as show};
use crate::verdicts::{Said, verdicts};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use terroir_base::Digest;

/// What a proof is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Every sequence of any batch that has tokens of this record.
    Record(RecordId),
    /// Every sequence of batch `batch` of so many sequences.
    Batch {
        /// Its number.
        batch: u64,
        /// Sequences of a batch.
        size: u64,
    },
}

/// Makes a proof about `wanted`; none where no sequence has tokens of the record.
///
/// Reads the verdicts of `kept` four times and the tables of sequences three times. Errors:
/// `Missing` for a batch that is not there, and where `training` was not led from `kept`;
/// `Damaged`, `Disk`; `Presence` for a proof that would be refused, as one with too many leaves is.
pub fn prove(
    catalogue: &Catalogue,
    kept: &Kept,
    training: &Training,
    wanted: Wanted,
    salt: &SaltKey,
) -> Result<Option<Presence>, Error> {
    let manifest = training.manifest();
    if manifest.version != kept.id {
        let name = format!("{}, only {}", manifest.version, kept.id);
        return Err(Error::Missing { kind: "version", name });
    }
    let places = match wanted {
        Wanted::Record(record) => {
            let mut places = training.with(record)?;
            // A stored sequence that no batch has was not used.
            places.retain(|place| !training.order().positions(*place, 1).is_empty());
            places
        }
        Wanted::Batch { batch, size } => {
            let places = training.order().batch(batch, size);
            if places.is_empty() {
                let all = manifest.sequences;
                let name = format!("{batch} of {size} sequences, as there are {all}");
                return Err(Error::Missing { kind: "batch", name });
            }
            BTreeSet::from_iter(places)
        }
    };
    if places.is_empty() {
        return Ok(None);
    }
    let (sequences, stored) = training.show(&places, salt)?;
    let held = |(place, sequence): (&Place, _)| {
        let salt = salt.salt(&place.key());
        Held { place: *place, salt, sequence }
    };
    let sequences: Vec<Held> = places.iter().zip(sequences).map(held).collect();
    let spans = sequences.iter().flat_map(|held| &held.sequence.spans);
    let wanted: BTreeSet<RecordId> = spans.map(|span| span.record).collect();
    let records = entries(catalogue, kept, &wanted, salt)?;
    let folder = catalogue.version(&kept.id);
    let read = |path: std::path::PathBuf| fs::read(&path).map_err(disk(&path));
    let presence = Presence {
        version: kept.version.encode(),
        receipt: read(folder.join("version.rcpt"))?,
        manifest: read(training.folder().join("manifest.cose"))?,
        records,
        read: tree(catalogue, kept, &wanted, salt, |said, salt| said.record.body(salt))?,
        judged: tree(catalogue, kept, &wanted, salt, Said::body)?,
        sequences,
        stored,
    };
    // What nobody could check is not given.
    check(&presence.encode())?;
    Ok(Some(presence))
}

/// What the version says of the records `wanted`, which pass.
fn entries(
    catalogue: &Catalogue,
    kept: &Kept,
    wanted: &BTreeSet<RecordId>,
    salt: &SaltKey,
) -> Result<Vec<Entry>, Error> {
    let mut found = BTreeMap::new();
    for said in verdicts(catalogue, kept, salt)? {
        let said = said?;
        if said.kept && wanted.contains(&said.record) {
            found.insert(said.record, said.text);
        }
    }
    if let Some(record) = wanted.iter().find(|record| !found.contains_key(record)) {
        let what = format!("record {record} is led into training and does not pass");
        return Err(damaged(&catalogue.version(&kept.id), what));
    }
    let entry = |(record, text): (RecordId, Digest)| {
        let salt = salt.salt(record.0.as_bytes());
        Entry { record, salt, text }
    };
    Ok(found.into_iter().map(entry).collect())
}

/// Shows the leaves of `wanted` in a tree over all records of `kept`, whose bodies `body` makes of
/// their verdicts and salts.
fn tree(
    catalogue: &Catalogue,
    kept: &Kept,
    wanted: &BTreeSet<RecordId>,
    salt: &SaltKey,
    body: impl Fn(&Said, &Digest) -> Digest,
) -> Result<Proof, Error> {
    let leaves = || {
        let said = verdicts(catalogue, kept, salt)?;
        let leaf = |said: Said| {
            let key = said.record.0.0;
            (key, body(&said, &salt.salt(&key)))
        };
        Ok(said.map(move |said| said.map(leaf)))
    };
    let keys: Vec<&[u8]> = wanted.iter().map(|record| record.0.as_bytes().as_slice()).collect();
    Ok(show(leaves, &keys)?.1)
}

#[cfg(test)]
mod tests;
