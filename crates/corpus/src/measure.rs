//! The stages of a chain over the records of a shard: scores, edits and keys in one pass.
//!
//! This is the function that every driver calls, here or on a cluster: a record batch in, rows and
//! keys out. Each text is read once and its views are shared by all stages until one edits it.

use crate::clock::Work as Clock;
use crate::error::Error;
use crate::keys::{Item, Sketch};
use crate::record::RecordId;
use crate::rows::{Rows, digest, row};
use crate::stage::{Key, Stage, Work};
use crate::text::Doc;
use crate::tree::SaltKey;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use std::time::Instant;
use terroir_base::Digest;

/// Columns of a shard that measuring reads.
pub const COLUMNS: [&str; 4] = ["rid", "text", "url", "digest"];

/// What one stage found in a shard.
pub enum Found {
    /// The rows of a stage that sees one record at a time.
    Rows(Box<Rows>),
    /// The keys of a stage that compares records, and its sketches of them.
    Keys(Vec<Item>, Vec<Sketch>),
}

/// CPU nanoseconds of a pass.
pub struct Took {
    /// Of each stage. Views that several stages share are counted for the first that asked.
    pub stages_ns: Vec<u64>,
    /// Of leaves.
    pub commit_ns: u64,
}

/// One pass over a shard, on one thread.
pub struct Pass<'a> {
    stages: &'a [Stage],
    /// A place for each stage; none where the pass need not keep what it finds.
    found: Vec<Option<Found>>,
    /// Stages after this one are not even looked at.
    until: usize,
    took: Vec<u64>,
    work: Clock,
    doc: Doc,
    scores: Vec<i64>,
    keys: Vec<Key>,
}

impl<'a> Pass<'a> {
    /// A pass that keeps what the stages `wanted` find; editing stages before them run as well.
    pub fn new(stages: &'a [Stage], wanted: &[bool], salt: &SaltKey) -> Pass<'a> {
        let place = |(stage, wanted): (&Stage, &bool)| {
            wanted.then(|| match &stage.work {
                Work::Local(local) => Found::Rows(Box::new(Rows::new(local.facts(), salt.clone()))),
                Work::Global(_) => Found::Keys(Vec::new(), Vec::new()),
            })
        };
        let found: Vec<Option<Found>> = stages.iter().zip(wanted).map(place).collect();
        let until = found.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        let took = vec![0; stages.len()];
        Pass {
            stages,
            found,
            until,
            took,
            work: Clock::begin(),
            doc: Doc::default(),
            scores: Vec::new(),
            keys: Vec::new(),
        }
    }

    /// Measures the records of `batch`, which has the [`COLUMNS`].
    pub fn batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let rids = batch.column_by_name("rid").expect("a shard has ids").as_fixed_size_binary();
        let texts = batch.column_by_name("text").expect("a shard has texts").as_string::<i32>();
        let urls = batch.column_by_name("url").expect("a shard has urls").as_string::<i32>();
        let own = batch.column_by_name("digest").expect("a shard has digests");
        let own = own.as_fixed_size_binary();
        for at in 0..batch.num_rows() {
            let record = RecordId(digest(rids, at).expect("a record id is never null"));
            let own = digest(own, at).expect("a text's digest is never null");
            self.doc.reset(texts.value(at));
            self.doc.locate(urls.value(at));
            self.record(record, own);
        }
        Ok(())
    }

    fn record(&mut self, record: RecordId, own: Digest) {
        let mut text = own;
        let mut before = Instant::now();
        let places = self.stages.iter().zip(&mut self.found).zip(&mut self.took);
        for ((stage, found), took) in places.take(self.until) {
            match (&stage.work, found) {
                (Work::Local(local), found) => {
                    if found.is_none() && !local.edits() {
                        continue;
                    }
                    self.scores.clear();
                    self.scores.resize(local.facts().scores.len(), 0);
                    let edited = local.measure(&mut self.doc, &mut self.scores);
                    let out = edited.as_ref().map_or(text, |new| Digest::of(new.as_bytes()));
                    if let Some(Found::Rows(rows)) = found {
                        let row = row(local.facts(), record, (text, out), &self.scores);
                        rows.push(&row, &own);
                    }
                    if let Some(new) = edited {
                        debug_assert!(local.edits(), "{} edits without saying so", stage.name);
                        self.doc.reset(&new);
                    }
                    text = out;
                }
                (Work::Global(global), Some(Found::Keys(keys, sketches))) => {
                    self.keys.clear();
                    let mut sketch = Vec::new();
                    global.keys(&mut self.doc, &mut self.keys, &mut sketch);
                    keys.extend(self.keys.iter().map(|key| (*key, record)));
                    if !sketch.is_empty() {
                        sketches.push((record, sketch));
                    }
                }
                (Work::Global(_), _) => {}
            }
            let now = Instant::now();
            *took += u64::try_from((now - before).as_nanos()).unwrap_or(u64::MAX);
            before = now;
        }
    }

    /// What was found, and the CPU time it took.
    pub fn finish(mut self) -> (Vec<Option<Found>>, Took) {
        let commit = |found: &Option<Found>| match found {
            Some(Found::Rows(rows)) => rows.commit_ns(),
            _ => 0,
        };
        let mut commit_ns = [self.found.iter().map(commit).sum()];
        self.work.scale(&mut commit_ns);
        self.work.scale(&mut self.took);
        (self.found, Took { stages_ns: self.took, commit_ns: commit_ns[0] })
    }
}

/// Makes of `doc` what the editing stages among `stages` make of it.
pub fn edit(stages: &[Stage], doc: &mut Doc) {
    for stage in stages {
        let Work::Local(local) = &stage.work else { continue };
        if local.edits() {
            let mut scores = vec![0; local.facts().scores.len()];
            if let Some(new) = local.measure(doc, &mut scores) {
                doc.reset(&new);
            }
        }
    }
}
