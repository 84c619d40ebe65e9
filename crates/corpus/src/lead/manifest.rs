//! The manifest: everything that decides which tokens stand in which batch, in a page of bytes.
//!
//! For whoever trains, and whoever wants to know later what was trained on. Its id is the digest of
//! its canonical bytes, which hold nothing of files, shards, machines or times.
//! Format: `docs/format/training-manifest.md`.

use super::permute::Permutation;
use super::sequence::Place;
use super::share::apportion;
use crate::envelope;
use crate::merge::Tree;
use crate::recipe::{EPOCHS_MAX, Packing, SEQUENCE_MAX, SEQUENCES_MAX, SOURCES_MAX};
use crate::version::VersionId;
use std::fmt;
use std::str::FromStr;
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, MapReader, Value};
use terroir_base::digest::ParseError;
use terroir_base::sign::{PublicKey, SecretKey, sign1};

/// Content type of a signed manifest.
pub const CONTENT_TYPE: &str = "application/vnd.terroir.training-manifest+cbor";
/// Version of the format.
const FORMAT: u64 = 1;
/// Longest signed manifest, in bytes.
pub const MANIFEST_BYTES_MAX: usize = 4 << 20;
/// Longest name of a source that has a weight, in bytes.
pub const NAME_BYTES_MAX: usize = 4096;
/// Most gates.
const GATES_MAX: usize = 4096;
const LIMITS: Limits = Limits { bytes_max: MANIFEST_BYTES_MAX, depth_max: 8, items_max: 1 << 18 };

/// Names a manifest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestId(pub Digest);

impl fmt::Display for ManifestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ManifestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManifestId({self})")
    }
}

impl FromStr for ManifestId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<ManifestId, ParseError> {
        text.parse().map(ManifestId)
    }
}

/// How tokens lie on disk and fill sequences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Tokens of a sequence.
    pub length: u32,
    /// How documents fill it.
    pub packing: Packing,
    /// The token that ends a document, and that fills up.
    pub end: u32,
    /// Bytes of a token, little-endian: 2 or 4.
    pub width: u8,
}

impl Shape {
    /// Bytes of a token that so large a vocabulary needs.
    pub fn width_of(vocab: u32) -> u8 {
        if vocab <= 1 << 16 { 2 } else { 4 }
    }

    /// Bytes of a sequence.
    pub fn sequence_bytes(&self) -> usize {
        self.length as usize * usize::from(self.width)
    }

    /// Tokens as they are stored.
    pub fn bytes(&self, tokens: &[u32]) -> Vec<u8> {
        let width = usize::from(self.width);
        tokens.iter().flat_map(|token| token.to_le_bytes().into_iter().take(width)).collect()
    }
}

/// What was made of one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// Records.
    pub records: u64,
    /// Tokens of their texts, with one end token each.
    pub tokens: u64,
    /// Tokens that stand in no sequence.
    pub left_out: u64,
    /// Sequences that are stored.
    pub stored: u64,
}

/// One source of the mixture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its name; `*` for all that have none of their own.
    pub name: String,
    /// Its weight, in millionths.
    pub weight: u64,
    /// What was made of it.
    pub packed: Packed,
}

/// A gate that every record passed: its name, and what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The name.
    pub name: String,
    /// What it asked for.
    pub rule: Value,
}

/// What a version leads into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The dataset version.
    pub version: VersionId,
    /// Its root.
    pub root: Digest,
    /// The digest of its policy.
    pub policy: Digest,
    /// The digest of the tokenizer's bytes.
    pub tokenizer: Digest,
    /// The rules by which it was applied.
    pub text_rules: String,
    /// Sequences.
    pub shape: Shape,
    /// The sources, ascending by name.
    pub sources: Vec<Share>,
    /// How often any stored sequence may come.
    pub epochs: u32,
    /// Sequences of the mixture, repeated ones counted each time.
    pub sequences: u64,
    /// What their order follows from.
    pub seed: u64,
    /// The tree over the stored sequences.
    pub stored: Tree,
    /// Records of the version that pass and whose source has no weight.
    pub left_out: u64,
    /// What every record that leads into training passed.
    pub gates: Vec<Passed>,
}

impl Manifest {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let shape = &self.shape;
        cbor::encode(&Value::record([
            (1, Value::Uint(FORMAT)),
            (2, self.version.0.into()),
            (3, self.root.into()),
            (4, self.policy.into()),
            (5, self.tokenizer.into()),
            (6, self.text_rules.as_str().into()),
            (
                7,
                Value::array([
                    Value::from(shape.length),
                    Value::from(shape.packing as u32),
                    Value::from(shape.end),
                    Value::from(u32::from(shape.width)),
                ]),
            ),
            (8, Value::array(self.sources.iter().map(Share::to_value))),
            (9, self.epochs.into()),
            (10, self.sequences.into()),
            (11, self.seed.into()),
            (12, Value::array([Value::from(self.stored.root), Value::from(self.stored.leaves)])),
            (13, self.left_out.into()),
            (
                14,
                Value::array(self.gates.iter().map(|gate| {
                    Value::array([Value::from(gate.name.as_str()), gate.rule.clone()])
                })),
            ),
        ]))
    }

    /// Reads what [`Manifest::encode`] wrote, and nothing else.
    ///
    /// Errors: what the encoding refuses, and numbers that do not belong together.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, cbor::Error> {
        let mut map = MapReader::new(cbor::decode(bytes, &LIMITS)?, "training manifest")?;
        map.take_version(1, FORMAT)?;
        let [root, leaves] = map.take_array_n(12, "stored")?;
        let manifest = Manifest {
            version: VersionId(map.take_digest(2, "version")?),
            root: map.take_digest(3, "root")?,
            policy: map.take_digest(4, "policy")?,
            tokenizer: map.take_digest(5, "tokenizer")?,
            text_rules: map.take_text(6, "text rules", 64)?,
            shape: read_shape(map.take_array_n(7, "shape")?)?,
            sources: map.take_list(8, "sources", SOURCES_MAX, Share::from_value)?,
            epochs: map.take_u32(9, "epochs")?,
            sequences: map.take_uint(10, "sequences")?,
            seed: map.take_uint(11, "seed")?,
            stored: Tree { root: root.into_digest("root")?, leaves: leaves.into_uint("leaves")? },
            left_out: map.take_uint(13, "left out")?,
            gates: map.take_list(14, "gates", GATES_MAX, |gate| {
                let [name, rule] = gate.into_array_n("gate")?;
                Ok(Passed { name: name.into_text("gate", NAME_BYTES_MAX)?, rule })
            })?,
        };
        map.finish()?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Whether the numbers belong together, so that nothing below runs out of its range.
    fn check(&self) -> Result<(), cbor::Error> {
        let range = |field: &'static str, got: u64, max: u64| match got {
            got if got <= max => Ok(()),
            got => Err(cbor::Error::OutOfRange { field, max, got }),
        };
        range("epochs", self.epochs.into(), EPOCHS_MAX.into())?;
        range("sequences", self.sequences, SEQUENCES_MAX)?;
        let stored = self.sources.iter().map(|share| share.packed.stored);
        let stored = stored.fold(0_u64, u64::saturating_add);
        if stored != self.stored.leaves {
            let (expected, got) = (self.stored.leaves, stored);
            let clip = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            let (expected, got) = (clip(expected), clip(got));
            return Err(cbor::Error::WrongItems { field: "stored", expected, got });
        }
        if !self.sources.is_sorted_by(|a, b| a.name < b.name) || self.sources.is_empty() {
            let (expected, got) = ("names that ascend", "others");
            return Err(cbor::Error::WrongType { field: "sources", expected, got });
        }
        let most = |share: &Share| share.packed.stored.saturating_mul(self.epochs.into());
        let counts = self.counts();
        let mut taken = self.sources.iter().zip(&counts);
        taken.try_for_each(|(share, count)| range("sequences of a source", *count, most(share)))
    }

    /// Sequences of each source in the mixture, repeated ones counted each time.
    pub fn counts(&self) -> Vec<u64> {
        let weights: Vec<u64> = self.sources.iter().map(|share| share.weight).collect();
        apportion(self.sequences, &weights)
    }

    /// The order of its sequences.
    pub fn order(&self) -> Order {
        Order {
            permutation: Permutation::new(self.seed, self.sequences),
            counts: self.counts(),
            stored: self.sources.iter().map(|share| share.packed.stored).collect(),
            sequences: self.sequences,
        }
    }

    /// The id.
    pub fn id(&self) -> ManifestId {
        ManifestId(Digest::derive("terroir 2026-11 training manifest", &[&self.encode()]))
    }

    /// The signed bytes.
    pub fn sign(&self, key: &SecretKey) -> Vec<u8> {
        sign1(&self.encode(), key, CONTENT_TYPE)
    }

    /// Opens signed bytes and says who signed them. Whether that is the right one is not asked.
    ///
    /// Errors: in words.
    pub fn open(bytes: &[u8]) -> Result<(Manifest, PublicKey), String> {
        let (payload, signer) = envelope::open(bytes, &LIMITS, CONTENT_TYPE)?;
        let manifest = Manifest::decode(&payload).map_err(|error| error.to_string())?;
        Ok((manifest, signer))
    }
}

/// Which stored sequence stands at which position.
#[derive(Clone, Debug)]
pub struct Order {
    permutation: Permutation,
    counts: Vec<u64>,
    stored: Vec<u64>,
    sequences: u64,
}

impl Order {
    /// Number of positions.
    pub fn sequences(&self) -> u64 {
        self.sequences
    }

    /// What stands at `position`, which is below their number.
    pub fn at(&self, position: u64) -> Place {
        let mut slot = self.permutation.item(position);
        for (source, (count, stored)) in (0..).zip(self.counts.iter().zip(&self.stored)) {
            if slot < *count {
                return Place { source, sequence: slot % stored };
            }
            slot -= count;
        }
        unreachable!("the counts add up to the number of positions")
    }

    /// The positions at which the stored sequence `place` stands the first `most` times that it comes,
    /// by the order of its slots; ascending.
    pub fn positions(&self, place: Place, most: usize) -> Vec<u64> {
        let source = place.source as usize;
        let (Some(count), Some(stored)) = (self.counts.get(source), self.stored.get(source)) else {
            return Vec::new();
        };
        if place.sequence >= *stored {
            return Vec::new();
        }
        let start: u64 = self.counts[..source].iter().sum();
        let slots =
            (place.sequence..*count).step_by(usize::try_from(*stored).unwrap_or(usize::MAX));
        let mut positions: Vec<u64> =
            slots.take(most).map(|slot| self.permutation.place(start + slot)).collect();
        positions.sort_unstable();
        positions
    }

    /// What stands in batch `batch` of `size` sequences each; the last one may have fewer, and there
    /// is none after it.
    pub fn batch(&self, batch: u64, size: u64) -> Vec<Place> {
        let start = batch.saturating_mul(size).min(self.sequences);
        let end = start.saturating_add(size).min(self.sequences);
        (start..end).map(|position| self.at(position)).collect()
    }
}

impl Share {
    fn to_value(&self) -> Value {
        let Packed { records, tokens, left_out, stored } = self.packed;
        Value::record([
            (1, self.name.as_str().into()),
            (2, self.weight.into()),
            (3, records.into()),
            (4, tokens.into()),
            (5, left_out.into()),
            (6, stored.into()),
        ])
    }

    fn from_value(value: Value) -> Result<Share, cbor::Error> {
        let mut map = value.into_map("source")?;
        let share = Share {
            name: map.take_text(1, "name", NAME_BYTES_MAX)?,
            weight: map.take_uint(2, "weight")?,
            packed: Packed {
                records: map.take_uint(3, "records")?,
                tokens: map.take_uint(4, "tokens")?,
                left_out: map.take_uint(5, "left out")?,
                stored: map.take_uint(6, "stored")?,
            },
        };
        map.finish()?;
        match share.weight {
            0 => {
                let (expected, got) = ("a weight above zero", "zero");
                Err(cbor::Error::WrongType { field: "weight", expected, got })
            }
            _ => Ok(share),
        }
    }
}

fn read_shape(values: [Value; 4]) -> Result<Shape, cbor::Error> {
    let [length, packing, end, width] = values;
    let range = |field, max, got| cbor::Error::OutOfRange { field, max, got };
    let length = length.into_u32("length")?;
    if length == 0 || length > SEQUENCE_MAX {
        return Err(range("length", SEQUENCE_MAX.into(), length.into()));
    }
    let number = packing.into_uint("packing")?;
    let packing = usize::try_from(number).ok().and_then(|number| Packing::ALL.get(number));
    let packing = *packing.ok_or(range("packing", 2, number))?;
    let (end, width) = (end.into_u32("end")?, width.into_u8("width")?);
    match (width, end) {
        (2, 0..=0xffff) | (4, _) => Ok(Shape { length, packing, end, width }),
        (2, _) => Err(range("end", 0xffff, end.into())),
        _ => Err(range("width", 4, width.into())),
    }
}

#[cfg(test)]
mod tests;
