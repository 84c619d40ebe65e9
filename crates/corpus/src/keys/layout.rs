//! Where the parts of a run stand in its file.
//!
//! Format: `docs/format/keys.md`.

use crate::error::{Error, damaged, disk};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

pub(super) const MAGIC: &[u8; 16] = b"terroir keys 2\n\0";
/// Bytes before the records: the magic, and the numbers of records, items and bytes of sketches.
pub(super) const HEAD_BYTES: u64 = 40;
/// Bytes of an item: two of its space, sixteen of its hash, four of its record's place.
pub(super) const ITEM_BYTES: usize = 22;
/// Items that share a checksum and are read at a time.
pub(super) const BLOCK_ITEMS: usize = 1 << 12;
/// Bytes of sketches that share a checksum and are read at a time.
pub(super) const SKETCH_BLOCK_BYTES: usize = 1 << 16;
/// Longest sketch of a record.
pub const SKETCH_BYTES_MAX: usize = 1 << 17;

/// Where the parts of a file stand.
pub(super) struct Shape {
    /// Bytes of the records, and of the lengths of their sketches.
    pub(super) table_bytes: usize,
    pub(super) items_at: u64,
    pub(super) sketches_at: u64,
    pub(super) sums_at: u64,
    /// Blocks of items.
    pub(super) blocks: usize,
    pub(super) sums_bytes: usize,
    pub(super) file_bytes: u64,
}

impl Shape {
    /// `None` for numbers that no file can have.
    pub(super) fn of([records, items, sketch_bytes]: [u64; 3]) -> Option<Shape> {
        let table_bytes = records.checked_mul(32 + 4)?;
        let items_at = HEAD_BYTES.checked_add(table_bytes)?;
        let sketches_at = items_at.checked_add(items.checked_mul(ITEM_BYTES as u64)?)?;
        let sums_at = sketches_at.checked_add(sketch_bytes)?;
        let blocks = items.div_ceil(BLOCK_ITEMS as u64);
        let sums_bytes = (blocks + sketch_bytes.div_ceil(SKETCH_BLOCK_BYTES as u64)) * 8;
        Some(Shape {
            table_bytes: usize::try_from(table_bytes).ok()?,
            items_at,
            sketches_at,
            sums_at,
            blocks: usize::try_from(blocks).ok()?,
            sums_bytes: usize::try_from(sums_bytes).ok()?,
            file_bytes: sums_at.checked_add(sums_bytes)?.checked_add(8)?,
        })
    }
}

/// Fills `into` from the byte `start` of `file` on, which is at `path`.
pub(super) fn read_at(
    file: &mut File,
    path: &Path,
    start: u64,
    into: &mut [u8],
) -> Result<(), Error> {
    file.seek(SeekFrom::Start(start)).map_err(|error| disk(path)(error))?;
    file.read_exact(into).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(path, "ends too early"),
        _ => disk(path)(error),
    })
}
