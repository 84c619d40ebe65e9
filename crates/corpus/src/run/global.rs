//! Stages that compare records: their keys merged, resolved and written as rows of every shard.

use super::{Driver, Made, Out, ids};
use crate::claim;
use crate::clock::Work as Clock;
use crate::error::{Error, damaged};
use crate::keys::{self, Committing, Run};
use crate::measure::edit;
use crate::merge::Tree;
use crate::pairs;
use crate::record::RecordId;
use crate::rows::{self, Rows, Slice, digest, row};
use crate::shard::{self, schema};
use crate::stage::{Global, Meeting, Stage, Texts};
use crate::table;
use crate::text::Doc;
use arrow_array::cast::AsArray;
use std::path::{Path, PathBuf};
use terroir_base::Digest;

impl Driver<'_> {
    /// Makes the rows of the global stage at `place` where they are missing; gives nanoseconds, and
    /// the tree over its keys with its own nanoseconds where they were read.
    ///
    /// `tables` are the keys of the tables of the stages up to and with this one, `records` the tree
    /// over all records.
    pub(super) fn resolve(
        &self,
        place: usize,
        stage: &dyn Global,
        tables: &[Digest],
        records: Tree,
    ) -> Result<(u64, Option<(Tree, u64)>), Error> {
        let start = Clock::begin();
        let table = |name: &String| self.catalogue.rows(&tables[place], name);
        let shards = &self.records.shards;
        let pairs = self.catalogue.pairs(&tables[place]);
        let known = self.compared(&self.stages[place], &pairs)?;
        if shards.iter().all(|name| claim::known(&table(name))) {
            self.begin("check", shards.len());
            self.each(shards, |name| {
                claim::check(self.catalogue, &self.stages[place], &self.options.node, &table(name))
            })?;
            return Ok((0, None));
        }
        let texts = ShardTexts {
            shards: shards.iter().map(|name| self.catalogue.shard(name)).collect(),
            stages: &self.stages[..place],
            budget: usize::try_from(self.options.memory / 4).unwrap_or(usize::MAX),
            runs: self.runs(&self.stages[place]),
            known,
            keep: &|records, found| pairs::write(&pairs, records, found),
        };
        let mut items = Committing::new(keys::merge(&texts.runs)?);
        let all = items.records();
        let meetings = stage.resolve(&mut items, &all, &texts)?;
        self.vouch_pairs(&self.stages[place], &pairs, records)?;
        let (tree, commit_ns) = items.finish()?;
        let mut took = start.cpu_ns().saturating_sub(commit_ns);
        self.begin("clusters", shards.len());
        let shards: Vec<usize> = (0..shards.len()).collect();
        let rows = |shard: &usize| self.global_rows(place, stage, tables, *shard, &meetings);
        took += self.each(&shards, rows)?.into_iter().sum::<u64>();
        Ok((took, Some((tree, commit_ns))))
    }

    fn global_rows(
        &self,
        place: usize,
        stage: &dyn Global,
        tables: &[Digest],
        shard: usize,
        meetings: &[Meeting],
    ) -> Result<u64, Error> {
        let start = Clock::begin();
        let name = &self.records.shards[shard];
        let facts = stage.facts();
        let alone = vec![0; facts.scores.len()];
        let mut rows = Rows::new(facts, self.options.salt.clone());
        let mut edits = match self.stages[..place].iter().rposition(Stage::edits) {
            Some(edit) => {
                let path = self.catalogue.rows(&tables[edit], name);
                Some((rows::read(&path, self.stages[edit].facts())?, edit))
            }
            None => None,
        };
        for batch in table::read(&self.catalogue.shard(name), &schema(), &["rid", "digest"])? {
            let batch = batch?;
            let own = batch.column(1).as_fixed_size_binary();
            let mut texts: Vec<Digest> =
                (0..batch.num_rows()).map(|at| digest(own, at).expect("never null")).collect();
            let owns = texts.clone();
            if let Some((slices, edit)) = &mut edits {
                let facts = self.stages[*edit].facts();
                let slice = slices.next().transpose()?;
                let fits = |slice: &Slice| {
                    slice.len() == texts.len()
                        && ids(&batch).enumerate().all(|(at, record)| slice.record(at) == record)
                };
                let Some(slice) = slice.filter(fits) else {
                    let path = self.catalogue.rows(&tables[*edit], name);
                    return Err(damaged(&path, "has other records than its shard"));
                };
                for (at, text) in texts.iter_mut().enumerate() {
                    *text = slice.row(at, *text, facts).text_out;
                }
            }
            for ((at, record), text) in ids(&batch).enumerate().zip(texts) {
                let met = meetings.binary_search_by_key(&record, |meeting| meeting.record);
                let met = met.ok().map(|place| &meetings[place]);
                let scores = met.map_or(&alone, |met| &met.scores);
                let mut row = row(facts, record, (text, text), scores);
                if let Some(cluster) = met.and_then(|met| met.cluster) {
                    row.join(cluster);
                }
                rows.push(&row, &owns[at]);
            }
        }
        let path = self.catalogue.rows(&tables[place], name);
        let rows = Out::Rows(rows.write(&path)?);
        let made = Made::of(self.catalogue, &path, rows)?;
        self.vouch(&self.stages[place], shard, &path, &made)?;
        Ok(start.cpu_ns())
    }
}

/// Texts out of shards, as a stage sees them.
pub struct ShardTexts<'a> {
    /// The shards.
    pub shards: Vec<PathBuf>,
    /// The stages before.
    pub stages: &'a [Stage],
    /// Bytes that the stage may hold.
    pub budget: usize,
    /// Runs of keys whose sketches are believed.
    pub runs: Vec<PathBuf>,
    /// Files of pairs that were compared before, each as it was signed.
    pub known: Vec<PathBuf>,
    /// Takes the pairs that were compared.
    pub keep: &'a Keep<'a>,
}

/// Takes what a stage found about pairs of records.
pub type Keep<'a> = dyn Fn(&[RecordId], &mut pairs::Stream<'_>) -> Result<(), Error> + Sync + 'a;

impl Texts for ShardTexts<'_> {
    fn read(
        &self,
        wanted: &[RecordId],
        each: &mut dyn FnMut(RecordId, &mut Doc) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut seen = vec![false; wanted.len()];
        let mut doc = Doc::default();
        for path in &self.shards {
            let mut found = Vec::new();
            let mut at = 0;
            for batch in table::read(path, &schema(), &["rid"])? {
                for record in ids(&batch?) {
                    if let Ok(place) = wanted.binary_search(&record)
                        && !seen[place]
                    {
                        seen[place] = true;
                        found.push((at, record));
                    }
                    at += 1;
                }
            }
            for rows in shard::pick(path, &["text", "digest"], &found)? {
                let rows = rows?;
                for at in 0..rows.len() {
                    let (record, text) = (rows.rid(at), rows.text("text", at));
                    if Digest::of(text.as_bytes()) != rows.digest(at) {
                        let what =
                            format!("the text of record {record} is not what its digest says");
                        return Err(damaged(path, what));
                    }
                    doc.reset(text);
                    edit(self.stages, &mut doc);
                    each(record, &mut doc)?;
                }
            }
        }
        match seen.iter().position(|seen| !seen) {
            Some(place) => Err(Error::Missing { kind: "record", name: wanted[place].to_string() }),
            None => Ok(()),
        }
    }

    fn sketches(
        &self,
        wanted: &[RecordId],
        each: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<(), Error> {
        for path in &self.runs {
            let mut places = 0..wanted.len();
            Run::open(path)?.sketches(|record, sketch| {
                // Both ascend.
                while places.start < places.end && wanted[places.start] < record {
                    places.start += 1;
                }
                if wanted.get(places.start) == Some(&record) {
                    each(places.start, sketch);
                }
            })?;
        }
        Ok(())
    }

    fn budget(&self) -> usize {
        self.budget
    }

    fn scratch(&self) -> &Path {
        // Files without a name: nobody sees them there.
        self.shards.first().and_then(|shard| shard.parent()).unwrap_or(Path::new("."))
    }

    fn matters(&self, _: RecordId, _: RecordId) -> bool {
        true
    }

    fn known(&self) -> &[PathBuf] {
        &self.known
    }

    fn keep(&self, records: &[RecordId], pairs: &mut pairs::Stream<'_>) -> Result<(), Error> {
        (self.keep)(records, pairs)
    }
}
