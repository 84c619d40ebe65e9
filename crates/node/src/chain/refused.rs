//! Why a transaction does not get into the mempool, in the words that Ethereum's clients look for.
//!
//! Libraries match parts of these texts; what follows the standard words are this node's figures.

use alloy_primitives::{Address, U256};

/// Why a transaction is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It could be in no state of this chain.
    #[error(transparent)]
    Ledger(#[from] terroir_ledger::Refused),
    /// It waits here already.
    #[error("already known")]
    Known,
    /// Its nonce is used.
    #[error("nonce too low: next nonce {next}, tx nonce {got}")]
    NonceLow {
        /// The nonce that its sender has next.
        next: u64,
        /// Its nonce.
        got: u64,
    },
    /// Its nonce is too far ahead to be kept until the gap closes.
    #[error("nonce too high: next nonce {next}, tx nonce {got}, at most {max} are kept")]
    NonceHigh {
        /// The nonce that its sender has next.
        next: u64,
        /// Its nonce.
        got: u64,
        /// Nonces of one sender that are kept.
        max: u64,
    },
    /// Another with this nonce waits, and this one does not pay a tenth more.
    #[error("replacement transaction underpriced: max fee per gas {fee} and tip {tip} are needed")]
    Underpriced {
        /// The least fee a gas that replaces.
        fee: u128,
        /// The least tip a gas that replaces.
        tip: u128,
    },
    /// It pays less than any block asks for.
    #[error("transaction underpriced: max fee per gas {got}, and the base fee is at least {min}")]
    BelowBaseFee {
        /// Its fee.
        got: u128,
        /// The least base fee.
        min: u64,
    },
    /// Its sender does not have what it may cost.
    #[error(
        "insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, \
         tx cost {cost}"
    )]
    Funds {
        /// What the sender has.
        balance: U256,
        /// What the sender's other transactions here may cost.
        queued: U256,
        /// What this one may cost.
        cost: U256,
    },
    /// Its sender is a contract: EIP-3607.
    #[error("sender not an eoa: address {0} has code")]
    Code(Address),
    /// More gas than a block has.
    #[error("exceeds block gas limit: tx gas {got}, block gas {max}")]
    BlockGas {
        /// Its gas limit.
        got: u64,
        /// Gas of a block.
        max: u64,
    },
    /// Its sender has as many bytes here as one may.
    #[error("account limit exceeded: the sender's transactions would be {got} bytes, limit {max}")]
    LaneBytes {
        /// With it.
        got: usize,
        /// At most.
        max: usize,
    },
    /// There is no room, and others were to go after it.
    #[error("txpool is full: {bytes} bytes, and others pay more or take less room")]
    Full {
        /// Bytes of all that wait.
        bytes: usize,
    },
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] terroir_ledger::Error),
}
