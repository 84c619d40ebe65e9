//! What can go wrong: with keys, a committee, the network's address, or the host beneath.

use std::net::SocketAddr;

/// Errors of consensus. None of them is about a block that others made: such blocks are not voted
/// for, and that is all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The 32 bytes are no secret key.
    #[error("{what}: the 32 bytes are no secret key")]
    Key {
        /// Which key.
        what: &'static str,
    },
    /// The keys of a committee cannot be used for votes.
    #[error("committee of epoch {epoch}: {why}")]
    Committee {
        /// The epoch.
        epoch: u64,
        /// What is wrong with it.
        why: String,
    },
    /// A pace at which leaders would be taken for gone.
    #[error("a block is proposed {got} ms after its parent at the latest, and {max} is the most")]
    Pace {
        /// What was asked for.
        got: u64,
        /// The most.
        max: u64,
    },
    /// More peers than there is room for.
    #[error("{got} peers without a seat, and {max} is the most")]
    Peers {
        /// How many were named.
        got: usize,
        /// The most.
        max: usize,
    },
    /// Another process votes from this directory.
    #[error("{directory}: another process uses it")]
    Locked {
        /// The directory.
        directory: std::path::PathBuf,
    },
    /// The directory cannot be used.
    #[error("{directory}: {why}")]
    Directory {
        /// The directory.
        directory: std::path::PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// What the engine keeps cannot be opened.
    #[error(
        "the engine's archive of {what}: {why}; too few files may be open (`ulimit -n`), or the node's \
         folder is damaged"
    )]
    Archive {
        /// What is in it.
        what: &'static str,
        /// What the engine says.
        why: String,
    },
    /// The engine is being stopped.
    #[error("consensus is being stopped")]
    Stopped,
    /// A final block is not the one after the host's newest.
    #[error("block {number} is final, and its parent is not the newest block that is kept")]
    Fork {
        /// Its number.
        number: u64,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
    /// The host or the rules failed.
    #[error(transparent)]
    Ledger(#[from] terroir_ledger::Error),
}
