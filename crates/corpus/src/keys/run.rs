//! One run: a file of sorted items, in blocks that have checksums.
//!
//! Format: `docs/format/keys.md`.

use super::Item;
use crate::error::{Error, damaged, disk};
use crate::record::RecordId;
use crate::stage::Key;
use crate::table::persist;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;
use terroir_base::Digest;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

const MAGIC: &[u8; 16] = b"terroir keys 1\n\0";
/// Bytes before the records: the magic, the number of records and that of items.
const HEAD_BYTES: u64 = 32;
/// Bytes of an item: two of its space, sixteen of its hash, four of its record's place.
const ITEM_BYTES: usize = 22;
/// Items that share a checksum and are read at a time.
const BLOCK_ITEMS: usize = 1 << 12;
/// Items that are made ready at a time.
const READY_ITEMS: usize = 1 << 8;

/// Writes `items`, in any order, as the run `path`; equal ones once.
///
/// The file has its name only when it is whole and on disk. Gives the number of items. Errors: `Disk`.
pub fn write(path: &Path, items: &[Item]) -> Result<u64, Error> {
    let mut records: Vec<RecordId> = items.iter().map(|item| item.1).collect();
    // The keys of one record come together, as a rule.
    records.dedup();
    records.sort_unstable();
    records.dedup();
    let folder = path.parent().expect("a run has a folder");
    fs::create_dir_all(folder).map_err(disk(folder))?;
    let temp = NamedTempFile::new_in(folder).map_err(disk(folder))?;
    let items = encoded(&records, items);
    write_to(temp.as_file(), &records, &items).map_err(disk(path))?;
    persist(temp, path)?;
    Ok(items.len() as u64)
}

/// The items as they stand in the file: ascending, each once.
fn encoded(records: &[RecordId], items: &[Item]) -> Vec<[u8; ITEM_BYTES]> {
    let mut last = (None, 0);
    let mut bytes = |(key, record): &Item| {
        if last.0 != Some(*record) {
            let place = records.binary_search(record).expect("the table has every record");
            last = (Some(*record), place as u32);
        }
        let mut bytes = [0; ITEM_BYTES];
        bytes[..2].copy_from_slice(&key.space.to_be_bytes());
        bytes[2..18].copy_from_slice(&key.hash);
        bytes[18..].copy_from_slice(&last.1.to_be_bytes());
        bytes
    };
    let items: Vec<[u8; ITEM_BYTES]> = items.iter().map(&mut bytes).collect();
    // Sorting numbers is faster than sorting bytes: the first 12 bytes of an item, then its place.
    let start =
        |item: &[u8; ITEM_BYTES]| u128::from_be_bytes(*item.first_chunk().expect("22 > 16"));
    let number = |(at, item): (u128, &[u8; ITEM_BYTES])| start(item) >> 32 << 32 | at;
    let mut order: Vec<u128> = (0..).zip(&items).map(number).collect();
    order.sort_unstable();
    let mut sorted: Vec<_> = order.iter().map(|number| items[*number as u32 as usize]).collect();
    for alike in sorted.chunk_by_mut(|a, b| a[..12] == b[..12]) {
        alike.sort_unstable();
    }
    sorted.dedup();
    sorted
}

fn write_to(file: &File, records: &[RecordId], items: &[[u8; ITEM_BYTES]]) -> std::io::Result<()> {
    let mut head = Vec::with_capacity(HEAD_BYTES as usize + 32 * records.len());
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&(records.len() as u64).to_le_bytes());
    head.extend_from_slice(&(items.len() as u64).to_le_bytes());
    head.extend(records.iter().flat_map(|record| record.0.0));
    let blocks = items.chunks(BLOCK_ITEMS).map(<[_]>::as_flattened);
    let mut tail: Vec<u8> = blocks.flat_map(|block| xxh3_64(block).to_le_bytes()).collect();
    let mut frame = Xxh3::new();
    frame.update(&head);
    frame.update(&tail);
    tail.extend_from_slice(&frame.digest().to_le_bytes());
    let mut file = file;
    file.write_all(&head)?;
    file.write_all(items.as_flattened())?;
    file.write_all(&tail)
}

/// The items of a run in ascending order. Each block is checked before any of its items is given.
pub struct Run {
    path: PathBuf,
    file: File,
    records: Vec<RecordId>,
    items: u64,
    sums: Vec<u64>,
    /// Which block is read next.
    next: usize,
    block: Vec<u8>,
    at: usize,
    last: Option<[u8; ITEM_BYTES]>,
    /// Items that were read and not given yet.
    ready: std::vec::IntoIter<Item>,
    failed: bool,
}

impl Run {
    /// Reads everything but the items of the run `path`. Errors: `Disk`, `Damaged`.
    pub fn open(path: &Path) -> Result<Run, Error> {
        let mut file = File::open(path).map_err(disk(path))?;
        let length = file.metadata().map_err(disk(path))?.len();
        let mut head = [0; HEAD_BYTES as usize];
        read_at(&mut file, path, 0, &mut head)?;
        let number = |at: usize| u64::from_le_bytes(*head[at..].first_chunk().expect("8 bytes"));
        let (records, items) = (number(16), number(24));
        let shape = Shape::of(records, items).filter(|shape| shape.file_bytes == length);
        let Some(shape) = shape.filter(|_| head.starts_with(MAGIC)) else {
            let what = format!("is no run of {records} records and {items} items: {length} bytes");
            return Err(damaged(path, what));
        };
        let mut table = vec![0; shape.records_bytes];
        read_at(&mut file, path, HEAD_BYTES, &mut table)?;
        let mut tail = vec![0; shape.sums_bytes + 8];
        read_at(&mut file, path, shape.sums_at, &mut tail)?;
        let (sums, frame) = tail.split_at(shape.sums_bytes);
        let mut found = Xxh3::new();
        [&head[..], &table, sums].into_iter().for_each(|part| found.update(part));
        if found.digest().to_le_bytes() != *frame {
            return Err(damaged(path, "its records or checksums are not as they were written"));
        }
        let record = |bytes: &[u8; 32]| RecordId(Digest(*bytes));
        Ok(Run {
            path: path.to_owned(),
            file,
            records: table.as_chunks().0.iter().map(record).collect(),
            items,
            sums: sums.as_chunks().0.iter().map(|sum| u64::from_le_bytes(*sum)).collect(),
            next: 0,
            block: Vec::new(),
            at: 0,
            last: None,
            ready: Vec::new().into_iter(),
            failed: false,
        })
    }

    /// Goes to a block that begins at or before the first key of `space` that starts with `prefix`.
    pub fn seek(&mut self, space: u16, prefix: &[u8]) -> Result<(), Error> {
        let wanted = [&space.to_be_bytes(), prefix].concat();
        let (mut low, mut high) = (0, self.sums.len());
        while low < high {
            let middle = low.midpoint(high);
            self.load(middle)?;
            match self.block[..] < wanted[..] {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        self.next = low.saturating_sub(1);
        self.block.clear();
        self.ready = Vec::new().into_iter();
        (self.at, self.last) = (0, None);
        Ok(())
    }

    /// Reads block `at` and compares its checksum.
    fn load(&mut self, at: usize) -> Result<(), Error> {
        let first = (at * BLOCK_ITEMS) as u64;
        let items = (self.items - first).min(BLOCK_ITEMS as u64) as usize;
        let start = HEAD_BYTES + 32 * self.records.len() as u64 + first * ITEM_BYTES as u64;
        self.block.resize(items * ITEM_BYTES, 0);
        read_at(&mut self.file, &self.path, start, &mut self.block)?;
        match xxh3_64(&self.block) == self.sums[at] {
            true => Ok(()),
            false => Err(damaged(&self.path, format!("block {at} is not as it was written"))),
        }
    }

    /// Adds the next items to `into`, none at the end. Many at a time, so that the looks into the table
    /// of records do not wait for each other.
    ///
    /// Errors: `Disk`, `Damaged`.
    pub fn more(&mut self, into: &mut Vec<Item>) -> Result<(), Error> {
        if self.at == self.block.len() {
            if self.next == self.sums.len() {
                return Ok(());
            }
            self.load(self.next)?;
            self.next += 1;
            self.at = 0;
        }
        let (items, _) = self.block[self.at..].as_chunks::<ITEM_BYTES>();
        let items = &items[..items.len().min(READY_ITEMS)];
        self.at += items.len() * ITEM_BYTES;
        let before = self.last.as_ref().into_iter().chain(items);
        if !before.is_sorted_by(|a, b| a < b) {
            return Err(damaged(&self.path, "has items out of order"));
        }
        self.last = items.last().copied();
        for bytes in items {
            into.push(item(&self.path, &self.records, bytes)?);
        }
        Ok(())
    }
}

impl Run {
    /// The records that have items, ascending.
    pub fn records(&self) -> &[RecordId] {
        &self.records
    }

    /// Number of items.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// The items of `records`, ascending.
    pub fn of(mut self, records: &HashSet<RecordId>) -> Result<Vec<Item>, Error> {
        let wanted: Vec<bool> = self.records.iter().map(|one| records.contains(one)).collect();
        let mut found = Vec::new();
        self.each(|bytes, place| {
            if wanted.get(place).copied().unwrap_or(true) {
                found.push(*bytes);
            }
        })?;
        found.iter().map(|bytes| self.item(bytes)).collect()
    }

    /// The items under `keys`, which ascend.
    pub fn under(mut self, keys: &[Key]) -> Result<Vec<Item>, Error> {
        // Sixteen bytes are one number; the two that are left hardly ever decide.
        let head = |key: &Key| {
            let start = u128::from_be_bytes(key.hash) >> 16;
            (u128::from(key.space) << 112 | start, [key.hash[14], key.hash[15]])
        };
        let mut keys = keys.iter().map(head).peekable();
        let mut found = Vec::new();
        self.each(|bytes, _| {
            let start = *bytes.first_chunk().expect("22 is above 16");
            let own = (u128::from_be_bytes(start), [bytes[16], bytes[17]]);
            while keys.next_if(|key| *key < own).is_some() {}
            if keys.peek() == Some(&own) {
                found.push(*bytes);
            }
        })?;
        found.iter().map(|bytes| self.item(bytes)).collect()
    }

    /// Gives `each` all items with the places of their records, block by block.
    fn each(&mut self, mut each: impl FnMut(&[u8; ITEM_BYTES], usize)) -> Result<(), Error> {
        let mut last: Option<[u8; ITEM_BYTES]> = None;
        for at in 0..self.sums.len() {
            self.load(at)?;
            let (items, _) = self.block.as_chunks::<ITEM_BYTES>();
            if !last.iter().chain(items).is_sorted_by(|a, b| a < b) {
                return Err(damaged(&self.path, "has items out of order"));
            }
            last = items.last().copied();
            for bytes in items {
                let place = u32::from_be_bytes(*bytes.last_chunk().expect("22 is above 4"));
                each(bytes, place as usize);
            }
        }
        Ok(())
    }

    fn item(&self, bytes: &[u8; ITEM_BYTES]) -> Result<Item, Error> {
        item(&self.path, &self.records, bytes)
    }
}

/// The item of these bytes in the run `path`.
fn item(path: &Path, records: &[RecordId], bytes: &[u8; ITEM_BYTES]) -> Result<Item, Error> {
    let space = u16::from_be_bytes([bytes[0], bytes[1]]);
    let hash = *bytes[2..].first_chunk().expect("22 is above 18");
    let place = u32::from_be_bytes(*bytes.last_chunk().expect("22 is above 4"));
    match records.get(place as usize) {
        Some(record) => Ok((Key { space, hash }, *record)),
        None => Err(damaged(path, format!("has no record {place}"))),
    }
}

impl Iterator for Run {
    type Item = Result<Item, Error>;

    fn next(&mut self) -> Option<Result<Item, Error>> {
        if let Some(item) = self.ready.next() {
            return Some(Ok(item));
        }
        if self.failed {
            return None;
        }
        let mut ready = Vec::with_capacity(READY_ITEMS);
        let more = self.more(&mut ready);
        self.failed = more.is_err();
        self.ready = ready.into_iter();
        match more {
            Ok(()) => self.ready.next().map(Ok),
            Err(error) => {
                self.ready = Vec::new().into_iter();
                Some(Err(error))
            }
        }
    }
}

/// Where the parts of a file stand.
struct Shape {
    records_bytes: usize,
    sums_at: u64,
    sums_bytes: usize,
    file_bytes: u64,
}

impl Shape {
    /// `None` for numbers that no file can have.
    fn of(records: u64, items: u64) -> Option<Shape> {
        let records_bytes = records.checked_mul(32)?;
        let items_bytes = items.checked_mul(ITEM_BYTES as u64)?;
        let sums_bytes = items.div_ceil(BLOCK_ITEMS as u64) * 8;
        let sums_at = HEAD_BYTES.checked_add(records_bytes)?.checked_add(items_bytes)?;
        Some(Shape {
            records_bytes: usize::try_from(records_bytes).ok()?,
            sums_at,
            sums_bytes: usize::try_from(sums_bytes).ok()?,
            file_bytes: sums_at.checked_add(sums_bytes)?.checked_add(8)?,
        })
    }
}

fn read_at(file: &mut File, path: &Path, start: u64, into: &mut [u8]) -> Result<(), Error> {
    file.seek(SeekFrom::Start(start)).map_err(|error| disk(path)(error))?;
    file.read_exact(into).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(path, "ends too early"),
        _ => disk(path)(error),
    })
}
