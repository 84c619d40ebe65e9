//! Deterministic CBOR (RFC 8949, section 4.2.1): one encoding per value.
//!
//! [`encode`] writes it, [`decode`] accepts nothing else, [`MapReader`] reads records whose keys are
//! small integers. A subset: no floats, no tags, no indefinite lengths, no simple values but
//! false, true and null. Format: `docs/format/cbor.md`.

mod decode;
mod encode;
mod read;

pub use decode::{DEPTH_MAX, decode};
pub use encode::encode;
pub use read::MapReader;

use crate::Digest;

/// A CBOR data item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// 0 to 2^64 - 1.
    Uint(u64),
    /// The negative number -1 - `n`.
    Nint(u64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A UTF-8 text string.
    Text(String),
    /// A list.
    Array(Vec<Value>),
    /// A map; [`encode`] sorts it, [`decode`] returns it sorted.
    Map(Vec<(Value, Value)>),
    /// False or true.
    Bool(bool),
    /// Null.
    Null,
}

impl Value {
    /// A record: a map with integer keys, in any order.
    pub fn record(fields: impl IntoIterator<Item = (u64, Value)>) -> Value {
        Value::Map(fields.into_iter().map(|(key, value)| (Value::Uint(key), value)).collect())
    }

    /// A list.
    pub fn array(items: impl IntoIterator<Item = impl Into<Value>>) -> Value {
        Value::Array(items.into_iter().map(Into::into).collect())
    }

    /// A byte string.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Value {
        Value::Bytes(bytes.into())
    }

    /// The word for this kind of value in error messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Uint(_) => "an unsigned integer",
            Value::Nint(_) => "a negative integer",
            Value::Bytes(_) => "a byte string",
            Value::Text(_) => "a text string",
            Value::Array(_) => "an array",
            Value::Map(_) => "a map",
            Value::Bool(_) => "a boolean",
            Value::Null => "null",
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Uint(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Uint(number.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        // -1 - n is the bitwise complement of n in two's complement, so nothing overflows.
        u64::try_from(number).map_or(Value::Nint((!number).unsigned_abs()), Value::Uint)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bool(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<Digest> for Value {
    fn from(digest: Digest) -> Value {
        Value::Bytes(digest.0.to_vec())
    }
}

/// What a decoder accepts at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the whole encoding, in bytes.
    pub bytes_max: usize,
    /// Nesting of arrays and maps; a scalar has depth 0. Never more than [`DEPTH_MAX`].
    pub depth_max: usize,
    /// Data items in total, every map key and every map value counted.
    pub items_max: usize,
}

/// Why bytes were refused, or why a value is not the record that was asked for.
///
/// `at` is an offset in bytes from the start of the encoding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The encoding is longer than the limit.
    #[error("encoding of {got} bytes, at most {max} are accepted")]
    TooLong {
        /// Bytes given.
        got: usize,
        /// `Limits::bytes_max`.
        max: usize,
    },
    /// The bytes end inside an item.
    #[error("encoding ends inside the item at byte {at}")]
    Truncated {
        /// Where the item starts.
        at: usize,
    },
    /// Bytes follow the item.
    #[error("{extra} bytes follow the value that ends at byte {at}")]
    Trailing {
        /// Where the value ends.
        at: usize,
        /// Bytes after it.
        extra: usize,
    },
    /// Arrays and maps are nested too deep.
    #[error("nesting at byte {at} is deeper than {max}")]
    TooDeep {
        /// Where the array or map starts.
        at: usize,
        /// The depth accepted.
        max: usize,
    },
    /// There are too many items.
    #[error("the item at byte {at} makes more than {max} items")]
    TooMany {
        /// Where the item that is too much starts, or the array or map that announces it.
        at: usize,
        /// `Limits::items_max`.
        max: usize,
    },
    /// A length or number is written longer than needed.
    #[error("the number at byte {at} is not in its shortest form")]
    NotShortest {
        /// Where the item starts.
        at: usize,
    },
    /// A map key does not come strictly after the one before it.
    #[error("the map key at byte {at} is repeated or out of order")]
    Unsorted {
        /// Where the key starts.
        at: usize,
    },
    /// A float, a tag, an indefinite length or another simple value.
    #[error("the item at byte {at} starts with 0x{initial:02x}, which this format does not use")]
    Unsupported {
        /// Where the item starts.
        at: usize,
        /// Its first byte.
        initial: u8,
    },
    /// A text string is not UTF-8.
    #[error("the text at byte {at} is not utf-8")]
    NotUtf8 {
        /// Where the item starts.
        at: usize,
    },
    /// A field has another type than its record says.
    #[error("{field}: expected {expected}, got {got}")]
    WrongType {
        /// Name of the field.
        field: &'static str,
        /// The type asked for.
        expected: &'static str,
        /// The type found.
        got: &'static str,
    },
    /// A number is too large for its field.
    #[error("{field}: at most {max}, got {got}")]
    OutOfRange {
        /// Name of the field.
        field: &'static str,
        /// The largest number accepted.
        max: u64,
        /// The number found; for a negative number `n`, -1 - `n`.
        got: u64,
    },
    /// A byte string of fixed length has another.
    #[error("{field}: expected {expected} bytes, got {got}")]
    WrongLength {
        /// Name of the field.
        field: &'static str,
        /// Bytes asked for.
        expected: usize,
        /// Bytes found.
        got: usize,
    },
    /// An array of fixed length has another.
    #[error("{field}: expected {expected} items, got {got}")]
    WrongItems {
        /// Name of the field.
        field: &'static str,
        /// Items asked for.
        expected: usize,
        /// Items found.
        got: usize,
    },
    /// A record is of a version that the reader does not know.
    #[error("{record}: expected version {expected}, got {got}")]
    Version {
        /// Name of the record.
        record: &'static str,
        /// The version that the reader knows.
        expected: u64,
        /// The version found.
        got: u64,
    },
    /// A byte string, text or array is longer than its field allows.
    #[error("{field}: length at most {max}, got {got}")]
    TooLarge {
        /// Name of the field.
        field: &'static str,
        /// Largest length: bytes of a string, items of an array.
        max: usize,
        /// Length found.
        got: usize,
    },
    /// A record lacks a field.
    #[error("{record}: field {key} ({field}) is missing")]
    Missing {
        /// Name of the record.
        record: &'static str,
        /// Name of the field.
        field: &'static str,
        /// Its key.
        key: u64,
    },
    /// A record has a field that its version does not know.
    #[error("{record}: unknown field {key}")]
    Unknown {
        /// Name of the record.
        record: &'static str,
        /// The key nobody asked for.
        key: u64,
    },
}

#[cfg(test)]
mod tests;
