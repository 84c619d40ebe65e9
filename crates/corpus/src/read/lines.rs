//! Lines of a stream, each borrowed from one buffer.

use super::LINE_BYTES_MAX;
use std::io::{self, BufRead};

/// The buffer goes back to this length after a long line.
const BUFFER_BYTES: usize = 1 << 20;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// It starts at `offset` of the stream.
    Whole { offset: u64, bytes: &'a [u8] },
    /// Longer than the limit; it was passed over.
    TooLong { offset: u64, bytes: u64 },
}

/// Lines one after the other, of at most `bytes_max` bytes each.
pub(super) struct Lines<'a> {
    stream: &'a mut dyn BufRead,
    bytes_max: usize,
    line: Vec<u8>,
    /// How much of the stream's own buffer the last line took.
    taken: usize,
    offset: u64,
}

impl<'a> Lines<'a> {
    pub(super) fn new(stream: &'a mut dyn BufRead, start: u64) -> Lines<'a> {
        let bytes_max = LINE_BYTES_MAX;
        Lines { stream, bytes_max, line: Vec::new(), taken: 0, offset: start }
    }

    /// Where the next line starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.stream.consume(std::mem::take(&mut self.taken));
        self.line.clear();
        self.line.shrink_to(BUFFER_BYTES);
        let (offset, mut length) = (self.offset, 0u64);
        loop {
            let block = self.stream.fill_buf()?;
            let end = memchr::memchr(b'\n', block);
            if block.is_empty() && length == 0 {
                return Ok(None);
            }
            if let (Some(end), 0) = (end, length) {
                // Most lines lie in the stream's buffer as a whole.
                self.taken = end + 1;
                self.offset += self.taken as u64;
                let bytes = &self.stream.fill_buf()?[..end];
                return Ok(Some(Line::Whole { offset, bytes }));
            }
            let part = &block[..end.unwrap_or(block.len())];
            length += part.len() as u64;
            if length <= self.bytes_max as u64 {
                self.line.extend_from_slice(part);
            } else {
                self.line = Vec::new();
            }
            let last = end.is_some() || block.is_empty();
            let took = part.len() + usize::from(end.is_some());
            self.stream.consume(took);
            self.offset += took as u64;
            if last {
                break;
            }
        }
        Ok(Some(if length > self.bytes_max as u64 {
            Line::TooLong { offset, bytes: length }
        } else {
            Line::Whole { offset, bytes: &self.line }
        }))
    }
}
