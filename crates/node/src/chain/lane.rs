//! The transactions of one sender that wait, by nonce.
//!
//! For [`super::pool`]. Invariant: no nonce is below the account's.

use alloy_consensus::Transaction as _;
use alloy_primitives::U256;
use std::collections::BTreeMap;
use std::sync::Arc;
use terroir_ledger::Transaction;

/// What keeping one takes beside its bytes.
const OVERHEAD_BYTES: usize = 512;

/// A transaction that waits.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub transaction: Arc<Transaction>,
    /// Memory that it takes.
    pub bytes: usize,
    /// What its sender may have to pay.
    pub cost: U256,
    /// Its number among all that came: of two that pay the same, the older goes first.
    pub arrival: u64,
    /// How often a block was built without it, for a reason of its own.
    pub strikes: u32,
}

impl Entry {
    pub fn new(transaction: Transaction, arrival: u64) -> Entry {
        use alloy_eips::eip2718::Encodable2718;
        let tx = &transaction.envelope;
        let bytes = tx.encode_2718_len() + OVERHEAD_BYTES;
        let gas = U256::from(tx.gas_limit()).saturating_mul(U256::from(tx.max_fee_per_gas()));
        let cost = gas.saturating_add(tx.value());
        Entry { transaction: Arc::new(transaction), bytes, cost, arrival, strikes: 0 }
    }

    pub fn fee(&self) -> u128 {
        self.transaction.envelope.max_fee_per_gas()
    }

    /// What it pays to whoever makes a block with `base_fee`; nothing says that it cannot be in it.
    pub fn paid(&self, base_fee: u64) -> Option<u128> {
        self.transaction.envelope.effective_tip_per_gas(base_fee)
    }

    /// What it pays to whoever makes the block, at most.
    pub fn tip(&self) -> u128 {
        let tx = &self.transaction.envelope;
        tx.max_priority_fee_per_gas().unwrap_or(tx.max_fee_per_gas())
    }

    pub fn nonce(&self) -> u64 {
        self.transaction.envelope.nonce()
    }
}

/// One sender's.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    /// The nonce that the account has next.
    pub nonce: u64,
    pub balance: U256,
    pub entries: BTreeMap<u64, Entry>,
    pub bytes: usize,
}

impl Lane {
    /// How many follow on the account's nonce without a gap.
    pub fn pending(&self) -> usize {
        let run = self.entries.keys().zip(self.nonce..).take_while(|(have, want)| **have == *want);
        run.count()
    }

    /// The nonce after those.
    pub fn next(&self) -> u64 {
        self.nonce + self.pending() as u64
    }

    /// The least that any of its transactions pays to whoever makes blocks with `base_fee`; nothing
    /// where some could be in none of them, because they follow a gap, or pay too little, or follow
    /// one that does.
    pub fn least_tip(&self, base_fee: u64) -> Option<u128> {
        let mut least = None;
        for (entry, nonce) in self.entries.values().zip(self.nonce..) {
            if entry.nonce() != nonce {
                return None;
            }
            let paid = entry.paid(base_fee)?;
            least = Some(least.map_or(paid, |least: u128| least.min(paid)));
        }
        least
    }

    /// What its transactions may cost together.
    pub fn cost(&self) -> U256 {
        self.entries.values().fold(U256::ZERO, |sum, entry| sum.saturating_add(entry.cost))
    }

    pub fn put(&mut self, entry: Entry) -> Option<Entry> {
        self.bytes += entry.bytes;
        let old = self.entries.insert(entry.nonce(), entry);
        self.bytes -= old.as_ref().map_or(0, |old| old.bytes);
        old
    }

    pub fn take(&mut self, nonce: u64) -> Option<Entry> {
        let entry = self.entries.remove(&nonce)?;
        self.bytes -= entry.bytes;
        Some(entry)
    }

    /// Takes out what the account, as it is now, can never send: used nonces, and what it cannot pay.
    pub fn settle(&mut self, nonce: u64, balance: U256) -> Vec<Entry> {
        (self.nonce, self.balance) = (nonce, balance);
        let gone = |entry: &&Entry| entry.nonce() < nonce || entry.cost > balance;
        let gone: Vec<u64> = self.entries.values().filter(gone).map(Entry::nonce).collect();
        gone.into_iter().filter_map(|nonce| self.take(nonce)).collect()
    }
}
