//! Measuring the drawn rows of one shard again.

use super::draw::Drawn;
use super::{Auditor, Difference, Meetings, difference};
use crate::error::Error;
use crate::keys::Run;
use crate::record::RecordId;
use crate::rows::{self, Slice, row};
use crate::run::table_key;
use crate::shard::{self, Rows};
use crate::stage::{Key, Row, Stage, Work};
use crate::text::Doc;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use terroir_base::Digest;

/// The keys of records in one run, ascending, and their sketches.
type Keys = HashMap<RecordId, (Vec<Key>, Vec<u8>)>;

/// A row that is drawn with its record, and at which stages.
type Picked<'a> = ((usize, RecordId), &'a [usize]);

/// Rows that are measured again at a time.
const BATCH: usize = 512;

impl Auditor<'_> {
    /// Gives the number of leaves that were measured again, and what differs.
    pub(super) fn shard(
        &self,
        name: &str,
        drawn: &Drawn,
        meetings: &Meetings,
    ) -> (u64, Vec<Difference>) {
        let path = self.catalogue.shard(name);
        let mut found = Vec::new();
        let keys = self.own_keys(name, drawn, &mut found);
        let every: Vec<usize> = (0..self.stages.len()).collect();
        let picked: Vec<Picked<'_>> = match drawn {
            Drawn::All(records) => {
                let rows = records.iter().enumerate();
                rows.map(|(at, record)| ((at, *record), every.as_slice())).collect()
            }
            Drawn::Some(some) => {
                let rows = some.iter();
                rows.map(|(at, (record, stages))| ((*at, *record), stages.as_slice())).collect()
            }
        };
        let mut leaves = 0;
        for part in picked.chunks(BATCH) {
            leaves += part.iter().map(|(_, stages)| stages.len() as u64).sum::<u64>();
            if let Err(error) = self.part(name, (&path, &keys), part, meetings, &mut found) {
                found.push(difference("records", None, error.to_string()));
            }
        }
        (leaves, found)
    }

    /// The keys and sketches that the runs of the shard `name` have for the drawn records; none for a stage that
    /// has no run, or none that can be read.
    fn own_keys(
        &self,
        name: &str,
        drawn: &Drawn,
        found: &mut Vec<Difference>,
    ) -> Vec<Option<Keys>> {
        let mut all = Vec::with_capacity(self.stages.len());
        for (place, stage) in self.stages.iter().enumerate() {
            let wanted: HashSet<RecordId> = match stage.work {
                Work::Global(_) => drawn.records(place).into_iter().collect(),
                Work::Local(_) => HashSet::new(),
            };
            if wanted.is_empty() {
                all.push(None);
                continue;
            }
            let path = self.catalogue.keys(&stage.key, name);
            let keys = keys_of(&path, &wanted).map_err(|error| {
                found.push(difference(&stage.name, None, error.to_string()));
            });
            all.push(keys.ok());
        }
        all
    }

    fn part(
        &self,
        name: &str,
        (path, keys): (&Path, &[Option<Keys>]),
        part: &[Picked<'_>],
        meetings: &Meetings,
        found: &mut Vec<Difference>,
    ) -> Result<(), Error> {
        let wanted: Vec<(usize, RecordId)> = part.iter().map(|(row, _)| *row).collect();
        let at: Vec<usize> = wanted.iter().map(|(at, _)| *at).collect();
        let mut tables: Vec<Option<Slice>> = Vec::new();
        for (place, stage) in self.stages.iter().enumerate() {
            let drawn = part.iter().any(|(_, stages)| stages.contains(&place));
            let key = table_key(stage, &self.kept.version.records);
            let table = self.catalogue.rows(&key, name);
            match drawn.then(|| rows::pick(&table, stage.facts(), &at)).transpose() {
                Ok(slice) => tables.push(slice),
                Err(error) => {
                    found.push(difference(&stage.name, None, error.to_string()));
                    tables.push(None);
                }
            }
        }
        let mut doc = Doc::default();
        let mut place = 0;
        for records in shard::pick(path, &[], &wanted)? {
            let records = records?;
            for row in 0..records.len() {
                let (_, stages) = part[place];
                let told = Told { records: &records, row, tables: &tables, keys, place, stages };
                self.record(&told, meetings, &mut doc, found);
                place += 1;
            }
        }
        Ok(())
    }

    fn record(
        &self,
        told: &Told<'_>,
        meetings: &Meetings,
        doc: &mut Doc,
        found: &mut Vec<Difference>,
    ) {
        let rid = told.records.rid(told.row);
        let own = told.records.digest(told.row);
        let Some(record) = told.records.record(told.row).filter(|record| record.rid() == rid)
        else {
            found.push(difference("records", Some(rid), "the record is not what its id says"));
            return;
        };
        doc.reset(&record.text);
        doc.locate(&record.url);
        let mut text = Digest::of(record.text.as_bytes());
        let last = told.stages.iter().max().copied().unwrap_or(0);
        for (place, stage) in self.stages.iter().enumerate().take(last + 1) {
            let wanted = told.stages.contains(&place);
            if !wanted && !stage.edits() {
                continue;
            }
            if let (Work::Global(global), true, Some(told)) =
                (&stage.work, wanted, &told.keys[place])
            {
                let (mut made, mut sketch) = (Vec::new(), Vec::new());
                global.keys(doc, &mut made, &mut sketch);
                made.sort_unstable();
                made.dedup();
                let none = (Vec::new(), Vec::new());
                let told = told.get(&rid).unwrap_or(&none);
                let mut wrong = |what| found.push(difference(&stage.name, Some(rid), what));
                if told.0 != made {
                    wrong("its keys are not those that the run has");
                }
                if told.1 != sketch {
                    wrong("its sketch is not the one that the run has");
                }
            }
            let again = again(stage, rid, text, doc, meetings[place].get(&rid));
            text = again.text_out;
            if let Some(slice) = told.tables[place].as_ref().filter(|_| wanted) {
                self.compare(stage, slice, told.place, own, &again, found);
            }
        }
    }

    fn compare(
        &self,
        stage: &Stage,
        slice: &Slice,
        at: usize,
        own: Digest,
        again: &Row,
        found: &mut Vec<Difference>,
    ) {
        if at >= slice.len() {
            let what = "the table has no row for it";
            return found.push(difference(&stage.name, Some(again.record), what));
        }
        let told = slice.row(at, own, stage.facts());
        let salt = self.salt.salt(again.record.0.as_bytes());
        let leaf = again.leaf(&salt, &mut Vec::new());
        if told != *again {
            let what = format!("measured again it is {again:?}, the table says {told:?}");
            found.push(difference(&stage.name, Some(again.record), what));
        } else if slice.leaf(at) != leaf {
            let what = format!("its leaf is {leaf}, the table says {}", slice.leaf(at));
            found.push(difference(&stage.name, Some(again.record), what));
        }
        let reason = again.reason.map(|rule| stage.facts().rules[usize::from(rule)].reason);
        let words = (Some(again.verdict.name()), reason);
        if slice.words(at) != words {
            let what = format!("in words it is {words:?}, the table says {:?}", slice.words(at));
            found.push(difference(&stage.name, Some(again.record), what));
        }
    }
}

/// What the run `path` has of the records `wanted`.
fn keys_of(path: &Path, wanted: &HashSet<RecordId>) -> Result<Keys, Error> {
    let mut run = Run::open(path)?;
    let mut keys = Keys::new();
    run.sketches(|record, sketch| {
        if wanted.contains(&record) {
            keys.entry(record).or_default().1 = sketch.to_vec();
        }
    })?;
    for (key, record) in run.of(wanted)? {
        keys.entry(record).or_default().0.push(key);
    }
    Ok(keys)
}

/// One drawn record with the tables that speak of it.
struct Told<'a> {
    records: &'a Rows,
    row: usize,
    tables: &'a [Option<Slice>],
    keys: &'a [Option<Keys>],
    place: usize,
    stages: &'a [usize],
}

/// The row of `record` at `stage`, measured now; `doc` goes on to the stage's text.
fn again(
    stage: &Stage,
    record: RecordId,
    text: Digest,
    doc: &mut Doc,
    met: Option<&crate::stage::Meeting>,
) -> Row {
    let facts = stage.facts();
    let mut scores = vec![0; facts.scores.len()];
    match &stage.work {
        Work::Local(local) => {
            let edited = local.measure(doc, &mut scores);
            let out = edited.as_ref().map_or(text, |new| Digest::of(new.as_bytes()));
            if let Some(new) = edited {
                doc.reset(&new);
            }
            row(facts, record, (text, out), &scores)
        }
        Work::Global(_) => {
            if let Some(met) = met {
                scores.clone_from(&met.scores);
            }
            let mut row = row(facts, record, (text, text), &scores);
            if let Some(cluster) = met.and_then(|met| met.cluster) {
                row.join(cluster);
            }
            row
        }
    }
}
