//! What changed between two versions: records, verdicts, reasons.

use crate::catalogue::{Catalogue, Kept};
use crate::error::{Error, damaged};
use crate::merge::Merge;
use crate::record::RecordId;
use crate::rows::digest;
use crate::table;
use arrow_array::cast::AsArray;
use arrow_array::types::Int8Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use std::collections::BTreeMap;
use terroir_base::Digest;

/// Most records that are listed for one kind of change.
pub const EXAMPLES_MAX: usize = 20;

/// The verdict on one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// The record.
    pub record: RecordId,
    /// Whether it passes.
    pub kept: bool,
    /// "stage: reason", empty where it passes.
    pub why: String,
    /// Digest of the text that passes on.
    pub text: Digest,
}

/// One kind of change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// How many records.
    pub records: u64,
    /// The first of them, ascending.
    pub examples: Vec<RecordId>,
}

/// The difference of version B to version A.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Only in B, by "kept" or why not.
    pub added: BTreeMap<String, Change>,
    /// Only in A, by "kept" or why not.
    pub removed: BTreeMap<String, Change>,
    /// In both with another verdict: why in A ("kept" if it passes), why in B.
    pub judged: BTreeMap<(String, String), Change>,
    /// In both, with another text at the end.
    pub edited: Change,
    /// In both, all equal.
    pub same: u64,
    /// Stages of both by name, where the tables differ, and stages of one only.
    pub stages: Vec<String>,
}

/// Compares two versions.
pub fn diff(catalogue: &Catalogue, a: &Kept, b: &Kept) -> Result<Diff, Error> {
    let mut diff = Diff { stages: stages(a, b), ..Diff::default() };
    let mut left = verdicts(catalogue, a)?.peekable();
    let mut right = verdicts(catalogue, b)?.peekable();
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return Ok(diff),
            (Some(Ok(left)), Some(Ok(right))) => left.record.cmp(&right.record),
            (Some(Err(_)), _) | (Some(_), None) => std::cmp::Ordering::Less,
            (_, Some(_)) => std::cmp::Ordering::Greater,
        };
        let before = if order.is_le() { left.next().transpose()? } else { None };
        let after = if order.is_ge() { right.next().transpose()? } else { None };
        match (before, after) {
            (Some(before), Some(after)) => diff.both(&before, &after),
            (Some(before), None) => {
                diff.removed.entry(before.name()).or_default().add(before.record)
            }
            (None, Some(after)) => diff.added.entry(after.name()).or_default().add(after.record),
            (None, None) => {}
        }
    }
}

impl Diff {
    fn both(&mut self, before: &Said, after: &Said) {
        if before.why != after.why {
            self.judged.entry((before.name(), after.name())).or_default().add(after.record);
        } else if before.text != after.text {
            self.edited.add(after.record);
        } else {
            self.same += 1;
        }
    }
}

impl Change {
    fn add(&mut self, record: RecordId) {
        self.records += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(record);
        }
    }
}

impl Said {
    fn name(&self) -> String {
        if self.kept { "kept".to_owned() } else { self.why.clone() }
    }
}

fn stages(a: &Kept, b: &Kept) -> Vec<String> {
    let roots = |kept: &Kept| -> BTreeMap<String, Digest> {
        kept.version.stages.iter().map(|stage| (stage.name.clone(), stage.rows.root)).collect()
    };
    let (a, b) = (roots(a), roots(b));
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    names.into_iter().filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
}

/// The verdicts of a version, ascending by record, each once.
pub fn verdicts(
    catalogue: &Catalogue,
    kept: &Kept,
) -> Result<impl Iterator<Item = Result<Said, Error>> + use<>, Error> {
    let folder = catalogue.version(&kept.id).join("verdicts");
    let streams = kept.shards.iter().map(|shard| {
        let path = folder.join(format!("{shard}.parquet"));
        let table = table::read(&path, &["rid", "kept", "stage", "reason", "text_out"])?;
        Ok(table.flat_map(move |batch| match batch.and_then(|batch| said(&batch, &path)) {
            Ok(said) => said.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        }))
    });
    let streams = streams.collect::<Result<Vec<_>, Error>>()?;
    let mut last: Option<RecordId> = None;
    Ok(Merge::new(streams)?.filter(move |item| match item {
        Ok(said) => last.replace(said.record) != Some(said.record),
        Err(_) => true,
    }))
}

fn said(batch: &RecordBatch, path: &std::path::Path) -> Result<Vec<Said>, Error> {
    let column = |name: &str| {
        batch.column_by_name(name).ok_or_else(|| damaged(path, format!("has no column {name}")))
    };
    let (rids, texts) = (column("rid")?, column("text_out")?);
    let (stages, reasons) = (column("stage")?, column("reason")?);
    let kept = column("kept")?.as_boolean();
    let row = |at: usize| Said {
        record: RecordId(digest(rids.as_fixed_size_binary(), at).expect("never null")),
        kept: kept.value(at),
        why: match (word(stages, at), word(reasons, at)) {
            (Some(stage), Some(reason)) => format!("{stage}: {reason}"),
            (_, reason) => reason.unwrap_or_default().to_owned(),
        },
        text: digest(texts.as_fixed_size_binary(), at).expect("never null"),
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// Item `at` of a column of words.
pub fn word(column: &ArrayRef, at: usize) -> Option<&str> {
    let words = column.as_dictionary::<Int8Type>();
    let key = words.is_valid(at).then(|| words.keys().value(at))?;
    Some(words.values().as_string::<i32>().value(usize::try_from(key).ok()?))
}
