//! Reading a shard: a row group at a time, or single records.

use super::{ShardName, schema};
use crate::error::{Error, damaged, disk};
use crate::record::{Record, RecordId, View};
use crate::table::guard;
use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ParquetRecordBatchReaderBuilder, RowSelection,
};
use parquet::errors::ParquetError;
use serde_json::value::RawValue;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use terroir_base::Digest;

/// A shard on disk.
pub struct Shard {
    path: PathBuf,
    file: File,
    meta: ArrowReaderMetadata,
}

impl Shard {
    /// Opens the shard `path`, once its bytes have the digest that it is named after.
    ///
    /// Errors: `Disk`; `Damaged` when a byte has changed.
    pub fn open(path: &Path) -> Result<Shard, Error> {
        check(path)?;
        Shard::peek(path)
    }

    /// Opens the shard `path` as it is: for readers that check each record ([`Shard::pick`]).
    pub fn peek(path: &Path) -> Result<Shard, Error> {
        let file = File::open(path).map_err(disk(path))?;
        let meta = guard::open(&file, path, &[], true)?;
        if meta.schema().fields() != schema().fields() {
            return Err(damaged(path, "its columns are not those of a shard"));
        }
        Ok(Shard { path: path.to_owned(), file, meta })
    }

    /// Number of records.
    pub fn records(&self) -> u64 {
        u64::try_from(self.meta.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// Number of row groups.
    pub fn groups(&self) -> usize {
        self.meta.metadata().num_row_groups()
    }

    /// `columns` (all where none are named) of the row group `group`, in one batch.
    pub fn group(&self, group: usize, columns: &[&str]) -> Result<RecordBatch, Error> {
        let rows = self.meta.metadata().row_group(group).num_rows();
        let rows = usize::try_from(rows).map_err(|_| damaged(&self.path, "a group of no size"))?;
        self.read(columns, |builder| builder.with_row_groups(vec![group]), rows)
    }

    /// Every row group's batch, in order: all records in ascending order.
    pub fn batches<'a>(
        &'a self,
        columns: &'a [&'a str],
    ) -> impl Iterator<Item = Result<RecordBatch, Error>> + 'a {
        (0..self.groups()).map(move |group| self.group(group, columns))
    }

    /// All record ids, in order.
    pub fn ids(&self) -> impl Iterator<Item = Result<RecordId, Error>> + '_ {
        self.batches(&["rid"]).flat_map(|batch| match batch.map(Rows) {
            Ok(rows) => (0..rows.len()).map(|at| Ok(rows.rid(at))).collect(),
            Err(error) => vec![Err(error)],
        })
    }

    /// Those of the records `wanted` (ascending) that are here, in order, each checked against its
    /// id.
    ///
    /// Costs the ids, and the pages that the records lie in. Errors: `Disk`, `Damaged` naming the
    /// record.
    pub fn pick(
        &self,
        wanted: &[RecordId],
        each: &mut dyn FnMut(RecordId, Record) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut rows = Vec::new();
        for (row, id) in self.ids().enumerate() {
            if wanted.binary_search(&id?).is_ok() {
                rows.push(row);
            }
        }
        // One at a time: any of them may be as long as a record can be.
        for row in rows {
            let rows = self.rows(row, row + 1, &[])?;
            let (rid, record) = (rows.rid(0), self.checked(&rows, 0)?);
            each(rid, record)?;
        }
        Ok(())
    }

    /// The record in row `at`, if it is the one that its id says.
    pub(super) fn checked(&self, rows: &Rows, at: usize) -> Result<Record, Error> {
        let rid = rows.rid(at);
        let record = rows
            .record(at)
            .ok_or_else(|| damaged(&self.path, format!("record {rid}: its meta is no object")))?;
        let digest = Digest::of(record.text.as_bytes());
        if record.rid() != rid || digest != rows.digest(at) {
            return Err(damaged(&self.path, format!("record {rid} is not what its id says")));
        }
        Ok(record)
    }

    /// `columns` of the rows from `start` to `end`.
    pub(super) fn rows(&self, start: usize, end: usize, columns: &[&str]) -> Result<Rows, Error> {
        let all = usize::try_from(self.records()).unwrap_or(usize::MAX);
        let some = RowSelection::from_consecutive_ranges(std::iter::once(start..end), all);
        self.read(columns, |builder| builder.with_row_selection(some), end - start).map(Rows)
    }

    /// The first row of each group, and the number of all rows.
    pub(super) fn starts(&self) -> Vec<usize> {
        let groups = self.meta.metadata().row_groups().iter();
        let counts = groups.map(|group| usize::try_from(group.num_rows()).unwrap_or(0));
        let mut start = 0;
        let ends = counts.map(|count| {
            start += count;
            start
        });
        [0].into_iter().chain(ends).collect()
    }

    fn read(
        &self,
        columns: &[&str],
        choose: impl FnOnce(Builder) -> Builder,
        rows: usize,
    ) -> Result<RecordBatch, Error> {
        let fail = |error| wrong(&self.path, error);
        let file = self.file.try_clone().map_err(disk(&self.path))?;
        let mut builder = Builder::new_with_metadata(file, self.meta.clone());
        if !columns.is_empty() {
            let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
            builder = builder.with_projection(mask);
        }
        let batch = guarded(|| {
            let mut batches = choose(builder).with_batch_size(rows.max(1)).build()?;
            Ok(batches.next().transpose()?)
        });
        let batch = batch.map_err(fail)?;
        match batch {
            Some(batch) if batch.num_rows() == rows => Ok(batch),
            _ => Err(damaged(&self.path, "rows are missing")),
        }
    }
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

/// Refuses the shard `path` unless its bytes have the digest that it is named after.
///
/// Errors: `Disk`, `Damaged`.
pub fn check(path: &Path) -> Result<(), Error> {
    let name = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
    let got = ShardName::of(&digest(path)?.0);
    match name == Some(got) {
        true => Ok(()),
        false => Err(damaged(path, format!("its bytes are those of {got}"))),
    }
}

/// Runs a part of the Parquet reader. It panics over some damaged files; that is their damage.
pub(crate) fn guarded<T>(
    work: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, ParquetError> {
    let gone = |_| Err(ParquetError::General("the decoder gives up".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(gone)
}

fn wrong(path: &Path, error: ParquetError) -> Error {
    damaged(path, error.to_string())
}

/// BLAKE3 of a file, and its length.
pub(crate) fn digest(path: &Path) -> Result<(Digest, u64), Error> {
    let mut file = File::open(path).map_err(disk(path))?;
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut block).map_err(disk(path))?;
        if count == 0 {
            return Ok((Digest(*hasher.finalize().as_bytes()), bytes));
        }
        hasher.update(&block[..count]);
        bytes += count as u64;
    }
}

/// A batch with its columns by name. A column that was not read must not be asked for.
pub struct Rows(pub RecordBatch);

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn column(&self, name: &str) -> &dyn Array {
        self.0.column_by_name(name).expect("the column was read")
    }

    fn bytes(&self, name: &str, at: usize) -> Digest {
        let column = self.column(name).as_fixed_size_binary();
        Digest(column.value(at).try_into().expect("the column has 32 bytes a row"))
    }

    /// The record's id.
    pub fn rid(&self, at: usize) -> RecordId {
        RecordId(self.bytes("rid", at))
    }

    /// BLAKE3 of the record's text.
    pub fn digest(&self, at: usize) -> Digest {
        self.bytes("digest", at)
    }

    /// One of the columns of text.
    pub fn text(&self, name: &str, at: usize) -> &str {
        self.column(name).as_string::<i32>().value(at)
    }

    /// The whole record; `None` when its `meta` is no JSON object.
    pub fn record(&self, at: usize) -> Option<Record> {
        let list = self.column("purposes").as_list::<i32>().value(at);
        let list = list.as_string::<i32>();
        let purposes: Vec<&str> = (0..list.len()).map(|at| list.value(at)).collect();
        let meta: Meta<'_> = serde_json::from_str(self.text("meta", at)).ok()?;
        let meta: Vec<(&str, &str)> =
            meta.0.iter().map(|(name, raw)| (name.as_str(), raw.get())).collect();
        let view = View {
            text: self.text("text", at),
            id: self.text("id", at),
            source: self.text("source", at),
            licence: self.text("licence", at),
            contributor: self.text("contributor", at),
            purposes: &purposes,
            url: self.text("url", at),
            meta: &meta,
        };
        Some(view.to_record())
    }
}

/// A JSON object whose fields stay in their order.
struct Meta<'a>(Vec<(String, &'a RawValue)>);

impl<'a> serde::Deserialize<'a> for Meta<'a> {
    fn deserialize<D: serde::Deserializer<'a>>(from: D) -> Result<Meta<'a>, D::Error> {
        struct Visit;
        impl<'a> serde::de::Visitor<'a> for Visit {
            type Value = Meta<'a>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'a>>(
                self,
                mut map: A,
            ) -> Result<Meta<'a>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Meta(fields))
            }
        }
        from.deserialize_map(Visit)
    }
}
