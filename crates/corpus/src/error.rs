//! What can go wrong, and where.

use std::path::{Path, PathBuf};

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error("{}: {source}", path.display())]
    Disk {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the source that cannot be read as what it claims to be.
    #[error("{file}, byte {offset}, record {record}: {what}")]
    Source {
        /// The file or object.
        file: String,
        /// Where in its decompressed bytes; 0 when that is not known.
        offset: u64,
        /// Which record of the file, counted from 0.
        record: u64,
        /// What is wrong.
        what: String,
    },
    /// A recipe that says something wrong.
    #[error("recipe, {key}: {what}")]
    Recipe {
        /// The key, dotted, as `--set` takes it.
        key: String,
        /// What is wrong, and what would be right.
        what: String,
    },
    /// A config that says something wrong.
    #[error("{}: {what}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The key, what is wrong, and what would be right.
        what: String,
    },
    /// A file of ours that does not hold what its name or claim says.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the leaf where one is known.
        what: String,
    },
    /// Something encrypted that cannot be opened.
    #[error("{}: {what}", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// Something of ours that is encoded wrongly.
    #[error(transparent)]
    Encoding(#[from] terroir_base::cbor::Error),
    /// A tokenizer that cannot be used.
    #[error(transparent)]
    Tokenizer(#[from] terroir_model::Error),
    /// A proof of absence that shows none.
    #[error(transparent)]
    Absence(#[from] crate::absent::Refused),
    /// A proof of presence that shows none.
    #[error(transparent)]
    Presence(#[from] crate::present::Refused),
    /// Whoever signs did not.
    #[error("cannot sign: {0}")]
    Sign(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Whoever was to do passes over shards did not.
    #[error("{0}")]
    Elsewhere(Box<dyn std::error::Error + Send + Sync>),
    /// Something asked for that is not here.
    #[error("no {kind} {name}")]
    Missing {
        /// "version", "record", "shard"...
        kind: &'static str,
        /// What was asked for.
        name: String,
    },
}

/// Makes a [`Error::Disk`] of what the system said about `path`.
pub fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_owned();
    move |source| Error::Disk { path, source }
}

/// Makes a [`Error::Damaged`] for `path`.
pub fn damaged(path: &Path, what: impl Into<String>) -> Error {
    Error::Damaged { path: path.to_owned(), what: what.into() }
}
