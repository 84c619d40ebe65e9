//! Taking files in: records into shards, and a signed entry in the log for what came from where.
//!
//! The unit of work is one file, a piece of a large one, or a run of small ones. A unit is taken in
//! by one thread, into shards that depend on nothing but its bytes and the options; its entry is
//! written last, so whatever was killed before is done again, with the same outcome.
//! Format of the log: `docs/format/ingest-log.md`.
//!
//! Invariant: memory of a thread is the shard bytes and a fixed rest, whatever the size of a file.

mod arena;
mod entry;
mod plan;
mod roots;
mod skips;
mod unit;

pub use entry::{CONTENT_TYPE, Counts, Entry, FileEntry, entries};
pub use plan::{Plan, Unit};
pub use skips::{digest as skips_digest, skips};

use crate::catalogue::{Catalogue, sweep};
use crate::error::{Error, disk};
use crate::read::{Place, Reading};
use crate::shard::SHARD_BYTES;
use crate::tree::SaltKey;
use serde::Deserialize;
use std::fmt;
use std::fs;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use terroir_base::Digest;
use terroir_base::digest::ParseError;
use terroir_base::sign::SecretKey;

/// A unit of ingest: the digest of the rules and fields, the salts, and the bytes of its files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId(pub Digest);

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UnitId {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<UnitId, ParseError> {
        text.parse().map(UnitId)
    }
}

/// What to do about something that ought to be a record and is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Stop with an error that names its place.
    #[default]
    Stop,
    /// Count it, note it in the table of skips, and go on.
    Skip,
}

/// Most bytes of records in a shard, where a run of so many threads has `memory` bytes and nothing
/// else is said: 1 MiB to [`SHARD_BYTES`].
pub fn shard_bytes(memory: u64, threads: usize) -> u64 {
    let share = memory / SHARDS_IN_MEMORY / threads.max(1) as u64;
    share.clamp(1 << 20, SHARD_BYTES as u64)
}

/// Shards' worth of memory that one thread may need at a time.
const SHARDS_IN_MEMORY: u64 = 8;

/// How files are taken in.
#[derive(Clone)]
pub struct Options {
    /// What becomes of their fields.
    pub reading: Reading,
    /// For the salts of leaves.
    pub salt: SaltKey,
    /// Most bytes of records in a shard, and of memory for sorting them. No root depends on it.
    pub shard_bytes: usize,
    /// What to do about faults.
    pub on_error: OnError,
}

/// Takes the files of a place into a catalogue. Only one at a time may work on a catalogue.
pub struct Ingest<'a> {
    catalogue: &'a Catalogue,
    place: &'a Place,
    options: &'a Options,
}

impl<'a> Ingest<'a> {
    /// Makes the folders, and clears away what was left unfinished.
    pub fn new(
        catalogue: &'a Catalogue,
        place: &'a Place,
        options: &'a Options,
    ) -> Result<Ingest<'a>, Error> {
        for folder in [catalogue.records(), catalogue.units()] {
            fs::create_dir_all(&folder).map_err(disk(&folder))?;
            sweep(&folder)?;
        }
        Ok(Ingest { catalogue, place, options })
    }

    /// Takes in every unit of `plan` that is not known, on `threads` threads.
    ///
    /// `done` is told each time that a unit is finished, with its place in the plan. The entries
    /// are in the order of the plan. Errors: that of the first unit, in the order of the plan, that
    /// failed; units that were finished stay.
    pub fn run(
        &self,
        plan: &Plan,
        key: &SecretKey,
        threads: usize,
        done: &(dyn Fn(usize, &Entry) + Sync),
    ) -> Result<Vec<Entry>, Error> {
        let next = AtomicUsize::new(0);
        let stopped = AtomicBool::new(false);
        let results = Mutex::new(Vec::new());
        let work = || {
            while !stopped.load(Ordering::Relaxed) {
                let place = next.fetch_add(1, Ordering::Relaxed);
                let Some(unit) = plan.units.get(place) else { return };
                let result = self.unit(unit, key);
                match &result {
                    Ok(entry) => done(place, entry),
                    Err(_) => stopped.store(true, Ordering::Relaxed),
                }
                results.lock().expect("no thread panics with the lock").push((place, result));
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        let mut results = results.into_inner().expect("no thread panics with the lock");
        results.sort_by_key(|(place, _)| *place);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

#[cfg(test)]
mod tests;
