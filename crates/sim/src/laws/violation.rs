//! Laws by name: what a run can be guilty of.

use crate::people::SEATS;
use alloy_primitives::B256;

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two final blocks at one height.
    #[error("block {number} is {got} for validator {place}, and {first} was final before")]
    Fork {
        /// The height.
        number: u64,
        /// Who has the second one.
        place: usize,
        /// The second one.
        got: B256,
        /// The first one.
        first: B256,
    },
    /// Final blocks out of order.
    #[error("validator {place} keeps block {got}, and block {expected} is next")]
    Order {
        /// Whose.
        place: usize,
        /// The height that it keeps.
        got: u64,
        /// The height that is next.
        expected: u64,
    },
    /// A disk that was read again lacks more than a crash takes.
    #[error("validator {place} had block {before}, and has block {after} after a crash")]
    Lost {
        /// Whose.
        place: usize,
        /// The height before.
        before: u64,
        /// The height after.
        after: u64,
    },
    /// A transaction is in two blocks.
    #[error("transaction {hash} is in block {first} and in block {second}")]
    Twice {
        /// Its hash.
        hash: B256,
        /// One height.
        first: u64,
        /// The other.
        second: u64,
    },
    /// A final transaction is not where it was.
    #[error(
        "transaction {hash} was in block {number}, and validator {place} does not find it there"
    )]
    Gone {
        /// Its hash.
        hash: B256,
        /// Where it was.
        number: u64,
        /// Who does not find it.
        place: usize,
    },
    /// A node's tables and its tree say different things.
    #[error("the tables of validator {place} make the root {got}, and {expected} was agreed on")]
    State {
        /// Whose.
        place: usize,
        /// The root of all accounts and slots in its tables.
        got: B256,
        /// The root in the header of its last block.
        expected: B256,
    },
    /// What a liar forged is final.
    #[error("block {number} is final, and has {hash}, which is forged")]
    Forged {
        /// The height.
        number: u64,
        /// The transaction.
        hash: B256,
    },
    /// Whoever was seen to contradict itself has a seat after all is mended.
    #[error("validator {whom} contradicted itself, and has a seat in epoch {epoch}")]
    Seated {
        /// Who.
        whom: usize,
        /// The newest epoch whose committee is fixed.
        epoch: u64,
    },
    /// An honest validator is held for a liar.
    #[error("validator {place} {how} validator {whom}, which is honest")]
    Framed {
        /// By whom.
        place: usize,
        /// Who.
        whom: usize,
        /// What was done to it.
        how: &'static str,
    },
    /// A certificate that a light client refuses, or none at all.
    #[error("the certificates of validator {place} do not lead to block {number}: {why}")]
    Certificate {
        /// Whose.
        place: usize,
        /// The height.
        number: u64,
        /// What the light client says.
        why: String,
    },
    /// It does not go on although everything is mended.
    #[error("all is mended and it stands still: heights {heights:?}, {missing} payments wait")]
    Stalled {
        /// How far each validator is.
        heights: [u64; SEATS],
        /// Payments that are not final.
        missing: usize,
    },
    /// A node ended by itself.
    #[error("validator {place} ended: {why}")]
    Ended {
        /// Whose.
        place: usize,
        /// Why.
        why: String,
    },
    /// A chain does not open after a crash.
    #[error("the chain of validator {place} does not open: {why}")]
    Closed {
        /// Whose.
        place: usize,
        /// Why.
        why: String,
    },
    /// Something panicked.
    #[error("panic: {0}")]
    Panic(String),
}
