//! One run: a file of sorted items, in blocks that have checksums.
//!
//! Format: `docs/format/keys.md`.

use super::Item;
use super::layout::{
    BLOCK_ITEMS, HEAD_BYTES, ITEM_BYTES, MAGIC, SKETCH_BLOCK_BYTES, SKETCH_BYTES_MAX, Shape,
    read_at,
};
use crate::error::{Error, damaged, disk};
use crate::record::RecordId;
use crate::stage::Key;
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use terroir_base::Digest;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Items that are made ready at a time.
const READY_ITEMS: usize = 1 << 8;

/// The items of a run in ascending order. Each block is checked before any of its items is given.
pub struct Run {
    path: PathBuf,
    file: File,
    records: Vec<RecordId>,
    /// Bytes of the sketch of each record.
    lengths: Vec<u32>,
    items: u64,
    shape: Shape,
    /// Of the blocks of items, then of those of sketches.
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
        let counts = [number(16), number(24), number(32)];
        let shape = Shape::of(counts).filter(|shape| shape.file_bytes == length);
        let Some(shape) = shape.filter(|_| head.starts_with(MAGIC)) else {
            let [records, items, sketches] = counts;
            let what = format!(
                "is no run of {records} records, {items} items and {sketches} bytes of sketches: \
                 {length} bytes"
            );
            return Err(damaged(path, what));
        };
        let mut table = vec![0; shape.table_bytes];
        read_at(&mut file, path, HEAD_BYTES, &mut table)?;
        let mut tail = vec![0; shape.sums_bytes + 8];
        read_at(&mut file, path, shape.sums_at, &mut tail)?;
        let (sums, frame) = tail.split_at(shape.sums_bytes);
        let mut found = Xxh3::new();
        [&head[..], &table, sums].into_iter().for_each(|part| found.update(part));
        if found.digest().to_le_bytes() != *frame {
            return Err(damaged(path, "its records or checksums are not as they were written"));
        }
        let (records, lengths) = table.split_at(table.len() / 36 * 32);
        let record = |bytes: &[u8; 32]| RecordId(Digest(*bytes));
        let records: Vec<RecordId> = records.as_chunks().0.iter().map(record).collect();
        // Merging goes through the records of all runs once: one out of order would be another one.
        if !records.is_sorted_by(|a, b| a < b) {
            return Err(damaged(path, "its records do not ascend"));
        }
        let lengths: Vec<u32> =
            lengths.as_chunks().0.iter().map(|length| u32::from_le_bytes(*length)).collect();
        let all: u64 = lengths.iter().map(|length| u64::from(*length)).sum();
        let short = lengths.iter().all(|length| *length as usize <= SKETCH_BYTES_MAX);
        if all != counts[2] || !short {
            return Err(damaged(path, "its sketches are longer or shorter than they can be"));
        }
        Ok(Run {
            path: path.to_owned(),
            file,
            records,
            lengths,
            items: counts[1],
            shape,
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
        let (mut low, mut high) = (0, self.shape.blocks);
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
        let start = self.shape.items_at + first * ITEM_BYTES as u64;
        self.block.resize(items * ITEM_BYTES, 0);
        read_at(&mut self.file, &self.path, start, &mut self.block)?;
        match xxh3_64(&self.block) == self.sums[at] {
            true => Ok(()),
            false => Err(damaged(&self.path, format!("block {at} is not as it was written"))),
        }
    }

    /// Adds the next items to `into`, each with what `numbers` has at the place of its record; none at
    /// the end. Many at a time, so that the looks into the table do not wait for each other.
    ///
    /// Errors: `Disk`, `Damaged`.
    pub(super) fn more<T: Copy>(
        &mut self,
        numbers: &[T],
        into: &mut Vec<(Key, T)>,
    ) -> Result<(), Error> {
        if self.at == self.block.len() {
            if self.next == self.shape.blocks {
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
            into.push(item(&self.path, numbers, bytes)?);
        }
        Ok(())
    }
}

impl Run {
    /// The records that have items, ascending.
    pub fn records(&self) -> &[RecordId] {
        &self.records
    }

    /// Takes the table of records out of memory, with the lengths of their sketches: all that is left
    /// to read is [`Run::more`].
    pub(super) fn take_records(&mut self) -> Vec<RecordId> {
        self.lengths = Vec::new();
        std::mem::take(&mut self.records)
    }

    /// Number of items.
    pub fn items(&self) -> u64 {
        self.items
    }

    /// Gives `each` the sketch of every record that has one, in order.
    ///
    /// Errors: `Disk`, `Damaged`.
    pub fn sketches(&mut self, mut each: impl FnMut(RecordId, &[u8])) -> Result<(), Error> {
        let (mut held, mut at) = (Vec::new(), 0);
        let mut left = self.shape.sums_at - self.shape.sketches_at;
        let mut sums = self.sums[self.shape.blocks..].iter();
        for (record, length) in self.records.iter().zip(&self.lengths) {
            let length = *length as usize;
            while held.len() - at < length {
                held.drain(..at);
                at = 0;
                let (kept, more) = (held.len(), left.min(SKETCH_BLOCK_BYTES as u64));
                held.resize(kept + more as usize, 0);
                let start = self.shape.sums_at - left;
                read_at(&mut self.file, &self.path, start, &mut held[kept..])?;
                if sums.next() != Some(&xxh3_64(&held[kept..])) {
                    return Err(damaged(
                        &self.path,
                        "has sketches that are not as they were written",
                    ));
                }
                left -= more;
            }
            if length > 0 {
                each(*record, &held[at..at + length]);
            }
            at += length;
        }
        Ok(())
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
        for at in 0..self.shape.blocks {
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

/// The item of these bytes in the run `path`, with what `numbers` has of its record.
fn item<T: Copy>(path: &Path, numbers: &[T], bytes: &[u8; ITEM_BYTES]) -> Result<(Key, T), Error> {
    let space = u16::from_be_bytes([bytes[0], bytes[1]]);
    let hash = *bytes[2..].first_chunk().expect("22 is above 18");
    let place = u32::from_be_bytes(*bytes.last_chunk().expect("22 is above 4"));
    match numbers.get(place as usize) {
        Some(number) => Ok((Key { space, hash }, *number)),
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
        let records = std::mem::take(&mut self.records);
        let more = self.more(&records, &mut ready);
        self.records = records;
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
