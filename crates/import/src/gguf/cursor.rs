//! Reads little-endian fields one after another, and knows which field it is in.
//!
//! For the GGUF parser. Invariant: a length that the file states is compared with what is left of
//! the file before memory for it is taken.

use crate::data::Data;
use crate::{Error, header_error};

/// Bytes fetched at once.
const WINDOW: u64 = 1 << 16;

/// A position in a file, with the name of the field that stands there.
pub(super) struct Cursor<'a> {
    data: &'a dyn Data,
    at: u64,
    last: u64,
    field: String,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(data: &'a dyn Data) -> Cursor<'a> {
        Cursor { data, at: 0, last: 0, field: String::new(), window: Vec::new(), window_at: 0 }
    }

    /// Names what is read next.
    pub(super) fn field(&mut self, field: impl Into<String>) {
        self.field = field.into();
        self.last = self.at;
    }

    /// Offset of the next byte.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Offset of the field that is being read.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// An error about the field that is being read.
    pub(super) fn error(&self, what: impl Into<String>) -> Error {
        header_error("gguf", self.field.clone(), self.last, what)
    }

    /// Bytes from here to the end of the file.
    pub(super) fn left(&self) -> u64 {
        self.data.len() - self.at
    }

    /// Refuses `count` things of at least `each` bytes when the file is too short for them.
    pub(super) fn room(&self, count: u64, each: u64) -> Result<usize, Error> {
        let bytes = count.checked_mul(each);
        match usize::try_from(count) {
            Ok(count) if bytes.is_some_and(|bytes| bytes <= self.left()) => Ok(count),
            _ => Err(self.error(format!(
                "{count} items of at least {each} bytes, the file ends after {} bytes",
                self.left()
            ))),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Error> {
        Ok(self.array::<1>()?[0])
    }

    pub(super) fn u32(&mut self) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A length and that many bytes of UTF-8.
    pub(super) fn text(&mut self, bytes_max: u64) -> Result<String, Error> {
        let length = self.u64()?;
        if length > bytes_max {
            return Err(self.error(format!("{length} bytes of text, at most {bytes_max} are read")));
        }
        let mut bytes = vec![0; self.room(length, 1)?];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|e| {
            self.error(format!("not UTF-8 from byte {} of the text", e.utf8_error().valid_up_to()))
        })
    }

    fn fill(&mut self, into: &mut [u8]) -> Result<(), Error> {
        let count = into.len() as u64;
        if count > self.left() {
            let left = self.left();
            return Err(self.error(format!("{count} bytes are due, the file ends after {left}")));
        }
        if count > WINDOW {
            self.data.read_at(self.at, into)?;
        } else {
            let inside = self.at >= self.window_at
                && self.at + count <= self.window_at + self.window.len() as u64;
            if !inside {
                self.window.resize(WINDOW.min(self.left()) as usize, 0);
                self.window_at = self.at;
                self.data.read_at(self.at, &mut self.window)?;
            }
            let from = (self.at - self.window_at) as usize;
            into.copy_from_slice(&self.window[from..from + into.len()]);
        }
        self.at += count;
        Ok(())
    }
}
