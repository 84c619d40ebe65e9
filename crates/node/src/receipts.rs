//! The log of receipts: the chain of this node, and one file per receipt.
//!
//! For the engine, which appends, and for whoever asks for a receipt by its id. Invariant: no
//! number of the chain is ever given to two receipts that anybody has seen, whatever crashes when.
//!
//! The chain file is the truth; one flush of the disk makes a whole group of receipts durable in
//! it, and only then they get files of their own and their owners learn of them. The files reach
//! the disk when the system pleases; [`Receipts::recover`] makes those again that a power cut took.

mod chain;

pub(crate) use chain::GROUP_MAX;

use crate::disk::{PUBLIC, TEMP_PREFIX, read_small, write_file};
use crate::error::{Error, disk};
use chain::Chain;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use terroir_base::id::ReceiptId;
use terroir_base::sign::SecretKey;
use terroir_proof::{Draft, Given, Place, RECEIPT_BYTES_MAX, Signed, check};

/// Ending of receipt files.
const ENDING: &str = "rcpt";
/// Receipts whose files may not have reached the disk: as many as a node makes within the time
/// after which systems write files out by themselves.
const UNWRITTEN_MAX: u64 = 4096;

/// The log of one node. Cheap to clone; keeps no file open.
#[derive(Clone, Debug)]
pub struct Receipts {
    folder: PathBuf,
    key: Arc<SecretKey>,
}

/// A receipt in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub id: ReceiptId,
    /// Its number in the node's chain.
    pub seq: u64,
    /// Its file.
    pub path: PathBuf,
}

/// A receipt of this node whose form and signature were checked.
struct Ours {
    place: Place,
    id: ReceiptId,
    bytes: Vec<u8>,
}

impl Receipts {
    pub(crate) fn new(folder: PathBuf, key: Arc<SecretKey>) -> Receipts {
        Receipts { folder, key }
    }

    /// Where the receipt `id` lies, if it is there.
    pub fn path(&self, id: &ReceiptId) -> PathBuf {
        self.folder.join(format!("{id}.{ENDING}"))
    }

    /// The bytes of a receipt.
    ///
    /// Errors: `NoReceipt`, `CorruptReceipt`.
    pub fn get(&self, id: &ReceiptId) -> Result<Vec<u8>, Error> {
        let path = self.path(id);
        let bytes = read_small(&path, RECEIPT_BYTES_MAX)?.ok_or(Error::NoReceipt { id: *id })?;
        match ReceiptId::of(&bytes) == *id {
            true => Ok(bytes),
            false => Err(Error::CorruptReceipt { path }),
        }
    }

    /// Puts drafts at the end of the chain, in order, signs them, and makes them durable.
    ///
    /// The drafts' own places are not looked at. A draft that a checker would refuse takes no place.
    /// Errors: outside, those that concern all drafts; inside, `Receipt` and `Disk`.
    /// Panics: for more than 64 drafts.
    pub fn append(&self, drafts: Vec<Draft<'_>>) -> Result<Vec<Result<Stored, Error>>, Error> {
        assert!(drafts.len() <= GROUP_MAX, "a group has at most {GROUP_MAX} receipts");
        let chain = self.lock()?;
        let first = self.next(&chain)?;
        let mut place = Some(first);
        let mut results = Vec::with_capacity(drafts.len());
        for mut draft in drafts {
            draft.place = place.ok_or(Error::ChainFull)?;
            let signed = draft.sign(&self.key);
            if let Ok(signed) = &signed {
                place = Place::after(draft.place.seq, signed.id);
            }
            results.push(signed);
        }
        let signed = results.iter().flatten().map(|signed| &signed.bytes[..]);
        chain.write(first.seq, signed)?;
        Ok(results.into_iter().map(|signed| self.give_name(&signed?)).collect())
    }

    /// Mends what a crash left behind; called once before the first [`Receipts::append`].
    pub(crate) fn recover(&self) -> Result<(), Error> {
        let chain = self.lock()?;
        let slots = self.last(&chain)?.map_or(0, |last| last.place.seq + 1);
        for slot in slots.saturating_sub(UNWRITTEN_MAX)..slots {
            if let Some(bytes) = chain.read(slot)? {
                let path = self.path(&ReceiptId::of(&bytes));
                let whole = fs::metadata(&path).is_ok_and(|file| file.len() == bytes.len() as u64);
                if !whole {
                    self.write(&path, &bytes)?;
                }
            }
        }
        Ok(())
    }

    /// The place of the next receipt.
    fn next(&self, chain: &Chain) -> Result<Place, Error> {
        match self.last(chain)? {
            None => Ok(Place::FIRST),
            Some(last) => Place::after(last.place.seq, last.id).ok_or(Error::ChainFull),
        }
    }

    /// The last receipt of the chain.
    ///
    /// Slots behind it were being written at a crash, and nobody has seen them; they are cut off.
    /// Or the disk lost them: then their receipts have files, and are put back.
    fn last(&self, chain: &Chain) -> Result<Option<Ours>, Error> {
        let slots = chain.slots()?;
        let mut last = None;
        for slot in (0..slots).rev() {
            last = self.in_slot(chain, slot)?;
            if last.is_some() {
                break;
            }
        }
        let end = last.as_ref().map_or(0, |last| last.place.seq + 1);
        if last.is_some() && end == slots {
            return Ok(last);
        }
        chain.truncate(end)?;
        for (seq, ours) in self.named()?.split_off(&end) {
            chain.write(seq, [&ours.bytes[..]])?;
            last = Some(ours);
        }
        Ok(last)
    }

    /// The receipt in a slot, if it is one of this node with this number.
    fn in_slot(&self, chain: &Chain, slot: u64) -> Result<Option<Ours>, Error> {
        let ours = chain.read(slot)?.and_then(|bytes| self.open(bytes));
        Ok(ours.filter(|ours| ours.place.seq == slot))
    }

    /// Every receipt of this node that has a file, by its number.
    fn named(&self) -> Result<BTreeMap<u64, Ours>, Error> {
        let mut named = BTreeMap::new();
        for entry in fs::read_dir(&self.folder).map_err(disk(&self.folder))? {
            let path = entry.map_err(disk(&self.folder))?.path();
            if path.extension() == Some(OsStr::new(ENDING)) {
                let bytes = read_small(&path, RECEIPT_BYTES_MAX)?;
                let ours = bytes.and_then(|bytes| self.open(bytes));
                named.extend(ours.map(|ours| (ours.place.seq, ours)));
            }
        }
        Ok(named)
    }

    /// Checks that bytes are a receipt of this node.
    fn open(&self, bytes: Vec<u8>) -> Option<Ours> {
        let statement = check(&bytes, Given::default()).ok()?;
        let ours = statement.receipt.node == self.key.public();
        ours.then_some(Ours { place: statement.receipt.place, id: statement.id, bytes })
    }

    fn give_name(&self, signed: &Signed) -> Result<Stored, Error> {
        let path = self.path(&signed.id);
        self.write(&path, &signed.bytes)?;
        Ok(Stored { id: signed.id, seq: signed.receipt.place.seq, path })
    }

    /// Whole or not at all, but not yet durable.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let temp = self.folder.join(format!("{TEMP_PREFIX}{ENDING}"));
        write_file(&temp, bytes, PUBLIC).map_err(disk(&temp))?;
        fs::rename(&temp, path).map_err(disk(path))
    }

    fn lock(&self) -> Result<Chain, Error> {
        Chain::lock(&self.folder.join(format!("{}.chain", self.key.public())))
    }
}

#[cfg(test)]
mod tests;
