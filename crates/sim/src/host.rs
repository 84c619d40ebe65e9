//! The production host of consensus, watched: what it does is held against the laws.

use crate::laws::Laws;
use crate::liar::Theft;
use crate::people::People;
use alloy_primitives::{B256, Bytes};
use std::sync::{Arc, Mutex, PoisonError};
use terroir_consensus::{Evidence, Final, Host, KeptBlock, Received, Tip};
use terroir_ledger::{Error, Store, Transaction, View};
use terroir_node::member::Hosted;

/// What a liar proposes instead of anything honest, while there is something.
pub(crate) type Forged = Arc<Mutex<Option<Theft>>>;

/// A host, and who watches it.
pub(crate) struct Watched {
    pub(crate) place: usize,
    pub(crate) inner: Hosted,
    pub(crate) people: Arc<People>,
    pub(crate) laws: Laws,
    /// Whether the laws are its laws.
    pub(crate) honest: bool,
    pub(crate) forged: Forged,
}

impl Host for Watched {
    fn tip(&self) -> Result<Tip, Error> {
        self.inner.tip()
    }

    fn commit(&self, blocks: &[Final]) -> Result<Arc<dyn Store>, Error> {
        let store = self.inner.commit(blocks)?;
        if self.honest {
            blocks.iter().for_each(|one| self.laws.keeps(self.place, &one.executed.block));
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
        let payment = forged.and_then(|theft| theft.payment(view));
        let Some(payment) = payment else { return self.inner.candidates(view) };
        self.laws.forges(payment.hash);
        vec![payment]
    }

    fn left_out(&self, transaction: &Transaction, why: &str) {
        self.inner.left_out(transaction, why);
    }

    fn known(&self, hash: &B256) -> Option<Transaction> {
        if self.honest {
            self.laws.verifies(hash);
        }
        self.inner.known(hash)
    }

    fn receive(&self, transactions: Vec<Bytes>) -> Received {
        self.inner.receive(transactions)
    }

    fn evidence(&self, evidence: Evidence) {
        if self.honest {
            let tip = self.inner.tip().expect("a chain that is open can be read");
            let seats = self.people.seated(&tip.view, evidence.epoch);
            let seats = seats.expect("a chain that is open can be read");
            let whom = seats.get(evidence.seat as usize).copied();
            let whom = whom.expect("votes are counted by a committee that is known");
            self.laws.proves(self.place, whom);
        }
        self.inner.evidence(evidence);
    }

    fn convictions(&self) -> Vec<Bytes> {
        self.inner.convictions()
    }
}
