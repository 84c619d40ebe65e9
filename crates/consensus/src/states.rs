//! States after blocks that are not final yet: each block is executed once.
//!
//! What is final is the host's: one [`Head`] over its snapshot. Blocks after it are kept with what
//! they changed, and the state after one is the head's with the changes on the way to it. When a block
//! becomes final the head moves, and all that can no longer become final is forgotten.
//! Invariant: a block in here was built by this node or verified in full.

use crate::committee::{Committees, Digest};
use crate::error::Error;
use crate::host::{Final, Host};
use crate::wire::Wire;
use alloy_consensus::Header;
use alloy_primitives::B256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use terroir_ledger::{Block, Chain, Executed, Parent, Place, Seal, Transaction, View};

/// Most blocks that are not final. Above it the newest are forgotten, and executed again if needed.
pub(crate) const KEPT: usize = 256;

/// A block that others can follow.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) header: Header,
    pub(crate) seal: Seal,
    pub(crate) hash: B256,
    pub(crate) view: View,
}

impl Head {
    fn parent(&self) -> Parent<'_> {
        Parent { header: &self.header, seal: &self.seal, hash: self.hash, view: &self.view }
    }

    fn after(&self, executed: &Executed) -> Head {
        let Executed { block, changes, hash, .. } = executed;
        Head {
            header: block.header.clone(),
            seal: block.seal.clone(),
            hash: *hash,
            view: self.view.after(changes.clone(), block.header.state_root),
        }
    }
}

/// What is known of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// The state after it.
    State,
    /// It is final, and not the newest.
    Past,
    /// Another block is final at its height.
    Dead,
    /// Nothing, or nothing any more; it is after the newest final block.
    Nothing,
}

/// States after blocks, and what makes them.
pub(crate) struct States {
    pub(crate) chain: Chain,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) committees: Committees,
    kept: Mutex<Kept>,
}

struct Kept {
    tip: Head,
    executed: HashMap<B256, Arc<Executed>>,
}

impl Kept {
    fn head(&self, hash: B256) -> Option<Head> {
        let mut way = Vec::new();
        let mut at = hash;
        while at != self.tip.hash {
            let executed = self.executed.get(&at)?;
            at = executed.block.header.parent_hash;
            way.push(executed);
        }
        Some(way.iter().rev().fold(self.tip.clone(), |head, executed| head.after(executed)))
    }

    fn keep(&mut self, executed: Executed) {
        let number = executed.block.header.number;
        if number > self.tip.header.number {
            self.executed.insert(executed.hash, Arc::new(executed));
        }
        if self.executed.len() > KEPT {
            let newest = self.executed.values().max_by_key(|one| one.block.header.number);
            let newest = newest.map(|one| one.hash);
            newest.and_then(|hash| self.executed.remove(&hash));
        }
    }
}

impl States {
    pub(crate) fn new(
        chain: Chain,
        host: Arc<dyn Host>,
        committees: Committees,
    ) -> Result<States, Error> {
        let crate::Tip { block, view } = host.tip()?;
        let Block { header, seal, .. } = block;
        let tip = Head { hash: header.hash_slow(), header, seal, view };
        let states = States {
            chain,
            host,
            committees,
            kept: Mutex::new(Kept { tip, executed: HashMap::new() }),
        };
        states.learn()?;
        Ok(states)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest final block.
    pub(crate) fn tip(&self) -> Head {
        self.kept().tip.clone()
    }

    /// The epoch of the block after the newest final one.
    pub(crate) fn epoch(&self) -> u64 {
        self.chain.epoch(self.kept().tip.header.number + 1)
    }

    /// The hash of the final block `number`, if it is one of the last 256.
    pub(crate) fn final_hash(&self, number: u64) -> Result<Option<B256>, Error> {
        let tip = self.tip();
        Ok(match number == tip.header.number {
            true => Some(tip.hash),
            false => tip.view.block_hash(number)?,
        })
    }

    fn learn(&self) -> Result<(), Error> {
        let view = self.tip().view;
        self.committees.learn(&view, self.epoch())
    }

    /// The block with this hash and the state after it.
    pub(crate) fn head(&self, hash: B256) -> Option<Head> {
        self.kept().head(hash)
    }

    /// Whether the block `number` is so far ahead of the newest final one that not all states on the
    /// way to it would be kept: this node must learn of final blocks first.
    pub(crate) fn far(&self, number: u64) -> bool {
        number > self.kept().tip.header.number.saturating_add(KEPT as u64)
    }

    /// What is known of the block `number` with the hash `hash`.
    pub(crate) fn known(&self, number: u64, hash: B256) -> Result<Known, Error> {
        let newest = {
            let kept = self.kept();
            if hash == kept.tip.hash || kept.executed.contains_key(&hash) {
                return Ok(Known::State);
            }
            kept.tip.header.number
        };
        if number > newest {
            return Ok(Known::Nothing);
        }
        // The host has all that is final up to there.
        Ok(match self.host.number(&hash)? {
            Some(_) => Known::Past,
            None => Known::Dead,
        })
    }

    /// Builds the block after `parent` of what the host has.
    pub(crate) fn build(
        &self,
        parent: &Head,
        place: &Place,
        candidates: &[Transaction],
    ) -> Result<Wire, Error> {
        let left_out = |one: &Transaction, why: String| self.host.left_out(one, &why);
        let (parent, candidates) = (parent.parent(), candidates.iter());
        let evidence = self.host.convictions();
        let built =
            terroir_ledger::build(&self.chain, &parent, place, &evidence, candidates, left_out)?;
        let wire = Wire::new(built.block.clone(), self.committees.clone());
        self.kept().keep(built);
        Ok(wire)
    }

    /// Executes `block` after its parent, whose state must be here, unless it is here already.
    ///
    /// `Ok(false)` where its parent is not: it is no ancestor of what can become final.
    pub(crate) fn execute(&self, block: &Block) -> Result<bool, Error> {
        let hash = block.hash();
        if self.known(block.header.number, hash)? != Known::Nothing {
            return Ok(true);
        }
        let Some(parent) = self.head(block.header.parent_hash) else {
            return Ok(false);
        };
        let executed = self.verified(block, &parent)?;
        self.kept().keep(executed);
        Ok(true)
    }

    fn verified(&self, block: &Block, parent: &Head) -> Result<Executed, Error> {
        let transaction = |envelope: &alloy_consensus::TxEnvelope| {
            let known = self.host.known(envelope.tx_hash());
            known.map_or_else(|| Transaction::check(envelope.clone(), self.chain.id), Ok)
        };
        let transactions =
            block.transactions.iter().map(transaction).collect::<Result<Vec<_>, _>>();
        let transactions = transactions.map_err(terroir_ledger::Error::from)?;
        Ok(terroir_ledger::verify(&self.chain, &parent.parent(), block, &transactions)?)
    }

    /// Hands final blocks to the host, in order; those that it has already are passed over.
    ///
    /// Errors: `Fork` where they do not follow; whatever the host says.
    pub(crate) fn finalize(&self, blocks: Vec<(Arc<Block>, Option<Vec<u8>>)>) -> Result<(), Error> {
        let mut head = self.tip();
        let mut finals = Vec::with_capacity(blocks.len());
        for (block, certificate) in blocks {
            let number = block.header.number;
            if number <= head.header.number {
                continue;
            }
            if block.header.parent_hash != head.hash {
                return Err(Error::Fork { number });
            }
            let kept = self.kept().executed.get(&block.hash()).cloned();
            let executed = match kept {
                Some(executed) => executed,
                None => Arc::new(self.verified(&block, &head)?),
            };
            head = head.after(&executed);
            finals.push(Final { executed, certificate });
        }
        if finals.is_empty() {
            return Ok(());
        }
        let store = self.host.commit(&finals)?;
        head.view = View::new(store, head.header.state_root);
        let mut kept = self.kept();
        let number = head.header.number;
        kept.tip = head;
        kept.executed.retain(|_, one| one.block.header.number > number);
        let alive: Vec<B256> =
            kept.executed.keys().copied().filter(|hash| kept.head(*hash).is_some()).collect();
        kept.executed.retain(|hash, _| alive.contains(hash));
        drop(kept);
        self.learn()
    }
}

/// The hash that a digest is.
pub(crate) fn hash(digest: &Digest) -> B256 {
    B256::from(digest.0)
}
