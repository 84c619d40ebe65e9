//! The production host of consensus, watched: what it does is held against the laws.

use crate::laws::Laws;
use alloy_primitives::{B256, Bytes};
use std::sync::{Arc, Mutex, PoisonError};
use terroir_consensus::{Evidence, Final, Host, KeptBlock, Received, Tip};
use terroir_ledger::{Error, Store, Transaction, View};
use terroir_node::member::Hosted;

/// A transaction that a liar proposes instead of anything honest, while there is one.
pub(crate) type Forged = Arc<Mutex<Option<Transaction>>>;

/// A host, and who watches it.
pub(crate) struct Watched {
    pub(crate) place: usize,
    pub(crate) inner: Hosted,
    /// None for a liar.
    pub(crate) laws: Option<Laws>,
    pub(crate) forged: Forged,
}

impl Host for Watched {
    fn tip(&self) -> Result<Tip, Error> {
        self.inner.tip()
    }

    fn commit(&self, blocks: &[Final]) -> Result<Arc<dyn Store>, Error> {
        let store = self.inner.commit(blocks)?;
        if let Some(laws) = &self.laws {
            blocks.iter().for_each(|one| laws.keeps(self.place, &one.executed.block));
        }
        Ok(store)
    }

    fn block(&self, number: u64) -> Result<Option<KeptBlock>, Error> {
        self.inner.block(number)
    }

    fn number(&self, hash: &B256) -> Result<Option<u64>, Error> {
        self.inner.number(hash)
    }

    fn candidates(&self, view: &View) -> Vec<Transaction> {
        let forged = self.forged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        forged.map_or_else(|| self.inner.candidates(view), |forged| vec![forged])
    }

    fn left_out(&self, transaction: &Transaction, why: &str) {
        self.inner.left_out(transaction, why);
    }

    fn known(&self, hash: &B256) -> Option<Transaction> {
        self.inner.known(hash)
    }

    fn receive(&self, transactions: Vec<Bytes>) -> Received {
        self.inner.receive(transactions)
    }

    fn evidence(&self, evidence: Evidence) {
        if let Some(laws) = &self.laws {
            laws.accuses(self.place, evidence.seat as usize, "convicts");
        }
        self.inner.evidence(evidence);
    }

    fn convictions(&self) -> Vec<Bytes> {
        self.inner.convictions()
    }
}
