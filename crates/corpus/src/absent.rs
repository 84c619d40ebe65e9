//! Proof that something is not there: that no other record shares a key with this one, or that none
//! of its runs of words is in an evaluation set.
//!
//! For whoever must show a negative. Such a proof is checked with a root, the record's text and the
//! stage's parameters, and with nothing else. It holds relative to the stage: records that share no
//! band are not compared by it, however alike they are. Format: `docs/format/absence.md`.

mod ask;

pub use ask::{Answer, Wanted, check, prove as prove_at};

use crate::error::Error;
use crate::keys;
use crate::keys::leaves::{self, GROUP_MAX, Groups, ITEM_BYTES};
use crate::record::RecordId;
use crate::stage::Key;
use crate::stage::contamination::{Evals, NGram};
use crate::tree::{self, Proof, SHOWN_MAX, Shown, prove};
use std::path::PathBuf;
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, MapReader, Value};

const VERSION: u64 = 2;
const BYTES_MAX: usize = 1 << 28;
const ITEMS_MAX: usize = 1 << 22;

/// What a proof is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The tree of keys of a stage that compares records: no other record has one of this record's.
    Keys = 1,
    /// The tree of runs of evaluation sets: none of this record's is in it.
    NGrams = 2,
}

/// A proof about one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    kind: Kind,
    stage: Digest,
    record: RecordId,
    proof: Proof,
    /// Of kind `Keys`: for each leaf that is shown, the items that it stands for beside its key.
    others: Vec<Vec<u8>>,
}

/// What a proof is checked against: all of it comes from somewhere that is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The id of the stage.
    pub stage: Digest,
    /// The record.
    pub record: RecordId,
    /// The root of the stage's tree of keys, or of the evaluation sets.
    pub root: Digest,
}

/// Why a proof shows no absence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The encoding is of another version.
    #[error("absence version {got}, this reads {expected}")]
    Version {
        /// The version that is read here.
        expected: u64,
        /// The version found.
        got: u64,
    },
    /// A kind of absence that nobody knows.
    #[error("absence of kind {got}, only 1 and 2 are known")]
    Kind {
        /// The kind found.
        got: u64,
    },
    /// It is about another record, stage or kind of tree.
    #[error("the proof is about another {what}")]
    Other {
        /// "stage", "record" or "kind of tree".
        what: &'static str,
    },
    /// The tree's proof is refused.
    #[error(transparent)]
    Tree(#[from] tree::Refused),
    /// What is said to be in a leaf is not what it stands for.
    #[error("the keys of leaf {place} are not those that it stands for")]
    Group {
        /// The leaf.
        place: u64,
    },
    /// The record itself is not in the tree with this key: the tree is of other records, or the keys
    /// are of another text.
    #[error("the record has no key of index {space} in the tree")]
    Unknown {
        /// The key's index.
        space: u16,
    },
    /// Another record has the same key.
    #[error("the record {other} has the same key in index {space}")]
    Shared {
        /// The key's index.
        space: u16,
        /// The other record.
        other: RecordId,
    },
    /// An evaluation set has the same run of words.
    #[error("a run of the record's words is in the evaluation sets, at leaf {place}")]
    Found {
        /// Where it stands in the tree.
        place: u64,
    },
}

impl From<cbor::Error> for Refused {
    fn from(error: cbor::Error) -> Refused {
        Refused::Tree(error.into())
    }
}

/// Shows for each of `keys`, which are those of `record` at `stage`, which records have it, out of
/// all `runs` of the stage. Gives the root as well.
///
/// Whether that is an absence is for [`Absence::check_keys`] to say. Errors: `Disk`, `Damaged`.
pub fn unshared(
    stage: Digest,
    record: RecordId,
    keys: &[Key],
    runs: &[PathBuf],
) -> Result<(Digest, Absence), Error> {
    let leaf = |group: Result<Vec<u8>, Error>| {
        let mut group = group?;
        let body = leaves::body(&group[ITEM_BYTES..]);
        group.truncate(ITEM_BYTES);
        Ok((group, body))
    };
    let groups = || keys::merge(runs).map(|items| Groups::new(items.named()));
    let leaves = || Ok(groups()?.map(leaf));
    let prefixes: Vec<[u8; 18]> = keys.iter().map(prefix).collect();
    let prefixes: Vec<&[u8]> = prefixes.iter().map(<[u8; 18]>::as_slice).collect();
    let (root, proof) = prove(leaves, &prefixes)?;
    let mut shown = proof.shown().iter().map(|leaf| leaf.place).peekable();
    let mut others = Vec::new();
    for (place, group) in (0..).zip(groups()?) {
        let group = group?;
        if shown.next_if_eq(&place).is_some() {
            others.push(group[ITEM_BYTES..].to_vec());
        }
        if shown.peek().is_none() {
            break;
        }
    }
    Ok((root, Absence { kind: Kind::Keys, stage, record, proof, others }))
}

/// Shows for each of `ngrams`, which are those of `record` for `evals`, whether the sets have it. Gives
/// the root as well.
///
/// Whether that is an absence is for [`Absence::check_ngrams`] to say. Errors: never.
pub fn unmatched(
    stage: Digest,
    record: RecordId,
    ngrams: &[NGram],
    evals: &Evals,
) -> Result<(Digest, Absence), Error> {
    let prefixes: Vec<&[u8]> = ngrams.iter().map(|ngram| ngram.0.as_slice()).collect();
    let (root, proof) = prove(|| Ok(evals.leaves().map(Ok)), &prefixes)?;
    Ok((root, Absence { kind: Kind::NGrams, stage, record, proof, others: Vec::new() }))
}

impl Absence {
    /// Establishes that among the records of the tree, only `subject` has any of `keys`.
    ///
    /// `keys` are those that the stage gives for the record's text; whoever has no text and takes them
    /// from elsewhere must believe that they are the record's.
    pub fn check_keys(&self, subject: &Subject, keys: &[Key]) -> Result<(), Refused> {
        self.is_about(Kind::Keys, subject)?;
        let verified = self.proof.verify(&subject.root)?;
        let items = self.items(verified.shown())?;
        for key in keys {
            let mut own = false;
            let prefix = prefix(key);
            // Nothing stands between the leaf before, those under it and the one after.
            verified.under(&prefix)?;
            let first = items.partition_point(|item| item[..18] < prefix[..]);
            for item in items[first..].iter().take_while(|item| item.starts_with(&prefix)) {
                let other = RecordId(Digest(*item.last_chunk().expect("50 is above 32")));
                if other != subject.record {
                    return Err(Refused::Shared { space: key.space, other });
                }
                own = true;
            }
            if !own {
                return Err(Refused::Unknown { space: key.space });
            }
        }
        Ok(())
    }

    /// The items that the leaves `shown` stand for, ascending.
    fn items(&self, shown: &[Shown]) -> Result<Vec<[u8; ITEM_BYTES]>, Refused> {
        if self.others.len() != shown.len() {
            let place = self.others.len().min(shown.len());
            return Err(Refused::Group { place: shown.get(place).map_or(0, |leaf| leaf.place) });
        }
        let mut items: Vec<[u8; ITEM_BYTES]> = Vec::new();
        for (leaf, others) in shown.iter().zip(&self.others) {
            let place = leaf.place;
            let first = leaf.key.as_slice().try_into().map_err(|_| Refused::Group { place })?;
            let (others, []) = others.as_chunks() else { return Err(Refused::Group { place }) };
            if leaves::body(others.as_flattened()) != leaf.body {
                return Err(Refused::Group { place });
            }
            for item in [first].iter().chain(others) {
                if items.last() >= Some(item) {
                    return Err(tree::Refused::Unsorted { place }.into());
                }
                items.push(*item);
            }
        }
        Ok(items)
    }

    /// Establishes that none of `ngrams` is in the evaluation sets.
    ///
    /// `ngrams` are those that [`Evals::ngrams`] gives for the record's text.
    pub fn check_ngrams(&self, subject: &Subject, ngrams: &[NGram]) -> Result<(), Refused> {
        self.is_about(Kind::NGrams, subject)?;
        let verified = self.proof.verify(&subject.root)?;
        ngrams.iter().try_for_each(|ngram| match verified.absent(&ngram.0) {
            Err(tree::Refused::Present { place }) => Err(Refused::Found { place }),
            other => Ok(other?),
        })
    }

    fn is_about(&self, kind: Kind, subject: &Subject) -> Result<(), Refused> {
        let same = [
            ("kind of tree", self.kind == kind),
            ("stage", self.stage == subject.stage),
            ("record", self.record == subject.record),
        ];
        let other = same.into_iter().find(|(_, same)| !same);
        other.map_or(Ok(()), |(what, _)| Err(Refused::Other { what }))
    }

    /// What it is about.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The stage that it says it is about.
    pub fn stage(&self) -> Digest {
        self.stage
    }

    /// The record that it says it is about.
    pub fn record(&self) -> RecordId {
        self.record
    }

    /// The canonical encoding.
    pub fn encode(&self) -> Vec<u8> {
        let fields = [
            (1, VERSION.into()),
            (2, (self.kind as u64).into()),
            (3, self.stage.into()),
            (4, self.record.0.into()),
            (5, self.proof.to_value()),
        ];
        let others =
            || Value::array(self.others.iter().map(|others| Value::bytes(others.as_slice())));
        let others = (self.kind == Kind::Keys).then(|| (6, others()));
        cbor::encode(&Value::record(fields.into_iter().chain(others)))
    }

    /// Reads what [`Absence::encode`] wrote; shows nothing yet.
    pub fn decode(bytes: &[u8]) -> Result<Absence, Refused> {
        let limits = Limits { bytes_max: BYTES_MAX, depth_max: 5, items_max: ITEMS_MAX };
        let mut fields = MapReader::new(cbor::decode(bytes, &limits)?, "absence")?;
        let got = fields.take_uint(1, "version")?;
        if got != VERSION {
            return Err(Refused::Version { expected: VERSION, got });
        }
        let kind = match fields.take_uint(2, "kind")? {
            1 => Kind::Keys,
            2 => Kind::NGrams,
            got => return Err(Refused::Kind { got }),
        };
        let stage = fields.take_digest(3, "stage")?;
        let record = RecordId(fields.take_digest(4, "record")?);
        let proof = Proof::from_value(fields.take(5, "proof")?)?;
        let others = match kind {
            Kind::Keys => fields.take_array(6, "items", SHOWN_MAX)?,
            Kind::NGrams => Vec::new(),
        };
        fields.finish()?;
        let most = GROUP_MAX * ITEM_BYTES;
        let others = others.into_iter().map(|others| others.into_bytes("items", most));
        let others = others.collect::<Result<_, _>>()?;
        Ok(Absence { kind, stage, record, proof, others })
    }
}

/// The first bytes of the leaves of `key`.
fn prefix(key: &Key) -> [u8; 18] {
    let mut prefix = [0; 18];
    prefix[..2].copy_from_slice(&key.space.to_be_bytes());
    prefix[2..].copy_from_slice(&key.hash);
    prefix
}

#[cfg(test)]
mod tests;
