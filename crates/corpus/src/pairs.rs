//! How alike pairs of records are, kept: a comparison of two texts never comes out otherwise, so it
//! is made once.
//!
//! One file holds what a stage found about all pairs of a set of records that it compared. A run over
//! more records asks the file of its parent and compares only what is new. It is read as a stream, so
//! memory does not grow with it. Invariant: pairs ascend, none twice. Format: `docs/format/pairs.md`.

use crate::error::{Error, damaged, disk};
use crate::record::RecordId;
use crate::table::persist;
use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use terroir_base::Digest;

const MAGIC: &[u8; 16] = b"terroir pairs 1\n";
/// Bytes before the records: the magic, the number of records and that of pairs.
const HEAD_BYTES: u64 = 32;
/// Bytes of a pair: two places of records and a result, 4 each.
const PAIR_BYTES: usize = 12;
/// Bytes that are read at a time.
const READ_BYTES: usize = 1 << 16;

/// A pair of records by their places in a table of records, which ascends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// The smaller record.
    pub a: u32,
    /// The larger one.
    pub b: u32,
    /// What the stage found: for `minhash` millionths, or -1 below its threshold.
    pub result: i32,
}

impl Pair {
    /// Bytes that sort as pairs do.
    pub fn to_bytes(self) -> [u8; PAIR_BYTES] {
        let mut bytes = [0; PAIR_BYTES];
        bytes[..4].copy_from_slice(&self.a.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.b.to_be_bytes());
        bytes[8..].copy_from_slice(&self.result.to_be_bytes());
        bytes
    }

    /// The pair of these bytes.
    pub fn from_bytes(bytes: &[u8; PAIR_BYTES]) -> Pair {
        let (parts, _) = bytes.as_chunks::<4>();
        let [a, b] = [parts[0], parts[1]].map(u32::from_be_bytes);
        Pair { a, b, result: i32::from_be_bytes(parts[2]) }
    }
}

/// Pairs on their way, ascending.
pub type Stream<'a> = dyn Iterator<Item = Result<Pair, Error>> + 'a;

/// Writes `pairs` of `records`, both ascending, as the file `path`.
///
/// The file has its name only when it is whole and on disk. Errors: `Disk`, those of `pairs`.
pub fn write(path: &Path, records: &[RecordId], pairs: &mut Stream<'_>) -> Result<(), Error> {
    let folder = path.parent().expect("a file of pairs has a folder");
    fs::create_dir_all(folder).map_err(disk(folder))?;
    let temp = NamedTempFile::new_in(folder).map_err(disk(folder))?;
    let fail = |error: io::Error| disk(path)(error);
    let mut file = BufWriter::new(temp.as_file());
    file.write_all(MAGIC).map_err(fail)?;
    file.write_all(&(records.len() as u64).to_le_bytes()).map_err(fail)?;
    file.write_all(&[0; 8]).map_err(fail)?;
    for record in records {
        file.write_all(record.0.as_bytes()).map_err(fail)?;
    }
    let mut count = 0_u64;
    for pair in pairs {
        file.write_all(&pair?.to_bytes()).map_err(fail)?;
        count += 1;
    }
    file.seek(SeekFrom::Start(HEAD_BYTES - 8)).map_err(fail)?;
    file.write_all(&count.to_le_bytes()).map_err(fail)?;
    file.flush().map_err(fail)?;
    drop(file);
    persist(temp, path)
}

/// The pairs of a file in ascending order.
pub struct Pairs {
    path: PathBuf,
    file: BufReader<File>,
    records: u64,
    pairs: u64,
    /// How many pairs were read.
    read: u64,
    last: Option<Pair>,
}

impl Pairs {
    /// Opens the file `path`; each record of its table goes to `each`, in order.
    ///
    /// Errors: `Disk`, `Damaged`; the same while it is read.
    pub fn open(path: &Path, mut each: impl FnMut(RecordId)) -> Result<Pairs, Error> {
        let file = File::open(path).map_err(disk(path))?;
        let length = file.metadata().map_err(disk(path))?.len();
        let mut file = BufReader::with_capacity(READ_BYTES, file);
        let mut head = [0; HEAD_BYTES as usize];
        read_exact(&mut file, path, &mut head)?;
        let number = |at: usize| u64::from_le_bytes(*head[at..].first_chunk().expect("8 bytes"));
        let (records, pairs) = (number(16), number(24));
        let bytes = || {
            let pairs = pairs.checked_mul(PAIR_BYTES as u64)?;
            records.checked_mul(32)?.checked_add(pairs)?.checked_add(HEAD_BYTES)
        };
        if !head.starts_with(MAGIC) || bytes() != Some(length) {
            let what = format!("is no file of {records} records and {pairs} pairs: {length} bytes");
            return Err(damaged(path, what));
        }
        let mut last = None;
        for _ in 0..records {
            let mut record = [0; 32];
            read_exact(&mut file, path, &mut record)?;
            let record = RecordId(Digest(record));
            if last.replace(record) >= Some(record) {
                return Err(damaged(path, format!("record {record} is out of order")));
            }
            each(record);
        }
        Ok(Pairs { path: path.to_owned(), file, records, pairs, read: 0, last: None })
    }

    /// Number of pairs.
    pub fn total(&self) -> u64 {
        self.pairs
    }

    fn pair(&mut self) -> Result<Pair, Error> {
        let mut bytes = [0; PAIR_BYTES];
        read_exact(&mut self.file, &self.path, &mut bytes)?;
        let pair = Pair::from_bytes(&bytes);
        let after = self.last.is_none_or(|last| (last.a, last.b) < (pair.a, pair.b));
        if !after || pair.a >= pair.b || u64::from(pair.b) >= self.records {
            let what = format!("pair {} is out of order or of no record", self.read - 1);
            return Err(damaged(&self.path, what));
        }
        if !(-1..=1_000_000).contains(&pair.result) {
            let what = format!("pair {} is {} millionths alike", self.read - 1, pair.result);
            return Err(damaged(&self.path, what));
        }
        self.last = Some(pair);
        Ok(pair)
    }
}

impl Iterator for Pairs {
    type Item = Result<Pair, Error>;

    fn next(&mut self) -> Option<Result<Pair, Error>> {
        if self.read == self.pairs {
            return None;
        }
        self.read += 1;
        let pair = self.pair();
        if pair.is_err() {
            self.read = self.pairs;
        }
        Some(pair)
    }
}

/// A pair that a file says something else about than was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The two records, the smaller one first.
    pub records: [RecordId; 2],
    /// What the file says, where it has the pair.
    pub kept: Option<i32>,
    /// What was found, where it was compared.
    pub found: Option<i32>,
}

/// Gives `other` each of `pairs` of `records`, both ascending, that the file `path` says something
/// else about; with `whole`, also those that the file has beyond them.
///
/// Errors: `Disk`, `Damaged`, those of `pairs`.
pub fn compare(
    path: &Path,
    (records, pairs): (&[RecordId], &mut Stream<'_>),
    whole: bool,
    mut other: impl FnMut(Other),
) -> Result<(), Error> {
    let mut names = Vec::new();
    let mut kept = Pairs::open(path, |record| names.push(record))?;
    let key = |records: &[RecordId], pair: &Pair| [pair.a, pair.b].map(|at| records[at as usize]);
    let (mut found, mut held) = (pairs.next().transpose()?, kept.next().transpose()?);
    loop {
        let (left, right) =
            (found.map(|pair| key(records, &pair)), held.map(|pair| key(&names, &pair)));
        let order = match (left, right) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(left), Some(right)) => left.cmp(&right),
        };
        let (made, told) = (found.map(|pair| pair.result), held.map(|pair| pair.result));
        match (order, left, right) {
            (Ordering::Less, Some(records), _) => {
                other(Other { records, kept: None, found: made });
            }
            (Ordering::Greater, _, Some(records)) if whole => {
                other(Other { records, kept: told, found: None });
            }
            (Ordering::Equal, Some(records), _) if made != told => {
                other(Other { records, kept: told, found: made });
            }
            _ => {}
        }
        if order.is_le() {
            found = pairs.next().transpose()?;
        }
        if order.is_ge() {
            held = kept.next().transpose()?;
        }
    }
}

fn read_exact(file: &mut BufReader<File>, path: &Path, into: &mut [u8]) -> Result<(), Error> {
    file.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => damaged(path, "ends too early"),
        _ => disk(path)(error),
    })
}

#[cfg(test)]
mod tests;
