//! Payments that clients make, each of which must become final in the end.

use crate::dice::Dice;
use crate::people::{ACCOUNTS, Account};
use alloy_primitives::{B256, Bytes};
use std::collections::BTreeMap;

/// All payments until now. One that was made twice has two transactions, of which one counts.
pub(crate) struct Load {
    dice: Dice,
    next: [u64; ACCOUNTS],
    made: BTreeMap<(usize, u64), Vec<(B256, Bytes)>>,
}

impl Load {
    pub(crate) fn new(seed: u64) -> Load {
        Load { dice: Dice::new(seed, 1), next: [0; ACCOUNTS], made: BTreeMap::new() }
    }

    /// One payment, as `ways` transactions with the same nonce.
    pub(crate) fn pay(&mut self, accounts: &[Account], ways: u64) -> Vec<Bytes> {
        let (from, to) = (self.dice.index(ACCOUNTS), self.dice.index(ACCOUNTS));
        let nonce = self.next[from];
        self.next[from] += 1;
        let value = self.dice.between(1, 1_000_000);
        let made =
            (0..ways).map(|way| accounts[from].pay(nonce, accounts[to].address, value + way));
        let made: Vec<_> = made.collect();
        let bytes = made.iter().map(|(_, bytes)| bytes.clone()).collect();
        self.made.insert((from, nonce), made);
        bytes
    }

    /// Payments none of whose transactions are among those that are final.
    pub(crate) fn missing(&self, is_final: &BTreeMap<B256, u64>) -> Vec<Bytes> {
        let missing =
            |ways: &&Vec<(B256, Bytes)>| !ways.iter().any(|(hash, _)| is_final.contains_key(hash));
        self.made.values().filter(missing).map(|ways| ways[0].1.clone()).collect()
    }
}
