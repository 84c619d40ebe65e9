//! Records in memory, for the tests of stages that compare them. Invariant: gives a stage what the
//! driver does, but in the worst order that the contract of [`Texts`] allows.

use super::{Global, Key, Meeting, Texts};
use crate::error::Error;
use crate::keys::numbered;
use crate::pairs;
use crate::record::{Record, RecordId};
use crate::text::Doc;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

/// Texts by their records.
pub struct Memory {
    pub texts: BTreeMap<RecordId, String>,
    pub budget: usize,
    /// The records that matter; all where there are none.
    pub about: BTreeSet<RecordId>,
    /// What the stage made last of each record; given back where `sketched`.
    pub sketches: Mutex<BTreeMap<RecordId, Vec<u8>>>,
    pub sketched: bool,
    /// Pairs that were compared, and texts read so far.
    pub pairs: AtomicUsize,
    pub reads: AtomicUsize,
    pub folder: TempDir,
    /// Files of pairs that were compared before.
    pub known: Vec<PathBuf>,
    /// Where the pairs of a run go.
    pub kept: PathBuf,
    _beside: TempDir,
}

impl Memory {
    /// A record for each text; equal texts are told apart by their place.
    pub fn of<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Memory {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let mut record = |text: T| {
            let text = text.as_ref().to_owned();
            let times = seen.entry(text.clone()).or_default();
            *times += 1;
            let id = times.to_string();
            (Record { text: text.clone(), id, ..Record::default() }.rid(), text)
        };
        let beside = tempfile::tempdir().expect("there is a folder for tests");
        Memory {
            texts: texts.into_iter().map(&mut record).collect(),
            budget: 1 << 20,
            about: BTreeSet::new(),
            sketches: Mutex::default(),
            sketched: true,
            pairs: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            folder: tempfile::tempdir().expect("there is a folder for tests"),
            known: Vec::new(),
            kept: beside.path().join("pairs"),
            _beside: beside,
        }
    }

    /// The record of `text`, its first one.
    pub fn record(&self, text: &str) -> RecordId {
        *self.texts.iter().find(|(_, other)| *other == text).expect("a text of these").0
    }

    /// Every key of every record, as the driver gives them.
    pub fn keys(&self, stage: &dyn Global) -> Vec<(Key, RecordId)> {
        let mut items = Vec::new();
        let mut doc = Doc::default();
        for (record, text) in &self.texts {
            let mut keys = Vec::new();
            doc.reset(text);
            let mut sketch = Vec::new();
            stage.keys(&mut doc, &mut keys, &mut sketch);
            self.sketches.lock().expect("no test panics with the lock").insert(*record, sketch);
            items.extend(keys.into_iter().map(|key| (key, *record)));
        }
        items.sort_unstable();
        items.dedup();
        items
    }

    /// What `stage` finds.
    pub fn run(&self, stage: &dyn Global) -> Vec<Meeting> {
        let (records, items) = numbered(&self.keys(stage));
        let mut items = items.into_iter().map(Ok);
        let meetings = stage.resolve(&mut items, &records, self).expect("memory does not fail");
        let left = std::fs::read_dir(self.folder.path()).expect("it is there").count();
        assert_eq!(left, 0, "a stage leaves nothing behind");
        assert!(meetings.is_sorted_by(|a, b| a.record < b.record));
        meetings
    }
}

impl Texts for Memory {
    fn sketches(
        &self,
        wanted: &[RecordId],
        each: &mut dyn FnMut(usize, &[u8]),
    ) -> Result<(), Error> {
        assert!(wanted.is_sorted_by(|a, b| a < b), "what is wanted ascends");
        let sketches = self.sketches.lock().expect("no test panics with the lock");
        for (place, record) in wanted.iter().enumerate().rev().filter(|_| self.sketched) {
            each(place, &sketches[record]);
        }
        Ok(())
    }

    fn read(
        &self,
        wanted: &[RecordId],
        each: &mut dyn FnMut(RecordId, &mut Doc) -> Result<(), Error>,
    ) -> Result<(), Error> {
        assert!(wanted.is_sorted_by(|a, b| a < b), "what is wanted ascends");
        let mut doc = Doc::default();
        let busy = Cell::new(0_usize);
        let (odd, even): (Vec<_>, Vec<_>) =
            wanted.iter().rev().partition(|record| record.0.0[31].is_multiple_of(2));
        for record in odd.into_iter().chain(even) {
            doc.reset(&self.texts[record]);
            busy.set(busy.get() + 1);
            each(*record, &mut doc)?;
        }
        self.reads.fetch_add(busy.get(), Ordering::Relaxed);
        Ok(())
    }

    fn budget(&self) -> usize {
        self.budget
    }

    fn scratch(&self) -> &Path {
        self.folder.path()
    }

    fn matters(&self, a: RecordId, b: RecordId) -> bool {
        assert!(a < b, "the smaller record comes first");
        let inside = |record| self.about.is_empty() || self.about.contains(&record);
        let matters = inside(a) || inside(b);
        self.pairs.fetch_add(usize::from(matters), Ordering::Relaxed);
        matters
    }

    fn known(&self) -> &[PathBuf] {
        &self.known
    }

    fn keep(&self, records: &[RecordId], pairs: &mut pairs::Stream<'_>) -> Result<(), Error> {
        pairs::write(&self.kept, records, pairs)
    }
}

/// The records of each cluster, ascending.
pub fn clusters(meetings: &[Meeting]) -> Vec<Vec<RecordId>> {
    let mut clusters: BTreeMap<RecordId, Vec<RecordId>> = BTreeMap::new();
    for meeting in meetings {
        let cluster = meeting.cluster.expect("the stage makes clusters");
        clusters.entry(cluster).or_default().push(meeting.record);
    }
    clusters.into_values().collect()
}
