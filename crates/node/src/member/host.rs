//! What consensus finds around it: this node's chain and its mempool.

use crate::chain::{Chain, Error as ChainError, Origin, Refused, Tip as Newest};
use crate::disk::{PUBLIC, replace};
use alloy_primitives::{B256, Bytes, keccak256};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use terroir_consensus::{Evidence, Final, Host, Received, Tip};
use terroir_ledger::{Block, Error, Store, Transaction, View};

/// A chain, for consensus.
pub(super) struct Hosted {
    chain: Arc<Chain>,
    /// Where contradicting votes are kept.
    evidence: PathBuf,
}

impl Hosted {
    pub(super) fn new(chain: Arc<Chain>, evidence: PathBuf) -> Hosted {
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

    fn block(&self, number: u64) -> Result<Option<(Block, Option<Vec<u8>>)>, Error> {
        let kept = &self.chain.tip().kept;
        let block = kept.block(number).map_err(fault)?;
        let certificate = kept.certificate(number).map_err(fault)?;
        Ok(block.map(|block| (block, certificate.map(Into::into))))
    }

    fn number(&self, hash: &B256) -> Result<Option<u64>, Error> {
        self.chain.tip().kept.number_of(hash).map_err(fault)
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

    fn receive(&self, transactions: Vec<Bytes>) -> Received {
        let mut received = Received::default();
        for bytes in &transactions {
            match self.chain.mempool().add(bytes, Origin::Peer) {
                Ok(_) => received.new = true,
                Err(Refused::Known) => {}
                Err(_) => received.refused += 1,
            }
        }
        received
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

#[cfg(test)]
mod tests {
    use super::Hosted;
    use crate::chain::{Chain, PoolLimits};
    use alloy_primitives::keccak256;
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use terroir_consensus::{Evidence, Host};

    const GENESIS: &str = include_str!("../../tests/it/chain/genesis.toml");

    fn hosted(folder: &Path) -> Hosted {
        let chain = Chain::open(&folder.join("chain.redb"), GENESIS, PoolLimits::DEFAULT).unwrap();
        Hosted::new(Arc::new(chain), folder.join("evidence"))
    }

    #[test]
    fn evidence_is_on_disk_when_it_was_told_and_once() {
        let place = tempfile::tempdir().unwrap();
        let hosted = hosted(place.path());
        let one = Evidence { epoch: 5, seat: 2, bytes: vec![1, 2, 3] };
        let other = Evidence { seat: 3, ..one.clone() };
        for evidence in [&one, &other, &one] {
            hosted.evidence(evidence.clone());
        }
        let mut found: Vec<_> = fs::read_dir(place.path().join("evidence"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.sort();
        let name = |seat: u32| format!("5-{seat}-{:x}.evidence", keccak256([1, 2, 3]));
        assert_eq!(found, [name(2), name(3)]);
        let kept = fs::read(place.path().join("evidence").join(name(2))).unwrap();
        assert_eq!(kept, one.bytes);
    }

    #[test]
    fn past_blocks_are_found_by_number_and_by_hash() {
        let place = tempfile::tempdir().unwrap();
        let hosted = hosted(place.path());
        let (block, certificate) = hosted.block(0).unwrap().unwrap();
        assert_eq!((block.header.number, certificate), (0, None));
        assert_eq!(hosted.number(&block.hash()).unwrap(), Some(0));
        assert_eq!(hosted.block(1).unwrap(), None);
        assert_eq!(hosted.number(&keccak256([])).unwrap(), None);
    }
}
