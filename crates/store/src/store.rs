//! The store: putting blobs, finding them, and getting bad ones out of the way.

use crate::error::{Error, disk};
use crate::layout::{Layout, sync_folder};
use crate::lock::{self, Hold};
use crate::read;
use crate::temp::Temp;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use terroir_base::Digest;
use terroir_base::id::BlobId;

/// Bytes read from a source at a time: large enough for the hash to use wide registers.
const BUFFER_BYTES: usize = 1 << 18;

/// A folder of blobs. Cheap to clone; keeps no file open.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) layout: Layout,
}

impl Store {
    /// Opens the store in folder `root`, making it where there is none.
    ///
    /// Errors: `Version` when the folder holds something else.
    pub fn open(root: impl AsRef<Path>) -> Result<Store, Error> {
        Ok(Store { layout: Layout::open(root.as_ref())? })
    }

    /// Keeps every sweep away until the hold is dropped; waits for one that is running.
    ///
    /// A blob that was put but not pinned is free to be swept: hold the store in between.
    pub fn hold(&self) -> Result<Hold, Error> {
        lock::hold(&self.layout.sweep_lock())
    }

    /// Stores `bytes`; durable on return. A sound copy that is already there is kept.
    pub fn put(&self, bytes: &[u8]) -> Result<BlobId, Error> {
        let id = BlobId(read::digest(bytes));
        let _hold = self.hold()?;
        if !self.is_sound(&id)? {
            let mut temp = Temp::new(&self.layout.temps())?;
            temp.write(bytes)?;
            self.publish(temp, &id)?;
        }
        Ok(id)
    }

    /// Stores everything `source` gives, without holding it in memory; durable on return.
    ///
    /// With `expected`, nothing else is stored, and nothing is read if that blob is already there.
    /// Errors: `Unexpected` when the bytes are other ones, `Input` when reading fails.
    pub fn put_reader(
        &self,
        mut source: impl Read,
        expected: Option<BlobId>,
    ) -> Result<BlobId, Error> {
        let _hold = self.hold()?;
        if let Some(id) = expected
            && self.is_sound(&id)?
        {
            return Ok(id);
        }
        let mut temp = Temp::new(&self.layout.temps())?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(Error::Input { source }),
            };
            hasher.update(&buffer[..count]);
            temp.write(&buffer[..count])?;
        }
        let got = BlobId(Digest(*hasher.finalize().as_bytes()));
        if let Some(expected) = expected.filter(|expected| *expected != got) {
            return Err(Error::Unexpected { expected, got });
        }
        if expected.is_some() || !self.is_sound(&got)? {
            self.publish(temp, &got)?;
        }
        Ok(got)
    }

    /// Whether the blob is there. Its bytes are not looked at.
    pub fn has(&self, id: &BlobId) -> Result<bool, Error> {
        let path = self.layout.blob(id);
        fs::exists(&path).map_err(disk(&path))
    }

    /// Length of the blob in bytes. Its bytes are not looked at.
    pub fn size(&self, id: &BlobId) -> Result<u64, Error> {
        let path = self.layout.blob(id);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(metadata.len()),
            Err(error) => Err(missing_or_disk(id, &path, error)),
        }
    }

    /// Gives a complete temporary file the place of blob `id`.
    fn publish(&self, mut temp: Temp, id: &BlobId) -> Result<(), Error> {
        let path = self.layout.blob(id);
        let folder = path.parent().expect("a blob lies in a folder");
        match fs::create_dir(folder) {
            Ok(()) => sync_folder(&self.layout.blobs())?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(disk(folder)(error)),
        }
        // The slow part, before the lock.
        temp.sync()?;
        let _moving = lock::exclusive(&self.layout.move_lock())?;
        temp.finish(&path)
    }

    /// Whether a right copy is there; a wrong one is moved away.
    fn is_sound(&self, id: &BlobId) -> Result<bool, Error> {
        let path = self.layout.blob(id);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(disk(&path)(error)),
        };
        // A file that cannot be read is as bad as a wrong one: the caller has the right bytes.
        let sound = read::hash_file(&file).is_ok_and(|got| got == id.0);
        if !sound {
            self.quarantine(id)?;
        }
        Ok(sound)
    }

    /// Opens the file of a blob for reading.
    pub(crate) fn file(&self, id: &BlobId) -> Result<(File, PathBuf), Error> {
        let path = self.layout.blob(id);
        match File::open(&path) {
            Ok(file) => Ok((file, path)),
            Err(error) => Err(missing_or_disk(id, &path, error)),
        }
    }

    /// The error for a blob whose bytes hash to `got`; its file is moved away if that can be done.
    pub(crate) fn corrupt(&self, id: &BlobId, got: Digest) -> Error {
        let path = match self.quarantine(id) {
            Ok(Some(path)) => path,
            Ok(None) | Err(_) => self.layout.blob(id),
        };
        Error::Corrupt { id: *id, path, got: BlobId(got) }
    }

    /// Moves the file of a blob away, unless it is gone or another process has just healed it.
    fn quarantine(&self, id: &BlobId) -> Result<Option<PathBuf>, Error> {
        let path = self.layout.blob(id);
        let _moving = lock::exclusive(&self.layout.move_lock())?;
        let healed = match File::open(&path) {
            Ok(file) => read::hash_file(&file).is_ok_and(|got| got == id.0),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(disk(&path)(error)),
        };
        if healed {
            return Ok(None);
        }
        let folder = self.layout.quarantine();
        let names = (0_u64..).map(|count| folder.join(format!("{id}-{count}")));
        // The lock makes this the only process that looks for a free name.
        let away = names.into_iter().find(|away| !away.exists());
        let away = away.expect("2^64 names are not all taken");
        fs::rename(&path, &away).map_err(disk(&path))?;
        Ok(Some(away))
    }
}

fn missing_or_disk(id: &BlobId, path: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::Missing { id: *id },
        _ => disk(path)(error),
    }
}

#[cfg(test)]
mod tests;
