//! CSV under a row of names. Quotes as in RFC 4180; rows may end in `\n` or `\r\n`.

use super::input::Input;
use super::mapping::{Field, Fields, Mapping};
use super::{Fault, LINE_BYTES_MAX, Reader, Reason, Stop, at, json};
use csv_core::{ReadRecordResult, ReaderBuilder};
use std::borrow::Cow;
use std::io::{self, BufRead};

/// Most columns.
const COLUMNS_MAX: usize = 4096;
/// The buffer goes back to this length after a long row.
const BUFFER_BYTES: usize = 1 << 20;

/// Reads all rows. A row of other length than the first is at fault, and no row is guessed at.
pub(super) fn read(
    input: &mut Input,
    delimiter: u8,
    reader: &mut Reader<'_, '_>,
) -> Result<(), Stop> {
    let mut rows = Rows::new(input.stream(), delimiter);
    let Some(head) = rows.next().map_err(at(0))? else { return Ok(()) };
    let names = match head.and_then(|row| names(&row, reader.mapping)) {
        Ok(names) => names,
        Err(fault) => return Ok(reader.skip(Fault { rest: true, ..fault }, 0)?),
    };
    let places: Vec<Option<usize>> = names.iter().map(|name| reader.mapping.place(name)).collect();
    let mapping = reader.mapping;
    loop {
        let offset = rows.offset;
        let Some(row) = rows.next().map_err(at(offset))? else { return Ok(()) };
        let fields = row.and_then(|row| fields(&row, &names, &places, mapping));
        reader.item(offset, fields)?;
    }
}

fn names(row: &Row<'_>, mapping: &Mapping) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for field in row.fields() {
        let field = if names.is_empty() {
            field.strip_prefix("\u{feff}".as_bytes()).unwrap_or(field)
        } else {
            field
        };
        names.push(text(field)?.to_owned());
    }
    mapping.missing(&names).map_or(Ok(names), Err)
}

fn fields<'a>(
    row: &Row<'a>,
    names: &'a [String],
    places: &[Option<usize>],
    mapping: &Mapping,
) -> Result<Fields<'a>, Fault> {
    let count = row.ends.len();
    if count != names.len() {
        let what = format!("a row of {count} fields under {} names", names.len());
        return Err(Fault::new(Reason::Syntax, what));
    }
    let mut fields = mapping.fields();
    for ((field, name), place) in row.fields().zip(names).zip(places) {
        let field = text(field)?;
        match place {
            Some(place) => fields.named[*place] = Some(Field::Text(Cow::Borrowed(field))),
            None => fields.rest.push((Cow::Borrowed(name), Cow::Owned(json::quote(field)))),
        }
    }
    Ok(fields)
}

fn text(field: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(field).map_err(|error| {
        let place = error.valid_up_to();
        Fault::new(Reason::NotText, format!("not utf-8 at byte {place} of a field"))
    })
}

/// A row whose quotes and separators are resolved.
struct Row<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Row<'a> {
    fn fields(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let (bytes, ends) = (self.bytes, self.ends);
        let starts = [0].into_iter().chain(ends.iter().copied());
        starts.zip(ends).map(move |(start, end)| &bytes[start..*end])
    }
}

/// Rows of a stream, each in one buffer.
struct Rows<'a> {
    stream: &'a mut dyn BufRead,
    parser: csv_core::Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Where the next row starts.
    offset: u64,
}

impl<'a> Rows<'a> {
    fn new(stream: &'a mut dyn BufRead, delimiter: u8) -> Rows<'a> {
        let parser = ReaderBuilder::new().delimiter(delimiter).build();
        let (bytes, ends) = (vec![0; BUFFER_BYTES], vec![0; COLUMNS_MAX + 1]);
        Rows { stream, parser, bytes, ends, offset: 0 }
    }

    /// The next row, or what is wrong with it; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Result<Row<'_>, Fault>>> {
        self.bytes.truncate(BUFFER_BYTES);
        self.bytes.shrink_to_fit();
        let (mut length, mut count, mut excess) = (0, 0, None);
        loop {
            let block = self.stream.fill_buf()?;
            let (result, took, written, ended) =
                self.parser.read_record(block, &mut self.bytes[length..], &mut self.ends[count..]);
            self.stream.consume(took);
            self.offset += took as u64;
            length += written;
            count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.bytes.len() < LINE_BYTES_MAX => {
                    let longer = (self.bytes.len() * 2).min(LINE_BYTES_MAX);
                    self.bytes.resize(longer, 0);
                }
                // What is too much is read over, to find the next row.
                ReadRecordResult::OutputFull => {
                    excess = Some(format!("a row of more than {LINE_BYTES_MAX} bytes"));
                    length = 0;
                }
                ReadRecordResult::OutputEndsFull => {
                    excess = Some(format!("a row of more than {COLUMNS_MAX} fields"));
                    count = 0;
                }
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::Record => break,
            }
        }
        if let Some(excess) = excess {
            return Ok(Some(Err(Fault::new(Reason::TooLong, excess))));
        }
        Ok(Some(Ok(Row { bytes: &self.bytes[..length], ends: &self.ends[..count] })))
    }
}
