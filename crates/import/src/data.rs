//! Random access to the bytes of a file, for readers that must not load it whole.
//!
//! For the header parsers and for the translators, which take one tensor's rows at a time.
//! Invariant: a read that would pass the end is an error before any byte is moved.

use crate::Error;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Bytes that can be read at any offset.
pub trait Data {
    /// Length in bytes, fixed when it was opened.
    fn len(&self) -> u64;

    /// Fills `into` from `offset`.
    ///
    /// Errors: [`Error::Io`] when the range is not all inside, or the disk fails.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), Error>;

    /// Whether there is no byte at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Data for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = start
            .checked_add(into.len())
            .and_then(|end| self.get(start..end))
            .ok_or_else(|| past_end(Path::new("memory"), offset, into.len(), Data::len(self)))?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

/// A file on disk, opened once.
#[derive(Debug)]
pub struct FileData {
    path: PathBuf,
    file: Mutex<File>,
    len: u64,
}

impl FileData {
    /// Opens `path` for reading.
    pub fn open(path: &Path) -> Result<FileData, Error> {
        let io = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let meta = file.metadata().map_err(io)?;
        if !meta.is_file() {
            return Err(io(std::io::Error::other("not a regular file")));
        }
        Ok(FileData { path: path.to_owned(), file: Mutex::new(file), len: meta.len() })
    }
}

impl Data for FileData {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), Error> {
        if offset.checked_add(into.len() as u64).is_none_or(|end| end > self.len) {
            return Err(past_end(&self.path, offset, into.len(), self.len));
        }
        let io = |source| Error::Io { path: self.path.clone(), source };
        let mut file = self.file.lock().expect("no reader panics while it holds the file");
        file.seek(SeekFrom::Start(offset)).map_err(io)?;
        file.read_exact(into).map_err(io)
    }
}

fn past_end(path: &Path, offset: u64, count: usize, len: u64) -> Error {
    let what = format!("{count} bytes at {offset} of a file of {len}");
    let source = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, what);
    Error::Io { path: path.to_owned(), source }
}
