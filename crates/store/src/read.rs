//! Reading blobs: no byte leaves before the whole blob has been hashed and found right.

use crate::error::{Error, disk};
use crate::map::Mapped;
use crate::store::Store;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use terroir_base::Digest;
use terroir_base::id::BlobId;

/// Bytes read from disk at a time.
const BUFFER_BYTES: usize = 1 << 18;
/// From this size on, sharing the hashing between cores pays.
const SHARED_BYTES_MIN: usize = 1 << 18;

impl Store {
    /// The bytes of a blob.
    pub fn get(&self, id: &BlobId) -> Result<Vec<u8>, Error> {
        let (mut file, path) = self.file(id)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(disk(&path))?;
        match digest(&bytes) {
            got if got == id.0 => Ok(bytes),
            got => Err(self.corrupt(id, got)),
        }
    }

    /// Some bytes of a blob. The whole blob is read and hashed, but only the range is kept.
    ///
    /// Errors: `Range` when the range runs backwards or past the end.
    pub fn get_range(&self, id: &BlobId, range: Range<u64>) -> Result<Vec<u8>, Error> {
        let (file, path) = self.file(id)?;
        let mut kept = Vec::new();
        let mut size = 0;
        let got = hash_parts(&file, |part| {
            let place = |at: u64| at.saturating_sub(size).min(part.len() as u64) as usize;
            let (start, end) = (place(range.start), place(range.end));
            kept.extend_from_slice(part.get(start..end).unwrap_or_default());
            size += part.len() as u64;
        });
        let got = got.map_err(disk(&path))?;
        if got != id.0 {
            return Err(self.corrupt(id, got));
        }
        let Range { start, end } = range;
        match start <= end && end <= size {
            true => Ok(kept),
            false => Err(Error::Range { id: *id, start, end, size }),
        }
    }

    /// A blob as mapped memory, which stays valid when the blob is swept.
    pub fn map(&self, id: &BlobId) -> Result<Mapped, Error> {
        let (file, path) = self.file(id)?;
        let mapped = Mapped::open(&file, &path)?;
        match digest(mapped.as_ref()) {
            got if got == id.0 => Ok(mapped),
            got => Err(self.corrupt(id, got)),
        }
    }
}

/// The digest of `bytes`, on several cores where they are many.
pub(crate) fn digest(bytes: &[u8]) -> Digest {
    if bytes.len() < SHARED_BYTES_MIN {
        return Digest::of(bytes);
    }
    Digest(*blake3::Hasher::new().update_rayon(bytes).finalize().as_bytes())
}

/// The digest of everything in `file`.
pub(crate) fn hash_file(file: &File) -> io::Result<Digest> {
    hash_parts(file, |_| {})
}

fn hash_parts(mut file: &File, mut each: impl FnMut(&[u8])) -> io::Result<Digest> {
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match file.read(&mut buffer) {
            Ok(0) => return Ok(Digest(*hasher.finalize().as_bytes())),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..count]);
        each(&buffer[..count]);
    }
}
