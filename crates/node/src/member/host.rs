//! What consensus finds around it: this node's chain and its mempool.

use crate::chain::{Chain, Error as ChainError, Origin, Tip as Newest};
use crate::disk::{PUBLIC, read_small, replace};
use crate::error::disk;
use alloy_primitives::{B256, Bytes};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use terroir_consensus::{Evidence, Final, Host, Tip};
use terroir_ledger::block::EVIDENCE_BYTES_MAX;
use terroir_ledger::{Error, Store, Transaction, View};

/// A chain, for consensus.
pub(super) struct Hosted {
    chain: Arc<Chain>,
    /// Where contradicting votes are kept.
    folder: PathBuf,
    /// Those of validators that may not be punished yet.
    evidence: Mutex<Vec<Bytes>>,
}

impl Hosted {
    /// With the evidence that is kept in `folder`. Errors: `Disk`.
    pub(super) fn new(chain: Arc<Chain>, folder: PathBuf) -> Result<Hosted, crate::Error> {
        fs::create_dir_all(&folder).map_err(disk(&folder))?;
        let mut evidence = Vec::new();
        for entry in fs::read_dir(&folder).map_err(disk(&folder))? {
            let path = entry.map_err(disk(&folder))?.path();
            if path.extension().is_some_and(|ending| ending == "evidence") {
                evidence.extend(read_small(&path, EVIDENCE_BYTES_MAX)?.map(Bytes::from));
            }
        }
        Ok(Hosted { chain, folder, evidence: Mutex::new(evidence) })
    }

    /// Keeps the first evidence about a seat: one is enough, and whoever contradicts itself once may
    /// do so for ever.
    fn keep(&self, evidence: Evidence) -> Result<(), crate::Error> {
        let Evidence { epoch, seat, bytes } = evidence;
        let path = self.folder.join(format!("{epoch}-{seat}.evidence"));
        let mut waiting = self.waiting();
        if !path.exists() {
            replace(&path, &bytes, PUBLIC)?;
            waiting.push(bytes.into());
        }
        Ok(())
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Bytes>> {
        self.evidence.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a block after the newest can convict somebody by `evidence`.
    fn convicts(&self, evidence: &Bytes) -> Result<bool, ChainError> {
        let tip = self.chain.tip();
        let judged = terroir_ledger::convicts(self.chain.chain(), &tip.parent(), evidence)?;
        if let Err(why) = &judged {
            tracing::info!(%why, "evidence is of no more use");
        }
        Ok(judged.is_ok())
    }
}

/// As the ledger's errors have faults of the store.
fn fault(error: ChainError) -> Error {
    match error {
        ChainError::Ledger(error) => error,
        other => Error::Store(other.to_string()),
    }
}

impl Host for Hosted {
    fn tip(&self) -> Result<Tip, Error> {
        let tip = self.chain.tip();
        let number = tip.header.number;
        let missing = || Error::Store(format!("block {number} is missing"));
        let block = self.chain.block(&tip, number).map_err(fault)?.ok_or_else(missing)?;
        Ok(Tip { block: block.block.clone(), view: tip.view.clone() })
    }

    fn commit(&self, blocks: &[Final]) -> Result<Arc<dyn Store>, Error> {
        let mut newest: Option<Arc<Newest>> = None;
        for block in blocks {
            let certificate = block.certificate.as_deref();
            newest = Some(self.chain.commit(&block.executed, certificate).map_err(fault)?);
        }
        let newest = newest.unwrap_or_else(|| self.chain.tip());
        Ok(newest.kept.clone())
    }

    fn candidates(&self, view: &View) -> Vec<Transaction> {
        // What the next block will ask; a block in between moves it by a 64th.
        let base_fee = self.chain.tip().next_base_fee();
        let found = base_fee.and_then(|fee| self.chain.mempool().candidates(view, fee));
        match found {
            Ok(found) => found.iter().map(|one| Transaction::clone(one)).collect(),
            Err(error) => {
                tracing::error!(%error, "the mempool cannot be read");
                Vec::new()
            }
        }
    }

    fn left_out(&self, transaction: &Transaction, why: &str) {
        tracing::debug!(hash = %transaction.hash, why, "left out of a block");
        self.chain.mempool().left_out(&transaction.hash);
    }

    fn known(&self, hash: &B256) -> Option<Transaction> {
        self.chain.mempool().get(hash).map(|one| Transaction::clone(&one))
    }

    fn receive(&self, transactions: Vec<Bytes>) -> bool {
        let taken = |bytes: &Bytes| self.chain.mempool().add(bytes, Origin::Peer).is_ok();
        transactions.iter().filter(|bytes| taken(bytes)).count() > 0
    }

    fn evidence(&self, evidence: Evidence) {
        tracing::warn!(
            epoch = evidence.epoch,
            seat = evidence.seat,
            "a validator contradicts itself"
        );
        if let Err(error) = self.keep(evidence) {
            tracing::error!(%error, "evidence cannot be kept");
        }
    }

    fn convictions(&self) -> Vec<Bytes> {
        let mut waiting = self.waiting();
        waiting.retain(|evidence| match self.convicts(evidence) {
            Ok(convicts) => convicts,
            Err(error) => {
                tracing::error!(%error, "evidence cannot be judged");
                true
            }
        });
        waiting.clone()
    }
}
