//! Files in the making: invisible until complete and durable, gone if abandoned.

use crate::error::{Error, disk};
use crate::layout::sync_folder;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A file that has no name a reader would look for, yet.
pub(crate) struct Temp {
    file: File,
    path: PathBuf,
    finished: bool,
}

impl Temp {
    /// A new empty file in `folder`, whoever else creates some there.
    pub(crate) fn new(folder: &Path) -> Result<Temp, Error> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{}-{count}", std::process::id()));
            match File::create_new(&path) {
                Ok(file) => {
                    return Ok(Temp { file, path, finished: false });
                }
                // Left by a dead process of the same number, or by one in another container.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(disk(&path)(error)),
            }
        }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(disk(&self.path))
    }

    /// Makes the content durable, gives the file its name, makes the name durable.
    pub(crate) fn finish(mut self, path: &Path) -> Result<(), Error> {
        let folder = path.parent().expect("a file of the store lies in a folder");
        self.sync()?;
        fs::rename(&self.path, path).map_err(disk(path))?;
        self.finished = true;
        sync_folder(folder)
    }

    /// Makes the content durable and read-only.
    pub(crate) fn sync(&mut self) -> Result<(), Error> {
        let metadata = self.file.metadata().map_err(disk(&self.path))?;
        let mut permissions = metadata.permissions();
        permissions.set_readonly(true);
        self.file.set_permissions(permissions).map_err(disk(&self.path))?;
        self.file.sync_all().map_err(disk(&self.path))
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        if !self.finished {
            // Whatever stays here is harmless and goes with the next sweep.
            let _ = fs::remove_file(&self.path);
        }
    }
}
