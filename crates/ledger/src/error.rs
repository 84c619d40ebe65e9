//! What can go wrong: with a genesis file, a block, a transaction, or the disk beneath.

use alloy_primitives::{Address, B256};

/// Errors of the ledger. A block that is refused is a verdict about it; `Store` is a fault of this
/// machine and says nothing about the block.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The genesis file does not say what it must.
    #[error("genesis: {0}")]
    Genesis(String),
    /// Bytes are not the block, or not within its limits.
    #[error("block: {0}")]
    Malformed(String),
    /// A block does not follow from its parent.
    #[error("block {number}: {field} is {got}, and {expected} follows from its parent")]
    Block {
        /// Its number, as it says.
        number: u64,
        /// The field of its header or seal.
        field: &'static str,
        /// What it says.
        got: String,
        /// What it must say.
        expected: String,
    },
    /// A block has a transaction that cannot be in it.
    #[error("block {number}: transaction {place}: {why}")]
    Transaction {
        /// Number of the block.
        number: u64,
        /// Place of the transaction.
        place: usize,
        /// Why it cannot.
        why: String,
    },
    /// A transaction cannot be taken.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// What is kept cannot be read.
    #[error("state: {0}")]
    Store(String),
    /// A node of the state tree that a root names is not there.
    #[error("state: node {0} of the tree is missing")]
    Node(B256),
}

/// Why a transaction cannot be taken, whatever the state is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not an encoded transaction.
    #[error("transaction cannot be decoded: {0}")]
    Encoding(String),
    /// More bytes than a transaction may have.
    #[error("oversized data: transaction size {got}, limit {max}")]
    Size {
        /// Bytes that it has.
        got: usize,
        /// Bytes that it may have.
        max: usize,
    },
    /// A type that this chain does not have.
    #[error("transaction type not supported: {0}")]
    Type(u8),
    /// Signed for another chain, or for any.
    #[error("invalid chain id: have {got}, want {want}")]
    ChainId {
        /// The chain that it was signed for; 0 for none.
        got: u64,
        /// This chain.
        want: u64,
    },
    /// The signature is of nobody.
    #[error("invalid sender: the signature does not recover")]
    Signature,
    /// Below what any execution costs.
    #[error("intrinsic gas too low: have {got}, want {want}")]
    Gas {
        /// Its gas limit.
        got: u64,
        /// What it needs at least.
        want: u64,
    },
    /// Above what one transaction may use.
    #[error("exceeds maximum gas per transaction: have {got}, limit {max}")]
    GasLimit {
        /// Its gas limit.
        got: u64,
        /// What it may be.
        max: u64,
    },
    /// The tip is above the whole fee.
    #[error("max priority fee per gas higher than max fee per gas")]
    Tip,
    /// Code of a new contract is longer than may be.
    #[error("max initcode size exceeded: code size {got}, limit {max}")]
    Initcode {
        /// Bytes that it has.
        got: usize,
        /// Bytes that it may have.
        max: usize,
    },
    /// The last nonce cannot be used: EIP-2681.
    #[error("nonce has max value: address {0}")]
    NonceMax(Address),
    /// A transaction that gives code to accounts and names none: EIP-7702.
    #[error("EIP-7702 transaction with an empty authorization list, or without a target")]
    Authorizations,
}
