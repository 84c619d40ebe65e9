//! What the pages of a file claim, before any of them is opened.
//!
//! Page headers are Thrift structs in the compact protocol; only their sizes are of interest. What the
//! decoder would read in another way than this, such as a field of another type, is no header.
//! Source: parquet-format, `parquet.thrift`, `PageHeader`.

use crate::read::input::grown;
use crate::read::{Fault, Reason};
use ::parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Longest page once it is open. DuckDB writes pages of 100 MB.
const PAGE_BYTES_MAX: i64 = 128 << 20;
/// Most values of one page.
const PAGE_VALUES_MAX: i64 = 16 << 20;
/// A page header is looked for in so many bytes, then in so many: statistics can be long.
const HEADER_BYTES: [usize; 2] = [1 << 10, 1 << 20];
/// Deepest nesting of Thrift structs.
const DEPTH_MAX: usize = 8;

/// A page as its header has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// Where its header starts.
    pub(crate) start: u64,
    /// Bytes of its header and of what follows.
    pub(crate) bytes: u64,
    pub(crate) kind: Kind,
    /// Number of values, nulls and empty lists among them.
    pub(crate) values: i64,
}

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Data,
    /// Data of the second version, with the number of rows that it claims.
    Data2(i64),
    Dictionary,
    Other,
}

/// Refuses a file of which two columns have bytes in common: a page that many of them name would be
/// opened as often, and the length of the file would bound nothing.
pub(crate) fn apart(groups: &[RowGroupMetaData]) -> Result<(), Fault> {
    let columns = groups.iter().flat_map(|group| group.columns());
    match disjoint(columns.filter_map(place).collect()) {
        true => Ok(()),
        false => Err(Fault::rest(Reason::Corrupt, "columns that have bytes in common")),
    }
}

/// Whether no two of `parts`, each where it starts and how long it is, have a byte in common.
pub(crate) fn disjoint(mut parts: Vec<(u64, u64)>) -> bool {
    parts.retain(|(_, length)| *length > 0);
    parts.sort_unstable();
    let ends = parts.iter().map(|(start, length)| start.checked_add(*length));
    ends.zip(parts.iter().skip(1)).all(|(end, (next, _))| end.is_some_and(|end| end <= *next))
}

/// Where the pages of `column` start and how long they are; `None` where it says so of none.
fn place(column: &ColumnChunkMetaData) -> Option<(u64, u64)> {
    let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
    Some((u64::try_from(start).ok()?, u64::try_from(column.compressed_size()).ok()?))
}

/// Length of the longest page of `columns` (all where none are named) of `group`, once it is open.
/// `bytes` is the length of the file, `all` that of the pages of its groups before, to which those of
/// this one are added; `seen` is told each page with the place of its column, in order.
pub(crate) fn widest(
    file: &File,
    group: &RowGroupMetaData,
    columns: &[&str],
    bytes: u64,
    all: &mut u64,
    seen: &mut dyn FnMut(usize, Page),
) -> io::Result<Result<u64, Fault>> {
    let mut widest = 0;
    for (place, column) in group.columns().iter().enumerate() {
        if !named(column, columns) {
            continue;
        }
        let mut values = 0i64;
        let mut page = |page: Page, opened: u64| {
            widest = widest.max(opened);
            *all = all.saturating_add(opened);
            if matches!(page.kind, Kind::Data | Kind::Data2(_)) {
                values = values.saturating_add(page.values);
            }
            seen(place, page);
        };
        if let Err(fault) = walk_column(file, column, bytes, &mut page)? {
            return Ok(Err(fault));
        }
        if group.num_rows() > values {
            let what = format!("{} rows, but a column of {values} values", group.num_rows());
            return Ok(Err(Fault::rest(Reason::Corrupt, what)));
        }
        if grown(*all, bytes) {
            return Ok(Err(Fault::rest(Reason::Bomb, "its pages are far larger than the file")));
        }
    }
    Ok(Ok(widest))
}

/// Tells `page` each page of `column` as the decoder comes to it, with its length once it is open.
fn walk_column(
    file: &File,
    column: &ColumnChunkMetaData,
    bytes: u64,
    page: &mut dyn FnMut(Page, u64),
) -> io::Result<Result<(), Fault>> {
    let wrong = || {
        let name = column.column_path().string();
        Fault::rest(Reason::Corrupt, format!("column {name:?}: no page where one should be"))
    };
    let Some((mut at, length)) = place(column) else { return Ok(Err(wrong())) };
    let end = at.saturating_add(length);
    if end > bytes {
        return Ok(Err(Fault::rest(Reason::Truncated, "a column ends after the file")));
    }
    while at < end {
        let Some((header, took)) = header(file, at)? else { return Ok(Err(wrong())) };
        let Header { kind, opened, packed, values } = header;
        if opened > PAGE_BYTES_MAX || values > PAGE_VALUES_MAX {
            let what = format!("a page of {opened} bytes, {values} values");
            return Ok(Err(Fault::rest(Reason::TooLong, what)));
        }
        let (Ok(opened), Ok(packed), 0..) = (u64::try_from(opened), u64::try_from(packed), values)
        else {
            return Ok(Err(wrong()));
        };
        let bytes = took.saturating_add(packed);
        page(Page { start: at, bytes, kind, values }, opened);
        at = at.saturating_add(bytes);
    }
    Ok(Ok(()))
}

/// Whether `column` is one of `columns`, or a part of it, or none are named.
pub(crate) fn named(column: &ColumnChunkMetaData, columns: &[&str]) -> bool {
    let name = column.column_path().parts().first();
    columns.is_empty() || name.is_some_and(|name| columns.contains(&name.as_str()))
}

/// Whether `bytes` are one Thrift struct with no list or text that is longer than they are.
pub(crate) fn walk(bytes: &[u8]) -> bool {
    let mut thrift = Thrift { bytes, at: 0 };
    thrift.skip(STRUCT, 0).is_some()
}

/// Kind and sizes from a page header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    kind: Kind,
    opened: i64,
    packed: i64,
    values: i64,
}

/// The header at `at` and its own length.
fn header(file: &File, at: u64) -> io::Result<Option<(Header, u64)>> {
    for length in HEADER_BYTES {
        let mut bytes = vec![0; length];
        let mut got = 0;
        while let count @ 1.. = file.read_at(&mut bytes[got..], at + got as u64)? {
            got += count;
        }
        bytes.truncate(got);
        let mut thrift = Thrift { bytes: &bytes, at: 0 };
        if let Some(header) = thrift.header() {
            return Ok(Some((header, thrift.at as u64)));
        }
    }
    Ok(None)
}

/// Types of the compact protocol.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const INTS: std::ops::RangeInclusive<u8> = 4..=6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

struct Thrift<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Thrift<'_> {
    fn header(&mut self) -> Option<Header> {
        let (mut kind, mut opened, mut packed) = (None, None, None);
        let [mut data, mut dictionary, mut data2] = [None; 3];
        let mut id = 0;
        while let Some(field) = self.field(&mut id)? {
            match (id, INTS.contains(&field), field == STRUCT) {
                (1, true, _) => kind = Some(self.int()?),
                (2, true, _) => opened = Some(self.int()?),
                (3, true, _) => packed = Some(self.int()?),
                // Whole numbers each: of V1 the values and three encodings, and so on.
                (5, _, true) => data = Some(self.page(4)?),
                (7, _, true) => dictionary = Some(self.page(2)?),
                (8, _, true) => data2 = Some(self.page(6)?),
                (4, true, _) | (6, _, true) => self.skip(field, 0)?,
                (1..=8, ..) => return None,
                _ => self.skip(field, 0)?,
            }
        }
        let (kind, values) = match kind? {
            0 => (Kind::Data, data?.0),
            2 => (Kind::Dictionary, dictionary?.0),
            3 => (Kind::Data2(data2?.1), data2?.0),
            _ => (Kind::Other, 0),
        };
        Some(Header { kind, opened: opened?, packed: packed?, values })
    }

    /// The first and the third field of the header of one kind of page, of which the first `ints` are
    /// whole numbers: its values, and in the second version its rows.
    fn page(&mut self, ints: i64) -> Option<(i64, i64)> {
        let (mut id, mut values, mut rows) = (0, None, 0);
        while let Some(field) = self.field(&mut id)? {
            match (id, INTS.contains(&field)) {
                (1, true) => values = Some(self.int()?),
                (3, true) => rows = self.int()?,
                (id, false) if (1..=ints).contains(&id) => return None,
                _ => self.skip(field, 1)?,
            }
        }
        Some((values?, rows))
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn pass(&mut self, count: u64) -> Option<()> {
        self.at = self.at.checked_add(usize::try_from(count).ok()?)?;
        (self.at <= self.bytes.len()).then_some(())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// A number of 32 bits: the decoder cuts longer ones off.
    fn int(&mut self) -> Option<i64> {
        let number = self.varint()?;
        let number = (number >> 1) as i64 ^ -((number & 1) as i64);
        i32::try_from(number).ok().map(i64::from)
    }

    /// The next field's type, its id in `id`; `Some(None)` at the end of the struct.
    fn field(&mut self, id: &mut i64) -> Option<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(None);
        }
        *id = match byte >> 4 {
            0 => self.int()?,
            more => id.checked_add(i64::from(more))?,
        };
        // The decoder cuts longer ones off.
        i16::try_from(*id).ok()?;
        Some(Some(byte & 15))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match kind {
            TRUE | FALSE => Some(()),
            BYTE => self.pass(1),
            kind if INTS.contains(&kind) => self.varint().map(drop),
            DOUBLE => self.pass(8),
            BINARY => {
                let length = self.varint()?;
                self.pass(length)
            }
            LIST | SET => {
                let head = self.byte()?;
                let count = match head >> 4 {
                    15 => self.varint()?,
                    few => u64::from(few),
                };
                // Truths take a byte each in a list.
                let item = if matches!(head & 15, TRUE | FALSE) { BYTE } else { head & 15 };
                (0..count).try_for_each(|_| self.skip(item, depth + 1))
            }
            STRUCT => {
                let mut id = 0;
                while let Some(kind) = self.field(&mut id)? {
                    self.skip(kind, depth + 1)?;
                }
                Some(())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
