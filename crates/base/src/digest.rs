//! The name of some bytes: their BLAKE3 root.
//!
//! Tensors, blobs, shards, files and records all have this one kind of name, so a slice of any of
//! them can be proved against it ([`crate::opening`]).

use std::fmt;
use std::str::FromStr;

/// A 32-byte BLAKE3 output; as text, 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

/// Text that is not 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hexadecimal digits, got {got_bytes} bytes of other text")]
pub struct ParseError {
    /// Length of the refused text, in bytes.
    pub got_bytes: usize,
}

impl Digest {
    /// The plain BLAKE3 hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// A hash for one purpose only: BLAKE3's `derive_key` mode under `context`.
    ///
    /// Each part is preceded by its length as 8 little-endian bytes, so no two lists of parts
    /// collide by concatenation. `context` is a constant: application, date and purpose.
    pub fn derive(context: &'static str, parts: &[&[u8]]) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        for part in parts {
            let length = u64::try_from(part.len()).expect("a slice is shorter than 2^64 bytes");
            hasher.update(&length.to_le_bytes());
            hasher.update(part);
        }
        Digest(*hasher.finalize().as_bytes())
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 digits, for people; never compare these.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::hex::encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Digest, ParseError> {
        let bytes = crate::hex::decode(text).ok_or(ParseError { got_bytes: text.len() })?;
        Ok(Digest(bytes))
    }
}

#[cfg(test)]
mod tests;
