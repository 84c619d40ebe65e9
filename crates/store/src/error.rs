//! What can go wrong with a store, and with which file.

use std::io;
use std::path::{Path, PathBuf};
use terroir_base::id::BlobId;

/// Why a call on a store failed. Nothing half-done is left behind that a reader could see.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store has no such blob.
    #[error("blob {id} is not in the store")]
    Missing {
        /// The blob asked for.
        id: BlobId,
    },
    /// The bytes on disk are not the blob's. The file is out of the way if it could be moved.
    #[error("blob {id} is corrupt on disk (its bytes hash to {got}), see {}", path.display())]
    Corrupt {
        /// The blob asked for.
        id: BlobId,
        /// Where the bad file lies now.
        path: PathBuf,
        /// What its bytes hash to.
        got: BlobId,
    },
    /// The bytes given are not the blob that was announced.
    #[error("expected blob {expected}, the bytes given hash to {got}")]
    Unexpected {
        /// The blob announced.
        expected: BlobId,
        /// What the bytes hash to.
        got: BlobId,
    },
    /// A range runs backwards or past the end of its blob.
    #[error("range {start}..{end} is not inside blob {id} of {size} bytes")]
    Range {
        /// The blob.
        id: BlobId,
        /// First byte.
        start: u64,
        /// One past the last byte.
        end: u64,
        /// Length of the blob.
        size: u64,
    },
    /// Somebody puts, or holds the store, so that it cannot be swept now.
    #[error("store is in use, try again later ({} is locked)", path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// A pin name that cannot be a file name everywhere.
    #[error("pin name {name:?} is not 1 to 100 letters, digits, `-`, `_` or inner `.`")]
    PinName {
        /// The name.
        name: String,
    },
    /// There is no pin of that name.
    #[error("there is no pin {name:?}")]
    NoPin {
        /// The name.
        name: String,
    },
    /// A pin file was changed; nothing is swept until it is pinned again or removed.
    #[error("pin file {} is damaged: {why}", path.display())]
    Pin {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The folder is not a store, or one of another version.
    #[error("{} is not a store of this version", path.display())]
    Version {
        /// The file that should say so.
        path: PathBuf,
    },
    /// Reading the bytes to put failed.
    #[error("reading the bytes to store failed")]
    Input {
        /// The reader's error.
        source: io::Error,
    },
    /// The disk failed: full, not permitted, broken.
    #[error("disk operation on {} failed", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// For `map_err`: a disk error at `path`.
pub(crate) fn disk(path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Disk { path, source }
}
