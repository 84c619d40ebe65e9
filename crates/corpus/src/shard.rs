//! Shards: records sorted by their id, as Parquet files that are named after their bytes.
//!
//! Made by `ingest`, read by `run` and by any tool that reads Parquet. A shard never changes.
//! Format: `docs/format/shard.md`.

mod examine;
mod open;
mod pick;
mod write;

pub use examine::{Examined, Fault, examine};
pub use open::{Rows, Shard, check};
pub(crate) use open::{digest, guarded};
pub use pick::pick;
pub(crate) use write::TEMP_PREFIX;
pub use write::Writer;

use crate::record::RecordId;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use terroir_base::Digest;

/// Bytes of records in one shard, where nothing else is said: 64 MiB.
pub const SHARD_BYTES: usize = 64 << 20;
/// Bytes of records in one row group: what a reader holds at a time. 8 MiB.
pub const GROUP_BYTES: usize = 8 << 20;

/// The first half of the BLAKE3 digest of a shard's bytes; as text, 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardName(pub [u8; 16]);

impl ShardName {
    /// The name of a file with that digest.
    pub fn of(digest: &Digest) -> ShardName {
        let mut name = [0; 16];
        name.copy_from_slice(&digest.0[..16]);
        ShardName(name)
    }
}

impl fmt::Display for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ShardName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardName({self})")
    }
}

impl FromStr for ShardName {
    type Err = String;

    fn from_str(text: &str) -> Result<ShardName, String> {
        let digest: Result<Digest, _> = format!("{text}{text}").parse();
        let digest = digest.ok().filter(|_| text.len() == 32);
        let wrong = || format!("a shard's name is 32 hexadecimal digits, got {text:?}");
        digest.map(|digest| ShardName::of(&digest)).ok_or_else(wrong)
    }
}

/// Facts about a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// Its name.
    pub name: ShardName,
    /// Number of records.
    pub records: u64,
    /// Bytes of their texts.
    pub text_bytes: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// The first record.
    pub first: RecordId,
    /// The last record.
    pub last: RecordId,
    /// Root of the tree over its records.
    pub root: Digest,
}

/// The columns of a shard. An empty text means that the source is silent.
pub fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    let digest = |name: &str| Field::new(name, DataType::FixedSizeBinary(32), false);
    let purposes = DataType::List(Arc::new(text("element")));
    Arc::new(Schema::new(vec![
        digest("rid"),
        text("id"),
        text("text"),
        text("source"),
        text("licence"),
        text("contributor"),
        Field::new("purposes", purposes, false),
        text("url"),
        text("meta"),
        digest("digest"),
        Field::new("bytes", DataType::Int64, false),
    ]))
}

#[cfg(test)]
mod tests;
