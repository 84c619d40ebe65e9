//! Blobs as memory: for weights, which are large and read in place.

#![expect(unsafe_code, reason = "mapping a file is unsafe; the one call is argued below")]

use crate::error::{Error, disk};
use memmap2::Mmap;
use std::fmt;
use std::fs::File;
use std::path::Path;

/// The bytes of a blob, mapped from its file; hashed and found right before you got this.
pub struct Mapped {
    map: Mmap,
}

impl Mapped {
    /// Maps a blob file; the caller hashes it.
    pub(crate) fn open(file: &File, path: &Path) -> Result<Mapped, Error> {
        // SAFETY: the mapping must not change while it is borrowed. Blob files are read-only and the
        // store never writes or truncates one: it replaces, moves and removes names, and a mapping
        // keeps the old file alive. A program outside that rewrites a file of the store in place
        // breaks this, as it could break this process in other ways; the README says so.
        let map = unsafe { Mmap::map(file) }.map_err(disk(path))?;
        Ok(Mapped { map })
    }
}

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.map
    }
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapped({} bytes)", self.map.len())
    }
}
