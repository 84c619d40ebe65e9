//! What must hold in every run, and who watches.
//!
//! Invariant: the first violation stays; what liars keep is nobody's concern.

mod violation;

pub use violation::Violation;

use crate::people::{EPOCH, SEATS};
use alloy_primitives::B256;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use terroir_ledger::Block;
use terroir_node::chain::SYNC_BLOCKS;

// A crash takes blocks of one epoch alone: those are fewer than it takes of any.
const _: () = assert!(EPOCH <= SYNC_BLOCKS);

/// Who watches, and what was seen.
#[derive(Clone)]
pub(crate) struct Laws(Arc<Mutex<Seen>>);

/// What was final for some honest validator.
#[derive(Default)]
pub(crate) struct Seen {
    liars: Vec<usize>,
    /// The first violation.
    pub(crate) violation: Option<Violation>,
    /// Hashes by height.
    pub(crate) blocks: BTreeMap<u64, B256>,
    /// Heights of transactions by hash.
    pub(crate) transactions: BTreeMap<B256, u64>,
    /// What each validator has; liars stay at 0.
    pub(crate) heights: [u64; SEATS],
    /// The newest block.
    pub(crate) newest: Option<Block>,
    /// Contradictions that were told, and how often somebody was not listened to any more.
    pub(crate) convictions: u64,
    /// Whose contradictions some honest validator has the proof of.
    pub(crate) proved: BTreeSet<usize>,
    /// Transactions that liars forged, or put into forged blocks, and whether some honest validator
    /// looked at a block with one.
    pub(crate) forged: BTreeMap<B256, bool>,
}

impl Laws {
    pub(crate) fn new(liars: &[usize]) -> Laws {
        Laws(Arc::new(Mutex::new(Seen { liars: liars.to_vec(), ..Seen::default() })))
    }

    /// What was seen until now.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `place` has `block`, as the newest.
    pub(crate) fn keeps(&self, place: usize, block: &Block) {
        self.seen().keeps(place, block);
    }

    /// The chain of `place` was opened after a crash, which never takes the last block of an epoch nor
    /// those before it, and ends in the block `newest`; blocks after what it had before come from
    /// `block`. What it lacks it keeps again, and then must keep the same.
    pub(crate) fn opens(
        &self,
        place: usize,
        newest: u64,
        mut block: impl FnMut(u64) -> Option<Block>,
    ) {
        let mut seen = self.seen();
        let before = seen.heights[place];
        if newest + 1 < (before + 1) / EPOCH * EPOCH {
            seen.broken(Violation::Lost { place, before, after: newest });
        }
        seen.heights[place] = newest.min(before);
        // There, although the power went before anybody was told.
        for number in before + 1..=newest {
            match block(number) {
                Some(block) => seen.keeps(place, &block),
                None => seen.broken(Violation::Lost { place, before: newest, after: number - 1 }),
            }
        }
    }

    /// `place` says that `whom` contradicts itself, or does not listen to it any more.
    pub(crate) fn accuses(&self, place: usize, whom: usize, how: &'static str) {
        let mut seen = self.seen();
        match seen.liars.contains(&whom) {
            true => seen.convictions += 1,
            false => seen.broken(Violation::Framed { place, whom, how }),
        }
    }

    /// `place` has the proof that `whom` contradicts itself.
    pub(crate) fn proves(&self, place: usize, whom: usize) {
        self.accuses(place, whom, "convicts");
        self.seen().proved.insert(whom);
    }

    /// A liar proposes a block with the transaction `hash`, which nobody honest accepts.
    pub(crate) fn forges(&self, hash: B256) {
        self.seen().forged.entry(hash).or_default();
    }

    /// Some honest validator verifies a block with the transaction `hash`.
    pub(crate) fn verifies(&self, hash: &B256) {
        if let Some(looked_at) = self.seen().forged.get_mut(hash) {
            *looked_at = true;
        }
    }

    /// A law is broken.
    pub(crate) fn broken(&self, violation: Violation) {
        self.seen().broken(violation);
    }
}

impl Seen {
    pub(crate) fn broken(&mut self, violation: Violation) {
        self.violation.get_or_insert(violation);
    }

    fn keeps(&mut self, place: usize, block: &Block) {
        let (number, got) = (block.header.number, block.hash());
        let expected = self.heights[place] + 1;
        if number != expected {
            return self.broken(Violation::Order { place, got: number, expected });
        }
        self.heights[place] = number;
        match self.blocks.get(&number) {
            Some(first) if *first != got => {
                let first = *first;
                self.broken(Violation::Fork { number, place, got, first });
            }
            Some(_) => {}
            None => self.first(number, got, block),
        }
    }

    /// Nobody had a block of this height before.
    fn first(&mut self, number: u64, hash: B256, block: &Block) {
        self.blocks.insert(number, hash);
        for transaction in &block.transactions {
            let hash = *transaction.tx_hash();
            if self.forged.contains_key(&hash) {
                self.broken(Violation::Forged { number, hash });
            }
            if let Some(first) = self.transactions.insert(hash, number) {
                self.broken(Violation::Twice { hash, first, second: number });
            }
        }
        self.newest = Some(block.clone());
    }
}

#[cfg(test)]
mod tests;
