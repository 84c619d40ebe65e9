//! Opening a Parquet file of ours as if a stranger had written it.
//!
//! The decoder sets aside as much memory as headers ask for, and a damaged or hostile one asks for
//! any amount. So whatever tells lengths is looked at first: the description at the end, the page
//! index, and the header of every page that will be read. And single rows are found by the page index,
//! all of them by the pages in order: where the two differ, two readers see different records. So the
//! index must be just what the pages make. Invariant: nothing is decoded that was not looked at, and
//! row by row or all at once, a file has the same rows.

use super::levels;
use crate::error::{Error, damaged, disk};
use crate::read::parquet::pages::{self, Kind, Page};
use crate::read::parquet::{footer, walk};
use crate::shard::guarded;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest page index: 64 MiB.
const INDEX_BYTES_MAX: u64 = 64 << 20;

/// Where the pages of data of the columns that are read start, and with which row, in order; by the
/// places of row group and column.
type Pages = BTreeMap<(usize, usize), Vec<PageLocation>>;

/// The description of `file`, of which only `columns` (all where none are named) will be read, with
/// its page index where `index` asks for it.
///
/// Errors: `Disk`; `Damaged`, with the row group where it is one that cannot be decoded, has other
/// rows than it says, or is not what the index says.
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
    let pages = walked(file, path, meta.metadata(), columns)?;
    if !index {
        return Ok(meta);
    }
    indexed(file, path, meta.metadata())?;
    let meta = guarded(|| ArrowReaderMetadata::load(file, options(true))).map_err(wrong)?;
    let Some(index) = meta.metadata().offset_index() else { return Ok(meta) };
    for ((group, column), pages) in &pages {
        let told = index.get(*group).and_then(|columns| columns.get(*column));
        if told.is_none_or(|told| told.page_locations() != pages) {
            let name = meta.metadata().row_group(*group).column(*column).column_path().string();
            let what = format!("row group {group}: the index of column {name:?} is not its pages");
            return Err(damaged(path, what));
        }
    }
    Ok(meta)
}

/// Refuses a page index that the decoder cannot take: it reads all bytes from its first part to its last
/// at once, and keeps of each part several times what it is long.
fn indexed(file: &File, path: &Path, meta: &ParquetMetaData) -> Result<(), Error> {
    let columns = meta.row_groups().iter().flat_map(|group| group.columns());
    let parts: Vec<(u64, u64)> = columns.filter_map(place).collect();
    let start = parts.iter().map(|(offset, _)| *offset).min().unwrap_or(0);
    let end = parts.iter().map(|(offset, length)| offset.saturating_add(*length)).max();
    let bytes = end.unwrap_or(0) - start;
    if bytes > INDEX_BYTES_MAX {
        let what = format!("a page index of {bytes} bytes, at most {INDEX_BYTES_MAX}");
        return Err(damaged(path, what));
    }
    if !pages::disjoint(parts.clone()) {
        return Err(damaged(path, "a page index whose parts have bytes in common"));
    }
    for (offset, length) in parts {
        let whole = part(file, offset, length).map_err(disk(path))?;
        if !whole.is_some_and(|bytes| walk(&bytes)) {
            return Err(damaged(path, "its page index is not one"));
        }
    }
    Ok(())
}

/// Of the page index only what tells where pages are.
fn options(index: bool) -> ArrowReaderOptions {
    let policy = if index { PageIndexPolicy::Optional } else { PageIndexPolicy::Skip };
    ArrowReaderOptions::new()
        .with_column_index_policy(PageIndexPolicy::Skip)
        .with_offset_index_policy(policy)
}

/// The pages of `columns`, once their headers are within bounds and their rows as many as the row
/// groups say.
fn walked(
    file: &File,
    path: &Path,
    meta: &ParquetMetaData,
    columns: &[&str],
) -> Result<Pages, Error> {
    let bytes = file.metadata().map_err(disk(path))?.len();
    pages::apart(meta.row_groups()).map_err(|fault| damaged(path, fault.what))?;
    let (mut all, mut opened) = (Pages::new(), 0);
    for (place, group) in meta.row_groups().iter().enumerate() {
        let mut seen: BTreeMap<usize, Vec<Page>> = BTreeMap::new();
        let mut each = |column: usize, page: Page| seen.entry(column).or_default().push(page);
        let widest = pages::widest(file, group, columns, bytes, &mut opened, &mut each);
        let widest = widest.map_err(disk(path))?;
        let wrong = |what: &str| damaged(path, format!("row group {place}: {what}"));
        widest.map_err(|fault| wrong(&fault.what))?;
        for (at, pages) in seen {
            let column = group.column(at);
            let lists = column.column_descr().max_rep_level() > 0;
            let rows = match lists.then(|| guarded(|| levels::rows(file, column))).transpose() {
                Ok(Some(None)) => Err("a page that does not begin with a row".to_owned()),
                Ok(counted) => located(&pages, counted.flatten(), group.num_rows()),
                Err(error) => Err(error.to_string()),
            };
            let name = column.column_path().string();
            let rows = rows.map_err(|what| wrong(&format!("column {name:?}: {what}")))?;
            all.insert((place, at), rows);
        }
    }
    Ok(all)
}

/// The index that `pages` make, of which those of data have as many rows as `counted` says, or as they
/// have values, and `rows` together.
///
/// Errors: in words.
fn located(
    pages: &[Page],
    counted: Option<Vec<i64>>,
    rows: i64,
) -> Result<Vec<PageLocation>, String> {
    let data = match pages {
        [Page { kind: Kind::Dictionary, .. }, data @ ..] => data,
        data => data,
    };
    if counted.as_ref().is_some_and(|counted| counted.len() != data.len()) {
        return Err("a page that is none of data".to_owned());
    }
    let mut row = 0;
    let mut located = Vec::with_capacity(data.len());
    for (at, page) in data.iter().enumerate() {
        let has = counted.as_ref().map_or(page.values, |counted| counted[at]);
        match page.kind {
            Kind::Data => {}
            Kind::Data2(told) if told == has => {}
            Kind::Data2(told) => return Err(format!("a page of {has} rows that says {told}")),
            Kind::Dictionary | Kind::Other => return Err("a page that is none of data".to_owned()),
        }
        if has == 0 {
            return Err("a page without rows".to_owned());
        }
        let whole = (i64::try_from(page.start), i32::try_from(page.bytes));
        let (Ok(offset), Ok(compressed_page_size)) = whole else {
            return Err(format!("a page of {} bytes", page.bytes));
        };
        located.push(PageLocation { offset, compressed_page_size, first_row_index: row });
        row += has;
    }
    match row == rows {
        true => Ok(located),
        false => Err(format!("pages of {row} rows, not {rows}")),
    }
}

/// Where the part of the page index that tells the pages of `column` is.
fn place(column: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let (offset, length) = (column.offset_index_offset()?, column.offset_index_length()?);
    let number = |number: i64| u64::try_from(number).unwrap_or(u64::MAX);
    Some((number(offset), number(length.into())))
}

/// `length` bytes from `offset` on; `None` where the file has none.
fn part(mut file: &File, offset: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
    if i64::try_from(offset).is_err() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.take(length).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 == length).then_some(bytes))
}

#[cfg(test)]
mod tests;
