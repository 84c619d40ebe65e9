//! The embedded driver: shards through stages to a version, on threads, and nothing twice.
//!
//! Every table has a name that says what it depends on, and gets it only when it is whole. So a run
//! that was killed goes on where it stopped, a changed recipe measures only what changed, and more
//! records cost only their own shards and what they touch.

mod compared;
mod global;
mod measured;
mod pass;
mod view;

pub(crate) use global::ShardTexts;
pub use pass::{Made, Out, Passed, Task, pass};

use crate::catalogue::{Catalogue, Kept, NEW_PREFIX, write};
use crate::claim::{self, Bytes, Claim, Sign, version_files};
use crate::clock::Work as Clock;
use crate::error::{Error, damaged, disk};
use crate::fold::{self, Counts, Fold, Folded};
use crate::ingest::Entry;
use crate::keys;
use crate::merge::{Order, Tree};
use crate::recipe::Recipe;
use crate::record::RecordId;
use crate::rows::digest;
use crate::shard::{self, schema};
use crate::stage::{Stage, Work, chain};
use crate::table;
use crate::tree::{Builder, SaltKey};
use crate::version::{StageEntry, Version, VersionId};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use rayon::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use terroir_base::Digest;
use terroir_base::sign::PublicKey;

/// What a run is told, besides the recipe.
pub struct Options<'a> {
    /// Threads.
    pub threads: usize,
    /// Bytes of memory that the run should stay within.
    pub memory: u64,
    /// For the salts of leaves.
    pub salt: SaltKey,
    /// Signs what comes out.
    pub sign: &'a Sign<'a>,
    /// Whose signature that is: what somebody else signed is not built on.
    pub node: PublicKey,
    /// Told how far it is, from any thread.
    pub watch: &'a (dyn Fn(Progress) + Sync),
    /// Does the passes over shards instead of this process's threads.
    pub elsewhere: Option<&'a Elsewhere<'a>>,
}

/// Does all of these passes with the chain of the recipe; gives what each left, in their order.
///
/// Whoever does them reads and writes the same data folder.
pub type Elsewhere<'a> = dyn Fn(&[Task]) -> Result<Vec<Passed>, Error> + Sync + 'a;

/// How far a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A part of the work begins, of so many steps.
    Begin {
        /// What is done.
        what: &'static str,
        /// Number of steps.
        steps: u64,
    },
    /// One step is done.
    Step,
}

/// The records of a version: what ingest gave, or another version had.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// Names of the shards, ascending.
    pub shards: Vec<String>,
    /// Ids of their units, ascending.
    pub units: Vec<String>,
    /// Versions that these records come from.
    pub parents: Vec<VersionId>,
    /// Contributors who took their consent back.
    pub withdrawn: BTreeSet<String>,
}

impl Records {
    /// The records of the units `entries` and, where there is one, of a parent.
    pub fn of(entries: &[Entry], parent: Option<&Kept>) -> Records {
        let mut records = Records::default();
        if let Some(kept) = parent {
            records.shards.clone_from(&kept.shards);
            records.units.clone_from(&kept.units);
            records.parents = vec![kept.id];
            records.withdrawn = kept.version.withdrawn.iter().cloned().collect();
        }
        for entry in entries {
            records.units.push(entry.unit.to_string());
            records.shards.extend(entry.shards.iter().map(|shard| shard.name.to_string()));
        }
        for names in [&mut records.shards, &mut records.units] {
            names.sort_unstable();
            names.dedup();
        }
        records
    }
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The version.
    pub id: VersionId,
    /// Its content.
    pub version: Version,
    /// What passed and what did not.
    pub counts: Counts,
    /// Each stage, in the order of the recipe.
    pub stages: Vec<StageOutcome>,
    /// Number of shards.
    pub shards: usize,
    /// CPU nanoseconds that commitments took: leaves, digests of texts, roots.
    pub commit_ns: u64,
}

/// What one stage took.
#[derive(Clone, Debug)]
pub struct StageOutcome {
    /// Its name.
    pub name: String,
    /// CPU nanoseconds of measuring, over all threads; 0 when all was known.
    pub cpu_ns: u64,
    /// Shards whose table was known already.
    pub reused: usize,
}

/// Runs `recipe` over `records` and keeps the version.
pub fn run(
    catalogue: &Catalogue,
    recipe: &Recipe,
    records: &Records,
    options: &Options<'_>,
) -> Result<Outcome, Error> {
    on_threads(options.threads, || {
        let stages = chain(recipe)?;
        let (inputs, order) = (Vec::new(), Order::default());
        let driver = Driver { catalogue, recipe, records, options, stages: &stages, inputs, order };
        driver.begin("check", records.shards.len());
        driver.each(&records.shards, |name| shard::check(&catalogue.shard(name)))?;
        let start = Clock::begin();
        let (all, inputs, order) = driver.record_trees()?;
        let took = start.cpu_ns();
        let mut outcome = Driver { inputs, order, ..driver }.run(all)?;
        outcome.commit_ns += took;
        Ok(outcome)
    })?
}

/// Does `work` with `threads` threads of its own.
pub fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> Result<R, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| disk(Path::new("threads"))(std::io::Error::other(error)))?;
    Ok(pool.install(work))
}

/// What a stage commits to.
struct Trees {
    rows: Tree,
    /// Of a stage that compares records.
    keys: Option<Tree>,
}

struct Driver<'a> {
    catalogue: &'a Catalogue,
    recipe: &'a Recipe,
    records: &'a Records,
    options: &'a Options<'a>,
    stages: &'a [Stage],
    /// The tree over the records of each shard.
    inputs: Vec<Tree>,
    /// How the records of all shards follow each other.
    order: Order,
}

impl Driver<'_> {
    /// `records` is the tree over all records.
    fn run(&self, records: Tree) -> Result<Outcome, Error> {
        let (mut took, mut commit_ns) = self.measure()?;
        let keys: Vec<Digest> =
            self.stages.iter().map(|stage| table_key(stage, &records)).collect();
        let mut committed = vec![None; self.stages.len()];
        for place in 0..self.stages.len() {
            if let Work::Global(stage) = &self.stages[place].work {
                let (ns, keys) = self.resolve(place, stage.as_ref(), &keys[..=place], records)?;
                took[place].cpu_ns += ns;
                commit_ns += keys.map_or(0, |(_, ns)| ns);
                committed[place] = keys.map(|(tree, _)| tree);
            }
        }
        self.begin("roots", self.stages.len());
        let places: Vec<usize> = (0..self.stages.len()).collect();
        let trees = self.each(&places, |place| {
            let start = Clock::begin();
            let trees = self.trees(&self.stages[*place], &keys[*place], committed[*place])?;
            Ok((trees, start.cpu_ns()))
        })?;
        commit_ns += trees.iter().map(|(_, took)| took).sum::<u64>();
        let trees: Vec<Trees> = trees.into_iter().map(|(trees, _)| trees).collect();
        let (version, counts, folder) = self.fold(records, &keys, &trees)?;
        let id = version.id();
        let start = Clock::begin();
        self.keep(&version, &id, folder)?;
        commit_ns += start.cpu_ns();
        let shards = self.records.shards.len();
        Ok(Outcome { id, version, counts, stages: took, shards, commit_ns })
    }

    /// The trees of `stage`, whose tables are kept under `key`; that of its keys may be known.
    fn trees(&self, stage: &Stage, key: &Digest, known: Option<Tree>) -> Result<Trees, Error> {
        let shards = self.records.shards.iter();
        let tables: Vec<PathBuf> = shards.map(|name| self.catalogue.rows(key, name)).collect();
        let keys = match (&stage.work, known) {
            (Work::Local(_), _) => None,
            (Work::Global(_), Some(tree)) => Some(tree),
            (Work::Global(_), None) => Some(keys::tree(&self.runs(stage))?),
        };
        Ok(Trees { rows: self.root(&tables)?, keys })
    }

    /// The tree over the leaves of `tables`, one a shard with a row for each of its records.
    ///
    /// That its rows are of these records is seen when verdicts are folded.
    fn root(&self, tables: &[PathBuf]) -> Result<Tree, Error> {
        let leaves = tables.iter().map(|path| fold::only_leaves(path)).collect::<Result<_, _>>()?;
        self.order.root(leaves, |shard, what| damaged(&tables[shard], what))
    }

    /// The runs of keys of `stage`, which compares records.
    fn runs(&self, stage: &Stage) -> Vec<PathBuf> {
        self.records.shards.iter().map(|name| self.catalogue.keys(&stage.key, name)).collect()
    }

    /// Signs what `stage` made of the shard at `place`, in `file`.
    ///
    /// A run of keys is itself what came out.
    fn vouch(&self, stage: &Stage, place: usize, file: &Path, made: &Made) -> Result<(), Error> {
        let (keys, outputs) = match made.out {
            Out::Rows(tree) => ("", tree),
            Out::Keys(leaves) => (claim::KEYS, Tree { root: made.bytes.digest, leaves }),
        };
        let claim = Claim {
            kind: format!("{}{keys}", stage.facts().kind),
            program: stage.id,
            inputs: self.inputs[place],
            outputs,
            files: vec![made.bytes.clone()],
        };
        claim.keep(&claim::path(file), self.options.sign)
    }

    /// The tree over all records, that over those of each shard, and the order of all records.
    fn record_trees(&self) -> Result<(Tree, Vec<Tree>, Order), Error> {
        let salt = &self.options.salt;
        let shards = &self.records.shards;
        let parts = vec![RefCell::new(Builder::default()); shards.len()];
        let streams = shards.iter().zip(&parts).map(|(name, part)| {
            let leaf = move |record: RecordId| {
                let leaf = record.leaf(salt);
                part.borrow_mut().push(leaf);
                Ok((record, leaf))
            };
            let table = table::read(&self.catalogue.shard(name), &schema(), &["rid"])?;
            Ok(table.flat_map(move |batch| match batch {
                Ok(batch) => ids(&batch).map(leaf).collect(),
                Err(error) => vec![Err(error)],
            }))
        });
        let streams = streams.collect::<Result<_, Error>>()?;
        let (all, order) = Order::of(streams, |record| Error::Missing {
            kind: "single leaf for record",
            name: record.to_string(),
        })?;
        let tree = |part: RefCell<Builder>| {
            let part = part.into_inner();
            Tree { root: part.root(), leaves: part.leaves() }
        };
        Ok((all, parts.into_iter().map(tree).collect(), order))
    }

    /// Folds the verdicts into a new folder.
    fn fold(
        &self,
        records: Tree,
        keys: &[Digest],
        trees: &[Trees],
    ) -> Result<(Version, Counts, tempfile::TempDir), Error> {
        let versions = self.catalogue.folder().join("versions");
        fs::create_dir_all(&versions).map_err(disk(&versions))?;
        let folder = tempfile::Builder::new().prefix(NEW_PREFIX).tempdir_in(&versions);
        let folder = folder.map_err(disk(&versions))?;
        let shard = |name: &String| Folded {
            records: self.catalogue.shard(name),
            rows: keys.iter().map(|key| self.catalogue.rows(key, name)).collect(),
            verdicts: folder.path().join("verdicts").join(format!("{name}.parquet")),
        };
        let shards: Vec<Folded> = self.records.shards.iter().map(shard).collect();
        self.begin("fold", 1);
        let fold = Fold {
            stages: self.stages,
            policy: &self.recipe.policy,
            withdrawn: &self.records.withdrawn,
            salt: &self.options.salt,
        };
        let counts = fold.run(&shards)?;
        let tables: Vec<PathBuf> = shards.into_iter().map(|shard| shard.verdicts).collect();
        let verdicts = self.root(&tables)?;
        let entry = |(stage, trees): (&Stage, &Trees)| StageEntry {
            name: stage.name.clone(),
            kind: stage.facts().kind.to_owned(),
            id: stage.id,
            rows: trees.rows,
            keys: trees.keys,
            judged: stage.judge.to_value(),
        };
        let version = Version {
            name: self.recipe.name.clone(),
            parents: self.records.parents.clone(),
            records,
            stages: self.stages.iter().zip(trees).map(entry).collect(),
            priority: self.recipe.policy.priority.clone(),
            withdrawn: self.records.withdrawn.iter().cloned().collect(),
            verdicts,
            kept: counts.kept,
            bytes_in: counts.bytes,
            bytes_kept: counts.bytes_kept,
        };
        Ok((version, counts, folder))
    }

    /// Gives the folder its name; an equal version that is there already stays.
    fn keep(
        &self,
        version: &Version,
        id: &VersionId,
        folder: tempfile::TempDir,
    ) -> Result<(), Error> {
        let named = self.catalogue.version(id);
        if named.join("version.cbor").exists() {
            return Ok(());
        }
        let lines =
            |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        let path = folder.path();
        write(&path.join("recipe.toml"), self.recipe.text.as_bytes())?;
        write(&path.join("shards"), lines(&self.records.shards).as_bytes())?;
        write(&path.join("units"), lines(&self.records.units).as_bytes())?;
        let names = version_files(&self.records.shards);
        let files = names
            .iter()
            .map(|name| Bytes::named(format!("versions/{id}/{name}"), &path.join(name)));
        let files = files.collect::<Result<_, Error>>()?;
        let (shards, units) = (&self.records.shards, &self.records.units);
        let rests =
            claim::envelopes(self.catalogue, self.stages, &version.records, (shards, units));
        let claim = claim::version(version, claim::over(&rests)?, files);
        claim.keep(&path.join("version.rcpt"), self.options.sign)?;
        write(&path.join("version.cbor"), &version.encode())?;
        let temp = folder.keep();
        fs::rename(&temp, &named).map_err(disk(&named))?;
        let parent = named.parent().expect("a version has a folder");
        fs::File::open(parent).and_then(|parent| parent.sync_all()).map_err(disk(parent))
    }

    fn begin(&self, what: &'static str, steps: usize) {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        (self.options.watch)(Progress::Begin { what, steps });
    }

    /// Calls `work` for every item on all threads; the first error by place wins.
    fn each<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> Result<R, Error> + Sync,
    ) -> Result<Vec<R>, Error> {
        let done: Vec<Result<R, Error>> = items
            .par_iter()
            .with_max_len(1)
            .map(|item| {
                let result = work(item);
                (self.options.watch)(Progress::Step);
                result
            })
            .collect();
        done.into_iter().collect()
    }
}

/// What the table of `stage` over a set of records is kept under.
///
/// A local stage's rows depend on their own record alone, a global one's on all of them.
pub fn table_key(stage: &Stage, records: &Tree) -> Digest {
    match stage.work {
        Work::Local(_) => stage.key,
        Work::Global(_) => {
            let parts = [stage.key.as_bytes().as_slice(), records.root.as_bytes()];
            Digest::derive("terroir 2026-11 global table", &parts)
        }
    }
}

/// The record ids in the first column of `batch`.
pub(crate) fn ids(batch: &RecordBatch) -> impl Iterator<Item = RecordId> {
    let rids = batch.column(0).clone();
    (0..batch.num_rows()).map(move |at| {
        RecordId(digest(rids.as_fixed_size_binary(), at).expect("a record id is never null"))
    })
}
