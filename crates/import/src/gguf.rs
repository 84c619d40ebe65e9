//! GGUF files, versions 2 and 3, little endian: metadata and the places of the tensors.
//!
//! For the importer, and for anyone who wants to look into a file without loading it.
//! Invariant: of a [`Header`] that was returned, every tensor lies inside the file, no two overlap,
//! no name occurs twice, and reading it never took more memory than the limits below allow.
//!
//! Source: the GGUF specification of the ggml project.

use crate::data::Data;
use crate::quant::Kind;
use crate::tensors::Place;
use crate::{Error, header_error};
use std::collections::BTreeMap;

mod cursor;
mod value;

use cursor::Cursor;
pub use value::{Array, Value};

/// Most metadata keys.
pub const KEYS_MAX: u64 = 1 << 14;
/// Most tensors.
pub const TENSORS_MAX: u64 = 1 << 16;
/// Longest metadata key in bytes, as the specification has it.
pub const KEY_BYTES_MAX: u64 = (1 << 16) - 1;
/// Longest tensor name in bytes, as the specification has it.
pub const NAME_BYTES_MAX: u64 = 64;
/// Longest string value in bytes.
pub const TEXT_BYTES_MAX: u64 = 1 << 24;
/// Most array elements of all metadata together.
pub const ITEMS_MAX: u64 = 1 << 22;
/// Most dimensions of a tensor.
pub const DIMENSIONS_MAX: u32 = 4;
/// Largest alignment in bytes.
pub const ALIGNMENT_MAX: u64 = 1 << 16;
/// Alignment of the tensors when the file does not name one.
const ALIGNMENT: u64 = 32;
/// First four bytes of a file.
pub const MAGIC: [u8; 4] = *b"GGUF";

/// Everything before the tensors' bytes.
#[derive(Debug)]
pub struct Header {
    /// 2 or 3.
    pub version: u32,
    /// Metadata by key.
    pub metadata: BTreeMap<String, Value>,
    /// Tensors by name; shapes outermost dimension first, offsets from the start of the file.
    pub tensors: BTreeMap<String, Place>,
}

/// Reads the header of a file.
///
/// Errors: [`Error::Header`] with the field and its byte offset; never panics, whatever the bytes.
pub fn read(data: &dyn Data) -> Result<Header, Error> {
    let mut cursor = Cursor::new(data);
    cursor.field("magic");
    if cursor.array::<4>()? != MAGIC {
        return Err(cursor.error("not a GGUF file"));
    }
    cursor.field("version");
    let version = cursor.u32()?;
    match version {
        2 | 3 => {}
        _ if matches!(version.swap_bytes(), 1..=3) => {
            return Err(cursor.error("the file is big endian, only little endian is read"));
        }
        _ => return Err(cursor.error(format!("version {version}, only 2 and 3 are read"))),
    }
    let tensor_count = counted(&mut cursor, "tensor count", TENSORS_MAX)?;
    let key_count = counted(&mut cursor, "metadata count", KEYS_MAX)?;
    let metadata = read_metadata(&mut cursor, key_count)?;
    let alignment = alignment(&metadata)?;
    let mut tensors = read_tensors(&mut cursor, tensor_count)?;
    let start = cursor.at().next_multiple_of(alignment);
    place(&mut tensors, start, alignment, data.len())?;
    let tensors = tensors.into_iter().map(|(name, tensor)| (name, tensor.place)).collect();
    Ok(Header { version, metadata, tensors })
}

/// A tensor's entry while its offset is still relative, with where the entry stands.
struct Entry {
    place: Place,
    at: u64,
}

fn counted(cursor: &mut Cursor, field: &str, max: u64) -> Result<u64, Error> {
    cursor.field(field);
    let count = cursor.u64()?;
    if count > max {
        return Err(cursor.error(format!("{count}, at most {max} are read")));
    }
    Ok(count)
}

fn read_metadata(cursor: &mut Cursor, count: u64) -> Result<BTreeMap<String, Value>, Error> {
    let mut metadata = BTreeMap::new();
    let mut items = ITEMS_MAX;
    for index in 0..count {
        cursor.field(format!("metadata[{index}] key"));
        let key = cursor.text(KEY_BYTES_MAX)?;
        if key.is_empty() {
            return Err(cursor.error("empty key"));
        }
        cursor.field(format!("metadata {key}"));
        let value = value::read(cursor, &mut items)?;
        if metadata.contains_key(&key) {
            return Err(cursor.error("the key occurs twice"));
        }
        metadata.insert(key, value);
    }
    Ok(metadata)
}

fn alignment(metadata: &BTreeMap<String, Value>) -> Result<u64, Error> {
    const KEY: &str = "general.alignment";
    match metadata.get(KEY) {
        None => Ok(ALIGNMENT),
        Some(Value::Uint(n)) if n.is_power_of_two() && (8..=ALIGNMENT_MAX).contains(n) => Ok(*n),
        Some(other) => Err(Error::Key {
            key: KEY.into(),
            what: format!("{other} is not a power of two from 8 to {ALIGNMENT_MAX}"),
        }),
    }
}

fn read_tensors(cursor: &mut Cursor, count: u64) -> Result<BTreeMap<String, Entry>, Error> {
    let mut tensors = BTreeMap::new();
    for index in 0..count {
        cursor.field(format!("tensor[{index}] name"));
        let at = cursor.at();
        let name = cursor.text(NAME_BYTES_MAX)?;
        if name.is_empty() {
            return Err(cursor.error("empty name"));
        }
        let place = read_tensor(cursor, &name)?;
        if tensors.contains_key(&name) {
            cursor.field(format!("tensor {name}"));
            return Err(cursor.error("the name occurs twice"));
        }
        tensors.insert(name, Entry { place, at });
    }
    Ok(tensors)
}

fn read_tensor(cursor: &mut Cursor, name: &str) -> Result<Place, Error> {
    cursor.field(format!("tensor {name} dimension count"));
    let dimensions = cursor.u32()?;
    if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
        return Err(cursor.error(format!("{dimensions}, allowed are 1 to {DIMENSIONS_MAX}")));
    }
    cursor.field(format!("tensor {name} shape"));
    let mut shape = Vec::with_capacity(dimensions as usize);
    for _ in 0..dimensions {
        shape.push(cursor.u64()?);
    }
    shape.reverse();
    let shape_at = cursor.last();
    cursor.field(format!("tensor {name} type"));
    let id = cursor.u32()?;
    let Some(kind) = Kind::from_ggml(id) else {
        return Err(cursor.error(format!("type {id} is not read")));
    };
    let bytes = kind
        .tensor_bytes(&shape)
        .map_err(|what| header_error("gguf", format!("tensor {name} shape"), shape_at, what))?;
    cursor.field(format!("tensor {name} offset"));
    let offset = cursor.u64()?;
    Ok(Place { file: 0, kind, shape, offset, bytes })
}

/// Makes offsets absolute and checks that every tensor has bytes of its own inside the file.
fn place(
    tensors: &mut BTreeMap<String, Entry>,
    start: u64,
    alignment: u64,
    len: u64,
) -> Result<(), Error> {
    for (name, entry) in tensors.iter_mut() {
        let fail = |what| header_error("gguf", format!("tensor {name} offset"), entry.at, what);
        let place = &mut entry.place;
        if !place.offset.is_multiple_of(alignment) {
            return Err(fail(format!("{} is not a multiple of {alignment}", place.offset)));
        }
        let end = start.checked_add(place.offset).and_then(|at| at.checked_add(place.bytes));
        if end.is_none_or(|end| end > len) {
            return Err(fail(format!(
                "{} bytes at {} of the data, which starts at {start} of a file of {len}",
                place.bytes, place.offset
            )));
        }
        place.offset += start;
    }
    let mut order: Vec<_> =
        tensors.iter().map(|(name, entry)| (&entry.place, name, entry)).collect();
    order.sort_by_key(|(place, ..)| place.offset);
    for pair in order.windows(2) {
        let ((first, before, _), (second, name, entry)) = (pair[0], pair[1]);
        if first.offset + first.bytes > second.offset {
            let what = format!("the tensor overlaps {before}");
            return Err(header_error("gguf", format!("tensor {name} offset"), entry.at, what));
        }
    }
    Ok(())
}
