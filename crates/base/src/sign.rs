//! Who said it: Ed25519 keys and the COSE_Sign1 envelope around signed bytes.
//!
//! An envelope has one valid form; a changed byte anywhere in it is refused.
//! Formats: `docs/format/key.md`, `docs/format/envelope.md`.

mod envelope;
mod key;

pub use envelope::{CONTENT_TYPE_BYTES_MAX, Verified, sign1, verify1};
pub use key::{PublicKey, SecretKey};

use crate::cbor;

/// Why a key or an envelope was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A key file is not one line `terroir-ed25519-secret-v1 HEX`. The text is not repeated here.
    #[error("secret key is not one line `{} HEX`, with 64 lower-case digits", key::SECRET_LABEL)]
    SecretText,
    /// A public key is not 64 lower-case hexadecimal digits.
    #[error(
        "a public key is 64 lower-case hexadecimal digits, got {got_bytes} bytes of other text"
    )]
    PublicText {
        /// Length of the refused text, in bytes.
        got_bytes: usize,
    },
    /// 32 bytes that are no point of the curve.
    #[error("{key} is not a public key")]
    NotAKey {
        /// The bytes.
        key: PublicKey,
    },
    /// The signature does not fit the key and the bytes.
    #[error("signature by {signer} does not fit")]
    Signature {
        /// The key that the envelope names.
        signer: PublicKey,
    },
    /// The envelope does not start with the tag of COSE_Sign1.
    #[error("envelope does not start with tag 18 (0xd2)")]
    Tag,
    /// The envelope is not well formed. Offsets count from after the tag.
    #[error("envelope is not well formed")]
    Envelope(#[source] cbor::Error),
    /// The protected header is not well formed. Offsets count from its own start.
    #[error("protected header is not well formed")]
    Header(#[source] cbor::Error),
    /// The envelope has not four parts.
    #[error("envelope has {got} parts, expected 4")]
    Parts {
        /// Parts found.
        got: usize,
    },
    /// The envelope uses another algorithm.
    #[error("algorithm {got}, expected -8 (eddsa)")]
    Algorithm {
        /// The number found.
        got: i64,
    },
}

#[cfg(test)]
mod tests;
