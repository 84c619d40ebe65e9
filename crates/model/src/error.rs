//! What can be wrong with a model, a request or a run. One invariant: every variant says which
//! part is at fault, and with numbers, so that a person can act on it.

use terroir_base::{Digest, cbor};

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bytes that are not the canonical encoding of what they should be.
    #[error("{what}: {source}")]
    Encoding {
        /// The record: "manifest", "request", "answer" or "tokenizer".
        what: &'static str,
        /// Why the bytes were refused.
        source: cbor::Error,
    },
    /// A field whose value its record does not allow.
    #[error("{what}: {field} {problem}")]
    Field {
        /// The record.
        what: &'static str,
        /// The field.
        field: &'static str,
        /// What is wrong with it, with the limit.
        problem: String,
    },
    /// A blob of the model could not be had.
    #[error("{what} {digest}: {problem}")]
    Blob {
        /// What the blob is: "manifest", "program", "tokenizer" or "template".
        what: &'static str,
        /// Its name.
        digest: Digest,
        /// Why not.
        problem: String,
    },
    /// Parts of one model that do not fit each other.
    #[error("model: {0}")]
    Mismatch(String),
    /// A chat template that does not compile, or refused or failed to render.
    #[error("chat template: {0}")]
    Template(String),
    /// A chat was asked of a model without a chat template.
    #[error("this model has no chat template: ask with plain text")]
    NoTemplate,
    /// The input has no tokens, so there is nothing to continue.
    #[error("the prompt is empty: it must have at least one token")]
    EmptyPrompt,
    /// Prompt and answer together do not fit the context.
    #[error(
        "prompt of {}{prompt_tokens} tokens and max_tokens {max_tokens} exceed the context of \
         {context_max} tokens",
        if *exact { "" } else { "at least " }
    )]
    ContextOverflow {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Whether they were counted, not just seen to be at least as many.
        exact: bool,
        /// Tokens asked for.
        max_tokens: u32,
        /// Longest context of this model.
        context_max: u32,
    },
    /// A batch that already serves as many requests as it may.
    #[error("the batch is full: {sequences_max} sequences at once")]
    BatchFull {
        /// The limit.
        sequences_max: usize,
    },
    /// The executor refused.
    #[error(transparent)]
    Tensor(#[from] terroir_tensor::Error),
}

impl Error {
    /// Names the record that a CBOR error belongs to.
    pub(crate) fn encoding(what: &'static str) -> impl Fn(cbor::Error) -> Error {
        move |source| Error::Encoding { what, source }
    }
}
