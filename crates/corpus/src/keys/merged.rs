//! The items of several runs as one ascending stream.
//!
//! Items are read ahead from every source, and all that can be followed by none of the others are
//! sorted at once: sorting numbers that ascend in parts takes less than choosing the least of several
//! heads for each item. Memory grows with the number of sources only. Invariant: what comes out
//! ascends, none twice.

use super::{Item, Run, bytes, item_of};
use crate::error::Error;
use crate::spill::Spool;
use std::path::Path;

/// Items that are read ahead from each source.
const AHEAD_ITEMS: usize = 1 << 10;

/// Where items come from; each gives them in ascending order, none twice.
pub(super) enum Source {
    Run(Box<Run>),
    Spool(Spool<50>),
}

impl Source {
    /// Adds the next items to `into`; none are left when it adds none.
    fn more(&mut self, into: &mut Vec<Item>) -> Result<(), Error> {
        match self {
            Source::Run(run) => run.more(into),
            Source::Spool(spool) => spool
                .take(AHEAD_ITEMS)
                .try_for_each(|bytes| bytes.map(|bytes| into.push(item_of(&bytes)))),
        }
    }
}

/// A source, and what was read from it.
struct Ahead {
    source: Source,
    items: Vec<Item>,
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
    sources: Vec<Ahead>,
    ready: std::vec::IntoIter<Item>,
    failed: bool,
}

impl Merged {
    pub(super) fn new(sources: Vec<Source>) -> Merged {
        let ahead = |source| Ahead { source, items: Vec::new(), ended: false };
        let sources = sources.into_iter().map(ahead).collect();
        Merged { sources, ready: Vec::new().into_iter(), failed: false }
    }

    /// Reads all of it into a file.
    pub(super) fn spool(self, folder: &Path) -> Result<Source, Error> {
        Spool::write(folder, self.map(|item| item.map(|item| bytes(&item)))).map(Source::Spool)
    }

    /// The next items, sorted; none at the end.
    fn part(&mut self) -> Result<Vec<Item>, Error> {
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
    type Item = Result<Item, Error>;

    fn next(&mut self) -> Option<Result<Item, Error>> {
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

/// The first 12 bytes of an item, as a number with 32 bits of room below.
fn start((key, _): &Item) -> u128 {
    let hash = u128::from_be_bytes(key.hash) >> 16;
    (u128::from(key.space) << 112 | hash) >> 32 << 32
}

/// `items`, which ascend in parts, in ascending order, equal ones once.
fn sorted(items: &[Item]) -> Vec<Item> {
    let mut order: Vec<u128> = (0..).zip(items).map(|(at, item)| start(item) | at).collect();
    order.sort();
    let mut sorted: Vec<Item> = order.iter().map(|number| items[*number as u32 as usize]).collect();
    for alike in sorted.chunk_by_mut(|a, b| start(a) == start(b)) {
        alike.sort_unstable();
    }
    sorted.dedup();
    sorted
}
