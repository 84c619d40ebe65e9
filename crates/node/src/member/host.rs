//! What consensus finds around it: this node's chain and its mempool.

use crate::chain::{Certified, Chain, Error as ChainError, Origin, Refused, SYNC_BLOCKS};
use crate::disk::{PUBLIC, read_small, replace};
use crate::error::disk;
use alloy_primitives::{B256, Bytes};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use terroir_consensus::{CRASH_BLOCKS_MAX, Evidence, Final, Host, KeptBlock, Received, Tip};
use terroir_ledger::block::EVIDENCE_BYTES_MAX;
use terroir_ledger::{Block, Error, Store, Transaction, View};

const _: () = assert!(SYNC_BLOCKS <= CRASH_BLOCKS_MAX, "consensus has what a crash takes");

/// A chain, for consensus: the host of every member.
pub struct Hosted {
    chain: Arc<Chain>,
    /// Where contradicting votes are kept.
    folder: PathBuf,
    /// Those of validators that may not be punished yet.
    evidence: Mutex<Vec<Bytes>>,
}

impl Hosted {
    /// `chain` for consensus; contradicting votes are kept as files in `folder`. Errors: `Disk`.
    pub fn new(chain: Arc<Chain>, folder: PathBuf) -> Result<Hosted, crate::Error> {
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
        Ok(Tip { block: Block::clone(&block.block), view: tip.view.clone() })
    }

    fn commit(&self, blocks: &[Final]) -> Result<Arc<dyn Store>, Error> {
        let blocks = blocks.iter().map(|one| (&*one.executed, one.certificate.as_deref()));
        let blocks: Vec<Certified<'_>> = blocks.collect();
        Ok(self.chain.commit_all(&blocks).map_err(fault)?.kept.clone())
    }

    fn block(&self, number: u64) -> Result<Option<KeptBlock>, Error> {
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
        if let Err(error) = self.keep(evidence) {
            tracing::error!(%error, "evidence cannot be kept");
        }
    }

    fn convictions(&self) -> Vec<Bytes> {
        // Votes are signed for the name of the chain, which the state has from the end of block 1 on:
        // nothing convicts anybody before, and what will is not to be thrown away.
        if self.chain.tip().header.number == 0 {
            return Vec::new();
        }
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

#[cfg(test)]
mod tests {
    use super::Hosted;
    use crate::chain::{Chain, PoolLimits};
    use alloy_primitives::keccak256;
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;
    use terroir_consensus::{Evidence, Host};
    use terroir_ledger::{Place, build};

    const GENESIS: &str = include_str!("../../tests/it/chain/genesis.toml");

    fn hosted(folder: &Path) -> Hosted {
        let chain = Chain::open(&folder.join("chain.redb"), GENESIS, PoolLimits::DEFAULT).unwrap();
        Hosted::new(Arc::new(chain), folder.join("evidence")).unwrap()
    }

    #[test]
    fn evidence_is_on_disk_when_it_was_told_once_a_seat_and_is_read_again() {
        let place = tempfile::tempdir().unwrap();
        let before = hosted(place.path());
        let one = Evidence { epoch: 5, seat: 2, bytes: vec![1, 2, 3] };
        let again = Evidence { bytes: vec![4], ..one.clone() };
        let other = Evidence { seat: 3, bytes: vec![5], ..one.clone() };
        for evidence in [&one, &again, &other, &one] {
            before.evidence(evidence.clone());
        }
        let read = |name: &str| fs::read(place.path().join("evidence").join(name)).unwrap();
        assert_eq!((read("5-2.evidence"), read("5-3.evidence")), (vec![1, 2, 3], vec![5]));
        drop(before);
        let after = hosted(place.path());
        let mut found = after.waiting().clone();
        found.sort();
        assert_eq!(found, [vec![1, 2, 3], vec![5]]);
        // Before block 1 nothing is judged.
        assert!(after.convictions().is_empty());
        assert_eq!(after.waiting().len(), 2);
        let tip = after.chain.tip();
        let place = Place { view: 1, time_ms: tip.seal.time_ms + 1 };
        let chain = after.chain.chain();
        let none = std::iter::empty();
        let block = build(chain, &tip.parent(), &place, &[], none, |_, _| ()).unwrap();
        after.chain.commit(&block, None).unwrap();
        // What convicts nobody on this chain is not brought to it, and not judged again.
        assert!(after.convictions().is_empty() && after.waiting().is_empty());
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
