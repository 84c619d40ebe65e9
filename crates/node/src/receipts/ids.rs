//! The list of a chain's ids: the first 8 bytes of each, at the place of its number.
//!
//! For finding a receipt by its id, and for knowing that a receipt was given out. It follows the
//! chain and can be made from it. Invariant: a mark that is not zero stands for a receipt that was
//! durable before.
//! Format: `docs/format/home.md`.

use crate::error::{Error, disk};
use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use terroir_base::id::ReceiptId;

/// Ending of the file.
pub(super) const ENDING: &str = "ids";
/// What stands for an id.
pub(super) type Mark = [u8; 8];
/// What stands where there is no receipt.
pub(super) const NONE: Mark = [0; 8];
/// Bytes that are read at once.
const PIECE_BYTES: usize = 1 << 16;

/// What stands for `id`.
pub(super) fn mark(id: &ReceiptId) -> Mark {
    *id.0.0.first_chunk().expect("an id is longer than its mark")
}

/// Whole marks in a file of that many bytes.
pub(super) fn count(bytes: u64) -> u64 {
    bytes / NONE.len() as u64
}

/// Where the mark of a number stands.
pub(super) fn offset(seq: u64) -> u64 {
    seq.checked_mul(NONE.len() as u64).expect("no disk is that large")
}

/// The marks from a number on.
pub(super) fn read(file: &File, seq: u64) -> io::Result<Vec<Mark>> {
    let count = count(file.metadata()?.len()).saturating_sub(seq);
    let mut marks = vec![NONE; usize::try_from(count).map_err(io::Error::other)?];
    file.read_exact_at(marks.as_flattened_mut(), offset(seq))?;
    Ok(marks)
}

/// Writes marks from a number on.
pub(super) fn write(file: &File, seq: u64, marks: &[Mark]) -> io::Result<()> {
    file.write_all_at(marks.as_flattened(), offset(seq))
}

/// The numbers whose mark is that of `id`; hardly ever more than one.
pub(super) fn find(path: &Path, id: &ReceiptId) -> Result<Vec<u64>, Error> {
    let file = File::open(path).map_err(disk(path))?;
    let mut file = BufReader::with_capacity(PIECE_BYTES, file);
    let (wanted, mut found) = (mark(id), Vec::new());
    let mut mark = NONE;
    for seq in 0.. {
        match file.read_exact(&mut mark) {
            Ok(()) if mark == wanted && mark != NONE => found.push(seq),
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
            Err(error) => return Err(disk(path)(error)),
        }
    }
    Ok(found)
}
