//! One record: a text, and what its source says about it.
//!
//! Its id is the digest of its canonical bytes, so the same record has the same id wherever it
//! comes from. Format: `docs/format/record.md`.

mod bytes;
mod view;

pub use view::{Opened, View};

use crate::tree::{SaltKey, body, leaf};
use std::fmt;
use std::str::FromStr;
use terroir_base::Digest;
use terroir_base::cbor::{self, Value};
use terroir_base::digest::ParseError;

/// Longest text of one record, in bytes.
pub const TEXT_BYTES_MAX: usize = 16 << 20;
/// Longest of the other fields of a record, each, in bytes; of `meta`, each value.
pub const FIELD_BYTES_MAX: usize = 1 << 20;
/// Most that all fields of a record but its text may have together, in bytes.
pub const FIELDS_BYTES_MAX: usize = 8 << 20;
/// Most purposes of a record.
pub const PURPOSES_MAX: usize = 64;
/// Most fields in a record's `meta`.
pub const META_MAX: usize = 4096;

/// A record: `BLAKE3(derive "terroir 2026-11 record", canonical bytes)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub Digest);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({self})")
    }
}

impl FromStr for RecordId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<RecordId, ParseError> {
        text.parse().map(RecordId)
    }
}

/// What a source gives for one record. Empty text fields mean that the source is silent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The text itself.
    pub text: String,
    /// The name that the source gives the record.
    pub id: String,
    /// Where it is from: a site, a package, a collection. Policies rank and mix by it.
    pub source: String,
    /// SPDX licence expression, as given.
    pub licence: String,
    /// Who gave it: a name, or an Ed25519 key as 64 hexadecimal digits.
    pub contributor: String,
    /// What its contributor allows it to be used for, sorted; empty where nothing is said.
    pub purposes: Vec<String>,
    /// Where it was found.
    pub url: String,
    /// Every other field of the source: name and raw JSON text, sorted by name.
    pub meta: Vec<(String, String)>,
}

impl Record {
    /// The canonical bytes: a CBOR map of the fields that are not empty.
    pub fn canonical(&self) -> Vec<u8> {
        let texts = [
            (1, &self.text),
            (2, &self.id),
            (3, &self.source),
            (4, &self.licence),
            (5, &self.contributor),
            (7, &self.url),
        ];
        let mut fields: Vec<(u64, Value)> = texts
            .into_iter()
            .filter(|(_, text)| !text.is_empty())
            .map(|(key, text)| (key, Value::Text(text.clone())))
            .collect();
        if !self.purposes.is_empty() {
            fields.push((6, Value::array(self.purposes.iter().cloned().map(Value::Text))));
        }
        if !self.meta.is_empty() {
            let meta = self.meta.iter().map(|(name, raw)| {
                Value::array([Value::Text(name.clone()), Value::Text(raw.clone())])
            });
            fields.push((8, Value::array(meta)));
        }
        cbor::encode(&Value::record(fields))
    }

    /// The id.
    pub fn rid(&self) -> RecordId {
        RecordId::of(&self.canonical())
    }
}

impl RecordId {
    /// The id of the record with these canonical bytes.
    pub fn of(canonical: &[u8]) -> RecordId {
        RecordId(Digest::derive("terroir 2026-11 record", &[canonical]))
    }

    /// The leaf of the record in every tree over records.
    pub fn leaf(&self, salt: &SaltKey) -> Digest {
        let key = self.0.as_bytes();
        leaf(key, &self.body(&salt.salt(key)))
    }

    /// The digest of that leaf's body under `salt`.
    pub fn body(&self, salt: &Digest) -> Digest {
        body(salt, self.0.as_bytes())
    }
}

#[cfg(test)]
pub(crate) mod tests;
