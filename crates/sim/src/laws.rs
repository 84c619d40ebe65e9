//! What must hold in every run, and who watches.
//!
//! Invariant: the first violation stays; what liars keep is nobody's concern.

mod violation;

pub use violation::Violation;

use crate::people::SEATS;
use alloy_primitives::B256;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use terroir_ledger::Block;
use terroir_node::chain::SYNC_BLOCKS;

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
    /// Contradictions that were told.
    pub(crate) convictions: u64,
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

    /// The chain of `place` was opened after a crash, which may take [`SYNC_BLOCKS`] less one, and ends
    /// in the block `newest`; blocks after what it had before come from `block`. What it lacks it keeps
    /// again, and then must keep the same.
    pub(crate) fn opens(
        &self,
        place: usize,
        newest: u64,
        mut block: impl FnMut(u64) -> Option<Block>,
    ) {
        let mut seen = self.seen();
        let before = seen.heights[place];
        if newest + SYNC_BLOCKS <= before {
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
            if let Some(first) = self.transactions.insert(hash, number) {
                self.broken(Violation::Twice { hash, first, second: number });
            }
        }
        self.newest = Some(block.clone());
    }
}

#[cfg(test)]
mod tests;
