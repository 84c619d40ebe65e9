//! WARC files: pages that a crawler stored (`response`), and texts that somebody took out of them
//! (`conversion`, `resource`).
//!
//! Source: ISO 28500:2017, sections 4 to 6.

mod http;

use super::html::{self, PAGE_BYTES_MAX, Page};
use super::input::Input;
use super::{Fault, Reader, Reason, Stop, at, charset};
use std::io::{self, BufRead, ErrorKind, Read};

/// Longest line of a header.
const LINE_BYTES_MAX: usize = 64 << 10;
/// Most lines of a header.
const LINES_MAX: usize = 1000;
/// Longest answer that is looked into: the longest page, and room for its header.
const BLOCK_BYTES_MAX: usize = PAGE_BYTES_MAX + (1 << 20);

/// Reads all records. What holds no text by its type is passed over.
pub(super) fn read(input: &mut Input, reader: &mut Reader<'_, '_>) -> Result<(), Stop> {
    let mut stream = Counted { inner: input.stream(), offset: 0 };
    loop {
        let Some(offset) = next(&mut stream).map_err(|error| at(stream.offset)(error))? else {
            return Ok(());
        };
        match head(&mut stream).map_err(at(offset))? {
            Err(fault) => return Ok(reader.skip(fault, offset)?),
            Ok((head, length)) => {
                let block = block(&mut stream, &head, length).map_err(at(offset))?;
                hand_in(reader, offset, &head, block)?;
            }
        }
    }
}

/// Where the next record starts, behind empty lines.
fn next(stream: &mut Counted<'_>) -> io::Result<Option<u64>> {
    loop {
        let block = stream.fill_buf()?;
        if block.is_empty() {
            return Ok(None);
        }
        match block.iter().position(|byte| !b"\r\n".contains(byte)) {
            Some(empty) => {
                stream.consume(empty);
                return Ok(Some(stream.offset));
            }
            None => {
                let all = block.len();
                stream.consume(all);
            }
        }
    }
}

/// The fields of a header: name in lower case, value.
type Fields = Vec<(String, String)>;

/// The header of a record, and the length of its block.
fn head(stream: &mut Counted<'_>) -> io::Result<Result<(Fields, u64), Fault>> {
    let wrong = |what: &str| Fault::rest(Reason::Syntax, what);
    let Some(version) = line(stream)? else { return Ok(Err(wrong("an endless line"))) };
    if !version.starts_with("WARC/") {
        return Ok(Err(wrong("no WARC record starts here")));
    }
    let mut fields = Fields::new();
    for _ in 0..LINES_MAX {
        let Some(line) = line(stream)? else { return Ok(Err(wrong("an endless line"))) };
        if line.is_empty() {
            let length = get(&fields, "content-length").and_then(|text| text.parse().ok());
            return Ok(length
                .map(|length| (fields, length))
                .ok_or_else(|| wrong("a record without Content-Length")));
        }
        match line.split_once(':') {
            Some((name, value)) => {
                fields.push((name.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
            // A line that goes on with the value before it.
            None if line.starts_with([' ', '\t']) => {}
            None => return Ok(Err(wrong("a header line without a colon"))),
        }
    }
    Ok(Err(wrong("an endless header")))
}

/// A line without its end; `None` when it is too long.
fn line(stream: &mut Counted<'_>) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    stream.take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut bytes)?;
    match bytes.strip_suffix(b"\n") {
        Some(line) => Ok(Some(String::from_utf8_lossy(line.trim_ascii_end()).into_owned())),
        None if bytes.len() < LINE_BYTES_MAX => Err(ErrorKind::UnexpectedEof.into()),
        None => Ok(None),
    }
}

fn get<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// What a record holds.
enum Block {
    /// Nothing that could be a text.
    None,
    /// More than is looked into.
    TooLong,
    Bytes(Vec<u8>),
}

fn block(stream: &mut Counted<'_>, head: &[(String, String)], length: u64) -> io::Result<Block> {
    let wanted = match get(head, "warc-type") {
        Some("response") => true,
        Some("conversion" | "resource") => {
            http::kind(get(head, "content-type").unwrap_or_default()).0.is_some()
        }
        _ => false,
    };
    if !wanted || length > BLOCK_BYTES_MAX as u64 {
        let passed = io::copy(&mut stream.take(length), &mut io::sink())?;
        let block = if wanted { Block::TooLong } else { Block::None };
        return if passed == length { Ok(block) } else { Err(ErrorKind::UnexpectedEof.into()) };
    }
    let mut bytes = Vec::new();
    stream.take(length).read_to_end(&mut bytes)?;
    let whole = bytes.len() as u64 == length;
    if whole { Ok(Block::Bytes(bytes)) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

fn hand_in(
    reader: &mut Reader<'_, '_>,
    offset: u64,
    head: &[(String, String)],
    block: Block,
) -> Result<(), Stop> {
    let bytes = match block {
        Block::None => return Ok(reader.passed()?),
        Block::TooLong => {
            let what = format!("a block of more than {BLOCK_BYTES_MAX} bytes");
            return Ok(reader.skip(Fault::new(Reason::TooLong, what), offset)?);
        }
        Block::Bytes(bytes) => bytes,
    };
    let page = match get(head, "warc-type") {
        Some("response") => http::page(&bytes),
        _ => text(&bytes, get(head, "content-type").unwrap_or_default()),
    };
    let page = match page {
        Err(fault) => return Ok(reader.skip(fault, offset)?),
        Ok(None) => return Ok(reader.passed()?),
        Ok(Some(page)) => page,
    };
    let field = |name| get(head, name).unwrap_or_default();
    let plain = |name| field(name).trim_start_matches('<').trim_end_matches('>');
    let named = [
        ("text", page.text.as_str()),
        ("id", plain("warc-record-id")),
        ("url", plain("warc-target-uri")),
        ("date", field("warc-date")),
        ("truncated", field("warc-truncated")),
        ("title", &page.title),
        ("extracted", page.extracted),
    ];
    let fields = html::fields(reader.mapping, &named);
    Ok(reader.item(offset, Ok(fields))?)
}

/// A text or page of that type; `None` for other types.
fn text(bytes: &[u8], kind: &str) -> Result<Option<Page>, Fault> {
    if bytes.len() > PAGE_BYTES_MAX {
        return Err(Fault::new(Reason::TooLong, format!("more than {PAGE_BYTES_MAX} bytes")));
    }
    match http::kind(kind) {
        (None, _) => Ok(None),
        (Some(http::Kind::Page), charset) => html::page(bytes, charset).map(Some),
        (Some(http::Kind::Text), charset) => {
            let text = charset::decode(bytes, charset)?.into_owned();
            Ok(Some(Page { text, title: String::new(), extracted: "" }))
        }
    }
}

/// A stream that knows how far it is.
struct Counted<'a> {
    inner: &'a mut dyn BufRead,
    offset: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(into)?;
        self.offset += count as u64;
        Ok(count)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.inner.consume(count);
        self.offset += count as u64;
    }
}
