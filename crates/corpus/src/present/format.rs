//! What a proof of presence holds, and its bytes. Format: `docs/format/presence.md`.

use super::Refused;
use crate::lead::{MANIFEST_BYTES_MAX, Place, Sequence, Span};
use crate::recipe::SEQUENCE_MAX;
use crate::record::RecordId;
use crate::tree::{Proof, SHOWN_MAX};
use crate::version::VERSION_BYTES_MAX;
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, MapReader, Value};

/// Version of the format.
const FORMAT: u64 = 1;
/// Longest encoded proof, in bytes.
const BYTES_MAX: usize = 1 << 28;
/// Longest receipt, in bytes.
const RECEIPT_BYTES_MAX: usize = 1 << 16;
const LIMITS: Limits = Limits { bytes_max: BYTES_MAX, depth_max: 5, items_max: 1 << 23 };

/// A record as a version has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record, which passes.
    pub record: RecordId,
    /// The salt of its leaves.
    pub salt: Digest,
    /// BLAKE3 of the text that passes on.
    pub text: Digest,
}

/// A stored sequence of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Which one.
    pub place: Place,
    /// The salt of its leaf.
    pub salt: Digest,
    /// What it is made of.
    pub sequence: Sequence,
}

/// A proof. Nothing in it is shown before [`check`](super::check) has seen all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The canonical bytes of the version.
    pub version: Vec<u8>,
    /// The receipt of the version's claim.
    pub receipt: Vec<u8>,
    /// The signed training manifest.
    pub manifest: Vec<u8>,
    /// Every record that the sequences have tokens of, ascending.
    pub records: Vec<Entry>,
    /// That they are among the records that came in.
    pub read: Proof,
    /// That they pass.
    pub judged: Proof,
    /// The sequences, ascending.
    pub sequences: Vec<Held>,
    /// That they are among those that are stored.
    pub stored: Proof,
}

impl Presence {
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(&Value::record([
            (1, FORMAT.into()),
            (2, Value::bytes(self.version.as_slice())),
            (3, Value::bytes(self.receipt.as_slice())),
            (4, Value::bytes(self.manifest.as_slice())),
            (5, Value::array(self.records.iter().map(Entry::to_value))),
            (6, self.read.to_value()),
            (7, self.judged.to_value()),
            (8, Value::array(self.sequences.iter().map(Held::to_value))),
            (9, self.stored.to_value()),
        ]))
    }

    /// Reads what [`Presence::encode`] wrote; shows nothing yet.
    pub fn decode(bytes: &[u8]) -> Result<Presence, Refused> {
        let mut map = MapReader::new(cbor::decode(bytes, &LIMITS)?, "presence")?;
        map.take_version(1, FORMAT)?;
        let presence = Presence {
            version: map.take_bytes(2, "version", VERSION_BYTES_MAX)?,
            receipt: map.take_bytes(3, "receipt", RECEIPT_BYTES_MAX)?,
            manifest: map.take_bytes(4, "manifest", MANIFEST_BYTES_MAX)?,
            records: map.take_list(5, "records", SHOWN_MAX, Entry::from_value)?,
            read: Proof::from_value(map.take(6, "proof of records")?)?,
            judged: Proof::from_value(map.take(7, "proof of verdicts")?)?,
            sequences: map.take_list(8, "sequences", SHOWN_MAX, Held::from_value)?,
            stored: Proof::from_value(map.take(9, "proof of sequences")?)?,
        };
        map.finish()?;
        Ok(presence)
    }
}

impl Entry {
    fn to_value(&self) -> Value {
        Value::array([Value::from(self.record.0), self.salt.into(), self.text.into()])
    }

    fn from_value(value: Value) -> Result<Entry, cbor::Error> {
        let [record, salt, text] = value.into_array_n("record")?;
        Ok(Entry {
            record: RecordId(record.into_digest("record")?),
            salt: salt.into_digest("salt")?,
            text: text.into_digest("text")?,
        })
    }
}

impl Held {
    /// Whether it has tokens of `record`.
    pub fn has(&self, record: RecordId) -> bool {
        self.sequence.spans.iter().any(|span| span.record == record)
    }

    fn to_value(&self) -> Value {
        let span = |span: &Span| {
            let Span { record, start, count } = *span;
            Value::array([Value::from(record.0), start.into(), count.into()])
        };
        let Place { source, sequence } = self.place;
        Value::array([
            Value::from(source),
            sequence.into(),
            self.salt.into(),
            self.sequence.tokens.into(),
            Value::array(self.sequence.spans.iter().map(span)),
        ])
    }

    fn from_value(value: Value) -> Result<Held, cbor::Error> {
        let [source, sequence, salt, tokens, spans] = value.into_array_n("sequence")?;
        let span = |value: Value| {
            let [record, start, count] = value.into_array_n("part")?;
            Ok(Span {
                record: RecordId(record.into_digest("record")?),
                start: start.into_u32("start")?,
                count: count.into_u32("count")?,
            })
        };
        let spans = spans.into_array("parts", SEQUENCE_MAX as usize)?;
        let spans = spans.into_iter().map(span).collect::<Result<_, cbor::Error>>()?;
        Ok(Held {
            place: Place {
                source: source.into_u32("source")?,
                sequence: sequence.into_uint("sequence")?,
            },
            salt: salt.into_digest("salt")?,
            sequence: Sequence { tokens: tokens.into_digest("tokens")?, spans },
        })
    }
}
