//! Metadata values: numbers, text, and arrays of one of them.
//!
//! For the GGUF parser and the translators that ask for keys. Invariant: arrays do not nest, so
//! reading a value never recurses.

use super::{Cursor, TEXT_BYTES_MAX};
use crate::Error;
use std::fmt;

/// A metadata value; all widths of integers and floats are read into the widest.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An unsigned integer.
    Uint(u64),
    /// A signed integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// UTF-8 text.
    Text(String),
    /// Values of one type.
    Array(Array),
}

/// An array of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Unsigned integers.
    Uints(Vec<u64>),
    /// Signed integers.
    Ints(Vec<i64>),
    /// Floats.
    Floats(Vec<f64>),
    /// Truth values.
    Bools(Vec<bool>),
    /// UTF-8 texts.
    Texts(Vec<String>),
}

impl Array {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Array::Uints(all) => all.len(),
            Array::Ints(all) => all.len(),
            Array::Floats(all) => all.len(),
            Array::Bools(all) => all.len(),
            Array::Texts(all) => all.len(),
        }
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Uint(n) => write!(f, "{n}"),
            Value::Int(n) => write!(f, "{n}"),
            Value::Float(x) => write!(f, "{x}"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Text(text) => {
                let short: String = text.chars().take(40).collect();
                write!(f, "{short:?}")
            }
            Value::Array(array) => write!(f, "array of {} values", array.len()),
        }
    }
}

/// Type numbers of the file format.
mod id {
    pub const UINT8: u32 = 0;
    pub const INT8: u32 = 1;
    pub const UINT16: u32 = 2;
    pub const INT16: u32 = 3;
    pub const UINT32: u32 = 4;
    pub const INT32: u32 = 5;
    pub const FLOAT32: u32 = 6;
    pub const BOOL: u32 = 7;
    pub const TEXT: u32 = 8;
    pub const ARRAY: u32 = 9;
    pub const UINT64: u32 = 10;
    pub const INT64: u32 = 11;
    pub const FLOAT64: u32 = 12;
}

/// Reads a type number and a value; `items` is how many array elements the file may still have.
pub(super) fn read(cursor: &mut Cursor, items: &mut u64) -> Result<Value, Error> {
    let kind = cursor.u32()?;
    match kind {
        id::ARRAY => Ok(Value::Array(read_array(cursor, items)?)),
        id::TEXT => Ok(Value::Text(cursor.text(TEXT_BYTES_MAX)?)),
        id::BOOL => Ok(Value::Bool(read_bool(cursor)?)),
        id::FLOAT32 | id::FLOAT64 => Ok(Value::Float(read_float(cursor, kind)?)),
        id::INT8 | id::INT16 | id::INT32 | id::INT64 => Ok(Value::Int(read_int(cursor, kind)?)),
        id::UINT8 | id::UINT16 | id::UINT32 | id::UINT64 => {
            Ok(Value::Uint(read_uint(cursor, kind)?))
        }
        _ => Err(cursor.error(format!("value type {kind} does not exist"))),
    }
}

fn read_array(cursor: &mut Cursor, items: &mut u64) -> Result<Array, Error> {
    let kind = cursor.u32()?;
    let count = cursor.u64()?;
    let each = match kind {
        id::UINT8 | id::INT8 | id::BOOL => 1,
        id::UINT16 | id::INT16 => 2,
        id::UINT32 | id::INT32 | id::FLOAT32 => 4,
        id::UINT64 | id::INT64 | id::FLOAT64 | id::TEXT => 8,
        id::ARRAY => return Err(cursor.error("an array of arrays is not read")),
        _ => return Err(cursor.error(format!("element type {kind} does not exist"))),
    };
    if count > *items {
        return Err(cursor.error(format!("{count} elements, the file may have {items} more")));
    }
    *items -= count;
    let count = cursor.room(count, each)?;
    match kind {
        id::TEXT => collect(count, || cursor.text(TEXT_BYTES_MAX)).map(Array::Texts),
        id::BOOL => collect(count, || read_bool(cursor)).map(Array::Bools),
        id::FLOAT32 | id::FLOAT64 => collect(count, || read_float(cursor, kind)).map(Array::Floats),
        id::INT8 | id::INT16 | id::INT32 | id::INT64 => {
            collect(count, || read_int(cursor, kind)).map(Array::Ints)
        }
        _ => collect(count, || read_uint(cursor, kind)).map(Array::Uints),
    }
}

fn collect<T>(count: usize, mut read: impl FnMut() -> Result<T, Error>) -> Result<Vec<T>, Error> {
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        all.push(read()?);
    }
    Ok(all)
}

fn read_bool(cursor: &mut Cursor) -> Result<bool, Error> {
    match cursor.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(cursor.error(format!("truth value {other}, must be 0 or 1"))),
    }
}

fn read_uint(cursor: &mut Cursor, kind: u32) -> Result<u64, Error> {
    Ok(match kind {
        id::UINT8 => u64::from(cursor.u8()?),
        id::UINT16 => u64::from(u16::from_le_bytes(cursor.array()?)),
        id::UINT32 => u64::from(cursor.u32()?),
        _ => cursor.u64()?,
    })
}

fn read_int(cursor: &mut Cursor, kind: u32) -> Result<i64, Error> {
    Ok(match kind {
        id::INT8 => i64::from(i8::from_le_bytes(cursor.array()?)),
        id::INT16 => i64::from(i16::from_le_bytes(cursor.array()?)),
        id::INT32 => i64::from(i32::from_le_bytes(cursor.array()?)),
        _ => i64::from_le_bytes(cursor.array()?),
    })
}

fn read_float(cursor: &mut Cursor, kind: u32) -> Result<f64, Error> {
    Ok(match kind {
        id::FLOAT32 => f64::from(f32::from_le_bytes(cursor.array()?)),
        _ => f64::from_le_bytes(cursor.array()?),
    })
}
