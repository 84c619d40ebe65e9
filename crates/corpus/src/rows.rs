//! Tables of verdicts: one row a record and stage, as Parquet and as leaves of a tree.
//!
//! Written by `run`, read by `fold`, `audit` and any tool that reads Parquet. Format:
//! `docs/format/rows.md`.

mod check;

pub use check::check;

use crate::error::{Error, damaged};
use crate::merge::Tree;
use crate::record::RecordId;
use crate::stage::{Facts, Row, Verdict, judge};
use crate::table;
use crate::tree::{Builder, SaltKey, body, leaf};
use crate::verdicts::word;
use arrow_array::builder::{FixedSizeBinaryBuilder, StringDictionaryBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int64Type};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use terroir_base::Digest;

/// What `reason` says in the row's bytes where there is none.
const NO_REASON: u8 = 255;

impl Row {
    /// Puts the record into a cluster: by the published rule, all but its smallest record drop.
    pub fn join(&mut self, cluster: RecordId) {
        self.cluster = Some(cluster);
        if self.record != cluster {
            self.verdict = Verdict::Drop;
        }
    }

    /// The bytes that are hashed into the row's leaf: `docs/format/rows.md`.
    pub fn canonical(&self, into: &mut Vec<u8>) {
        into.clear();
        into.extend_from_slice(self.text_in.as_bytes());
        into.extend_from_slice(self.text_out.as_bytes());
        into.push(self.verdict as u8);
        into.push(self.reason.unwrap_or(NO_REASON));
        into.extend_from_slice(&self.cluster.map_or([0; 32], |cluster| cluster.0.0));
        for score in &self.scores {
            into.extend_from_slice(&score.to_le_bytes());
        }
    }

    /// The row's leaf.
    pub fn leaf(&self, salt: &Digest, buffer: &mut Vec<u8>) -> Digest {
        self.canonical(buffer);
        leaf(self.record.0.as_bytes(), &body(salt, buffer))
    }
}

/// The row of a record with `scores` at a stage of `facts`, by the published thresholds.
pub fn row(facts: &Facts, record: RecordId, texts: (Digest, Digest), scores: &[i64]) -> Row {
    let published: Vec<i64> = facts.rules.iter().map(|rule| rule.default).collect();
    let reason = judge(facts, scores, &published);
    let verdict = match reason {
        Some(_) => Verdict::Drop,
        None if texts.0 != texts.1 => Verdict::Edit,
        None => Verdict::Keep,
    };
    let scores = scores.to_vec();
    Row { record, text_in: texts.0, text_out: texts.1, verdict, reason, cluster: None, scores }
}

/// Rows of one stage and shard while they are made, in ascending order of their records.
pub struct Rows {
    facts: &'static Facts,
    salt: SaltKey,
    rids: FixedSizeBinaryBuilder,
    ins: FixedSizeBinaryBuilder,
    outs: FixedSizeBinaryBuilder,
    clusters: FixedSizeBinaryBuilder,
    leaves: FixedSizeBinaryBuilder,
    verdicts: StringDictionaryBuilder<Int8Type>,
    reasons: StringDictionaryBuilder<Int8Type>,
    scores: Vec<Vec<i64>>,
    buffer: Vec<u8>,
    tree: Builder,
    commit_ns: u64,
}

impl Rows {
    /// No rows yet.
    pub fn new(facts: &'static Facts, salt: SaltKey) -> Rows {
        let digests = || FixedSizeBinaryBuilder::new(32);
        Rows {
            facts,
            salt,
            rids: digests(),
            ins: digests(),
            outs: digests(),
            clusters: digests(),
            leaves: digests(),
            verdicts: StringDictionaryBuilder::new(),
            reasons: StringDictionaryBuilder::new(),
            scores: vec![Vec::new(); facts.scores.len()],
            buffer: Vec::new(),
            tree: Builder::default(),
            commit_ns: 0,
        }
    }

    /// Adds a row; `own` is the digest of the record's text as it was read.
    pub fn push(&mut self, row: &Row, own: &Digest) {
        let fits = "a digest has 32 bytes";
        self.rids.append_value(row.record.0.as_bytes()).expect(fits);
        optional(&mut self.ins, (row.text_in != *own).then_some(&row.text_in));
        optional(&mut self.outs, (row.text_out != row.text_in).then_some(&row.text_out));
        optional(&mut self.clusters, row.cluster.as_ref().map(|cluster| &cluster.0));
        let start = Instant::now();
        let salt = self.salt.salt(row.record.0.as_bytes());
        let leaf = row.leaf(&salt, &mut self.buffer);
        self.leaves.append_value(leaf.as_bytes()).expect(fits);
        self.tree.push(leaf);
        self.commit_ns += u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.verdicts.append_value(row.verdict.name());
        let reason = row.reason.and_then(|at| self.facts.rules.get(usize::from(at)));
        self.reasons.append_option(reason.map(|rule| rule.reason));
        for (column, score) in self.scores.iter_mut().zip(&row.scores) {
            column.push(*score);
        }
    }

    /// Nanoseconds by the wall that the leaves took so far.
    pub fn commit_ns(&self) -> u64 {
        self.commit_ns
    }

    /// Writes them as the file `path`; gives the tree over them.
    pub fn write(mut self, path: &Path) -> Result<Tree, Error> {
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.rids.finish()),
            Arc::new(self.ins.finish()),
            Arc::new(self.outs.finish()),
            Arc::new(self.verdicts.finish()),
            Arc::new(self.reasons.finish()),
            Arc::new(self.clusters.finish()),
            Arc::new(self.leaves.finish()),
        ];
        for scores in std::mem::take(&mut self.scores) {
            arrays.push(Arc::new(Int64Array::from(scores)));
        }
        let schema = Arc::new(schema(self.facts));
        let batch = RecordBatch::try_new(schema.clone(), arrays);
        table::write(path, schema, &[batch.expect("the columns are as long as each other")])?;
        Ok(Tree { root: self.tree.root(), leaves: self.tree.leaves() })
    }
}

fn optional(builder: &mut FixedSizeBinaryBuilder, digest: Option<&Digest>) {
    match digest {
        Some(digest) => builder.append_value(digest.as_bytes()).expect("a digest has 32 bytes"),
        None => builder.append_null(),
    }
}

impl Verdict {
    /// As it stands in tables.
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Keep => "keep",
            Verdict::Edit => "edit",
            Verdict::Drop => "drop",
            Verdict::Skip => "skip",
        }
    }
}

/// The columns of a stage's table.
pub fn schema(facts: &Facts) -> Schema {
    let digest = |name: &str, null| Field::new(name, DataType::FixedSizeBinary(32), null);
    let word = |name: &str, null| {
        let words = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        Field::new(name, words, null)
    };
    let mut fields = vec![
        digest("rid", false),
        digest("text_in", true),
        digest("text_out", true),
        word("verdict", false),
        word("reason", true),
        digest("cluster", true),
        digest("leaf", false),
    ];
    fields.extend(facts.scores.iter().map(|name| Field::new(*name, DataType::Int64, false)));
    Schema::new(fields)
}

/// One batch of a stage's table.
pub struct Slice {
    batch: RecordBatch,
    scores: Vec<Int64Array>,
}

/// The rows of the table `path`, in batches, with the scores of `facts`.
///
/// Errors: `Disk`, `Damaged` when it is no table of such a stage.
pub fn read(
    path: &Path,
    facts: &'static Facts,
) -> Result<impl Iterator<Item = Result<Slice, Error>> + use<>, Error> {
    Ok(slices(table::read(path, &schema(facts), &[])?))
}

fn slices(table: table::Table) -> impl Iterator<Item = Result<Slice, Error>> + use<> {
    table.map(move |batch| {
        let batch = batch?;
        let scores = batch.columns()[7..].iter();
        let scores = scores.map(|column| column.as_primitive::<Int64Type>().clone()).collect();
        Ok(Slice { batch, scores })
    })
}

impl Slice {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batch.num_rows()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record of row `at`.
    pub fn record(&self, at: usize) -> RecordId {
        RecordId(self.digest(0, at).expect("a record id is never null"))
    }

    /// The leaf of row `at`, as the table has it.
    pub fn leaf(&self, at: usize) -> Digest {
        self.digest(6, at).expect("a leaf is never null")
    }

    /// The cluster of row `at`.
    pub fn cluster(&self, at: usize) -> Option<RecordId> {
        self.digest(5, at).map(RecordId)
    }

    /// The scores of row `at`.
    pub fn scores(&self, at: usize, into: &mut Vec<i64>) {
        into.clear();
        into.extend(self.scores.iter().map(|column| column.value(at)));
    }

    /// The digest of the text that row `at` gives out, where the stage edited it.
    pub fn edited(&self, at: usize) -> Option<Digest> {
        self.digest(2, at)
    }

    /// What the columns `verdict` and `reason` of row `at` say.
    pub fn words(&self, at: usize) -> (Option<&str>, Option<&str>) {
        (word(self.batch.column(3), at), word(self.batch.column(4), at))
    }

    /// Row `at`, of a record whose text came in with the digest `own`.
    pub fn row(&self, at: usize, own: Digest, facts: &Facts) -> Row {
        let mut scores = Vec::new();
        self.scores(at, &mut scores);
        let text_in = self.digest(1, at).unwrap_or(own);
        let text_out = self.digest(2, at).unwrap_or(text_in);
        let mut row = row(facts, self.record(at), (text_in, text_out), &scores);
        if let Some(cluster) = self.cluster(at) {
            row.join(cluster);
        }
        row
    }

    fn digest(&self, column: usize, at: usize) -> Option<Digest> {
        digest(self.batch.column(column).as_fixed_size_binary(), at)
    }
}

/// Item `at` of a column of digests.
pub fn digest(column: &FixedSizeBinaryArray, at: usize) -> Option<Digest> {
    let bytes = column.is_valid(at).then(|| column.value(at))?;
    bytes.try_into().ok().map(Digest)
}

/// The rows `rows` (ascending) of the table `path`; they must fit one batch. Rows that it does not
/// have are left out at the end.
pub fn pick(path: &Path, facts: &'static Facts, rows: &[usize]) -> Result<Slice, Error> {
    let mut slices = slices(table::pick(path, &schema(facts), &[], rows)?);
    slices.next().unwrap_or_else(|| Err(damaged(path, "has too few rows")))
}

#[cfg(test)]
mod tests;
