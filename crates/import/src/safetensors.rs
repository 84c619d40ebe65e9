//! safetensors files: the header, and folders of shards with the JSON files beside them.
//!
//! For the importer. Invariant: of a header that was returned, the tensors cover the file's data
//! exactly: no overlap, no gap, nothing outside, no name twice.
//!
//! Source: the format description of the safetensors project.

use crate::data::Data;
use crate::json::Object;
use crate::quant::Kind;
use crate::tensors::Place;
use crate::{Error, header_error};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

pub(crate) mod folder;

pub use folder::Folder;

/// Longest header in bytes.
pub const HEADER_BYTES_MAX: u64 = 1 << 26;
/// Most tensors of a file.
pub const TENSORS_MAX: usize = 1 << 16;
/// Most dimensions of a tensor.
pub const DIMENSIONS_MAX: usize = 8;
/// The key that is no tensor but texts for people.
const METADATA: &str = "__metadata__";

/// The tensors of one file by name; `file` is the index that they are given.
///
/// Errors: [`Error::Header`] with the field and its byte offset; never panics, whatever the bytes.
pub fn read(data: &dyn Data, file: usize) -> Result<BTreeMap<String, Place>, Error> {
    let fail = |field: &str, at, what: String| header_error("safetensors", field, at, what);
    let mut length = [0; 8];
    if data.len() < 8 {
        return Err(fail("header length", 0, format!("the file has {} bytes", data.len())));
    }
    data.read_at(0, &mut length)?;
    let length = u64::from_le_bytes(length);
    if length > HEADER_BYTES_MAX || length > data.len() - 8 {
        return Err(fail(
            "header length",
            0,
            format!("{length} in a file of {}, at most {HEADER_BYTES_MAX}", data.len()),
        ));
    }
    let mut json = vec![0; length as usize];
    data.read_at(8, &mut json)?;
    let entries: Entries = serde_json::from_slice(&json).map_err(|error| {
        fail("header", 8 + offset_of(&json, error.line(), error.column()), error.to_string())
    })?;
    let start = 8 + length;
    let mut places = BTreeMap::new();
    for (name, entry) in entries.0 {
        let place =
            place(&entry, file, start).map_err(|what| fail(&format!("tensor {name}"), 8, what))?;
        places.insert(name, place);
    }
    cover(&places, start, data.len())?;
    Ok(places)
}

/// Checks that the tensors follow each other from `start` to `end`.
fn cover(places: &BTreeMap<String, Place>, start: u64, end: u64) -> Result<(), Error> {
    let mut order: Vec<_> = places.iter().collect();
    order.sort_by_key(|(_, place)| place.offset);
    let mut at = start;
    for (name, place) in order {
        if place.offset != at {
            let what = format!(
                "starts at byte {} of the data, {} is due: tensors must neither overlap nor leave \
                 a gap",
                place.offset - start,
                at - start
            );
            return Err(header_error("safetensors", format!("tensor {name}"), 8, what));
        }
        at = at.saturating_add(place.bytes);
    }
    if at != end {
        let what = format!("tensors end at byte {at}, the file at {end}");
        return Err(header_error("safetensors", "data", start, what));
    }
    Ok(())
}

/// One tensor as the header has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

fn place(entry: &Entry, file: usize, start: u64) -> Result<Place, String> {
    let kind = match entry.dtype.as_str() {
        "F32" => Kind::F32,
        "F16" => Kind::F16,
        "BF16" => Kind::Bf16,
        other => {
            return Err(format!("type {other} is not read, only F32, F16 and BF16 are"));
        }
    };
    if entry.shape.len() > DIMENSIONS_MAX {
        return Err(format!("{} dimensions, at most {DIMENSIONS_MAX}", entry.shape.len()));
    }
    let bytes = kind.tensor_bytes(&entry.shape)?;
    let (from, to) = entry.data_offsets;
    if to.checked_sub(from) != Some(bytes) {
        return Err(format!("data from {from} to {to}, its shape needs {bytes} bytes"));
    }
    let offset = start.checked_add(from).ok_or_else(|| format!("data from {from} overflows"))?;
    Ok(Place { file, kind, shape: entry.shape.clone(), offset, bytes })
}

/// The header object: tensors by name, the texts for people dropped.
struct Entries(BTreeMap<String, Entry>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = BTreeMap::new();
                let mut texts = false;
                while let Some(name) = map.next_key::<String>()? {
                    if (name == METADATA && texts) || entries.contains_key(&name) {
                        return Err(A::Error::custom(format_args!("{name:?} occurs twice")));
                    }
                    if name == METADATA {
                        map.next_value::<Object<String>>()?;
                        texts = true;
                        continue;
                    }
                    if entries.len() == TENSORS_MAX {
                        return Err(A::Error::custom(format_args!("over {TENSORS_MAX} tensors")));
                    }
                    entries.insert(name, map.next_value()?);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Names)
    }
}

/// Byte offset of a line and column, both counted from 1.
fn offset_of(text: &[u8], line: usize, column: usize) -> u64 {
    let lines = text.split(|&byte| byte == b'\n').take(line.saturating_sub(1));
    let before: usize = lines.map(|line| line.len() + 1).sum();
    (before + column.saturating_sub(1)) as u64
}
