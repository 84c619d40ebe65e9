//! Streams bytes into a file that gets its name only when it is whole.
//!
//! Invariant: the final name never stands for a part of the content.

use crate::Error;
use crate::progress::Progress;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes moved between two reports of progress.
pub(super) const STEP_BYTES: usize = 1 << 20;

/// Writes exactly `bytes` bytes of `from` to `path`, by way of a temporary file beside it.
///
/// Errors: [`Error::Archive`] about `what` when `from` has fewer or more; [`Error::Io`].
pub(super) fn to_new_file(
    from: &mut dyn Read,
    bytes: u64,
    path: &Path,
    what: &str,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let folder = path.parent().expect("a file of ours has a folder");
    std::fs::create_dir_all(folder).map_err(io)?;
    let mut target = tempfile::NamedTempFile::new_in(folder).map_err(io)?;
    pour(from, bytes, (target.as_file_mut(), path), what, progress)?;
    target.as_file().sync_all().map_err(io)?;
    target.persist(path).map_err(|error| io(error.error))?;
    sync_folder(folder)
}

/// Writes exactly `bytes` bytes of `from` to `target`, which is or becomes the file of that path;
/// whether they are on disk is for the caller to see to.
///
/// Errors: those of [`to_new_file`].
pub(super) fn pour(
    from: &mut dyn Read,
    bytes: u64,
    (target, path): (&mut File, &Path),
    what: &str,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let bad = |why: String| Error::Archive { what: what.into(), why };
    let mut buffer = vec![0; STEP_BYTES.min(usize::try_from(bytes).unwrap_or(STEP_BYTES) + 1)];
    let mut done = 0;
    loop {
        progress.update(what, done, Some(bytes));
        let count = from.read(&mut buffer).map_err(|error| bad(error.to_string()))?;
        if count == 0 {
            break;
        }
        done += count as u64;
        if done > bytes {
            return Err(bad(format!("more than the {bytes} bytes it states")));
        }
        target.write_all(&buffer[..count]).map_err(io)?;
    }
    match done == bytes {
        true => Ok(()),
        false => Err(bad(format!("ends after {done} of {bytes} bytes"))),
    }
}

/// Feeds everything that `from` gives to `hasher`; how many bytes that were.
pub(super) fn hash(from: &mut dyn Read, hasher: &mut Sha256) -> io::Result<u64> {
    let mut buffer = vec![0; STEP_BYTES];
    let mut bytes = 0;
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(bytes);
        }
        hasher.update(&buffer[..count]);
        bytes += count as u64;
    }
}

/// Makes a rename in `folder` survive a power cut.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { path: folder.to_owned(), source };
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

/// Sees to it that everything below `folder` is on disk.
///
/// One call for the whole disk: file by file, each would wait for it.
#[cfg(target_os = "linux")]
pub(super) fn sync_below(folder: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { path: folder.to_owned(), source };
    let open = File::open(folder).map_err(io)?;
    rustix::fs::syncfs(open).map_err(|error| io(error.into()))
}

/// Sees to it that everything below `folder` is on disk.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync_below(folder: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        match path.is_dir() {
            true => sync_below(&path)?,
            false => File::open(&path).and_then(|file| file.sync_all()).map_err(io)?,
        }
    }
    sync_folder(folder)
}
