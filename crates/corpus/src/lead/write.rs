//! Batches as files that others read: NumPy, Parquet, or the bare tokens.
//!
//! One file a batch, named after its number. Invariant: every token was compared with what was
//! signed before it is written.

use super::index::Index;
use super::manifest::Shape;
use super::sequence::Place;
use crate::catalogue::write;
use crate::error::Error;
use crate::table;
use arrow_array::builder::{ListBuilder, PrimitiveBuilder};
use arrow_array::types::{ArrowPrimitiveType, UInt16Type, UInt32Type};
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The form of batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// NumPy's `.npy`, version 1.0: sequences x tokens, `<u2` or `<u4`.
    Npy,
    /// Parquet: position, source and place of each sequence, and its tokens as a list.
    Parquet,
    /// The tokens alone, sequence after sequence, little-endian.
    Raw,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The files, one a batch.
    pub files: Vec<PathBuf>,
    /// Sequences in them.
    pub sequences: u64,
    /// Bytes of tokens.
    pub bytes: u64,
}

/// Appends the tokens of the batch of that number.
pub type Read<'a, E> = dyn FnMut(u64, &mut Vec<u8>) -> Result<(), E> + 'a;

/// Writes the batches `wanted`, of `size` sequences each, into the folder `out`.
///
/// `read` has compared every sequence with `index`. The last batch of all may have fewer; what is
/// asked for after it is not there. Errors: `Missing` when there is none of them, those of `read`,
/// `Disk`.
pub fn batches<E: From<Error>>(
    index: &Index,
    read: &mut Read<'_, E>,
    (wanted, size): (Range<u64>, u64),
    form: Form,
    out: &Path,
) -> Result<Written, E> {
    let mut written = Written::default();
    let mut bytes = Vec::new();
    let shape = &index.manifest().shape;
    for number in wanted.clone() {
        let places = index.order().batch(number, size);
        if places.is_empty() {
            break;
        }
        bytes.clear();
        read(number, &mut bytes)?;
        let path = |ending: &str| out.join(format!("batch-{number:08}.{ending}"));
        let path = match form {
            Form::Raw => keep(path("bin"), &bytes)?,
            Form::Npy => {
                let mut file = npy_header(shape, places.len() as u64);
                file.extend_from_slice(&bytes);
                keep(path("npy"), &file)?
            }
            Form::Parquet => {
                let first = number.saturating_mul(size);
                let batch = match shape.width {
                    2 => rows::<UInt16Type>(index, first, &places, &bytes, |token| {
                        u16::from_le_bytes([token[0], token[1]])
                    }),
                    _ => rows::<UInt32Type>(index, first, &places, &bytes, |token| {
                        u32::from_le_bytes([token[0], token[1], token[2], token[3]])
                    }),
                };
                let path = path("parquet");
                table::write(&path, batch.schema(), &[batch])?;
                path
            }
        };
        written.files.push(path);
        written.sequences += places.len() as u64;
        written.bytes += bytes.len() as u64;
    }
    match written.files.is_empty() {
        false => Ok(written),
        true => {
            let sequences = index.manifest().sequences;
            let name = format!("{} of {size} sequences, as there are {sequences}", wanted.start);
            Err(Error::Missing { kind: "batch", name }.into())
        }
    }
}

fn keep(path: PathBuf, bytes: &[u8]) -> Result<PathBuf, Error> {
    write(&path, bytes)?;
    Ok(path)
}

/// The header of a `.npy` file of version 1.0 for `rows` sequences.
///
/// Source: NumPy Enhancement Proposal 1; the data starts at a multiple of 64 bytes.
pub fn npy_header(shape: &Shape, rows: u64) -> Vec<u8> {
    const START: usize = 10;
    let Shape { width, length, .. } = shape;
    let fields =
        format!("{{'descr': '<u{width}', 'fortran_order': False, 'shape': ({rows}, {length}), }}");
    let whole = (START + fields.len() + 1).next_multiple_of(64);
    let text = format!("{fields:<width$}\n", width = whole - START - 1);
    let length = u16::try_from(text.len()).expect("a header of one line is short");
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&length.to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header
}

/// A batch as a table; `first` is the position of its first sequence.
fn rows<T: ArrowPrimitiveType>(
    index: &Index,
    first: u64,
    places: &[Place],
    bytes: &[u8],
    token: impl Fn(&[u8]) -> T::Native,
) -> RecordBatch {
    let shape = &index.manifest().shape;
    let element = Field::new("element", T::DATA_TYPE, false);
    let mut tokens = ListBuilder::new(PrimitiveBuilder::<T>::new()).with_field(element.clone());
    for sequence in bytes.chunks(shape.sequence_bytes()) {
        let all = sequence.chunks(usize::from(shape.width)).map(&token);
        all.for_each(|token| tokens.values().append_value(token));
        tokens.append(true);
    }
    let name = |place: &Place| index.manifest().sources[place.source as usize].name.clone();
    let schema = Schema::new(vec![
        Field::new("position", DataType::UInt64, false),
        Field::new("source", DataType::Utf8, false),
        Field::new("sequence", DataType::UInt64, false),
        Field::new("tokens", DataType::List(Arc::new(element)), false),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_iter_values((first..).take(places.len()))),
        Arc::new(StringArray::from_iter_values(places.iter().map(name))),
        Arc::new(UInt64Array::from_iter_values(places.iter().map(|place| place.sequence))),
        Arc::new(tokens.finish()),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).expect("the columns are as long as each other")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Packing;

    /// What `numpy.save` of NumPy 2 writes for `numpy.zeros((3, 4), "<u2")` and its like.
    #[test]
    fn headers_are_those_of_numpy() {
        let text = |bytes: Vec<u8>| -> String { bytes.iter().map(|byte| *byte as char).collect() };
        for (width, rows, length) in [(2, 3, 4), (4, 1, 1), (2, 1_000_000, 1 << 20)] {
            let shape = Shape { length, packing: Packing::Single, end: 0, width };
            let header = text(npy_header(&shape, rows));
            let fields = format!(
                "{{'descr': '<u{width}', 'fortran_order': False, 'shape': ({rows}, {length}), }}"
            );
            let want = format!("\u{93}NUMPY\u{1}\u{0}v\u{0}{fields:<117}\n");
            assert_eq!(header, want);
            assert_eq!(header.chars().count(), 128);
        }
    }
}
