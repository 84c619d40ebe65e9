//! What consensus finds around it: this node's chain and its mempool.

use crate::chain::{Chain, Error as ChainError, Origin, Tip as Newest};
use crate::disk::{PUBLIC, replace};
use alloy_primitives::{B256, Bytes, keccak256};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use terroir_consensus::{Evidence, Final, Host, Tip};
use terroir_ledger::{Error, Store, Transaction, View};

/// A chain, for consensus: the host of every member.
pub struct Hosted {
    chain: Arc<Chain>,
    /// Where contradicting votes are kept.
    evidence: PathBuf,
}

impl Hosted {
    /// `chain` for consensus; contradicting votes are kept as files in the folder `evidence`.
    pub fn new(chain: Arc<Chain>, evidence: PathBuf) -> Hosted {
        Hosted { chain, evidence }
    }

    fn keep(&self, evidence: &Evidence) -> Result<(), crate::Error> {
        fs::create_dir_all(&self.evidence).map_err(crate::error::disk(&self.evidence))?;
        let Evidence { epoch, seat, bytes } = evidence;
        let name = format!("{epoch}-{seat}-{:x}.evidence", keccak256(bytes));
        replace(&self.evidence.join(name), bytes, PUBLIC)
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
        if let Err(error) = self.keep(&evidence) {
            tracing::error!(%error, "evidence cannot be kept");
        }
    }
}
