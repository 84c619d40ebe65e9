//! Locks between processes and threads: advisory locks of the system, gone when their owner dies.

use crate::error::{Error, disk};
use std::fs::{File, TryLockError};
use std::path::Path;

/// Keeps every sweep away until it is dropped. Hold one from the first put to the pin.
#[derive(Debug)]
#[must_use = "the store is held until this is dropped"]
pub struct Hold {
    _file: File,
}

/// Waits for a sweep that is running, then keeps the next one away.
pub(crate) fn hold(path: &Path) -> Result<Hold, Error> {
    let file = open(path)?;
    file.lock_shared().map_err(disk(path))?;
    Ok(Hold { _file: file })
}

/// Waits for the lock; it lasts until the file is dropped.
pub(crate) fn exclusive(path: &Path) -> Result<File, Error> {
    let file = open(path)?;
    file.lock().map_err(disk(path))?;
    Ok(file)
}

/// The lock now, or `Busy`.
pub(crate) fn try_exclusive(path: &Path) -> Result<File, Error> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Busy { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(disk(path)(error)),
    }
}

fn open(path: &Path) -> Result<File, Error> {
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true).open(path).map_err(disk(path))
}
