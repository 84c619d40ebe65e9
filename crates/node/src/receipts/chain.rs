//! The file of a chain: one slot of fixed size per receipt, at the place of its number.
//!
//! Invariant: what [`Chain::write`] has returned from survives a power cut. What was being written
//! then is at the end of the file, whole or not, and nobody has seen it.
//! Format: `docs/format/home.md`.

use crate::disk::{PUBLIC, sync_folder};
use crate::error::{Error, disk};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use terroir_proof::RECEIPT_BYTES_MAX;

/// Most receipts that are written together.
pub(crate) const GROUP_MAX: usize = 64;
/// Bytes of a slot before the receipt: its length, little-endian.
const HEAD_BYTES: usize = 8;
/// Bytes of a slot; what the receipt leaves is zero.
const SLOT_BYTES: usize = HEAD_BYTES + RECEIPT_BYTES_MAX;

/// An open chain, locked against all other processes until it is dropped.
pub(super) struct Chain {
    file: File,
    path: PathBuf,
}

impl Chain {
    /// Waits for the lock. A file that is not there is made.
    pub(super) fn lock(path: &Path) -> Result<Chain, Error> {
        let is_new = !path.exists();
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(PUBLIC);
        let file = options.open(path).map_err(disk(path))?;
        if is_new {
            sync_folder(path.parent().expect("a chain lies in a folder"))?;
        }
        file.lock().map_err(disk(path))?;
        Ok(Chain { file, path: path.to_owned() })
    }

    /// Slots, the last of which may be a part of one that was never finished.
    pub(super) fn slots(&self) -> Result<u64, Error> {
        let length = self.file.metadata().map_err(disk(&self.path))?.len();
        Ok(length.div_ceil(SLOT_BYTES as u64))
    }

    /// The receipt in a slot, as it is on disk; none where there is nothing that could be one.
    pub(super) fn read(&self, slot: u64) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = vec![0; SLOT_BYTES];
        match self.file.read_exact_at(&mut bytes, offset(slot)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(disk(&self.path)(error)),
        }
        let (head, mut receipt) = (bytes[..HEAD_BYTES].to_vec(), bytes.split_off(HEAD_BYTES));
        let length = u64::from_le_bytes(head.try_into().expect("that many were split off"));
        Ok(usize::try_from(length).ok().filter(|length| (1..=receipt.len()).contains(length)).map(
            |length| {
                receipt.truncate(length);
                receipt
            },
        ))
    }

    /// Writes receipts into consecutive slots; durable on return.
    pub(super) fn write<'a>(
        &self,
        slot: u64,
        receipts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for (index, receipt) in receipts.into_iter().enumerate() {
            assert!(receipt.len() <= RECEIPT_BYTES_MAX, "receipts are signed within their limit");
            bytes.extend_from_slice(&(receipt.len() as u64).to_le_bytes());
            bytes.extend_from_slice(receipt);
            bytes.resize((index + 1) * SLOT_BYTES, 0);
        }
        let written = self.file.write_all_at(&bytes, offset(slot));
        written.and_then(|()| self.file.sync_data()).map_err(disk(&self.path))
    }

    /// Forgets all slots from this one on.
    pub(super) fn truncate(&self, slot: u64) -> Result<(), Error> {
        self.file.set_len(offset(slot)).map_err(disk(&self.path))
    }
}

fn offset(slot: u64) -> u64 {
    slot.checked_mul(SLOT_BYTES as u64).expect("no disk is that large")
}
