//! Opening a Parquet file of ours as if a stranger had written it.
//!
//! The decoder sets aside as much memory as headers ask for, and a damaged or hostile one asks for
//! any amount. So whatever tells lengths is looked at first: the description at the end, the page
//! index, and the header of every page that will be read. Invariant: nothing is decoded that was not
//! looked at.

use crate::error::{Error, damaged, disk};
use crate::read::parquet::{footer, pages, walk};
use crate::shard::guarded;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest part of a page index: 64 MiB.
const INDEX_BYTES_MAX: u64 = 64 << 20;

/// The description of `file`, of which only `columns` (all where none are named) will be read, with
/// its page index where `index` asks for it.
///
/// Errors: `Disk`; `Damaged`, with the row group where it is one that cannot be decoded.
pub fn open(
    file: &File,
    path: &Path,
    columns: &[&str],
    index: bool,
) -> Result<ArrowReaderMetadata, Error> {
    let bytes = file.metadata().map_err(disk(path))?.len();
    footer(file, bytes).map_err(disk(path))?.map_err(|fault| damaged(path, fault.what))?;
    let wrong = |error: parquet::errors::ParquetError| damaged(path, error.to_string());
    let meta = guarded(|| ArrowReaderMetadata::load(file, options(false))).map_err(wrong)?;
    let starts = starts(file, path, meta.metadata(), columns)?;
    if !index {
        return Ok(meta);
    }
    for column in meta.metadata().row_groups().iter().flat_map(|group| group.columns()) {
        for (offset, length) in places(column) {
            let whole = part(file, offset, length).map_err(disk(path))?;
            if !whole.is_some_and(|bytes| walk(&bytes)) {
                return Err(damaged(path, "its page index is not one"));
            }
        }
    }
    let meta = guarded(|| ArrowReaderMetadata::load(file, options(true))).map_err(wrong)?;
    let all = meta.metadata().row_groups().iter().flat_map(|group| group.columns());
    let pages = meta.metadata().offset_index().into_iter().flatten().flatten();
    let read = all.zip(pages).filter(|(column, _)| pages::named(column, columns));
    let mut pages = read.flat_map(|(_, pages)| pages.page_locations());
    if pages.any(|page| !starts.contains(&(page.offset, i64::from(page.compressed_page_size)))) {
        return Err(damaged(path, "its page index names a page that is none"));
    }
    Ok(meta)
}

fn options(index: bool) -> ArrowReaderOptions {
    let policy = if index { PageIndexPolicy::Optional } else { PageIndexPolicy::Skip };
    ArrowReaderOptions::new().with_page_index_policy(policy)
}

/// Where every page starts, and how long it is with its header.
fn starts(
    file: &File,
    path: &Path,
    meta: &ParquetMetaData,
    columns: &[&str],
) -> Result<BTreeSet<(i64, i64)>, Error> {
    let bytes = file.metadata().map_err(disk(path))?.len();
    let mut starts = BTreeSet::new();
    for (place, group) in meta.row_groups().iter().enumerate() {
        let mut page = |start: u64, length: u64| {
            starts.insert((start as i64, length as i64));
        };
        let seen = pages::widest(file, group, columns, bytes, &mut page).map_err(disk(path))?;
        let wrong = |what: &str| damaged(path, format!("row group {place}: {what}"));
        seen.map_err(|fault| wrong(&fault.what))?;
    }
    Ok(starts)
}

/// Where the parts of the page index of `column` are.
fn places(column: &ColumnChunkMetaData) -> impl Iterator<Item = (u64, u64)> {
    let parts = [
        (column.column_index_offset(), column.column_index_length()),
        (column.offset_index_offset(), column.offset_index_length()),
    ];
    parts.into_iter().filter_map(|(offset, length)| {
        let length = u64::try_from(length?).unwrap_or(u64::MAX);
        Some((u64::try_from(offset?).unwrap_or(u64::MAX), length))
    })
}

/// `length` bytes from `offset` on; `None` where the file has none or too many are asked for.
fn part(mut file: &File, offset: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
    if length > INDEX_BYTES_MAX || i64::try_from(offset).is_err() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 == length).then_some(bytes))
}
