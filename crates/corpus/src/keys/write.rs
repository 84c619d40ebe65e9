//! Writing a run.
//!
//! Format: `docs/format/keys.md`.

use super::layout::{
    BLOCK_ITEMS, HEAD_BYTES, ITEM_BYTES, MAGIC, SKETCH_BLOCK_BYTES, SKETCH_BYTES_MAX,
};
use super::{Item, Sketch};
use crate::error::{Error, disk};
use crate::record::RecordId;
use crate::table::persist;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Writes `items`, in any order, as the run `path`, equal ones once; with `sketches` of their records.
///
/// The file has its name only when it is whole and on disk. Gives the number of items. Errors: `Disk`.
///
/// Panics: over a sketch of a record without items, or one that is longer than [`SKETCH_BYTES_MAX`].
pub fn write(path: &Path, items: &[Item], sketches: &[Sketch]) -> Result<u64, Error> {
    let mut records: Vec<RecordId> = items.iter().map(|item| item.1).collect();
    // The keys of one record come together, as a rule.
    records.dedup();
    records.sort_unstable();
    records.dedup();
    let folder = path.parent().expect("a run has a folder");
    fs::create_dir_all(folder).map_err(disk(folder))?;
    let temp = NamedTempFile::new_in(folder).map_err(disk(folder))?;
    let items = encoded(&records, items);
    let sketches = lengths(&records, sketches);
    write_to(temp.as_file(), &records, &items, sketches).map_err(disk(path))?;
    persist(temp, path)?;
    Ok(items.len() as u64)
}

/// The items as they stand in the file: ascending, each once.
fn encoded(records: &[RecordId], items: &[Item]) -> Vec<[u8; ITEM_BYTES]> {
    let mut last = (None, 0);
    let mut bytes = |(key, record): &Item| {
        if last.0 != Some(*record) {
            let place = records.binary_search(record).expect("the table has every record");
            last = (Some(*record), place as u32);
        }
        let mut bytes = [0; ITEM_BYTES];
        bytes[..2].copy_from_slice(&key.space.to_be_bytes());
        bytes[2..18].copy_from_slice(&key.hash);
        bytes[18..].copy_from_slice(&last.1.to_be_bytes());
        bytes
    };
    let items: Vec<[u8; ITEM_BYTES]> = items.iter().map(&mut bytes).collect();
    // Sorting numbers is faster than sorting bytes: the first 12 bytes of an item, then its place.
    let start =
        |item: &[u8; ITEM_BYTES]| u128::from_be_bytes(*item.first_chunk().expect("22 > 16"));
    let number = |(at, item): (u128, &[u8; ITEM_BYTES])| start(item) >> 32 << 32 | at;
    let mut order: Vec<u128> = (0..).zip(&items).map(number).collect();
    order.sort_unstable();
    let mut sorted: Vec<_> = order.iter().map(|number| items[*number as u32 as usize]).collect();
    for alike in sorted.chunk_by_mut(|a, b| a[..12] == b[..12]) {
        alike.sort_unstable();
    }
    sorted.dedup();
    sorted
}

/// The length of each record's sketch, and the sketches in the order of their records.
fn lengths(records: &[RecordId], sketches: &[Sketch]) -> (Vec<u32>, Vec<u8>) {
    let mut ordered: Vec<&Sketch> = sketches.iter().collect();
    ordered.sort_unstable_by_key(|sketch| sketch.0);
    let mut lengths = vec![0; records.len()];
    let mut all = Vec::new();
    for (record, sketch) in ordered {
        assert!(sketch.len() <= SKETCH_BYTES_MAX, "a sketch is short");
        let place = records.binary_search(record).expect("a record with a sketch has items");
        lengths[place] = sketch.len() as u32;
        all.extend_from_slice(sketch);
    }
    (lengths, all)
}

fn write_to(
    mut file: &File,
    records: &[RecordId],
    items: &[[u8; ITEM_BYTES]],
    (lengths, sketches): (Vec<u32>, Vec<u8>),
) -> io::Result<()> {
    let mut head = Vec::with_capacity(HEAD_BYTES as usize + 36 * records.len());
    head.extend_from_slice(MAGIC);
    for number in [records.len(), items.len(), sketches.len()] {
        head.extend_from_slice(&(number as u64).to_le_bytes());
    }
    head.extend(records.iter().flat_map(|record| record.0.0));
    head.extend(lengths.iter().flat_map(|length| length.to_le_bytes()));
    let blocks = items.chunks(BLOCK_ITEMS).map(<[_]>::as_flattened);
    let blocks = blocks.chain(sketches.chunks(SKETCH_BLOCK_BYTES));
    let mut tail: Vec<u8> = blocks.flat_map(|block| xxh3_64(block).to_le_bytes()).collect();
    let mut frame = Xxh3::new();
    frame.update(&head);
    frame.update(&tail);
    tail.extend_from_slice(&frame.digest().to_le_bytes());
    file.write_all(&head)?;
    file.write_all(items.as_flattened())?;
    file.write_all(&sketches)?;
    file.write_all(&tail)
}
