//! The log of receipts: the chain of this node.
//!
//! For the engine, which appends, and for whoever asks for a receipt by its id. Invariant: no
//! number of the chain is ever given to two receipts that anybody has seen, whatever crashes when;
//! a chain that has lost such a receipt is not continued.

mod chain;
mod ids;

pub(crate) use chain::GROUP_MAX;

use crate::clock::Moment;
use crate::error::disk;
use crate::{Error, telemetry};
use chain::Chain;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use terroir_base::id::ReceiptId;
use terroir_base::sign::{PublicKey, SecretKey};
use terroir_proof::{Draft, Given, Place, Signed, Stage, Times, Work, check};

/// Receipts whose ids may not have reached the disk: as many as a node makes within the time after
/// which systems write files out by themselves.
const UNWRITTEN_MAX: u64 = 4096;

/// The log of one node. Cheap to clone; keeps no file open.
#[derive(Clone, Debug)]
pub struct Receipts {
    folder: PathBuf,
    key: Arc<SecretKey>,
    /// Whether a group was neither written nor taken back.
    stopped: Arc<AtomicBool>,
}

/// A receipt in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub id: ReceiptId,
    /// Its number in the node's chain.
    pub seq: u64,
    /// The receipt.
    pub bytes: Vec<u8>,
}

/// This machine's clock, in Unix milliseconds.
pub fn now_ms() -> u64 {
    Moment::now().unix_ms()
}

impl Receipts {
    pub(crate) fn new(folder: PathBuf, key: Arc<SecretKey>) -> Receipts {
        Receipts { folder, key, stopped: Arc::default() }
    }

    /// Where the log lies, and what is kept beside it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The key that checks what this node signs.
    pub fn node(&self) -> PublicKey {
        self.key.public()
    }

    /// The bytes of a receipt, from the chain of this node or of another whose files are here.
    ///
    /// Reads 8 bytes of every receipt in the log. Errors: `NoReceipt`, `CorruptReceipt`.
    pub fn get(&self, id: &ReceiptId) -> Result<Vec<u8>, Error> {
        let mut damaged = None;
        for entry in fs::read_dir(&self.folder).map_err(disk(&self.folder))? {
            let path = entry.map_err(disk(&self.folder))?.path();
            if path.extension() != Some(OsStr::new(ids::ENDING)) {
                continue;
            }
            let chain = path.with_extension(chain::ENDING);
            for seq in ids::find(&path, id)? {
                match chain::read(&chain, seq)?.filter(|bytes| ReceiptId::of(bytes) == *id) {
                    Some(bytes) => return Ok(bytes),
                    None => damaged = Some(Error::CorruptReceipt { id: *id, path: chain.clone() }),
                }
            }
        }
        Err(damaged.unwrap_or(Error::NoReceipt { id: *id }))
    }

    /// Puts drafts at the end of the chain, in order, signs them, and makes them durable.
    ///
    /// The drafts' own places are not looked at. A draft that a checker would refuse takes no
    /// place.
    /// Errors: outside, those that concern all drafts, none of which has a place then; inside,
    /// `Receipt`. Panics: for more than 64 drafts.
    pub fn append(&self, drafts: Vec<Draft<'_>>) -> Result<Vec<Result<Stored, Error>>, Error> {
        assert!(drafts.len() <= GROUP_MAX, "a group has at most {GROUP_MAX} receipts");
        self.refuse_stopped()?;
        let chain = self.lock()?;
        let first = match self.end(&chain)? {
            None => Place::FIRST,
            Some((seq, id)) => Place::after(seq, id).ok_or(Error::ChainFull)?,
        };
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
        let group: Vec<&Signed> = results.iter().flatten().collect();
        if let Err(error) = chain.write(first.seq, &group) {
            // Nobody has seen the group: its numbers are free again once it is gone.
            if let Err(stuck) = chain.cut(first.seq) {
                telemetry::signing_stopped(&error, &stuck);
                self.stopped.store(true, Ordering::Relaxed);
            }
            return Err(error);
        }
        let stored = |Signed { id, bytes, receipt }| Stored { id, seq: receipt.place.seq, bytes };
        Ok(results.into_iter().map(|signed| Ok(stored(signed?))).collect())
    }

    /// The receipt for `stage`, at the end of the chain; its work began when this clock showed
    /// `requested_ms` ([`now_ms`]).
    ///
    /// Errors: as [`Receipts::append`].
    pub fn sign_stage(&self, stage: &Stage, requested_ms: u64) -> Result<Vec<u8>, Error> {
        let times = Times { requested_ms, first_ms: None, done_ms: now_ms().max(requested_ms) };
        let draft = Draft { place: Place::FIRST, work: Work::Stage(stage.clone()), times };
        let signed = self.append(vec![draft])?.pop().expect("one draft, one result");
        Ok(signed?.bytes)
    }

    /// Mends what a crash left behind; called before the first [`Receipts::append`].
    ///
    /// Errors: `ChainDamaged` for a loss that no crash explains.
    pub(crate) fn recover(&self) -> Result<(), Error> {
        let chain = self.lock()?;
        let end = self.end(&chain)?.map_or(0, |(seq, _)| seq + 1);
        chain.mend_ids(end.saturating_sub(UNWRITTEN_MAX), end)
    }

    /// Says so if nothing is signed any more, because the disk failed in a way that was not undone.
    ///
    /// Errors: `SigningStopped`.
    pub(crate) fn refuse_stopped(&self) -> Result<(), Error> {
        match self.stopped.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(Error::SigningStopped { folder: self.folder.clone() }),
        }
    }

    /// Number and id of the last receipt.
    ///
    /// What is behind it was being written at a crash, and is cut off: one group at most, of which
    /// nobody has seen anything.
    fn end(&self, chain: &Chain) -> Result<Option<(u64, ReceiptId)>, Error> {
        let slots = chain.slots()?;
        let whole = slots.saturating_sub(GROUP_MAX as u64);
        let mut last = None;
        for slot in (whole.saturating_sub(1)..slots).rev() {
            last = self.in_slot(chain, slot)?.map(|id| (slot, id));
            if last.is_some() {
                break;
            }
        }
        let end = last.map_or(0, |(slot, _)| slot + 1);
        if end < whole {
            return Err(chain.damaged(whole - 1));
        }
        if chain.was_given_out(end)? {
            return Err(chain.damaged(end));
        }
        if end < slots {
            chain.cut(end)?;
        }
        Ok(last)
    }

    /// The id of the receipt in a slot, if it is one of this node with this number.
    fn in_slot(&self, chain: &Chain, slot: u64) -> Result<Option<ReceiptId>, Error> {
        let statement = chain.read(slot)?.and_then(|bytes| check(&bytes, Given::default()).ok());
        let ours = statement.filter(|statement| {
            statement.receipt.node == self.key.public() && statement.receipt.place.seq == slot
        });
        Ok(ours.map(|statement| statement.id))
    }

    fn lock(&self) -> Result<Chain, Error> {
        Chain::lock(&self.folder, &self.key.public().to_string())
    }
}

#[cfg(test)]
mod tests;
