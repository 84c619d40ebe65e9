//! One pass over one shard on disk: the unit of work that every driver hands out.
//!
//! For the embedded driver, which does passes on threads, and for a cluster, whose machines share
//! the data folder. What a pass writes has a name that says what it depends on and gets it when it
//! is whole, so doing one twice does no harm. Nobody has vouched for it yet: that is for the driver.

use crate::catalogue::Catalogue;
use crate::claim::Bytes;
use crate::clock::Work as Clock;
use crate::error::Error;
use crate::keys;
use crate::measure::{COLUMNS, Found, Pass, Took};
use crate::merge::Tree;
use crate::shard::Shard;
use crate::stage::Stage;
use crate::tree::SaltKey;
use std::path::Path;

/// A shard that lacks tables or runs of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name.
    pub shard: String,
    /// For each stage of the chain, whether it has to look at the shard.
    pub wanted: Vec<bool>,
}

/// What a pass left on disk.
pub struct Passed {
    /// For each stage of the chain, its table or run; none where it was not wanted.
    pub made: Vec<Option<Made>>,
    /// CPU time of the pass.
    pub took: Took,
}

/// A table or run that a stage made of a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The file.
    pub bytes: Bytes,
    /// What it holds.
    pub out: Out,
}

/// What came out of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Out {
    /// Rows, with the tree over them.
    Rows(Tree),
    /// So many keys.
    Keys(u64),
}

impl Made {
    /// What the file `path` holds now, which is `out`. Errors: `Disk`.
    pub fn of(catalogue: &Catalogue, path: &Path, out: Out) -> Result<Made, Error> {
        Ok(Made { bytes: Bytes::of(catalogue, path)?, out })
    }
}

/// Does one pass over the shard of `task` with the chain `stages`, on this thread.
///
/// Errors: `Disk`; `Damaged` when the shard is not what its name says.
pub fn pass(
    catalogue: &Catalogue,
    stages: &[Stage],
    task: &Task,
    salt: &SaltKey,
) -> Result<Passed, Error> {
    let mut pass = Pass::new(stages, &task.wanted, salt);
    let shard = Shard::open(&catalogue.shard(&task.shard))?;
    for batch in shard.batches(&COLUMNS) {
        pass.batch(&batch?)?;
    }
    let (found, mut took) = pass.finish();
    let mut made = Vec::with_capacity(stages.len());
    for (stage, found) in stages.iter().zip(found) {
        let path = catalogue.measured(stage, &task.shard);
        let out = match found {
            Some(Found::Rows(rows)) => Out::Rows(rows.write(&path)?),
            Some(Found::Keys(found, sketches)) => Out::Keys(keys::write(&path, &found, &sketches)?),
            None => {
                made.push(None);
                continue;
            }
        };
        let start = Clock::begin();
        made.push(Some(Made::of(catalogue, &path, out)?));
        took.commit_ns += start.cpu_ns();
    }
    Ok(Passed { made, took })
}
