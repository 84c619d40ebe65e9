//! What can go wrong with the file of a chain, and with blocks that are given to it.

use alloy_primitives::B256;
use std::fmt::Display;
use std::path::PathBuf;

/// Errors of a chain.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The genesis file, or the state.
    #[error(transparent)]
    Ledger(#[from] terroir_ledger::Error),
    /// The disk failed, or another process has the file.
    #[error("chain {}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the database says.
        source: Box<redb::Error>,
    },
    /// Reading or writing the open file failed.
    #[error("chain file")]
    Database(#[source] Box<redb::Error>),
    /// A file of another format.
    #[error("chain {}: its format is {got}, and {expected} is read", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        got: u64,
        /// The format that this version reads.
        expected: u64,
    },
    /// A file of another chain.
    #[error("chain {}: its block 0 is {got}, and the genesis file makes {expected}", path.display())]
    Genesis {
        /// The file.
        path: PathBuf,
        /// Block 0 of the file.
        got: B256,
        /// Block 0 of the genesis file.
        expected: B256,
    },
    /// What is kept does not read back.
    #[error("chain file is damaged: {what}: {why}")]
    Damaged {
        /// What.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// A block that is not the one after the tip.
    #[error("block {number} was given, and block {expected} is next")]
    Gap {
        /// Its number.
        number: u64,
        /// The number that is next.
        expected: u64,
    },
    /// A block whose parent is not the tip.
    #[error("block {number} has the parent {got}, and the block before is {expected}")]
    Parent {
        /// Its number.
        number: u64,
        /// The parent that it names.
        got: B256,
        /// The block that is kept.
        expected: B256,
    },
    /// Another block than the one that is kept at that height.
    #[error("block {number} is {got}, and {kept} is final at that height")]
    Fork {
        /// The height.
        number: u64,
        /// The block that was given.
        got: B256,
        /// The block that is kept.
        kept: B256,
    },
}

impl Error {
    pub(super) fn damaged(what: &'static str, why: impl Display) -> Error {
        Error::Damaged { what, why: why.to_string() }
    }
}

/// For `map_err`: a failure of the database that is open.
pub(super) fn failed(error: impl Into<redb::Error>) -> Error {
    Error::Database(Box::new(error.into()))
}

/// The same where the ledger reads.
pub(super) fn unreadable(error: impl Into<redb::Error>) -> terroir_ledger::Error {
    terroir_ledger::Error::Store(error.into().to_string())
}
