//! The rows between a run and its executors: shards to measure one way, what was written the other.

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, RecordBatch, StringArray, UInt32Array,
    UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, UInt32Type, UInt64Type};
use datafusion::arrow::error::ArrowError;
use std::sync::{Arc, LazyLock};
use terroir_base::Digest;
use terroir_corpus::merge::Tree;
use terroir_corpus::run::{Out, Passed, Task};

/// One row about a shard: an error, or what one stage of the chain did with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The shard.
    pub shard: String,
    /// The executor.
    pub executor: String,
    /// What was done, or why nothing was.
    pub done: Result<Done, String>,
}

/// What one stage did with a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Its place in the chain.
    pub stage: u32,
    /// CPU nanoseconds.
    pub cpu_ns: u64,
    /// CPU nanoseconds of commitments; those of a pass stand at its first stage.
    pub commit_ns: u64,
    /// What it wrote; none where it was not asked to.
    pub wrote: Option<Wrote>,
}

/// A table or run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrote {
    /// BLAKE3 of the file.
    pub digest: Digest,
    /// Bytes of the file.
    pub length: u64,
    /// What is in it.
    pub out: Out,
}

/// The columns that [`tasks`] gives: a shard, and a bit for each stage that has to look at it.
pub fn wanted() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let fields = [("shard", DataType::Utf8), ("wanted", DataType::UInt64)];
        Arc::new(Schema::new(fields.map(|(name, kind)| Field::new(name, kind, false)).to_vec()))
    });
    SCHEMA.clone()
}

/// The columns of rows about shards.
pub fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let digest = DataType::FixedSizeBinary(32);
        Arc::new(Schema::new(vec![
            Field::new("shard", DataType::Utf8, false),
            Field::new("executor", DataType::Utf8, false),
            Field::new("error", DataType::Utf8, true),
            Field::new("stage", DataType::UInt32, true),
            Field::new("cpu_ns", DataType::UInt64, true),
            Field::new("commit_ns", DataType::UInt64, true),
            Field::new("digest", digest.clone(), true),
            Field::new("bytes", DataType::UInt64, true),
            Field::new("root", digest, true),
            Field::new("items", DataType::UInt64, true),
        ]))
    });
    SCHEMA.clone()
}

/// The row that asks for `task`.
pub fn task(task: &Task) -> RecordBatch {
    let bits = task.wanted.iter().enumerate().filter(|(_, wanted)| **wanted);
    let bits = bits.fold(0u64, |bits, (place, _)| bits | 1 << place);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from(vec![task.shard.as_str()])),
        Arc::new(UInt64Array::from(vec![bits])),
    ];
    RecordBatch::try_new(wanted(), columns).expect("the columns are those of the schema")
}

/// The tasks that `batch` asks for, of a chain of so many `stages`; none where it asks for nothing
/// of the kind.
pub fn tasks(batch: &RecordBatch, stages: usize) -> Option<Vec<Task>> {
    if batch.schema().fields() != wanted().fields() {
        return None;
    }
    let bits = batch.column(1).as_primitive::<UInt64Type>().values().iter();
    let shards = batch.column(0).as_string::<i32>().iter();
    let tasks = shards.zip(bits).map(|(shard, bits)| Task {
        shard: shard.unwrap_or_default().to_owned(),
        wanted: (0..stages).map(|place| bits >> place & 1 == 1).collect(),
    });
    Some(tasks.collect())
}

/// The rows about a pass over `shard` that `executor` did.
pub fn rows(shard: &str, executor: &str, passed: &Passed) -> Vec<Row> {
    let places = passed.took.stages_ns.iter().zip(&passed.made).enumerate();
    let row = |(place, (cpu_ns, made)): (usize, (&u64, &Option<_>))| Row {
        shard: shard.to_owned(),
        executor: executor.to_owned(),
        done: Ok(Done {
            stage: u32::try_from(place).expect("a recipe has few stages"),
            cpu_ns: *cpu_ns,
            commit_ns: if place == 0 { passed.took.commit_ns } else { 0 },
            wrote: made.as_ref().map(|made: &terroir_corpus::run::Made| Wrote {
                digest: made.bytes.digest,
                length: made.bytes.length,
                out: made.out,
            }),
        }),
    };
    places.map(row).collect()
}

/// `rows` as a batch.
pub fn batch(rows: &[Row]) -> Result<RecordBatch, ArrowError> {
    let done: Vec<Option<&Done>> = rows.iter().map(|row| row.done.as_ref().ok()).collect();
    let wrote: Vec<Option<&Wrote>> =
        done.iter().map(|done| done.and_then(|done| done.wrote.as_ref())).collect();
    let numbers = |of: fn(&Done) -> u64| -> ArrayRef {
        Arc::new(done.iter().map(|done| done.map(of)).collect::<UInt64Array>())
    };
    let counts = |of: fn(&Wrote) -> u64| -> ArrayRef {
        Arc::new(wrote.iter().map(|wrote| wrote.map(of)).collect::<UInt64Array>())
    };
    let digests = |of: fn(&Wrote) -> Option<Digest>| -> Result<ArrayRef, ArrowError> {
        let digests = wrote.iter().map(|wrote| wrote.and_then(of).map(|digest| digest.0));
        Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(digests, 32)?))
    };
    let stages = done.iter().map(|done| done.map(|done| done.stage));
    RecordBatch::try_new(
        schema(),
        vec![
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.shard))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.executor))),
            Arc::new(rows.iter().map(|row| row.done.as_ref().err()).collect::<StringArray>()),
            Arc::new(stages.collect::<UInt32Array>()),
            numbers(|done| done.cpu_ns),
            numbers(|done| done.commit_ns),
            digests(|wrote| Some(wrote.digest))?,
            counts(|wrote| wrote.length),
            digests(|wrote| match wrote.out {
                Out::Rows(tree) => Some(tree.root),
                Out::Keys(_) => None,
            })?,
            counts(|wrote| match wrote.out {
                Out::Rows(Tree { leaves, .. }) => leaves,
                Out::Keys(items) => items,
            }),
        ],
    )
}

/// The rows of `batch`; none where it is no batch of the kind.
pub fn read(batch: &RecordBatch) -> Option<Vec<Row>> {
    if batch.schema().fields() != schema().fields() {
        return None;
    }
    (0..batch.num_rows()).map(|at| row(batch, at)).collect()
}

fn row(batch: &RecordBatch, at: usize) -> Option<Row> {
    let text = |column: usize| {
        let column = batch.column(column).as_string::<i32>();
        column.is_valid(at).then(|| column.value(at).to_owned())
    };
    let number = |column: usize| {
        let column = batch.column(column).as_primitive::<UInt64Type>();
        column.is_valid(at).then(|| column.value(at))
    };
    let digest = |column: usize| {
        let column = batch.column(column).as_fixed_size_binary();
        column.is_valid(at).then(|| Digest(column.value(at).try_into().expect("32 bytes")))
    };
    let (shard, executor) = (text(0)?, text(1)?);
    if let Some(error) = text(2) {
        return Some(Row { shard, executor, done: Err(error) });
    }
    let stage = batch.column(3).as_primitive::<UInt32Type>();
    let wrote = match digest(6) {
        None => None,
        Some(written) => {
            let items = number(9)?;
            let out = match digest(8) {
                Some(root) => Out::Rows(Tree { root, leaves: items }),
                None => Out::Keys(items),
            };
            Some(Wrote { digest: written, length: number(7)?, out })
        }
    };
    let stage = stage.is_valid(at).then(|| stage.value(at))?;
    let done = Done { stage, cpu_ns: number(4)?, commit_ns: number(5)?, wrote };
    Some(Row { shard, executor, done: Ok(done) })
}

#[cfg(test)]
mod tests;
