//! Verdicts of all stages on a record, folded into one: does it pass, and if not, why.
//!
//! For `run`, which makes versions. Each record is judged by every rule first. Then, stage by stage,
//! the records of a cluster that no rule dropped compete, and the one of the best source wins, the
//! smallest id among equals; the others drop as its duplicates. So the result depends on scores
//! and policy alone. Format of the tables: `docs/format/verdicts.md`.

mod columns;
mod lockstep;

use crate::error::{Error, damaged};
use crate::merge::Tree;
use crate::recipe::Policy;
use crate::record::RecordId;
use crate::rows::digest;
use crate::stage::Stage;
use crate::table;
use crate::tree::SaltKey;
use arrow_array::cast::AsArray;
use arrow_array::{Array, FixedSizeBinaryArray, RecordBatch};
use columns::Columns;
pub use columns::{schema, verdict_body, verdict_leaf};
pub(crate) use lockstep::Lockstep;
use rayon::prelude::*;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use terroir_base::Digest;

/// Reason of a record whose contributor took the consent back.
pub const WITHDRAWN: &str = "withdrawn";
/// Reason of a record that lost to another one of its cluster.
pub const DUPLICATE: &str = "duplicate";

/// A shard and the tables of all stages over it.
pub struct Folded {
    /// The records.
    pub records: PathBuf,
    /// The table of each stage, in the order of the recipe.
    pub rows: Vec<PathBuf>,
    /// Where the verdicts go.
    pub verdicts: PathBuf,
}

/// How many records and bytes passed, and what stopped the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records that came in.
    pub records: u64,
    /// Bytes of text that came in.
    pub bytes: u64,
    /// Records that pass.
    pub kept: u64,
    /// Bytes of text that pass, as read.
    pub bytes_kept: u64,
    /// Records that each stage dropped, in the order of the recipe.
    pub dropped: Vec<u64>,
    /// Records whose contributor withdrew.
    pub withdrawn: u64,
}

/// Takes the verdicts of the shard at a place.
pub type Each<'a> = dyn Fn(usize, RecordBatch) -> Result<(), Error> + Sync + 'a;

/// Why a record does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Withdrawn,
    Rule { stage: u8, rule: u8 },
    Copy { stage: u8 },
}

/// What decides.
pub struct Fold<'a> {
    /// The stages.
    pub stages: &'a [Stage],
    /// Who wins among copies.
    pub policy: &'a Policy,
    /// Contributors whose records may not pass.
    pub withdrawn: &'a BTreeSet<String>,
    /// For the salts of the leaves.
    pub salt: &'a SaltKey,
}

impl Fold<'_> {
    /// Judges every record of `shards` and writes their verdicts.
    pub fn run(&self, shards: &[Folded]) -> Result<Counts, Error> {
        self.judge(shards, &|place, batch| {
            table::write(&shards[place].verdicts, batch.schema(), &[batch])
        })
    }

    /// Judges every record of `shards`; `each` gets the place of a shard and its verdicts, from any
    /// thread.
    ///
    /// A record that stands in several shards is judged alike in each and counted once.
    pub fn judge(&self, shards: &[Folded], each: &Each<'_>) -> Result<Counts, Error> {
        let parts: Vec<Result<Ruled, Error>> =
            shards.par_iter().map(|shard| self.rules(shard)).collect();
        let (mut judged, mut members) = (Vec::with_capacity(parts.len()), Vec::new());
        for part in parts {
            let (records, of) = part?;
            judged.push(records);
            members.extend(of);
        }
        let lost = lost(members);
        let one = |(place, judged)| {
            let (told, batch) = self.shard(judged, &lost);
            each(place, batch)?;
            Ok(told)
        };
        let parts: Vec<Result<Vec<Told>, Error>> =
            judged.into_par_iter().enumerate().map(one).collect();
        let mut all = Vec::new();
        for part in parts {
            all.extend(part?);
        }
        all.par_sort_unstable_by_key(|told| told.record);
        all.dedup_by_key(|told| told.record);
        let mut counts = Counts { dropped: vec![0; self.stages.len()], ..Counts::default() };
        for told in all {
            counts.add(&told);
        }
        Ok(counts)
    }

    /// What the rules say of each record of `shard`, and the members of clusters that none drops.
    fn rules(&self, shard: &Folded) -> Result<Ruled, Error> {
        let (mut judged, mut members) = (Vec::new(), Vec::new());
        let mut reader = Lockstep::open(shard, self.stages)?;
        while reader.advance()? {
            let (record, why) = (reader.record(), self.ruled(&reader));
            let told = Told { record, bytes: reader.bytes(), why };
            judged.push((told, reader.text_out()));
            if why.is_some() {
                continue;
            }
            let rank = self.policy.rank(reader.source());
            for (place, stage) in self.stages.iter().enumerate() {
                if stage.judge.ignored() {
                    continue;
                }
                if let Some(cluster) = reader.cluster(place) {
                    members.push(Member { stage: number(place), cluster, rank, record });
                }
            }
        }
        Ok((judged, members))
    }

    /// Why the record at the reader drops, clusters aside.
    fn ruled(&self, reader: &Lockstep) -> Option<Why> {
        if !self.withdrawn.is_empty() && self.withdrawn.contains(reader.contributor()) {
            return Some(Why::Withdrawn);
        }
        let mut scores = Vec::new();
        self.stages.iter().enumerate().find_map(|(place, stage)| {
            reader.scores(place, &mut scores);
            let rule = stage.judge.drops(&scores)?;
            Some(Why::Rule { stage: number(place), rule })
        })
    }

    /// The verdicts on the records of a shard, once it is known which copies are lost.
    fn shard(
        &self,
        judged: Vec<(Told, Digest)>,
        lost: &HashMap<RecordId, u8>,
    ) -> (Vec<Told>, RecordBatch) {
        let mut columns = Columns::new(self.salt);
        let verdict = |(mut told, text): (Told, Digest)| {
            let copy = || lost.get(&told.record).map(|stage| Why::Copy { stage: *stage });
            told.why = told.why.or_else(copy);
            columns.push(told.record, told.why, &text, self.stages);
            told
        };
        let told = judged.into_iter().map(verdict).collect();
        (told, columns.finish())
    }
}

/// Each record of a shard with the digest of its text after all stages, and members of clusters.
type Ruled = (Vec<(Told, Digest)>, Vec<Member>);

/// The records that lose to another of their cluster, with the stage that says so.
fn lost(mut members: Vec<Member>) -> HashMap<RecordId, u8> {
    members.par_sort_unstable();
    members.dedup();
    let mut lost = HashMap::new();
    for cluster in members.chunk_by(|a, b| (a.stage, a.cluster) == (b.stage, b.cluster)) {
        let alive = cluster.iter().filter(|member| !lost.contains_key(&member.record));
        let losers: Vec<(RecordId, u8)> =
            alive.skip(1).map(|member| (member.record, member.stage)).collect();
        lost.extend(losers);
    }
    lost
}

/// A record that may win its cluster; the order of the fields is the order of winning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Member {
    stage: u8,
    cluster: RecordId,
    rank: u32,
    record: RecordId,
}

/// What was said of one record.
struct Told {
    record: RecordId,
    bytes: u64,
    why: Option<Why>,
}

impl Counts {
    fn add(&mut self, told: &Told) {
        self.records += 1;
        self.bytes += told.bytes;
        match told.why {
            None => {
                self.kept += 1;
                self.bytes_kept += told.bytes;
            }
            Some(Why::Withdrawn) => self.withdrawn += 1,
            Some(Why::Rule { stage, .. } | Why::Copy { stage }) => {
                self.dropped[usize::from(stage)] += 1;
            }
        }
    }
}

fn number(place: usize) -> u8 {
    u8::try_from(place).expect("a recipe has at most 64 stages")
}

/// The root over the column `leaf` of tables that have the columns `rid` and `leaf`.
pub fn root(tables: &[PathBuf]) -> Result<Tree, Error> {
    let streams = tables.iter().map(|path| leaves(path)).collect::<Result<_, _>>()?;
    let at = tables.first().cloned().unwrap_or_default();
    crate::merge::root(streams, |record| {
        damaged(&at, format!("record {record} has another leaf in another shard"))
    })
}

/// The leaves of one table.
pub fn leaves(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(RecordId, Digest), Error>> + use<>, Error> {
    let table = table::read(path, &schema(), &["rid", "leaf"])?;
    let items = |batch: RecordBatch| {
        let (rids, leaves) = (batch.column(0).clone(), batch.column(1).clone());
        (0..batch.num_rows()).map(move |at| {
            let rid = digest(rids.as_fixed_size_binary(), at).expect("never null");
            let leaf = digest(leaves.as_fixed_size_binary(), at).expect("never null");
            (RecordId(rid), leaf)
        })
    };
    Ok(table.flat_map(move |batch| match batch {
        Ok(batch) => items(batch).map(Ok).collect::<Vec<_>>(),
        Err(error) => vec![Err(error)],
    }))
}

/// The leaves of one table without their records.
pub(crate) fn only_leaves(
    path: &Path,
) -> Result<impl Iterator<Item = Result<Digest, Error>> + use<>, Error> {
    let leaf = |leaves: &FixedSizeBinaryArray, at| digest(leaves, at).expect("never null");
    Ok(table::read(path, &schema(), &["leaf"])?.flat_map(move |batch| match batch {
        Ok(batch) => {
            let leaves = batch.column(0).as_fixed_size_binary();
            (0..leaves.len()).map(|at| Ok(leaf(leaves, at))).collect()
        }
        Err(error) => vec![Err(error)],
    }))
}

#[cfg(test)]
mod tests;
