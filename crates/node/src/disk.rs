//! Small files that survive a crash, locks between processes, and files that only their owner reads.
//!
//! Invariant: a reader of a name sees the old content or the new one, never a part.

use crate::error::{Error, disk};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Permission bits of files with secrets, and of what could betray what people ask.
pub(crate) const PRIVATE: u32 = 0o600;
/// Permission bits of files that anybody on the machine may read.
pub(crate) const PUBLIC: u32 = 0o644;
/// How names of unfinished files start.
pub(crate) const TEMP_PREFIX: &str = ".temp-";

/// Replaces the file at `path` as a whole; durable on return.
///
/// The caller holds a lock that keeps others from the same file.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let folder = path.parent().expect("a file of a home lies in a folder");
    let name = path.file_name().expect("a file of a home has a name").to_string_lossy();
    let temp = folder.join(format!("{TEMP_PREFIX}{name}"));
    // A file that a crash left, or somebody put there, would keep its own mode, or be a link.
    match fs::remove_file(&temp) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(disk(&temp)(error)),
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&temp);
    let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    if let Err(error) = written {
        // What a full disk did not take shall not fill it further.
        let _ = fs::remove_file(&temp);
        return Err(disk(&temp)(error));
    }
    fs::rename(&temp, path).map_err(disk(path))?;
    sync_folder(folder)
}

/// Makes the names in a folder survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(disk(folder))
}

/// The content of a file, or none where there is no file.
///
/// Reads one byte more than `bytes_max` at most, so that a file put there by mistake does no harm.
pub(crate) fn read_small(path: &Path, bytes_max: usize) -> Result<Option<Vec<u8>>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk(path)(error)),
    };
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(disk(path))?;
    Ok(Some(bytes))
}

/// Refuses a file that others than its owner may read or write.
pub(crate) fn refuse_exposed(path: &Path) -> Result<(), Error> {
    let mode = fs::metadata(path).map_err(disk(path))?.permissions().mode() & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(Error::Exposed { path: path.to_owned(), mode }),
    }
}

/// Waits for a lock between processes and threads; it lasts until the file is dropped.
pub(crate) fn lock(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).read(true).write(true).mode(PRIVATE).open(path);
    let file = file.map_err(disk(path))?;
    file.lock().map_err(disk(path))?;
    Ok(file)
}
