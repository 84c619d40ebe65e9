//! Stages that compare records: everything that drawn records can meet, resolved again.

use super::draw::Drawn;
use super::{Audit, Auditor, Meetings, difference};
use crate::error::Error;
use crate::keys::{self, Item, Run};
use crate::pairs::{self, Other};
use crate::record::RecordId;
use crate::run::{ShardTexts, table_key};
use crate::stage::{Global, Key, Meeting, Stage, Texts, Work};
use crate::text::Doc;
use rayon::prelude::*;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Times that clusters are gone around before all records are compared.
const STEPS_MAX: usize = 8;

impl Auditor<'_> {
    /// Resolves again whatever the drawn records can meet.
    pub(super) fn meetings(&self, drawn: &[Drawn], audit: &mut Audit) -> Meetings {
        let mut all = Vec::with_capacity(self.stages.len());
        for (place, stage) in self.stages.iter().enumerate() {
            let met = self.resolve(place, stage, drawn, audit).unwrap_or_else(|error| {
                audit.differences.push(difference(&stage.name, None, error.to_string()));
                HashMap::new()
            });
            all.push(met);
        }
        all
    }

    fn resolve(
        &self,
        place: usize,
        stage: &Stage,
        drawn: &[Drawn],
        audit: &mut Audit,
    ) -> Result<HashMap<RecordId, Meeting>, Error> {
        let wanted: HashSet<RecordId> =
            drawn.iter().flat_map(|drawn| drawn.records(place)).collect();
        let Work::Global(global) = &stage.work else { return Ok(HashMap::new()) };
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        let names = self.kept.shards.iter();
        let runs: Vec<PathBuf> = names.map(|name| self.catalogue.keys(&stage.key, name)).collect();
        let whole = drawn.iter().all(|drawn| matches!(drawn, Drawn::All(_)));
        let pairs = self.catalogue.pairs(&table_key(stage, &self.kept.version.records));
        let others = Mutex::new(Vec::new());
        let texts = ShardTexts {
            shards: self.kept.shards.iter().map(|name| self.catalogue.shard(name)).collect(),
            stages: &self.stages[..place],
            budget: usize::try_from(self.memory / 4).unwrap_or(usize::MAX),
            // What is to be checked is not believed.
            runs: Vec::new(),
            known: Vec::new(),
            keep: &|records, found| {
                let mut others = others.lock().expect("no thread panics with the lock");
                // Versions that are older than such files have none.
                match pairs.exists() {
                    true => pairs::compare(&pairs, (records, found), whole, |one| others.push(one)),
                    false => Ok(()),
                }
            },
        };
        let met = if whole { None } else { around(global.as_ref(), &runs, &texts, wanted)? };
        let met = match met {
            Some(met) => met,
            None => {
                let mut items = keys::merge(&runs)?;
                let all = items.records();
                global.resolve(&mut items, &all, &texts)?
            }
        };
        let others = others.into_inner().expect("no thread panics with the lock");
        audit.differences.extend(others.into_iter().map(
            |Other { records: [a, b], kept, found }| {
                let said =
                    |result: Option<i32>| result.map_or("none".to_owned(), |one| one.to_string());
                let (made, told) = (said(found), said(kept));
                let what = format!("its likeness to record {b} is {made}, its pair says {told}");
                difference(&stage.name, Some(a), what)
            },
        ));
        Ok(met.into_iter().map(|meeting| (meeting.record, meeting)).collect())
    }
}

/// What `stage` says of `wanted`, from the records that share a key with them or with a member of
/// their clusters. `None` when clusters reach too far.
///
/// A record is compared with all that it shares a key with, so what is said of it is right when all
/// these are there; its cluster is right when that holds for every member.
fn around(
    stage: &dyn Global,
    runs: &[PathBuf],
    texts: &ShardTexts<'_>,
    wanted: HashSet<RecordId>,
) -> Result<Option<Vec<Meeting>>, Error> {
    let kept = Mutex::new(HashMap::new());
    let mut core = wanted;
    for _ in 0..STEPS_MAX {
        let (records, items) = keys::numbered(&near(runs, &core)?);
        let near = Near { texts, core: &core, kept: &kept };
        let met = stage.resolve(&mut items.into_iter().map(Ok), &records, &near)?;
        let inside = met.iter().filter(|meeting| core.contains(&meeting.record));
        let clusters: HashSet<RecordId> = inside.filter_map(|meeting| meeting.cluster).collect();
        let of = |meeting: &&Meeting| meeting.cluster.is_some_and(|one| clusters.contains(&one));
        let members: Vec<RecordId> = met.iter().filter(of).map(|meeting| meeting.record).collect();
        let before = core.len();
        core.extend(members);
        if core.len() == before {
            return Ok(Some(met));
        }
    }
    Ok(None)
}

/// Texts around some records. What was read stays: clusters are gone around more than once.
struct Near<'a> {
    texts: &'a ShardTexts<'a>,
    core: &'a HashSet<RecordId>,
    kept: &'a Mutex<HashMap<RecordId, String>>,
}

impl Texts for Near<'_> {
    fn read(
        &self,
        wanted: &[RecordId],
        each: &mut dyn FnMut(RecordId, &mut Doc) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut kept = self.kept.lock().expect("no thread panics with the lock");
        let mut bytes: usize = kept.values().map(String::len).sum();
        let mut doc = Doc::default();
        let mut missing = Vec::new();
        for record in wanted {
            match kept.get(record) {
                Some(text) => {
                    doc.reset(text);
                    each(*record, &mut doc)?;
                }
                None => missing.push(*record),
            }
        }
        self.texts.read(&missing, &mut |record, doc| {
            bytes = bytes.saturating_add(doc.text().len());
            if bytes <= self.texts.budget {
                kept.insert(record, doc.text().to_owned());
            }
            each(record, doc)
        })
    }

    fn sketches(
        &self,
        wanted: &[RecordId],
        each: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<(), Error> {
        self.texts.sketches(wanted, each)
    }

    fn budget(&self) -> usize {
        self.texts.budget()
    }

    fn scratch(&self) -> &Path {
        self.texts.scratch()
    }

    fn matters(&self, a: RecordId, b: RecordId) -> bool {
        self.core.contains(&a) || self.core.contains(&b)
    }

    fn known(&self) -> &[PathBuf] {
        self.texts.known()
    }

    fn keep(&self, records: &[RecordId], pairs: &mut pairs::Stream<'_>) -> Result<(), Error> {
        self.texts.keep(records, pairs)
    }
}

/// All items of the records that share a key with one of `core`, ascending, equal ones once.
fn near(runs: &[PathBuf], core: &HashSet<RecordId>) -> Result<Vec<Item>, Error> {
    let own = all(runs, |run| run.of(core))?;
    let mut keys: Vec<Key> = own.into_iter().map(|item| item.0).collect();
    keys.sort_unstable();
    keys.dedup();
    let met = all(runs, |run| run.under(&keys))?;
    let near: HashSet<RecordId> = met.into_iter().map(|item| item.1).collect();
    let mut items = all(runs, |run| run.of(&near))?;
    items.sort_unstable();
    items.dedup();
    Ok(items)
}

/// What `find` gives for each run.
fn all(
    runs: &[PathBuf],
    find: impl Fn(Run) -> Result<Vec<Item>, Error> + Sync,
) -> Result<Vec<Item>, Error> {
    let parts: Vec<Result<Vec<Item>, Error>> =
        runs.par_iter().map(|path| find(Run::open(path)?)).collect();
    let parts: Vec<Vec<Item>> = parts.into_iter().collect::<Result<_, _>>()?;
    Ok(parts.concat())
}
