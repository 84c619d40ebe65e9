//! Checking a proof of presence, offline and with nothing but the proof.

use super::format::{Held, Presence};
use crate::claim::{self, policy};
use crate::fold::verdict_body;
use crate::lead::{Manifest, Place};
use crate::record::RecordId;
use crate::tree;
use crate::version::Version;
use std::collections::BTreeSet;
use terroir_base::sign::PublicKey;
use terroir_base::{Digest, cbor};
use terroir_proof::{Body, Given, Rejected, check as check_receipt};

/// What a proof has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The version.
    pub version: Version,
    /// Who signed the version's claim.
    pub node: PublicKey,
    /// The training manifest.
    pub manifest: Manifest,
    /// Who signed it.
    pub signer: PublicKey,
    /// The records that the sequences have tokens of, ascending; each with the digest of its text.
    pub records: Vec<(RecordId, Digest)>,
    /// The sequences, ascending.
    pub sequences: Vec<Held>,
}

impl Shown {
    fn at(&self, place: Place) -> Option<&Held> {
        let found = self.sequences.binary_search_by_key(&place, |held| held.place);
        found.ok().map(|at| &self.sequences[at])
    }

    /// The sequences of batch `batch` of `size` each, in the batch's order, if all are shown.
    pub fn batch(&self, batch: u64, size: u64) -> Option<Vec<&Held>> {
        let places = self.manifest.order().batch(batch, size);
        let all: Option<Vec<&Held>> = places.into_iter().map(|place| self.at(place)).collect();
        all.filter(|all| !all.is_empty())
    }

    /// Those of them that are shown.
    pub fn part(&self, batch: u64, size: u64) -> Vec<&Held> {
        let places = self.manifest.order().batch(batch, size);
        places.into_iter().filter_map(|place| self.at(place)).collect()
    }
}

/// Why a proof shows nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Its bytes are none of a proof.
    #[error(transparent)]
    Form(#[from] cbor::Error),
    /// The manifest cannot be opened.
    #[error("the training manifest: {0}")]
    Manifest(String),
    /// The receipt of the version's claim is refused.
    #[error("the version's receipt: {0}")]
    Receipt(#[from] Rejected),
    /// Two parts do not belong together.
    #[error("{what} is {got}, expected {expected}")]
    Unlinked {
        /// Which link.
        what: &'static str,
        /// What the one part says.
        expected: String,
        /// What the other one has.
        got: String,
    },
    /// The receipt is about something else than a version.
    #[error("the version's receipt is about something else than a version")]
    NoVersion,
    /// A tree's proof is refused.
    #[error("the tree of {tree}: {refused}")]
    Tree {
        /// "records", "verdicts" or "sequences".
        tree: &'static str,
        /// Why.
        refused: tree::Refused,
    },
    /// A leaf is another one than what is told about it.
    #[error("the leaf of {what} in the tree of {tree} is another one")]
    Leaf {
        /// "records", "verdicts" or "sequences".
        tree: &'static str,
        /// Which leaf.
        what: String,
    },
    /// A proof of a tree that is encoded wrongly.
    #[error(transparent)]
    Proof(#[from] tree::Refused),
    /// The records listed are not those that the sequences have tokens of, or do not ascend.
    #[error("the records listed are not those of the sequences, ascending")]
    Records,
    /// The sequences do not ascend, or there are none.
    #[error("the sequences do not ascend, or there are none")]
    Sequences,
    /// A sequence that the manifest does not lead into any batch, or does not have.
    #[error("sequence {} of source {} is in no batch of the manifest", .0.sequence, .0.source)]
    Unused(Place),
    /// The parts of a sequence are not what a sequence can be made of.
    #[error("the parts of sequence {} of source {} are empty, or more than it holds", .0.sequence, .0.source)]
    Parts(Place),
}

/// Checks a proof, as [`Presence::encode`] gave it.
///
/// Whether it is the right manifest, and the right nodes that signed, is for the caller to say.
/// Errors: what is refused.
pub fn check(bytes: &[u8]) -> Result<Shown, Refused> {
    let presence = Presence::decode(bytes)?;
    let version = Version::decode(&presence.version)?;
    let node = claimed(&version, &presence.receipt)?;
    let (manifest, signer) = Manifest::open(&presence.manifest).map_err(Refused::Manifest)?;
    linked("the manifest's version", manifest.version, version.id())?;
    linked("the manifest's root", manifest.root, version.root())?;
    linked("the manifest's policy", manifest.policy, policy(&version))?;
    let same = presence.sequences.is_sorted_by(|a, b| a.place < b.place);
    if !same || presence.sequences.is_empty() {
        return Err(Refused::Sequences);
    }
    let order = manifest.order();
    for held in &presence.sequences {
        if order.positions(held.place, 1).is_empty() {
            return Err(Refused::Unused(held.place));
        }
        let counts = held.sequence.spans.iter().map(|span| u64::from(span.count));
        let (least, sum) = counts.fold((u64::MAX, 0_u64), |(least, sum), count| {
            (least.min(count), sum.saturating_add(count))
        });
        if least == 0 || sum > u64::from(manifest.shape.length) {
            return Err(Refused::Parts(held.place));
        }
    }
    let spans = presence.sequences.iter().flat_map(|held| &held.sequence.spans);
    let used: BTreeSet<RecordId> = spans.map(|span| span.record).collect();
    if !used.iter().eq(presence.records.iter().map(|entry| &entry.record)) {
        return Err(Refused::Records);
    }
    for (tree, proof, root) in [
        ("records", &presence.read, version.records.root),
        ("verdicts", &presence.judged, version.verdicts.root),
    ] {
        let refused = |refused| Refused::Tree { tree, refused };
        let verified = proof.verify(&root).map_err(refused)?;
        for entry in &presence.records {
            let body = match tree {
                "records" => entry.record.body(&entry.salt),
                // Neither stage nor reason: it passes.
                _ => verdict_body(&entry.salt, None, None, &entry.text),
            };
            let found = verified.present(entry.record.0.as_bytes()).map_err(refused)?;
            if found != body {
                return Err(Refused::Leaf { tree, what: format!("record {}", entry.record) });
            }
        }
    }
    let tree = "sequences";
    let refused = |refused| Refused::Tree { tree, refused };
    let verified = presence.stored.verify(&manifest.stored.root).map_err(refused)?;
    for held in &presence.sequences {
        let found = verified.present(&held.place.key()).map_err(refused)?;
        if found != held.sequence.body(&held.salt) {
            let Place { source, sequence } = held.place;
            let what = format!("sequence {sequence} of source {source}");
            return Err(Refused::Leaf { tree, what });
        }
    }
    let records = presence.records.iter().map(|entry| (entry.record, entry.text)).collect();
    let sequences = presence.sequences;
    Ok(Shown { version, node, manifest, signer, records, sequences })
}

/// Who claims the version.
fn claimed(version: &Version, receipt: &[u8]) -> Result<PublicKey, Refused> {
    let receipt = check_receipt(receipt, Given::default())?.receipt;
    let Body::Stage(stage) = receipt.body else { return Err(Refused::NoVersion) };
    if stage.name != claim::VERSION {
        return Err(Refused::NoVersion);
    }
    linked("the version in its receipt", stage.outputs.root, version.id().0)?;
    linked("the policy in the version's receipt", stage.program, policy(version))?;
    linked("the records that pass in the version's receipt", stage.outputs.count, version.kept)?;
    Ok(receipt.node)
}

fn linked<T: PartialEq + std::fmt::Display>(
    what: &'static str,
    got: T,
    expected: T,
) -> Result<(), Refused> {
    match got == expected {
        true => Ok(()),
        false => {
            let (expected, got) = (expected.to_string(), got.to_string());
            Err(Refused::Unlinked { what, expected, got })
        }
    }
}
