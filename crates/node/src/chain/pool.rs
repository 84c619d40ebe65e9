//! Transactions that wait for a block: lanes of senders, and who has to go when there is no room.
//!
//! A function of what it is told: no clock, no lock, no disk. Invariant: what is kept is within
//! [`PoolLimits`], and every transaction is found by its hash, its lane and its lane's tail.

use super::lane::{Entry, Lane};
use super::refused::Refused;
use alloy_primitives::map::{AddressMap, B256Map};
use alloy_primitives::{Address, B256, U256};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use terroir_ledger::Transaction;

/// A transaction replaces another that pays this many hundredths of it.
const REPLACE_PERCENT: u128 = 110;
/// Blocks built without a transaction, for a reason of its own, until it is dropped.
const STRIKES_MAX: u32 = 3;
/// The order of who goes is made anew when the base fee moved by this part of it.
const BASE_FEE_STEPS: u64 = 8;
/// Nonces of a sender that lends itself code.
const DELEGATED_MAX: u64 = 1;

/// What may be kept.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Memory of all transactions.
    pub bytes_max: usize,
    /// Memory of one sender's transactions.
    pub lane_bytes_max: usize,
    /// Memory up to which a sender is like any other; who has more goes before all who have not.
    pub fair_bytes: usize,
    /// Nonces of one sender, from the next one on.
    pub lane_max: u64,
}

impl PoolLimits {
    /// For a small machine.
    pub const DEFAULT: PoolLimits = PoolLimits {
        bytes_max: 64 << 20,
        lane_bytes_max: 4 << 20,
        fair_bytes: 256 << 10,
        lane_max: 1 << 10,
    };
}

/// The last transaction of a lane, in the order in which they go when there is no room: those that
/// no block could have now first, then those of the largest lanes, then those whose lane pays least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tail {
    executable: bool,
    /// Bytes over what is fair; all of them where it is not executable.
    bytes: Reverse<usize>,
    tip: u128,
    /// Of those that are alike, the newest goes first.
    arrival: Reverse<u64>,
    sender: Address,
}

/// A sender's account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sender {
    pub nonce: u64,
    pub balance: U256,
    /// Whether it lends itself code: what it has may then be spent, and its nonces used, by others.
    pub delegated: bool,
}

/// How many wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// That could be in the next block.
    pub pending: usize,
    /// Behind a gap of nonces.
    pub queued: usize,
}

/// What adding a transaction did.
#[derive(Debug)]
pub(super) struct Put {
    pub hash: B256,
    /// Whether more can be executed now than before.
    pub executable: bool,
}

/// All that wait.
#[derive(Debug)]
pub(super) struct Pool {
    limits: PoolLimits,
    lanes: AddressMap<Lane>,
    places: B256Map<(Address, u64)>,
    tails: BTreeSet<Tail>,
    /// What [`Tail`]s go by: the next block's base fee, or one that was not far from it.
    base_fee: u64,
    bytes: usize,
    /// Of all [`Self::places`], how many could be in the next block.
    pending: usize,
    arrivals: u64,
}

impl Pool {
    /// An empty one, where the next block's base fee is `base_fee`.
    pub fn new(limits: PoolLimits, base_fee: u64) -> Pool {
        let (lanes, places, tails) = Default::default();
        Pool { limits, lanes, places, tails, base_fee, bytes: 0, pending: 0, arrivals: 0 }
    }

    /// Takes in what the next block's base fee is.
    pub fn reprice(&mut self, base_fee: u64) {
        // It moves a little with every block, and sorting all lanes takes time.
        if base_fee.abs_diff(self.base_fee) > self.base_fee / BASE_FEE_STEPS {
            self.base_fee = base_fee;
            let all = self.lanes.iter();
            let tails = all.filter_map(|(sender, lane)| self.tail(*sender, lane)).collect();
            self.tails = tails;
        }
    }

    fn tail(&self, sender: Address, lane: &Lane) -> Option<Tail> {
        let arrival = Reverse(lane.entries.values().next_back()?.arrival);
        let (tip, fair) = match lane.least_tip(self.base_fee) {
            Some(tip) => (Some(tip), self.limits.fair_bytes),
            None => (None, 0),
        };
        let bytes = Reverse(lane.bytes.saturating_sub(fair));
        let (executable, tip) = (tip.is_some(), tip.unwrap_or_default());
        Some(Tail { executable, bytes, tip, arrival, sender })
    }

    pub fn get(&self, hash: &B256) -> Option<Arc<Transaction>> {
        let (sender, nonce) = self.places.get(hash)?;
        Some(self.lanes[sender].entries[nonce].transaction.clone())
    }

    /// Adds `transaction`, whose sender's account is `account`.
    pub fn put(&mut self, transaction: Transaction, account: Sender) -> Result<Put, Refused> {
        if self.places.contains_key(&transaction.hash) {
            return Err(Refused::Known);
        }
        let Sender { nonce, balance, delegated } = account;
        let entry = Entry::new(transaction, self.arrivals);
        let got = entry.nonce();
        if got < nonce {
            return Err(Refused::NonceLow { next: nonce, got });
        }
        let max = if delegated { DELEGATED_MAX } else { self.limits.lane_max };
        if got - nonce >= max {
            return Err(Refused::NonceHigh { next: nonce, got, max });
        }
        let sender = entry.transaction.sender;
        self.admit(&entry, balance)?;
        let before = self.lanes.get(&sender).map_or(nonce, Lane::next);
        let hash = entry.transaction.hash;
        self.arrivals += 1;
        let mut old = None;
        self.change(sender, |lane| {
            (lane.nonce, lane.balance) = (nonce, balance);
            old = lane.put(entry);
            old.iter().cloned().collect()
        });
        self.places.insert(hash, (sender, got));
        self.shrink();
        if !self.places.contains_key(&hash) {
            if let Some(old) = old {
                self.restore(sender, old);
            }
            return Err(Refused::Full { bytes: self.bytes });
        }
        let executable = self.lanes.get(&sender).is_some_and(|lane| lane.next() > before);
        Ok(Put { hash, executable })
    }

    /// Puts `old` back, for which there was room before another was to replace it.
    fn restore(&mut self, sender: Address, old: Entry) {
        self.places.insert(old.transaction.hash, (sender, old.nonce()));
        self.change(sender, |lane| lane.put(old).into_iter().collect());
    }

    /// Whether its lane can take `entry`, beside what it has or instead of it.
    fn admit(&self, entry: &Entry, balance: U256) -> Result<(), Refused> {
        let (mut queued, mut bytes) = (U256::ZERO, 0);
        if let Some(lane) = self.lanes.get(&entry.transaction.sender) {
            (queued, bytes) = (lane.cost(), lane.bytes);
            if let Some(old) = lane.entries.get(&entry.nonce()) {
                let raised = |price: u128| price.saturating_mul(REPLACE_PERCENT).div_ceil(100);
                let (fee, tip) = (raised(old.fee()), raised(old.tip()));
                if entry.fee() < fee || entry.tip() < tip {
                    return Err(Refused::Underpriced { fee, tip });
                }
                queued = queued.saturating_sub(old.cost);
                bytes -= old.bytes;
            }
        }
        let cost = entry.cost;
        if queued.saturating_add(cost) > balance {
            return Err(Refused::Funds { balance, queued, cost });
        }
        let (got, max) = (bytes + entry.bytes, self.limits.lane_bytes_max);
        match got <= max {
            true => Ok(()),
            false => Err(Refused::LaneBytes { got, max }),
        }
    }

    /// Changes the lane of `sender`; what `work` takes out of it is forgotten.
    fn change(&mut self, sender: Address, work: impl FnOnce(&mut Lane) -> Vec<Entry>) {
        let mut lane = self.lanes.remove(&sender).unwrap_or_default();
        if let Some(tail) = self.tail(sender, &lane) {
            self.tails.remove(&tail);
        }
        (self.bytes, self.pending) = (self.bytes - lane.bytes, self.pending - lane.pending());
        for gone in work(&mut lane) {
            self.places.remove(&gone.transaction.hash);
        }
        (self.bytes, self.pending) = (self.bytes + lane.bytes, self.pending + lane.pending());
        if let Some(tail) = self.tail(sender, &lane) {
            self.tails.insert(tail);
            self.lanes.insert(sender, lane);
        }
    }

    /// Lets go of the first in the order of [`Tail`], until what is left is within the limit.
    fn shrink(&mut self) {
        while self.bytes > self.limits.bytes_max {
            let Some(first) = self.tails.first().copied() else { return };
            self.change(first.sender, |lane| {
                let last = lane.entries.keys().next_back().copied();
                last.and_then(|last| lane.take(last)).into_iter().collect()
            });
        }
    }

    /// Takes in that the account of `sender` is now at `nonce` and has `balance`.
    pub fn settle(&mut self, sender: Address, nonce: u64, balance: U256) {
        if self.lanes.contains_key(&sender) {
            self.change(sender, |lane| lane.settle(nonce, balance));
        }
    }

    /// Takes in that a block was built without the transaction `hash`, for a reason of its own.
    pub fn left_out(&mut self, hash: &B256) {
        let Some((sender, nonce)) = self.places.get(hash).copied() else { return };
        self.change(sender, |lane| {
            let Some(entry) = lane.entries.get_mut(&nonce) else { return Vec::new() };
            entry.strikes += 1;
            match entry.strikes >= STRIKES_MAX {
                true => lane.take(nonce).into_iter().collect(),
                false => Vec::new(),
            }
        });
    }

    /// Those that can be in a block with `base_fee`: the best tip first, nonces of a sender in
    /// order, until `enough` says so. `nonce_of` is the account's in the state that the block is
    /// built on, which may be ahead of what is final.
    pub fn best<E>(
        &self,
        base_fee: u64,
        mut nonce_of: impl FnMut(&Address) -> Result<u64, E>,
        mut enough: impl FnMut(&Transaction) -> bool,
    ) -> Result<Vec<Arc<Transaction>>, E> {
        let candidate =
            |entry: &Entry| Some((entry.paid(base_fee)?, Reverse(entry.arrival), entry.nonce()));
        let mut heads = BinaryHeap::new();
        for (sender, lane) in &self.lanes {
            // Ranked by its first, until it is known where the lane really begins.
            let first = lane.entries.values().next().and_then(candidate);
            heads.extend(first.map(|(tip, arrival, nonce)| (tip, arrival, *sender, nonce, false)));
        }
        let mut found = Vec::new();
        while let Some((.., sender, nonce, known)) = heads.pop() {
            let lane = &self.lanes[&sender];
            let next = match known {
                true => {
                    let entry = &lane.entries[&nonce];
                    if enough(&entry.transaction) {
                        break;
                    }
                    found.push(entry.transaction.clone());
                    nonce + 1
                }
                false => nonce_of(&sender)?,
            };
            let head = lane.entries.get(&next).and_then(candidate);
            heads.extend(head.map(|(tip, arrival, nonce)| (tip, arrival, sender, nonce, true)));
        }
        Ok(found)
    }

    /// The nonce after those of `sender` that could be in the next block; `None` without any here.
    pub fn next_nonce(&self, sender: &Address) -> Option<u64> {
        self.lanes.get(sender).map(Lane::next)
    }

    /// Whether any waits.
    pub fn waiting_any(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// How many wait.
    pub fn waiting(&self) -> Waiting {
        Waiting { pending: self.pending, queued: self.places.len() - self.pending }
    }

    /// At most `max` of those that wait, by sender and nonce, and whether each could be in the next
    /// block.
    pub fn list(&self, max: usize) -> Vec<(Arc<Transaction>, bool)> {
        let mut senders: Vec<_> = self.lanes.iter().collect();
        senders.sort_unstable_by_key(|(sender, _)| *sender);
        let of = |lane: &Lane| {
            let next = lane.next();
            let one = |entry: &Entry| (entry.transaction.clone(), entry.nonce() < next);
            lane.entries.values().map(one).collect::<Vec<_>>()
        };
        senders.into_iter().flat_map(|(_, lane)| of(lane)).take(max).collect()
    }
}

#[cfg(test)]
mod tests;
