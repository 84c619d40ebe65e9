//! The items of several runs as one ascending stream.
//!
//! Items are read ahead from every source, and all that can be followed by none of the others are
//! sorted at once: sorting numbers that ascend in parts takes less than choosing the least of several
//! heads for each item. An item has the place of its record among all records in place of its id: what
//! is moved about is half as long, and whoever reads it needs no table of ids. Memory grows with the
//! number of sources, by 32 bytes a record and by 4 for each run that has it; while the list of all
//! records is made, that is twice as long. Invariant: what comes out ascends, none twice.

use super::{Item, Numbered, Run};
use crate::error::Error;
use crate::record::RecordId;
use crate::spill::Spool;
use crate::stage::Key;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Items that are read ahead from each source.
const AHEAD_ITEMS: usize = 1 << 10;

/// Where items come from; each gives them in ascending order, none twice.
pub(super) enum Source {
    /// A run, and the numbers of its records.
    Run(Box<Run>, Vec<u32>),
    Spool(Spool<22>),
}

impl Source {
    /// The run `path`, whose records are among `records`.
    pub(super) fn open(path: &Path, records: &[RecordId]) -> Result<Source, Error> {
        let mut run = Run::open(path)?;
        let mut next = 0;
        let number = |record: &RecordId| {
            // Both ascend.
            next += records[next..].iter().take_while(|one| *one < record).count();
            next as u32
        };
        let numbers = run.take_records().iter().map(number).collect();
        Ok(Source::Run(Box::new(run), numbers))
    }

    /// Adds the next items to `into`; none are left when it adds none.
    fn more(&mut self, into: &mut Vec<Numbered>) -> Result<(), Error> {
        match self {
            Source::Run(run, numbers) => run.more(numbers, into),
            Source::Spool(spool) => spool
                .take(AHEAD_ITEMS)
                .try_for_each(|bytes| bytes.map(|bytes| into.push(from_bytes(&bytes)))),
        }
    }
}

/// A source, and what was read from it.
struct Ahead {
    source: Source,
    items: Vec<Numbered>,
    ended: bool,
}

impl Ahead {
    fn fill(&mut self) -> Result<(), Error> {
        while !self.ended && self.items.len() < AHEAD_ITEMS {
            let before = self.items.len();
            self.source.more(&mut self.items)?;
            self.ended = self.items.len() == before;
        }
        Ok(())
    }
}

/// The items of several sources as one ascending stream, equal ones once.
pub struct Merged {
    records: Arc<[RecordId]>,
    sources: Vec<Ahead>,
    ready: std::vec::IntoIter<Numbered>,
    failed: bool,
}

impl Merged {
    pub(super) fn new(records: &Arc<[RecordId]>, sources: Vec<Source>) -> Merged {
        let ahead = |source| Ahead { source, items: Vec::new(), ended: false };
        let sources = sources.into_iter().map(ahead).collect();
        let ready = Vec::new().into_iter();
        Merged { records: records.clone(), sources, ready, failed: false }
    }

    /// The records of all sources, ascending, each once: what the numbers of items are places in.
    pub fn records(&self) -> Arc<[RecordId]> {
        self.records.clone()
    }

    /// The items with the ids of their records.
    pub fn named(self) -> impl Iterator<Item = Result<Item, Error>> {
        let records = self.records();
        self.map(move |item| item.map(|(key, number)| (key, records[number as usize])))
    }

    /// Reads all of it into a file.
    pub(super) fn spool(self, folder: &Path) -> Result<Source, Error> {
        Spool::write(folder, self.map(|item| item.map(to_bytes))).map(Source::Spool)
    }

    /// The next items, sorted; none at the end.
    fn part(&mut self) -> Result<Vec<Numbered>, Error> {
        self.sources.iter_mut().try_for_each(Ahead::fill)?;
        self.sources.retain(|ahead| !ahead.items.is_empty());
        // What a source has not read yet is above the last that it has.
        let open = self.sources.iter().filter(|ahead| !ahead.ended);
        let most = open.filter_map(|ahead| ahead.items.last()).min().copied();
        let mut part = Vec::new();
        for ahead in &mut self.sources {
            let below = |most| ahead.items.partition_point(|item| *item <= most);
            let count = most.map_or(ahead.items.len(), below);
            part.extend(ahead.items.drain(..count));
        }
        Ok(if self.sources.len() > 1 { sorted(&part) } else { part })
    }
}

impl Iterator for Merged {
    type Item = Result<Numbered, Error>;

    fn next(&mut self) -> Option<Result<Numbered, Error>> {
        if let Some(item) = self.ready.next() {
            return Some(Ok(item));
        }
        if self.failed {
            return None;
        }
        match self.part() {
            Ok(part) => {
                self.ready = part.into_iter();
                self.ready.next().map(Ok)
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

/// All records of `runs`, ascending, each once.
pub(super) fn records(runs: &[PathBuf]) -> Result<Arc<[RecordId]>, Error> {
    let mut records = Vec::new();
    for path in runs {
        records.append(&mut Run::open(path)?.take_records());
    }
    // They ascend in parts, which this order of sorting makes use of.
    records.sort();
    records.dedup();
    Ok(records.into())
}

/// Bytes that sort as the item does.
fn to_bytes((key, number): Numbered) -> [u8; 22] {
    let mut bytes = [0; 22];
    bytes[..2].copy_from_slice(&key.space.to_be_bytes());
    bytes[2..18].copy_from_slice(&key.hash);
    bytes[18..].copy_from_slice(&number.to_be_bytes());
    bytes
}

fn from_bytes(bytes: &[u8; 22]) -> Numbered {
    let fits = "22 bytes are 2, 16 and 4";
    let space = u16::from_be_bytes(*bytes.first_chunk().expect(fits));
    let hash = *bytes[2..].first_chunk().expect(fits);
    (Key { space, hash }, u32::from_be_bytes(*bytes.last_chunk().expect(fits)))
}

/// The first 12 bytes of an item, as a number with 32 bits of room below.
fn start((key, _): &Numbered) -> u128 {
    let hash = u128::from_be_bytes(key.hash) >> 16;
    (u128::from(key.space) << 112 | hash) >> 32 << 32
}

/// `items`, which ascend in parts, in ascending order, equal ones once.
fn sorted(items: &[Numbered]) -> Vec<Numbered> {
    let mut order: Vec<u128> = (0..).zip(items).map(|(at, item)| start(item) | at).collect();
    order.sort();
    let mut sorted: Vec<Numbered> =
        order.iter().map(|number| items[*number as u32 as usize]).collect();
    for alike in sorted.chunk_by_mut(|a, b| start(a) == start(b)) {
        alike.sort_unstable();
    }
    sorted.dedup();
    sorted
}
