//! Reading typed fields out of decoded values, with errors that name the field.

use super::{Error, Value};
use crate::Digest;
use std::collections::BTreeMap;

impl Value {
    fn mismatch(&self, field: &'static str, expected: &'static str) -> Error {
        Error::WrongType { field, expected, got: self.kind() }
    }

    /// The unsigned integer this is.
    pub fn into_uint(self, field: &'static str) -> Result<u64, Error> {
        match self {
            Value::Uint(number) => Ok(number),
            other => Err(other.mismatch(field, "an unsigned integer")),
        }
    }

    /// The unsigned integer this is, below 2^32.
    pub fn into_u32(self, field: &'static str) -> Result<u32, Error> {
        let got = self.into_uint(field)?;
        u32::try_from(got).map_err(|_| Error::OutOfRange { field, max: u32::MAX.into(), got })
    }

    /// The unsigned integer this is, below 2^8.
    pub fn into_u8(self, field: &'static str) -> Result<u8, Error> {
        let got = self.into_uint(field)?;
        u8::try_from(got).map_err(|_| Error::OutOfRange { field, max: u8::MAX.into(), got })
    }

    /// The integer this is, between -2^63 and 2^63 - 1.
    pub fn into_int(self, field: &'static str) -> Result<i64, Error> {
        let max = i64::MAX.unsigned_abs();
        let (number, negative) = match self {
            Value::Uint(number) => (number, false),
            Value::Nint(number) => (number, true),
            other => return Err(other.mismatch(field, "an integer")),
        };
        let number =
            i64::try_from(number).map_err(|_| Error::OutOfRange { field, max, got: number })?;
        Ok(if negative { !number } else { number })
    }

    /// The boolean this is.
    pub fn into_bool(self, field: &'static str) -> Result<bool, Error> {
        match self {
            Value::Bool(truth) => Ok(truth),
            other => Err(other.mismatch(field, "a boolean")),
        }
    }

    /// The byte string this is, of at most `max` bytes.
    pub fn into_bytes(self, field: &'static str, max: usize) -> Result<Vec<u8>, Error> {
        match self {
            Value::Bytes(bytes) if bytes.len() <= max => Ok(bytes),
            Value::Bytes(bytes) => Err(Error::TooLarge { field, max, got: bytes.len() }),
            other => Err(other.mismatch(field, "a byte string")),
        }
    }

    /// The byte string this is, of exactly `N` bytes.
    pub fn into_bytes_n<const N: usize>(self, field: &'static str) -> Result<[u8; N], Error> {
        let bytes = self.into_bytes(field, usize::MAX)?;
        let got = bytes.len();
        bytes.try_into().map_err(|_| Error::WrongLength { field, expected: N, got })
    }

    /// The digest this is: a byte string of 32 bytes.
    pub fn into_digest(self, field: &'static str) -> Result<Digest, Error> {
        self.into_bytes_n(field).map(Digest)
    }

    /// The text this is, of at most `max` bytes.
    pub fn into_text(self, field: &'static str, max: usize) -> Result<String, Error> {
        match self {
            Value::Text(text) if text.len() <= max => Ok(text),
            Value::Text(text) => Err(Error::TooLarge { field, max, got: text.len() }),
            other => Err(other.mismatch(field, "a text string")),
        }
    }

    /// The items of the array this is, at most `max`.
    pub fn into_array(self, field: &'static str, max: usize) -> Result<Vec<Value>, Error> {
        match self {
            Value::Array(items) if items.len() <= max => Ok(items),
            Value::Array(items) => Err(Error::TooLarge { field, max, got: items.len() }),
            other => Err(other.mismatch(field, "an array")),
        }
    }

    /// The items of the array this is, exactly `N`.
    pub fn into_array_n<const N: usize>(self, field: &'static str) -> Result<[Value; N], Error> {
        let items = self.into_array(field, usize::MAX)?;
        let got = items.len();
        items.try_into().map_err(|_| Error::WrongItems { field, expected: N, got })
    }

    /// The entries of the map this is, in canonical order.
    pub fn into_entries(self, field: &'static str) -> Result<Vec<(Value, Value)>, Error> {
        match self {
            Value::Map(entries) => Ok(entries),
            other => Err(other.mismatch(field, "a map")),
        }
    }

    /// The record this is, called `record` in errors.
    pub fn into_map(self, record: &'static str) -> Result<MapReader, Error> {
        MapReader::new(self, record)
    }
}

/// A record being read: a map with unsigned integer keys, emptied field by field.
///
/// Take every field, then call [`MapReader::finish`], which refuses what nobody asked for.
/// `take_x` wants the field to be there, `take_opt_x` gives `None` where it is not.
#[derive(Debug)]
#[must_use = "call finish() to refuse unknown fields"]
pub struct MapReader {
    record: &'static str,
    fields: BTreeMap<u64, Value>,
}

/// Declares `take_x` and `take_opt_x` from the `into_x` of [`Value`].
macro_rules! takes {
    ($($what:literal $take:ident $take_opt:ident $into:ident $([$($generic:tt)*])?
       ($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(
            #[doc = concat!("Takes ", $what, ".")]
            pub fn $take $(<$($generic)*>)? (
                &mut self, key: u64, field: &'static str $(, $arg: $type)*
            ) -> Result<$out, Error> {
                self.take(key, field)?.$into(field $(, $arg)*)
            }

            #[doc = concat!("Takes ", $what, ", where the field is there.")]
            pub fn $take_opt $(<$($generic)*>)? (
                &mut self, key: u64, field: &'static str $(, $arg: $type)*
            ) -> Result<Option<$out>, Error> {
                self.take_opt(key).map(|value| value.$into(field $(, $arg)*)).transpose()
            }
        )*
    };
}

impl MapReader {
    /// Starts reading `value`, called `record` in errors.
    pub fn new(value: Value, record: &'static str) -> Result<MapReader, Error> {
        let entries = value.into_entries(record)?;
        let fields = entries.into_iter().map(|(key, value)| Ok((key.into_uint(record)?, value)));
        Ok(MapReader { record, fields: fields.collect::<Result<_, _>>()? })
    }

    /// Takes a field of any type.
    pub fn take(&mut self, key: u64, field: &'static str) -> Result<Value, Error> {
        self.take_opt(key).ok_or(Error::Missing { record: self.record, field, key })
    }

    /// Takes a field of any type, where it is there.
    pub fn take_opt(&mut self, key: u64) -> Option<Value> {
        self.fields.remove(&key)
    }

    /// Takes the version of the record's format, where it is the one that the caller knows.
    pub fn take_version(&mut self, key: u64, known: u64) -> Result<(), Error> {
        match self.take_uint(key, "version")? {
            got if got == known => Ok(()),
            got => Err(Error::Version { record: self.record, expected: known, got }),
        }
    }

    /// Takes an array of at most `max` items, each of them as `read` reads it.
    pub fn take_list<T>(
        &mut self,
        key: u64,
        field: &'static str,
        max: usize,
        read: impl Fn(Value) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.take_array(key, field, max)?.into_iter().map(read).collect()
    }

    takes! {
        "an unsigned integer" take_uint take_opt_uint into_uint () -> u64;
        "an unsigned integer below 2^8" take_u8 take_opt_u8 into_u8 () -> u8;
        "an unsigned integer below 2^32" take_u32 take_opt_u32 into_u32 () -> u32;
        "an integer" take_int take_opt_int into_int () -> i64;
        "a boolean" take_bool take_opt_bool into_bool () -> bool;
        "a byte string of at most `max` bytes" take_bytes take_opt_bytes into_bytes (max: usize) -> Vec<u8>;
        "a byte string of exactly `N` bytes" take_bytes_n take_opt_bytes_n into_bytes_n [const N: usize] () -> [u8; N];
        "a digest" take_digest take_opt_digest into_digest () -> Digest;
        "a text of at most `max` bytes" take_text take_opt_text into_text (max: usize) -> String;
        "an array of exactly `N` items" take_array_n take_opt_array_n into_array_n [const N: usize] () -> [Value; N];
        "an array of at most `max` items" take_array take_opt_array into_array (max: usize) -> Vec<Value>;
        "a record" take_map take_opt_map into_map () -> MapReader;
    }

    /// Ends the reading; refuses the record if a field is left.
    pub fn finish(self) -> Result<(), Error> {
        match self.fields.keys().next() {
            None => Ok(()),
            Some(&key) => Err(Error::Unknown { record: self.record, key }),
        }
    }
}
