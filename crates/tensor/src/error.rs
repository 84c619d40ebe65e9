//! What can be wrong with a program, its constants or a call. One invariant: every variant names
//! the operator, constant or argument that is at fault.

use terroir_base::Digest;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes of a program are not its canonical encoding.
    #[error("program encoding: {0}")]
    Encoding(String),
    /// A fault of the program as a whole.
    #[error("program: {0}")]
    Program(String),
    /// An operator that cannot be proved safe.
    #[error("operator {index} ({name}): {what}")]
    Operator {
        /// Index in the program.
        index: usize,
        /// Name of the operator.
        name: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A constant that could not be had or does not hold what the program says.
    #[error("constant {digest}: {what}")]
    Constant {
        /// Which constant.
        digest: Digest,
        /// What is wrong.
        what: String,
    },
    /// A token outside the vocabulary.
    #[error("token {token} is not in a vocabulary of {vocab}")]
    Token {
        /// The token.
        token: u32,
        /// Size of the vocabulary.
        vocab: usize,
    },
    /// More positions than the program allows.
    #[error("{wanted} positions wanted, the program allows {limit}")]
    Positions {
        /// Positions after the call.
        wanted: usize,
        /// Longest context.
        limit: usize,
    },
    /// An argument that no machine or call can serve.
    #[error("{0}")]
    Argument(String),
}
