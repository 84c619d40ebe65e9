//! What can go wrong on the way from a source to a model. One invariant: every variant names the
//! field, key, tensor, file or address that is at fault.

use std::path::PathBuf;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file header that is not what its format says.
    #[error("{format} header, byte {at}, {field}: {what}")]
    Header {
        /// "gguf" or "safetensors".
        format: &'static str,
        /// The field that is wrong.
        field: String,
        /// Its offset in the file.
        at: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A JSON file beside the weights that cannot be used.
    #[error("{}: {what}", path.display())]
    Companion {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A metadata key that is missing, wrong, or asks for what we cannot do.
    #[error("key {key}: {what}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// A tensor that is missing, wrong, or not understood.
    #[error("tensor {name}: {what}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// Text that names no source.
    #[error("source {text:?}: {what}")]
    Source {
        /// The text.
        text: String,
        /// What is due.
        what: String,
    },
    /// A transfer that failed.
    #[error("{what}: {why}")]
    Download {
        /// What was fetched.
        what: String,
        /// Why it failed.
        why: String,
    },
    /// A file whose hash is not the one it is published under.
    #[error("{what}: sha256 is {got}, {expected} is due")]
    Hash {
        /// What was fetched.
        what: String,
        /// The hash it should have.
        expected: String,
        /// The hash it has.
        got: String,
    },
    /// An archive that does not hold what was asked for.
    #[error("{what}: {why}")]
    Archive {
        /// The archive.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// The disk, or a path on it.
    #[error("{}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store refused.
    #[error("store")]
    Store(#[from] terroir_store::Error),
    /// A tokenizer, template or manifest that the model crate refuses.
    #[error("model")]
    Model(#[from] terroir_model::Error),
    /// A program that cannot be proved.
    #[error("program")]
    Program(#[from] terroir_tensor::Error),
}

/// An error about a field of a header.
pub(crate) fn header_error(
    format: &'static str,
    field: impl Into<String>,
    at: u64,
    what: impl Into<String>,
) -> Error {
    Error::Header { format, field: field.into(), at, what: what.into() }
}
