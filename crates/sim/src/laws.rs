//! What must hold in every run, and who watches.
//!
//! Invariant: the first violation stays; what liars keep is nobody's concern.

use crate::people::SEATS;
use alloy_primitives::{Address, B256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use terroir_ledger::Block;

/// A law that was broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two final blocks at one height.
    #[error("block {number} is {got} for validator {place}, and {first} was final before")]
    Fork {
        /// The height.
        number: u64,
        /// Who has the second one.
        place: usize,
        /// The second one.
        got: B256,
        /// The first one.
        first: B256,
    },
    /// Final blocks out of order.
    #[error("validator {place} keeps block {got}, and block {expected} is next")]
    Order {
        /// Whose.
        place: usize,
        /// The height that it keeps.
        got: u64,
        /// The height that is next.
        expected: u64,
    },
    /// A disk that was read again lacks what was durable.
    #[error("validator {place} had block {before} on disk, and has block {after} after a crash")]
    Lost {
        /// Whose.
        place: usize,
        /// The height before.
        before: u64,
        /// The height after.
        after: u64,
    },
    /// A transaction is in two blocks.
    #[error("transaction {hash} is in block {first} and in block {second}")]
    Twice {
        /// Its hash.
        hash: B256,
        /// One height.
        first: u64,
        /// The other.
        second: u64,
    },
    /// A final transaction is not where it was.
    #[error(
        "transaction {hash} was in block {number}, and validator {place} does not find it there"
    )]
    Gone {
        /// Its hash.
        hash: B256,
        /// Where it was.
        number: u64,
        /// Who does not find it.
        place: usize,
    },
    /// A node's tables and its tree say different things, or two nodes do.
    #[error(
        "validator {place} has another state of account {address} than its root or others have"
    )]
    State {
        /// Whose.
        place: usize,
        /// The account.
        address: Address,
    },
    /// An honest validator is held for a liar.
    #[error("validator {place} {how} validator {whom}, which is honest")]
    Framed {
        /// By whom.
        place: usize,
        /// Who.
        whom: usize,
        /// What was done to it.
        how: &'static str,
    },
    /// A certificate that a light client refuses, or none at all.
    #[error("the certificates of validator {place} do not lead to block {number}: {why}")]
    Certificate {
        /// Whose.
        place: usize,
        /// The height.
        number: u64,
        /// What the light client says.
        why: String,
    },
    /// It does not go on although everything is mended.
    #[error("all is mended and it stands still: heights {heights:?}, {missing} payments wait")]
    Stalled {
        /// How far each validator is.
        heights: [u64; SEATS],
        /// Payments that are not final.
        missing: usize,
    },
    /// A node ended by itself.
    #[error("validator {place} ended: {why}")]
    Ended {
        /// Whose.
        place: usize,
        /// Why.
        why: String,
    },
    /// A chain does not open after a crash.
    #[error("the chain of validator {place} does not open: {why}")]
    Closed {
        /// Whose.
        place: usize,
        /// Why.
        why: String,
    },
    /// Something panicked.
    #[error("panic: {0}")]
    Panic(String),
}

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
    /// What each validator has on disk; liars stay at 0.
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

    /// `place` has `block` on disk, as the newest.
    pub(crate) fn keeps(&self, place: usize, block: &Block) {
        self.seen().keeps(place, block);
    }

    /// The chain of `place` was opened and ends in the block `newest`; the blocks after what it had
    /// before come from `block`.
    pub(crate) fn opens(
        &self,
        place: usize,
        newest: u64,
        mut block: impl FnMut(u64) -> Option<Block>,
    ) {
        let mut seen = self.seen();
        let before = seen.heights[place];
        if newest < before {
            seen.broken(Violation::Lost { place, before, after: newest });
        }
        // Durable, although the power went before anybody was told.
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
mod tests {
    use super::{Laws, Violation};
    use crate::people::{Account, People};
    use terroir_ledger::{Block, Transaction};

    /// Block `number`; with another `salt` it is another one.
    fn block(number: u64, salt: u64) -> Block {
        let mut block = People::new().beginning.block;
        (block.header.number, block.header.timestamp) = (number, salt);
        block
    }

    fn with_a_payment(number: u64, account: &Account) -> Block {
        let (_, bytes) = account.pay(0, account.address, 1);
        let paid = Transaction::decode(&bytes, People::new().beginning.chain.id).unwrap();
        Block { transactions: vec![paid.envelope], ..block(number, 0) }
    }

    fn found(work: impl FnOnce(&Laws)) -> Option<Violation> {
        let laws = Laws::new(&[3]);
        work(&laws);
        laws.seen().violation.clone()
    }

    #[test]
    fn blocks_come_in_order_and_are_the_same_for_all() {
        let all = |laws: &Laws| {
            for (place, number) in [(0, 1), (1, 1), (1, 2), (0, 2), (2, 1)] {
                laws.keeps(place, &block(number, 0));
            }
        };
        assert_eq!(found(all), None);
        let gap = found(|laws| laws.keeps(2, &block(2, 0)));
        assert_eq!(gap, Some(Violation::Order { place: 2, got: 2, expected: 1 }));
        let (first, got) = (block(1, 0).hash(), block(1, 1).hash());
        let fork = found(|laws| {
            laws.keeps(0, &block(1, 0));
            laws.keeps(2, &block(1, 1));
        });
        assert_eq!(fork, Some(Violation::Fork { number: 1, place: 2, got, first }));
    }

    #[test]
    fn a_payment_is_final_once() {
        let account = &People::new().accounts[0];
        let twice = found(|laws| {
            laws.keeps(0, &with_a_payment(1, account));
            laws.keeps(0, &with_a_payment(2, account));
        });
        assert!(matches!(twice, Some(Violation::Twice { first: 1, second: 2, .. })), "{twice:?}");
    }

    #[test]
    fn what_was_durable_is_there_again_and_may_be_more() {
        let opened = |newest| {
            found(|laws| {
                (1..=3).for_each(|number| laws.keeps(0, &block(number, 0)));
                laws.opens(0, newest, |number| Some(block(number, 0)));
                assert_eq!(laws.seen().heights[0], newest.max(3));
            })
        };
        assert_eq!(opened(3), None);
        assert_eq!(opened(5), None);
        assert_eq!(opened(2), Some(Violation::Lost { place: 0, before: 3, after: 2 }));
    }

    #[test]
    fn only_liars_are_accused() {
        assert_eq!(found(|laws| laws.accuses(0, 3, "blocks")), None);
        let framed = found(|laws| laws.accuses(0, 1, "blocks"));
        assert_eq!(framed, Some(Violation::Framed { place: 0, whom: 1, how: "blocks" }));
    }
}
