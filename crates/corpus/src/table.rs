//! Our own Parquet files: written whole or not at all, read in batches.
//!
//! Invariant: a file that somebody else wrote or damaged gives an error, never a panic.

pub mod guard;
mod levels;

use crate::error::{Error, damaged, disk};
use crate::shard::guarded;
use arrow_array::RecordBatch;
use arrow_schema::{Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection, RowSelectionPolicy,
};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Rows of one batch when a file is read.
const BATCH_ROWS: usize = 4096;

/// Writes `batches`, all of `schema`, as the file `path`.
///
/// The file has its name only when it is whole and on disk. Errors: `Disk`.
pub fn write(path: &Path, schema: SchemaRef, batches: &[RecordBatch]) -> Result<(), Error> {
    let mut writer = Writer::new(path, schema)?;
    batches.iter().try_for_each(|batch| writer.push(batch))?;
    writer.finish()
}

/// A file while its batches come; it has its name only when it is whole and on disk.
pub struct Writer {
    path: PathBuf,
    temp: NamedTempFile,
    writer: ArrowWriter<File>,
}

impl Writer {
    /// Begins the file `path`. Errors: `Disk`, for all of its functions.
    pub fn new(path: &Path, schema: SchemaRef) -> Result<Writer, Error> {
        let folder = path.parent().expect("a table has a folder");
        fs::create_dir_all(folder).map_err(disk(folder))?;
        let temp = NamedTempFile::new_in(folder).map_err(disk(folder))?;
        let level = ZstdLevel::try_new(1).expect("zstd has a level 1");
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_statistics_enabled(EnabledStatistics::None)
            .build();
        let file = temp.reopen().map_err(disk(path))?;
        let writer = ArrowWriter::try_new(file, schema, Some(properties)).map_err(failed(path))?;
        Ok(Writer { path: path.to_owned(), temp, writer })
    }

    /// Adds the rows of `batch`.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.writer.write(batch).map_err(failed(&self.path))
    }

    /// Ends the file.
    pub fn finish(self) -> Result<(), Error> {
        self.writer.close().map_err(failed(&self.path))?;
        persist(self.temp, &self.path)
    }
}

fn failed(path: &Path) -> impl FnOnce(parquet::errors::ParquetError) -> Error {
    move |error| disk(path)(std::io::Error::other(error))
}

/// Gives a finished temporary file its name, on disk.
pub fn persist(temp: NamedTempFile, path: &Path) -> Result<(), Error> {
    temp.as_file().sync_all().map_err(disk(path))?;
    temp.persist(path).map_err(|error| disk(path)(error.error))?;
    let folder = path.parent().expect("a table has a folder");
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk(folder))
}

/// Reads `columns` (all where none are named) of the file `path`, batch by batch; each must be as
/// `schema` has it.
///
/// Errors: `Disk`, `Damaged` for a file that is no Parquet, whose headers are out of bounds, or
/// whose columns are others.
pub fn read(path: &Path, schema: &Schema, columns: &[&str]) -> Result<Table, Error> {
    let builder = open(path, schema, columns, false)?;
    Table::new(path, builder.with_batch_size(BATCH_ROWS))
}

/// Reads `columns` (all where none are named) of the rows `rows` (ascending) of the file `path`.
///
/// Rows that the file does not have are left out. Errors: those of [`read`].
pub fn pick(
    path: &Path,
    schema: &Schema,
    columns: &[&str],
    rows: &[usize],
) -> Result<Table, Error> {
    let builder = open(path, schema, columns, true)?;
    let all = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let ranges = rows.iter().take_while(|row| **row < all).map(|row| *row..*row + 1);
    let some = RowSelection::from_consecutive_ranges(ranges, all);
    // The default decodes all rows where single ones are wanted, and so opens every page.
    let builder = builder.with_row_selection_policy(RowSelectionPolicy::Selectors);
    Table::new(path, builder.with_row_selection(some).with_batch_size(BATCH_ROWS))
}

type Builder = ParquetRecordBatchReaderBuilder<File>;

fn open(path: &Path, schema: &Schema, columns: &[&str], index: bool) -> Result<Builder, Error> {
    let file = File::open(path).map_err(disk(path))?;
    let meta = guard::open(&file, path, columns, index)?;
    let builder = Builder::new_with_metadata(file, meta);
    let found = builder.schema();
    if columns.is_empty() {
        return match found.fields() == schema.fields() {
            true => Ok(builder),
            false => Err(damaged(path, "its columns are not those of such a table")),
        };
    }
    for name in columns {
        let wanted = schema.field_with_name(name).expect("a column that is asked for is named");
        match found.field_with_name(name) {
            Ok(field) if field == wanted => {}
            Ok(field) => {
                let (expected, got) = (wanted.data_type(), field.data_type());
                let what = format!("its column {name:?} is {got}, not {expected}");
                return Err(damaged(path, what));
            }
            Err(_) => return Err(damaged(path, format!("has no column {name:?}"))),
        }
    }
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    Ok(builder.with_projection(mask))
}

/// The batches of a file, in order.
pub struct Table {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    failed: bool,
}

impl Table {
    fn new(path: &Path, builder: Builder) -> Result<Table, Error> {
        let batches = guarded(|| builder.build());
        let batches = batches.map_err(|error| damaged(path, error.to_string()))?;
        Ok(Table { path: path.to_owned(), batches, failed: false })
    }
}

impl Iterator for Table {
    type Item = Result<RecordBatch, Error>;

    fn next(&mut self) -> Option<Result<RecordBatch, Error>> {
        if self.failed {
            return None;
        }
        let batch = guarded(|| Ok(self.batches.next().transpose()?)).transpose()?;
        self.failed = batch.is_err();
        Some(batch.map_err(|error| damaged(&self.path, error.to_string())))
    }
}
