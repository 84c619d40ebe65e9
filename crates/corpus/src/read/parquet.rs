//! Parquet, column by column and a few rows at a time.
//!
//! A file of a stranger: what its pages claim is looked at before any is opened, and texts are
//! taken as bytes and checked one by one, so that one bad value costs one record.

mod cell;
pub(crate) mod pages;

pub(crate) use pages::walk;

use super::input::{BLOCK_BYTES, grown};
use super::mapping::Fields;
use super::{Fault, Reader, Reason, Seen};
use crate::error::{Error, disk};
use crate::shard::guarded;
use ::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use ::parquet::basic::{ConvertedType, Type as Physical};
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::{SchemaDescriptor, Type};
use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, FieldRef, Schema};
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use terroir_base::Digest;

/// Longest description at the end of a file.
const FOOTER_BYTES_MAX: u64 = 64 << 20;
/// Bytes of pages that may be open at a time.
const OPEN_BYTES: u64 = 64 << 20;
/// Most rows that are decoded at a time.
const BATCH_ROWS: u64 = 256;

/// Why reading ends early.
enum Halt {
    Fault(Fault),
    Error(Error),
}

impl From<Fault> for Halt {
    fn from(fault: Fault) -> Halt {
        Halt::Fault(fault)
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Halt {
        Halt::Error(error)
    }
}

/// Reads all rows; their offset is their number.
pub(super) fn read(file: &File, path: &Path, reader: &mut Reader<'_, '_>) -> Result<Seen, Error> {
    let (digest, bytes) = digest(file).map_err(disk(path))?;
    let mut row = 0;
    match rows(file, bytes, path, &mut row, reader) {
        Ok(()) => {}
        Err(Halt::Error(error)) => return Err(error),
        Err(Halt::Fault(fault)) => reader.skip(fault, row)?,
    }
    Ok(Seen { digest: Some(digest), bytes })
}

fn digest(mut file: &File) -> io::Result<(Digest, u64)> {
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut bytes = 0;
    loop {
        let count = file.read(&mut block)?;
        if count == 0 {
            return Ok((Digest(*hasher.finalize().as_bytes()), bytes));
        }
        hasher.update(&block[..count]);
        bytes += count as u64;
    }
}

fn rows(
    file: &File,
    bytes: u64,
    path: &Path,
    row: &mut u64,
    reader: &mut Reader<'_, '_>,
) -> Result<(), Halt> {
    let fail = |error| failed(error, path);
    footer(file, bytes).map_err(|error| fail(error.into()))??;
    let meta = guarded(|| open(file)).map_err(fail)?;
    let columns: Vec<String> =
        meta.schema().fields().iter().map(|field| field.name().clone()).collect();
    if let Some(fault) = reader.mapping.missing(&columns) {
        return Err(fault.into());
    }
    pages::apart(meta.metadata().row_groups())?;
    let (mut given, mut opened) = (0u64, 0u64);
    for group in 0..meta.metadata().num_row_groups() {
        let row_group = meta.metadata().row_group(group);
        let widest = pages::widest(file, row_group, &[], bytes, &mut opened, &mut |_, _| ());
        let widest = widest.map_err(|error| fail(error.into()))??;
        let batch_rows = (OPEN_BYTES / widest.max(1)).clamp(1, BATCH_ROWS);
        let batches = guarded(|| {
            let file = file.try_clone()?;
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, meta.clone())
                .with_row_groups(vec![group])
                .with_batch_size(batch_rows as usize)
                .build()
        });
        let mut batches = batches.map_err(fail)?;
        loop {
            let next = guarded(|| Ok(batches.next().transpose()?)).map_err(fail)?;
            let Some(batch) = next else { break };
            for at in 0..batch.num_rows() {
                let fields = fields(&batch, at, &columns, reader, &mut given);
                if grown(given, bytes) {
                    let what = "its values are far larger than the file";
                    return Err(Fault::rest(Reason::Bomb, what).into());
                }
                reader.item(*row, fields)?;
                *row += 1;
            }
        }
    }
    Ok(())
}

/// Refuses files that are cut off, and descriptions that are too long to be read or name more than
/// they have.
pub(crate) fn footer(mut file: &File, bytes: u64) -> io::Result<Result<(), Fault>> {
    let cut = || Ok(Err(Fault::rest(Reason::Truncated, "no Parquet footer at the end")));
    if bytes < 12 {
        return cut();
    }
    let mut end = [0; 8];
    file.seek(SeekFrom::Start(bytes - 8))?;
    file.read_exact(&mut end)?;
    let [a, b, c, d, magic @ ..] = end;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if magic != *b"PAR1" {
        return cut();
    }
    if length > FOOTER_BYTES_MAX {
        let what = format!("a footer of {length} bytes, at most {FOOTER_BYTES_MAX}");
        return Ok(Err(Fault::rest(Reason::TooLong, what)));
    }
    let Some(start) = (bytes - 8).checked_sub(length) else { return cut() };
    let mut said = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(length).read_to_end(&mut said)?;
    let wrong = || Fault::rest(Reason::Corrupt, "a footer that is no description of a file");
    Ok(if walk(&said) { Ok(()) } else { Err(wrong()) })
}

/// A damaged file is its own fault, a failing disk is not.
fn failed(error: ParquetError, path: &Path) -> Halt {
    match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Fault::rest(Reason::Truncated, error.to_string()).into()
            }
            Ok(error) => disk(path)(*error).into(),
            Err(other) => Fault::rest(Reason::Corrupt, other.to_string()).into(),
        },
        ParquetError::EOF(what) => Fault::rest(Reason::Truncated, what).into(),
        other => Fault::rest(Reason::Corrupt, other.to_string()).into(),
    }
}

/// Reads the description of a file, so that every text comes as bytes that nobody has checked.
fn open(file: &File) -> Result<ArrowReaderMetadata, ParquetError> {
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let said = ArrowReaderMetadata::load(file, options.clone())?;
    let root = bare(said.parquet_schema().root_schema())?;
    let options = options.with_parquet_schema(Arc::new(SchemaDescriptor::new(Arc::new(root))));
    let bare = ArrowReaderMetadata::load(file, options.clone())?;
    let fields: Vec<FieldRef> = bare.schema().fields().iter().map(viewed).collect();
    let schema = Schema::new_with_metadata(fields, bare.schema().metadata().clone());
    ArrowReaderMetadata::try_new(bare.metadata().clone(), options.with_schema(Arc::new(schema)))
}

/// The type without what it says about texts.
fn bare(kind: &Type) -> Result<Type, ParquetError> {
    let info = kind.get_basic_info();
    match kind {
        Type::PrimitiveType { physical_type: Physical::BYTE_ARRAY, .. } => {
            let decimal = info.converted_type() == ConvertedType::DECIMAL;
            if decimal {
                return Ok(kind.clone());
            }
            let builder = Type::primitive_type_builder(info.name(), Physical::BYTE_ARRAY);
            let id = info.has_id().then(|| info.id());
            builder.with_repetition(info.repetition()).with_id(id).build()
        }
        Type::PrimitiveType { .. } => Ok(kind.clone()),
        Type::GroupType { fields, .. } => {
            let fields: Result<_, _> =
                fields.iter().map(|field| bare(field).map(Arc::new)).collect();
            let mut builder = Type::group_type_builder(info.name())
                .with_converted_type(info.converted_type())
                .with_logical_type(info.logical_type_ref().cloned())
                .with_id(info.has_id().then(|| info.id()))
                .with_fields(fields?);
            if info.has_repetition() {
                builder = builder.with_repetition(info.repetition());
            }
            builder.build()
        }
    }
}

/// The field with its bytes as views: the values of a dictionary are then not copied.
fn viewed(field: &FieldRef) -> FieldRef {
    let kind = match field.data_type() {
        DataType::Binary => DataType::BinaryView,
        DataType::List(item) => DataType::List(viewed(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(viewed).collect()),
        DataType::Map(entries, sorted) => DataType::Map(viewed(entries), *sorted),
        other => other.clone(),
    };
    Arc::new(Field::clone(field).with_data_type(kind))
}

/// The fields of row `at`; nulls are no fields. Adds their length to `given`.
fn fields<'a>(
    batch: &'a RecordBatch,
    at: usize,
    columns: &'a [String],
    reader: &Reader<'_, '_>,
    given: &mut u64,
) -> Result<Fields<'a>, Fault> {
    let mut fields = reader.mapping.fields();
    for (column, name) in batch.columns().iter().zip(columns) {
        if column.is_null(at) {
            continue;
        }
        match reader.mapping.place(name) {
            Some(place) => {
                let field = cell::field(column, at, name)?;
                *given += field.len() as u64;
                fields.named[place] = Some(field);
            }
            None => {
                let raw = cell::json(column, at, name)?;
                *given += raw.len() as u64;
                fields.rest.push((Cow::Borrowed(name), Cow::Owned(raw)));
            }
        }
    }
    Ok(fields)
}
