//! Sorted runs of keys on disk: which records meet under which key of a global stage.
//!
//! A run holds the keys of one shard; all runs of a stage are read as one stream by [`merge`], in
//! memory that grows with the number of records only. Invariant: what comes out is in ascending order,
//! without equal items, and as it was written. Format: `docs/format/keys.md`.

mod layout;
pub mod leaves;
mod merged;
mod run;
mod write;

pub use layout::SKETCH_BYTES_MAX;
pub use merged::Merged;
pub use run::Run;
pub use write::write;

use crate::clock::Work as Clock;
use crate::error::Error;
use crate::merge::Tree;
use crate::record::RecordId;
use crate::stage::Key;
use crate::tree::Builder;
use leaves::{Grouping, leaf};
use merged::Source;
use std::path::PathBuf;
use std::sync::Arc;

/// One item of a run.
pub type Item = (Key, RecordId);
/// The same with the place of its record in a list that ascends: these sort as items do.
pub type Numbered = (Key, u32);
/// What a stage keeps beside the keys of a record, to know something of its text without reading it.
pub type Sketch = (RecordId, Vec<u8>);

/// Most runs that are read at a time.
const RUNS_MAX: usize = 64;
/// Items that are hashed at a time, as the thread's clock is too slow to be asked for each.
const WAITING_ITEMS: usize = 1 << 12;

/// All items of `runs` in ascending order, equal ones once.
///
/// Errors: `Disk`, `Damaged`; the same while it is read.
pub fn merge(runs: &[PathBuf]) -> Result<Merged, Error> {
    merge_by(runs, RUNS_MAX)
}

fn merge_by(runs: &[PathBuf], runs_max: usize) -> Result<Merged, Error> {
    let records = merged::records(runs)?;
    let merged = |group: &[PathBuf]| -> Result<Merged, Error> {
        let sources = group.iter().map(|path| Source::open(path, &records));
        Ok(Merged::new(&records, sources.collect::<Result<_, Error>>()?))
    };
    if runs.len() <= runs_max {
        return merged(runs);
    }
    let folder = runs[0].parent().expect("a run has a folder");
    let mut sources = Vec::new();
    for group in runs.chunks(runs_max) {
        sources.push(merged(group)?.spool(folder)?);
    }
    while sources.len() > runs_max {
        let group = Merged::new(&records, sources.drain(..runs_max).collect());
        sources.push(group.spool(folder)?);
    }
    Ok(Merged::new(&records, sources))
}

/// `items` with the places of their records in place of their ids, and these records, ascending.
pub fn numbered(items: &[Item]) -> (Vec<RecordId>, Vec<Numbered>) {
    let mut records: Vec<RecordId> = items.iter().map(|item| item.1).collect();
    records.sort_unstable();
    records.dedup();
    let place = |record: &RecordId| records.binary_search(record).expect("it is one of these");
    let items = items.iter().map(|(key, record)| (*key, place(record) as u32)).collect();
    (records, items)
}

/// The tree over all items of `runs`, in groups ([`leaves`]), for proofs that a record shares no key.
///
/// Errors: `Disk`, `Damaged`.
pub fn tree(runs: &[PathBuf]) -> Result<Tree, Error> {
    Ok(Committing::new(merge(runs)?).finish()?.0)
}

/// All items of `runs` whose key is in `space` and starts with `prefix`, in ascending order.
///
/// Reads only the blocks of the files that may hold such keys. Errors: `Disk`, `Damaged`.
pub fn under(runs: &[PathBuf], space: u16, prefix: &[u8]) -> Result<Vec<Item>, Error> {
    let mut found = Vec::new();
    for path in runs {
        let mut run = Run::open(path)?;
        run.seek(space, prefix)?;
        for item in run {
            let (key, record) = item?;
            match key.space == space && key.hash.starts_with(prefix) {
                true => found.push((key, record)),
                // A block may begin before the prefix does.
                false if (key.space, &key.hash[..prefix.len()]) < (space, prefix) => {}
                false => break,
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Items on their way to a stage, with the tree over them: merging once is enough for both.
pub struct Committing {
    items: Merged,
    records: Arc<[RecordId]>,
    waiting: Vec<Numbered>,
    grouping: Grouping,
    tree: Builder,
    cpu_ns: u64,
}

impl Committing {
    /// The items of `items`, and the tree over them.
    pub fn new(items: Merged) -> Committing {
        let waiting = Vec::with_capacity(WAITING_ITEMS);
        Committing {
            records: items.records(),
            items,
            waiting,
            grouping: Grouping::default(),
            tree: Builder::default(),
            cpu_ns: 0,
        }
    }

    /// The records of all items, ascending, each once.
    pub fn records(&self) -> Arc<[RecordId]> {
        self.records.clone()
    }

    /// The tree over all items, also those that nobody asked for, and CPU nanoseconds of its hashes.
    ///
    /// Errors: those of the items.
    pub fn finish(mut self) -> Result<(Tree, u64), Error> {
        for item in self.by_ref() {
            item?;
        }
        self.hash();
        self.grouping.finish(|group| self.tree.push(leaf(group)));
        Ok((Tree { root: self.tree.root(), leaves: self.tree.leaves() }, self.cpu_ns))
    }

    fn hash(&mut self) {
        let start = Clock::begin();
        for (key, number) in self.waiting.drain(..) {
            let item = bytes(&(key, self.records[number as usize]));
            self.grouping.push(&item, |group| self.tree.push(leaf(group)));
        }
        self.cpu_ns += start.cpu_ns();
    }
}

impl Iterator for Committing {
    type Item = Result<Numbered, Error>;

    fn next(&mut self) -> Option<Result<Numbered, Error>> {
        let item = self.items.next()?;
        if let Ok(item) = &item {
            self.waiting.push(*item);
            if self.waiting.len() == WAITING_ITEMS {
                self.hash();
            }
        }
        Some(item)
    }
}

/// Bytes of an item that sort as the item does.
pub fn bytes((key, record): &Item) -> [u8; 50] {
    let mut bytes = [0; 50];
    bytes[..2].copy_from_slice(&key.space.to_be_bytes());
    bytes[2..18].copy_from_slice(&key.hash);
    bytes[18..].copy_from_slice(record.0.as_bytes());
    bytes
}

#[cfg(test)]
mod tests;
