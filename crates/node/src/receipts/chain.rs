//! The file of a chain: one slot of fixed size per receipt, at the place of its number.
//!
//! Invariant: what [`Chain::write`] has returned from survives a power cut. What was being written
//! then is at the end of the file, whole or not, and nobody has seen it.
//! Format: `docs/format/home.md`.

use super::ids;
use crate::disk::{PUBLIC, sync_folder};
use crate::error::{Error, disk};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use terroir_base::id::ReceiptId;
use terroir_proof::{RECEIPT_BYTES_MAX, Signed};

/// Ending of the file.
pub(super) const ENDING: &str = "chain";
/// Most receipts that are written together.
pub(crate) const GROUP_MAX: usize = 64;
/// Bytes of a slot before the receipt: its length, little-endian.
const HEAD_BYTES: usize = 8;
/// Bytes of a slot; what the receipt leaves is zero.
const SLOT_BYTES: usize = HEAD_BYTES + RECEIPT_BYTES_MAX;

/// An open chain with its list of ids, locked against all other processes until it is dropped.
pub(super) struct Chain {
    slots: Part,
    ids: Part,
}

/// One of the two files.
struct Part {
    file: File,
    path: PathBuf,
}

impl Chain {
    /// Waits for the lock. Files that are not there are made.
    pub(super) fn lock(folder: &Path, node: &str) -> Result<Chain, Error> {
        let slots = Part::open(folder.join(format!("{node}.{ENDING}")))?;
        slots.file.lock().map_err(disk(&slots.path))?;
        let ids = Part::open(slots.path.with_extension(ids::ENDING))?;
        Ok(Chain { slots, ids })
    }

    /// Slots, the last of which may be a part of one that was never finished.
    pub(super) fn slots(&self) -> Result<u64, Error> {
        Ok(self.slots.length()?.div_ceil(SLOT_BYTES as u64))
    }

    /// The receipt in a slot, as it is on disk; none where there is nothing that could be one.
    pub(super) fn read(&self, slot: u64) -> Result<Option<Vec<u8>>, Error> {
        read_slot(&self.slots.file, slot).map_err(disk(&self.slots.path))
    }

    /// Whether the receipt with that number, or a later one, got as far as the list of ids.
    ///
    /// That is written after the chain is durable, so then the receipt may have an owner.
    pub(super) fn was_given_out(&self, seq: u64) -> Result<bool, Error> {
        let marks = ids::read(&self.ids.file, seq).map_err(disk(&self.ids.path))?;
        Ok(marks.iter().any(|mark| *mark != ids::NONE))
    }

    /// Writes receipts into consecutive slots and lists their ids; durable on return.
    ///
    /// After an error nothing is certain of the slots from `slot` on.
    pub(super) fn write(&self, slot: u64, receipts: &[&Signed]) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for (index, receipt) in receipts.iter().enumerate() {
            assert!(receipt.bytes.len() <= RECEIPT_BYTES_MAX, "receipts are signed within a limit");
            bytes.extend_from_slice(&(receipt.bytes.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&receipt.bytes);
            bytes.resize((index + 1) * SLOT_BYTES, 0);
        }
        let written = self.slots.file.write_all_at(&bytes, offset(slot));
        written.and_then(|()| self.slots.file.sync_data()).map_err(disk(&self.slots.path))?;
        if slot == 0 {
            // The file's name must be as durable as what is in it.
            sync_folder(self.slots.path.parent().expect("a chain lies in a folder"))?;
        }
        let marks: Vec<_> = receipts.iter().map(|receipt| ids::mark(&receipt.id)).collect();
        ids::write(&self.ids.file, slot, &marks).map_err(disk(&self.ids.path))
    }

    /// Forgets all slots from this one on; durable on return.
    pub(super) fn cut(&self, slot: u64) -> Result<(), Error> {
        // The ids first: a list that is ahead of its chain says that receipts were lost.
        if self.ids.length()? > ids::offset(slot) {
            self.ids.cut(ids::offset(slot))?;
        }
        self.slots.cut(offset(slot))
    }

    /// Brings the list of ids up to date with the chain, of which it may be any number behind, and
    /// at most the numbers from `first` on wrong.
    pub(super) fn mend_ids(&self, first: u64, end: u64) -> Result<(), Error> {
        let failed = || disk(&self.ids.path);
        let first = first.min(ids::count(self.ids.length()?));
        let listed = ids::read(&self.ids.file, first).map_err(failed())?;
        for (index, seq) in (first..end).enumerate() {
            let receipt = self.read(seq)?;
            let mark = receipt.map_or(ids::NONE, |bytes| ids::mark(&ReceiptId::of(&bytes)));
            if listed.get(index) != Some(&mark) {
                ids::write(&self.ids.file, seq, &[mark]).map_err(failed())?;
            }
        }
        Ok(())
    }

    /// The error for a receipt that is lost and may have an owner.
    pub(super) fn damaged(&self, seq: u64) -> Error {
        Error::ChainDamaged { path: self.slots.path.clone(), seq }
    }
}

impl Part {
    fn open(path: PathBuf) -> Result<Part, Error> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(PUBLIC);
        let file = options.open(&path).map_err(disk(&path))?;
        Ok(Part { file, path })
    }

    fn length(&self) -> Result<u64, Error> {
        Ok(self.file.metadata().map_err(disk(&self.path))?.len())
    }

    fn cut(&self, length: u64) -> Result<(), Error> {
        self.file.set_len(length).and_then(|()| self.file.sync_all()).map_err(disk(&self.path))
    }
}

/// The receipt in a slot of a chain that others may be writing to.
pub(super) fn read(path: &Path, slot: u64) -> Result<Option<Vec<u8>>, Error> {
    File::open(path).and_then(|file| read_slot(&file, slot)).map_err(disk(path))
}

fn read_slot(file: &File, slot: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; SLOT_BYTES];
    match file.read_exact_at(&mut bytes, offset(slot)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut receipt = bytes.split_off(HEAD_BYTES);
    let length = u64::from_le_bytes(bytes.try_into().expect("that many were left"));
    let length = usize::try_from(length).ok().filter(|most| (1..=receipt.len()).contains(most));
    Ok(length.map(|length| {
        receipt.truncate(length);
        receipt
    }))
}

fn offset(slot: u64) -> u64 {
    slot.checked_mul(SLOT_BYTES as u64).expect("no disk is that large")
}
