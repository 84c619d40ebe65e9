//! Entries of the ingest log: what came in, from which bytes, and what became of it.

use super::UnitId;
use super::plan::unit_id;
use super::unit::nameless;
use crate::catalogue::Catalogue;
use crate::envelope;
use crate::error::{Error, damaged, disk};
use crate::read::{Format, Found, READ_RULES, Reading};
use crate::record::RecordId;
use crate::shard::{ShardInfo, ShardName};
use crate::tree::SaltKey;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use terroir_base::Digest;
use terroir_base::cbor::{self, Limits, Value};
use terroir_base::sign::{PublicKey, SecretKey, sign1};

/// Content type of an entry.
pub const CONTENT_TYPE: &str = "application/vnd.terroir.ingest+cbor";
/// What an entry may be at most.
const LIMITS: Limits = Limits { bytes_max: 64 << 20, depth_max: 6, items_max: 4 << 20 };
/// Longest name of a file.
const NAME_BYTES_MAX: usize = 1 << 16;
/// Most files, and most shards, of a unit.
const LIST_MAX: usize = 1 << 18;

/// One unit as it was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What the unit is: see `docs/format/ingest-log.md`.
    pub unit: UnitId,
    /// What became of the fields; among it contributor, licence, purposes and source.
    pub reading: Reading,
    /// The files, in the order in which they were read.
    pub files: Vec<FileEntry>,
    /// How many of what.
    pub counts: Counts,
    /// Root of the tree over all records of the unit.
    pub root: Digest,
    /// Digest of the table of skips; `None` where nothing was skipped.
    pub skips: Option<Digest>,
    /// Where the records are. A record may stand in several shards.
    pub shards: Vec<ShardInfo>,
    /// Who signed it; nothing is said about who that is.
    pub signer: PublicKey,
}

/// A file of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// Its path below the place.
    pub name: String,
    /// What it is.
    pub format: Format,
    /// BLAKE3 of its bytes (of those of the piece); `None` when it could not be opened.
    pub digest: Option<Digest>,
    /// How many they are.
    pub bytes: u64,
    /// Where the piece starts in the file; 0 for a whole file.
    pub start: u64,
    /// What its object store called this state of it.
    pub version: Option<String>,
}

/// Counts of a unit: `read` = `records` + `repeats` + `skipped` + `passed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Items: lines, rows, pages.
    pub read: u64,
    /// Records, each counted once.
    pub records: u64,
    /// Items that are a record again.
    pub repeats: u64,
    /// Items that ought to be records and are none.
    pub skipped: u64,
    /// Items that carry no text by their nature.
    pub passed: u64,
    /// Bytes of the texts of all items.
    pub text_bytes: u64,
}

impl Entry {
    /// The signed bytes.
    pub(super) fn sign(&self, key: &SecretKey) -> Vec<u8> {
        sign1(&cbor::encode(&self.to_value()), key, CONTENT_TYPE)
    }

    /// The id that follows from the files, the fields and the salts.
    pub fn expected_unit(&self, salt: &SaltKey) -> UnitId {
        unit_id(&self.files, &self.reading, salt).unwrap_or_else(|| nameless(&self.root))
    }

    fn to_value(&self) -> Value {
        let Counts { read, records, repeats, skipped, passed, text_bytes } = self.counts;
        let counts = [read, records, repeats, skipped, passed, text_bytes];
        let files = self.files.iter().map(FileEntry::to_value);
        let shards = self.shards.iter().map(shard_value);
        let fields = [
            (1, READ_RULES.into()),
            (2, self.unit.0.into()),
            (3, self.reading.to_value()),
            (4, Value::array(files)),
            (5, Value::array(counts)),
            (6, self.root.into()),
            (8, Value::array(shards)),
        ];
        Value::record(fields.into_iter().chain(self.skips.map(|skips| (7, skips.into()))))
    }

    /// Opens signed bytes; `path` is where they are from. The signature holds; whether the signer
    /// is the right one is not asked.
    ///
    /// Errors: `Damaged`, `Encoding`.
    pub fn open(path: &Path, bytes: &[u8]) -> Result<Entry, Error> {
        let wrong = |what: String| damaged(path, what);
        let (payload, signer) = envelope::open(bytes, &LIMITS, CONTENT_TYPE).map_err(wrong)?;
        let mut map = cbor::decode(&payload, &LIMITS)?.into_map("ingest entry")?;
        let rules = map.take_text(1, "rules", 64)?;
        if rules != READ_RULES {
            return Err(wrong(format!("made by the rules {rules}, these are {READ_RULES}")));
        }
        let unit = UnitId(map.take_digest(2, "unit")?);
        let reading = Reading::from_value(map.take(3, "reading")?)?;
        let files = map.take_array(4, "files", LIST_MAX)?;
        let files = files.into_iter().map(|file| FileEntry::read(path, file));
        let files = files.collect::<Result<_, _>>()?;
        let counts = map.take_array(5, "counts", 6)?;
        let counts: Result<Vec<u64>, _> =
            counts.into_iter().map(|count| count.into_uint("count")).collect();
        let root = map.take_digest(6, "root")?;
        let skips = map.take_opt_digest(7, "skips")?;
        let shards = map.take_array(8, "shards", LIST_MAX)?.into_iter().map(read_shard);
        let shards = shards.collect::<Result<_, _>>()?;
        map.finish()?;
        let [read, records, repeats, skipped, passed, text_bytes] = counts?[..] else {
            return Err(wrong("has not six counts".into()));
        };
        let counts = Counts { read, records, repeats, skipped, passed, text_bytes };
        Ok(Entry { unit, reading, files, counts, root, skips, shards, signer })
    }
}

impl FileEntry {
    /// The entry of `found`, whose bytes were so many and have that digest.
    pub(super) fn new(found: &Found, digest: Option<Digest>, bytes: u64) -> FileEntry {
        FileEntry {
            name: found.name.clone(),
            format: found.format,
            digest,
            bytes,
            start: found.range.map_or(0, |range| range.start),
            version: found.version.clone(),
        }
    }

    fn to_value(&self) -> Value {
        let optional = [
            self.digest.map(|digest| (3, digest.into())),
            (self.start > 0).then_some((5, self.start.into())),
            self.version.clone().map(|version| (6, version.into())),
        ];
        let format = self.format.to_string();
        let fields = [(1, self.name.clone().into()), (2, format.into()), (4, self.bytes.into())];
        Value::record(fields.into_iter().chain(optional.into_iter().flatten()))
    }

    fn read(path: &Path, value: Value) -> Result<FileEntry, Error> {
        let mut map = value.into_map("file")?;
        let format = map.take_text(2, "format", 16)?;
        let file = FileEntry {
            name: map.take_text(1, "name", NAME_BYTES_MAX)?,
            format: format.parse().map_err(|error: String| damaged(path, error))?,
            digest: map.take_opt_digest(3, "digest")?,
            bytes: map.take_uint(4, "bytes")?,
            start: map.take_opt_uint(5, "start")?.unwrap_or(0),
            version: map.take_opt_text(6, "version", NAME_BYTES_MAX)?,
        };
        map.finish()?;
        Ok(file)
    }
}

fn shard_value(shard: &ShardInfo) -> Value {
    Value::record([
        (1, Value::bytes(shard.name.0)),
        (2, shard.records.into()),
        (3, shard.text_bytes.into()),
        (4, shard.file_bytes.into()),
        (5, shard.first.0.into()),
        (6, shard.last.0.into()),
        (7, shard.root.into()),
    ])
}

fn read_shard(value: Value) -> Result<ShardInfo, cbor::Error> {
    let mut map = value.into_map("shard")?;
    let shard = ShardInfo {
        name: ShardName(map.take_bytes_n(1, "name")?),
        records: map.take_uint(2, "records")?,
        text_bytes: map.take_uint(3, "text bytes")?,
        file_bytes: map.take_uint(4, "file bytes")?,
        first: RecordId(map.take_digest(5, "first")?),
        last: RecordId(map.take_digest(6, "last")?),
        root: map.take_digest(7, "root")?,
    };
    map.finish()?;
    Ok(shard)
}

/// Every entry of the log, ascending by unit.
///
/// Errors: `Disk`; `Damaged` and `Encoding` for a file that is no entry of ours.
pub fn entries(catalogue: &Catalogue) -> Result<Vec<Entry>, Error> {
    let folder = catalogue.units();
    let mut entries = Vec::new();
    let files = match fs::read_dir(&folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(entries),
        files => files.map_err(disk(&folder))?,
    };
    for file in files {
        let path = file.map_err(disk(&folder))?.path();
        if path.extension().is_some_and(|ending| ending == "cose") {
            let bytes = fs::read(&path).map_err(disk(&path))?;
            let entry = Entry::open(&path, &bytes)?;
            if path.file_stem() != Some(entry.unit.to_string().as_ref()) {
                return Err(damaged(&path, format!("is the entry of unit {}", entry.unit)));
            }
            entries.push(entry);
        }
    }
    entries.sort_by_key(|entry| entry.unit);
    Ok(entries)
}
